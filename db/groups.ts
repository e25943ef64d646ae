import { isUuid } from '../lib/ids.ts'
import { appendRecord, type Action } from './audit-log.ts'
import { detailsOf, differencesBetween, sayDifferences } from './policy-facts.ts'
import { IS_OUT } from './person.ts'
import { keepPolicyVersion } from './policy-versions.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { findRow, getRow, rows, storeTime, type Db, type Transaction } from './store.ts'

/** An approver group: the people told of a request and entitled to decide it. */
export interface Group {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly members: readonly Member[]
}

/** Someone of a group; who is locked out decides nothing. */
export interface Member {
  readonly id: string
  readonly username: string
  readonly locked: boolean
}

const GROUP = `
       g.id, g.name, g.description,
       coalesce((select json_agg(json_build_object('id', p.id, 'username', p.username,
                                                   'locked', ${IS_OUT})
                        order by p.username)
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

/** One group by its name or id. */
export function findGroup(db: Db, scope: Scope, nameOrId: string): Promise<Group | undefined> {
  return findRow(
    db,
    `select ${GROUP}
       from groups g
      where (g.name = :name or g.id = cast(:id as uuid))
        and g.organization_id = coalesce(cast(:organization as uuid), g.organization_id)
      order by g.id = cast(:id as uuid) desc nulls last
      limit 1`,
    {
      name: nameOrId,
      id: isUuid(nameOrId) ? nameOrId : null,
      organization: organizationIdOf(scope),
    },
  )
}

export interface NewGroup {
  readonly name: string
  readonly description?: string
  readonly memberIds: readonly string[]
}

/** Makes a group of people of the origin's organization, with its record and a version of the policy. */
export async function createGroup(
  tx: Transaction,
  origin: Origin,
  { name, description = '', memberIds }: NewGroup,
): Promise<Group> {
  const organization = origin.organization.id
  const { id } = await getRow<{ id: string }>(
    tx,
    `insert into groups (organization_id, name, description)
     values (:organization, :name, :description)
  returning id`,
    { organization, name, description },
  )
  await insertMembers(tx, origin, { id, memberIds })
  const made = await getGroup(tx, id)
  await recordGroup(tx, origin, made, { action: 'group.created', details: factsOf(made) })
  await keepPolicyVersion(tx, origin, `group ${name} was added`)
  return made
}

/** What of a group can change. */
export interface GroupTerms {
  readonly name: string
  readonly description: string
  readonly memberIds: readonly string[]
}

/** Changes a group, with its record and a version of the policy. Errors: constraint `group_names_are_unique`. */
export async function changeGroup(
  tx: Transaction,
  origin: Origin,
  { group, terms }: { readonly group: Group; readonly terms: GroupTerms },
): Promise<Group> {
  const { id } = group
  await rows(
    tx,
    `update groups
        set name = :name, description = :description
      where id = :id
        and organization_id = :organization
        and (name, description) is distinct from (:name, :description)`,
    { id, name: terms.name, description: terms.description, organization: origin.organization.id },
  )
  await rows(
    tx,
    `delete from group_members
      where group_id = :id
        and not person_id = any(cast(:memberIds as uuid[]))`,
    { id, memberIds: terms.memberIds },
  )
  await insertMembers(tx, origin, { id, memberIds: terms.memberIds })
  const kept = await getGroup(tx, id)
  const differences = differencesBetween(factsOf(group), factsOf(kept))
  if (differences.length === 0) return group
  await recordGroup(tx, origin, kept, {
    action: 'group.changed',
    details: detailsOf(differences),
  })
  await keepPolicyVersion(tx, origin, `group ${group.name}: ${sayDifferences(differences)}`)
  return kept
}

function getGroup(tx: Transaction, id: string): Promise<Group> {
  return getRow<Group>(tx, `select ${GROUP} from groups g where g.id = :id`, { id })
}

async function insertMembers(
  tx: Transaction,
  origin: Origin,
  { id, memberIds }: { id: string; memberIds: readonly string[] },
): Promise<void> {
  await rows(
    tx,
    `insert into group_members (group_id, person_id, organization_id)
     select :id, p.id, p.organization_id
       from people p
      where p.id = any(cast(:memberIds as uuid[]))
        and p.organization_id = :organization
         on conflict (group_id, person_id) do nothing`,
    { id, memberIds, organization: origin.organization.id },
  )
}

function factsOf({ name, description, members }: Group): Record<string, string> {
  return { name, description, members: members.map(({ username }) => username).join(', ') }
}

async function recordGroup(
  tx: Transaction,
  origin: Origin,
  { id, name }: Group,
  { action, details }: { readonly action: Action; readonly details: Record<string, string> },
): Promise<void> {
  await appendRecord(tx, origin, await storeTime(tx), {
    action,
    area: 'groups',
    subject: { type: 'group', id, name },
    outcome: 'ok',
    details,
  })
}
