import { appendRecord } from './audit-log.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { findRow, getRow, rows, storeTime, type Db, type Transaction } from './store.ts'

/** An approver group: the people told of a request and entitled to decide it. */
export interface Group {
  readonly id: string
  readonly name: string
  readonly members: readonly { readonly id: string; readonly username: string }[]
}

const GROUP = `
       g.id, g.name,
       coalesce((select json_agg(json_build_object('id', p.id, 'username', p.username) order by p.username)
                   from group_members m
                   join people p on p.id = m.person_id
                  where m.group_id = g.id), '[]') as members`

/** Groups that the scope may see, by name. */
export function listGroups(db: Db, scope: Scope): Promise<Group[]> {
  return rows(
    db,
    `select ${GROUP}
       from groups g
      where g.organization_id = coalesce(cast(:organization as uuid), g.organization_id)
      order by g.name`,
    { organization: organizationIdOf(scope) },
  )
}

/** One group by its name. */
export function findGroup(db: Db, scope: Scope, name: string): Promise<Group | undefined> {
  return findRow(
    db,
    `select ${GROUP}
       from groups g
      where g.name = :name
        and g.organization_id = coalesce(cast(:organization as uuid), g.organization_id)`,
    { name, organization: organizationIdOf(scope) },
  )
}

/** Makes a group of people of the origin's organization, with its record. */
export async function createGroup(
  tx: Transaction,
  origin: Origin,
  { name, memberIds }: { name: string; memberIds: readonly string[] },
): Promise<Group> {
  const organization = origin.organization.id
  const { id } = await getRow<{ id: string }>(
    tx,
    `insert into groups (organization_id, name)
     values (:organization, :name)
  returning id`,
    { organization, name },
  )
  await rows(
    tx,
    `insert into group_members (group_id, person_id, organization_id)
     select :id, p.id, p.organization_id
       from people p
      where p.id = any(cast(:memberIds as uuid[]))
        and p.organization_id = :organization`,
    { id, memberIds, organization },
  )
  const made = await getRow<Group>(tx, `select ${GROUP} from groups g where g.id = :id`, { id })
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'group.created',
    area: 'groups',
    subject: { type: 'group', id, name },
    outcome: 'ok',
    details: { members: made.members.map(({ username }) => username).join(', ') },
  })
  return made
}
