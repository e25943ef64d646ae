import assert from 'node:assert/strict'
import { approve, requestSession } from '../../broker/sessions/lifecycle.ts'
import { requestExtension, type ExtensionCommand } from '../../broker/extension/extension.ts'
import type { SessionRequest } from '../../broker/sessions/lifecycle.ts'
import { findExtension, type Extension } from '../../db/extensions.ts'
import type { Session } from '../../db/sessions.ts'
import { rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { look, makeBroker } from './broker.ts'
import { makeWorld, runOn, type Name, type RoleName } from './world.ts'

/** An open session, and its end in milliseconds since the epoch. */
export interface Open {
  readonly id: SessionId
  readonly end: number
}

/** What tests of extensions do all day, on a world of their own. */
export type ExtensionBench = Awaited<ReturnType<typeof openExtensions>>

/** Makes a world with a broker in hand, and what can be asked and looked at in it. */
export async function openExtensions() {
  const world = await makeWorld()
  const broker = makeBroker(world)

  return {
    world,
    broker,
    close: () => world.close(),
    as,
    ask,
    granted,
    grantedAll,
    extend,
    stateOf,
    userOf,
    recordsOf,
    setRole,
    addTo,
    removeFrom,
  }

  function as(who: Name) {
    return [world.portal, world.scopes[who], world.origins[who]] as const
  }

  async function ask(
    roles: readonly RoleName[],
    who: Name = 'mark',
    more: Partial<SessionRequest> = {},
  ): Promise<Session> {
    return requestSession(...as(who), {
      dataSource: 'shop',
      roles,
      justification: 'ticket 7',
      minutes: 10,
      ...more,
    })
  }

  /** A session of ten minutes that is open; `by` stands in where john asks himself. */
  async function granted(roles: readonly RoleName[], who: Name = 'mark', by?: Name): Promise<Open> {
    if (by !== undefined) await addTo('role1', by)
    const [open] = await grantedAll(1, roles, { who, by })
    assert.ok(open)
    return open
  }

  async function grantedAll(
    count: number,
    roles: readonly RoleName[],
    { who = 'mark', by = 'john' }: { who?: Name; by?: Name | undefined } = {},
  ): Promise<Open[]> {
    const ids: SessionId[] = []
    for (let made = 0; made < count; made += 1) {
      const { id } = await ask(roles, who)
      if (roles.includes('role1')) await approve(...as(by), id, { roles: ['role1'] })
      if (roles.includes('role3')) await approve(...as('admin'), id, { roles: ['role3'] })
      ids.push(id)
    }
    await broker.tick()
    const sessions = await Promise.all(ids.map((id) => look(world, id)))
    return sessions.map(({ id, state, end }) => {
      assert.equal(state, 'GRANTED')
      return { id, end: end?.toMillis() ?? 0 }
    })
  }

  function extend(
    id: SessionId,
    command: Partial<ExtensionCommand>,
    who: Name = 'mark',
  ): Promise<Extension> {
    return requestExtension(...as(who), id, { justification: 'nearly done', ...command })
  }

  async function stateOf({ id }: Extension): Promise<Extension> {
    const found = await findExtension(world.owner.db, { kind: 'part', part: 'operator' }, id)
    assert.ok(found)
    return found
  }

  async function userOf(id: SessionId) {
    const { username } = await look(world, id)
    const [user] = await runOn<{ oid: number; name: string; until: Date; login: boolean }>(
      world.shop.superuserUrl,
      `select oid, rolname as name, rolvaliduntil as until, rolcanlogin as login
         from pg_roles where rolname = $1`,
      [username],
    )
    assert.ok(user)
    return { ...user, until: user.until.getTime() }
  }

  async function recordsOf(id: SessionId): Promise<string[]> {
    const found = await rows<{ line: string }>(
      world.owner.db,
      `select action || ' ' || actor_name as line
         from records
        where session_id = :id
          and (action like 'session.exten%' or (action = 'task.succeeded' and body like '%"task":"extension"%'))
        order by at, seq`,
      { id },
    )
    return found.map(({ line }) => line)
  }

  function setRole(
    name: RoleName,
    { needed = null, maximum = null }: { needed?: number | null; maximum?: number | null },
  ): Promise<unknown> {
    return rows(
      world.owner.db,
      `update roles
          set approvals_needed = coalesce(cast(:needed as integer), approvals_needed),
              maximum_minutes = coalesce(cast(:maximum as integer), maximum_minutes),
              default_minutes = least(30, coalesce(cast(:maximum as integer), 30))
        where name = :name`,
      { name, needed, maximum },
    )
  }

  function addTo(role: RoleName, who: Name): Promise<unknown> {
    return rows(
      world.owner.db,
      `insert into group_members (group_id, person_id, organization_id)
       select approver_group_id, :person, organization_id from roles where name = :role
           on conflict do nothing`,
      { role, person: world.people[who].id },
    )
  }

  function removeFrom(role: RoleName, who: Name): Promise<unknown> {
    return rows(
      world.owner.db,
      `delete from group_members g using roles r
        where r.approver_group_id = g.group_id and r.name = :role and g.person_id = :person`,
      { role, person: world.people[who].id },
    )
  }
}

/** True for a refusal of a request that says this at this field. */
export function fault(field: string, sentence: RegExp) {
  return (error: Error & { code?: string; facts?: { fields?: Record<string, string> } }) => {
    assert.equal(error.code, 'invalid_request', error.stack)
    assert.match(error.facts?.fields?.[field] ?? '', sentence)
    return true
  }
}
