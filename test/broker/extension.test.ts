import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import {
  approveExtension,
  cancelExtension,
  denyExtension,
} from '../../broker/extension/decisions.ts'
import { requestExtension, type ExtensionCommand } from '../../broker/extension/extension.ts'
import { resolveExtension } from '../../broker/extension/window.ts'
import { moveValidity } from '../../broker/extension/work.ts'
import { onDataSource } from '../../broker/sources/data-source.ts'
import { approve, cancel, requestSession, terminate } from '../../broker/sessions/lifecycle.ts'
import { repeatSession } from '../../broker/sessions/repetition.ts'
import type { SessionRequest } from '../../broker/sessions/lifecycle.ts'
import { findExtension, findExtensionJob, type Extension } from '../../db/extensions.ts'
import type { Session } from '../../db/sessions.ts'
import { rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { look, makeBroker, storyOf, type HandBroker } from '../support/broker.ts'
import { makeWorld, runOn, type Name, type RoleName, type World } from '../support/world.ts'

interface Open {
  readonly id: SessionId
  readonly end: number
}

const MINUTE = 60_000
const GRANTED = 'CREATED role_approved APPROVED GRANTED'

describe('an extension', () => {
  let world: World
  let broker: HandBroker

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    broker = makeBroker(world)
  })
  after(() => world.close())

  const as = (who: Name) => [world.portal, world.scopes[who], world.origins[who]] as const

  it('moves the end once its own approvals are there, and the same user goes on', async () => {
    const { id, end } = await granted(['role1', 'role2'])
    const before = await userOf(id)
    const asked = await extend(id, { minutes: 20 })

    assert.equal(asked.state, 'CREATED')
    assert.deepEqual(
      asked.roles.map(({ name, state }) => [name, state]),
      [
        ['role1', 'PENDING'],
        ['role2', 'APPROVED'],
      ],
    )
    assert.equal((await look(world, id)).end?.toMillis(), end)
    const done = await approveExtension(...as('john'), asked.id, { comment: 'go on' })
    const { state, end: moved, diesAt, username } = await look(world, id)
    await broker.tick()
    const after = await userOf(id)

    assert.equal(done.state, 'APPROVED')
    assert.equal(state, 'GRANTED')
    assert.equal(moved?.toMillis(), end + 20 * MINUTE)
    assert.equal(diesAt.toMillis(), end + 20 * MINUTE)
    assert.equal(before.until, end)
    assert.deepEqual(after, { ...before, until: end + 20 * MINUTE })
    assert.equal(username, before.name)
    assert.equal(await findExtensionJob(world.owner.db, id), undefined)
    assert.equal(
      await storyOf(world, id),
      'CREATED role_approved role_approved APPROVED GRANTED',
      'the states of the session are what they were',
    )
    assert.deepEqual(await recordsOf(id), [
      'session.extension_requested mark',
      'session.extension_approved system (auto-approve)',
      'session.extension_approved john',
      'session.extended john',
      'task.succeeded system',
    ])
    const [extended] = await rows<{ end: DateTime<true>; body: string }>(
      world.owner.db,
      `select end_at as "end", body from records where session_id = :id and action = 'session.extended'`,
      { id },
    )
    assert.equal(extended?.end.toMillis(), end + 20 * MINUTE)
    const { details } = JSON.parse(extended.body) as { details: Record<string, string> }
    assert.equal(details['old_end'], new Date(end).toISOString())
    assert.equal(details['new_end'], new Date(end + 20 * MINUTE).toISOString())
  })

  it('is approved at once where no role needs an approval', async () => {
    const { id, end } = await granted(['role2'])
    const extension = await extend(id, { minutes: 5 })

    assert.equal(extension.state, 'APPROVED')
    assert.equal((await look(world, id)).end?.toMillis(), end + 5 * MINUTE)
  })

  it('reaches no further than the shortest maximum from now on, and says whose it is', async () => {
    const { id, end } = await granted(['role1'])

    await assert.rejects(extend(id, { minutes: 51 }), fault('minutes', /^role1 .* enter 50 more/))
    await assert.rejects(extend(id, { justification: ' ' }), fault('justification', /Say why/))
    const asked = await extend(id, { minutes: 49 })
    assert.equal(asked.newEnd.toMillis(), end + 49 * MINUTE)
  })

  it('is judged by the policy of today', async () => {
    const { id } = await granted(['role1'])
    await setRole('role1', { needed: 2 })
    await addTo('role1', 'admin')
    const asked = await extend(id, { minutes: 5 })
    const first = await approveExtension(...as('john'), asked.id)
    await assert.rejects(approveExtension(...as('john'), asked.id), { code: 'already_decided' })
    const second = await approveExtension(...as('admin'), asked.id)
    await removeFrom('role1', 'admin')
    await setRole('role1', { needed: 1 })

    assert.equal(first.state, 'CREATED')
    assert.equal(second.state, 'APPROVED')
    await rows(world.owner.db, `update roles set disabled_at = now() where name = 'role1'`)
    const refused = extend(id, { minutes: 5 })
    await assert.rejects(refused, fault('roles', /role1 is no longer offered/))
    await rows(world.owner.db, `update roles set disabled_at = null where name = 'role1'`)
    await rows(world.owner.db, `update roles set database_role = 'other' where name = 'role1'`)
    const changed = extend(id, { minutes: 5 })
    await assert.rejects(changed, fault('roles', /stands for another database role/))
    await rows(
      world.owner.db,
      `update roles set database_role = 'orders_reader' where name = 'role1'`,
    )
  })

  it('is nobody’s to approve who asked for it, an admin included', async () => {
    await addTo('role1', 'admin')
    const { id } = await granted(['role1'], 'admin')
    const asked = await extend(id, { minutes: 5 }, 'admin')

    await assert.rejects(approveExtension(...as('admin'), asked.id), { code: 'own_request' })
    const denied = denyExtension(...as('admin'), asked.id, { reason: 'no' })
    await assert.rejects(denied, { code: 'own_request' })
    await removeFrom('role1', 'admin')
    assert.equal((await stateOf(asked)).state, 'CREATED')
  })

  it('is decided by its approvers alone and hidden from others', async () => {
    const { id } = await granted(['role1'], 'john', 'admin')
    const mine = extend(id, { minutes: 5 }, 'mark')
    await assert.rejects(mine, { code: 'not_found' })
    const asked = await extend(id, { minutes: 5 }, 'john')

    await assert.rejects(approveExtension(...as('mark'), asked.id), { code: 'not_found' })
    await assert.rejects(cancelExtension(...as('mark'), asked.id), { code: 'not_found' })
    await assert.rejects(approveExtension(...as('audrey'), asked.id), { code: 'not_entitled' })
    await assert.rejects(cancelExtension(...as('admin'), asked.id), { code: 'not_entitled' })
    await assert.rejects(extend(id, { minutes: 5 }, 'admin'), { code: 'not_entitled' })
    await assert.rejects(approveExtension(...as('john'), 'x'), { code: 'not_found' })
    await removeFrom('role1', 'admin')
  })

  it('that is denied leaves the session as it was, and another may be asked for', async () => {
    const { id, end } = await granted(['role1'])
    const asked = await extend(id, { minutes: 5 })
    await assert.rejects(extend(id, { minutes: 6 }), { code: 'state_changed' })
    await assert.rejects(denyExtension(...as('john'), asked.id, { reason: ' ' }), {
      code: 'reason_required',
    })
    const denied = await denyExtension(...as('john'), asked.id, { reason: 'not today' })

    assert.equal(denied.state, 'DENIED')
    assert.equal(denied.reason, 'not today')
    assert.equal((await look(world, id)).end?.toMillis(), end)
    assert.equal(await storyOf(world, id), GRANTED)
    await assert.rejects(approveExtension(...as('john'), asked.id), { code: 'already_decided' })

    const again = await extend(id, { minutes: 6 })
    const canceled = await cancelExtension(...as('mark'), again.id)
    assert.equal(canceled.state, 'CANCELED')
    await assert.rejects(approveExtension(...as('john'), again.id), { code: 'state_changed' })
    assert.equal((await look(world, id)).end?.toMillis(), end)
  })

  it('needs an open session, and dies with it', async () => {
    const waiting = await ask(['role1'])
    await assert.rejects(extend(waiting.id, { minutes: 5 }), { code: 'session_not_granted' })
    const { id } = await granted(['role1'])
    const asked = await extend(id, { minutes: 5 })
    await terminate(...as('admin'), id, { reason: 'drill' })

    assert.equal((await stateOf(asked)).state, 'EXPIRED')
    assert.equal((await recordsOf(id)).at(-1), 'session.extension_expired system')
    await assert.rejects(approveExtension(...as('john'), asked.id), { code: 'state_changed' })
    await assert.rejects(extend(id, { minutes: 5 }), { code: 'state_changed' })
  })

  it('gives one winner when its approval meets the end of the session', async () => {
    for (const [round, { id, end }] of (await grantedAll(4, ['role1'])).entries()) {
      const asked = await extend(id, { minutes: 5 })
      const [approved, ended] = await Promise.allSettled([
        approveExtension(...as('john'), asked.id),
        round % 2 === 0
          ? cancel(...as('mark'), id)
          : terminate(...as('admin'), id, { reason: 'x' }),
      ])
      const extension = await stateOf(asked)
      const session = await look(world, id)

      assert.equal(ended.status, 'fulfilled')
      assert.equal(extension.state, approved.status === 'fulfilled' ? 'APPROVED' : 'EXPIRED')
      const expected = approved.status === 'fulfilled' ? end + 5 * MINUTE : end
      assert.equal(session.end?.toMillis(), expected)
    }
  })

  it('meets the expiry of its session at one row: either goes on or is over, never both', async () => {
    for (const [round, { id }] of (await grantedAll(4, ['role1'])).entries()) {
      const asked = await extend(id, { minutes: 5 })
      await rows(
        world.owner.db,
        `with ending as (
           update sessions set end_at = date_trunc('milliseconds', clock_timestamp()) + interval '60 ms'
            where id = :id returning end_at
         )
         update session_extensions set old_end = ending.end_at from ending where session_id = :id`,
        { id },
      )
      await new Promise((resolve) => setTimeout(resolve, 45 + 8 * round))
      const [approved] = await Promise.allSettled([
        approveExtension(...as('john'), asked.id),
        broker.tick(),
      ])
      await broker.tick()
      const extended = approved.status === 'fulfilled'
      const { state } = await look(world, id)
      if (extended) {
        assert.equal(state, 'GRANTED')
      } else {
        assert.equal((approved.reason as { code?: string }).code, 'state_changed')
        await untilOver(id)
        assert.equal((await stateOf(asked)).state, 'EXPIRED')
      }
    }
  })

  it('loses no vote when two approvers decide at once', async () => {
    for (const { id, end } of await grantedAll(3, ['role1', 'role3'])) {
      const asked = await extend(id, { minutes: 5 })
      await Promise.all([
        approveExtension(...as('john'), asked.id),
        approveExtension(...as('admin'), asked.id),
      ])

      assert.equal((await stateOf(asked)).state, 'APPROVED')
      assert.equal((await look(world, id)).end?.toMillis(), end + 5 * MINUTE)
      const extended = (await recordsOf(id)).filter((line) => line.startsWith('session.extended'))
      assert.equal(extended.length, 1)
    }
  })

  it('never lets a user in again whose removal has begun', async () => {
    const { id, end } = await granted(['role2'])
    const { name } = await userOf(id)
    await runOn(
      world.shop.superuserUrl,
      `alter role ${name} nologin connection limit 0 valid until 'now'`,
    )
    const { uuid } = await look(world, id)
    const later = DateTime.fromMillis(end + MINUTE, { zone: 'utc' })
    assert.ok(later.isValid)
    const moved = await onDataSource(broker.deps, world.dataSource.id, (target) =>
      moveValidity(target, { name, sessionUuid: uuid, end: later }),
    )
    await extend(id, { minutes: 5 })
    await broker.tick()

    assert.equal(moved, false)
    const user = await userOf(id)
    assert.equal(user.login, false)
    assert.ok(user.until < end)
  })

  it('waits for a data source that is away, and the store has the new end meanwhile', async () => {
    const { id, end } = await granted(['role2'])
    const [{ port } = { port: 0 }] = await rows<{ port: number }>(
      world.owner.db,
      `select port from data_sources where id = :id`,
      { id: world.dataSource.id },
    )
    const sealed = await breakLogin()
    await extend(id, { minutes: 5 })
    await broker.tick()
    const waiting = await findExtensionJob(world.owner.db, id)
    await mendLogin(sealed)
    await rows(world.owner.db, `update session_jobs set due_at = now(), claimed_until = null`)
    await broker.tick()

    assert.ok(port > 0)
    assert.ok((waiting?.tries ?? 0) > 0 && waiting?.detail !== null)
    assert.equal((await look(world, id)).end?.toMillis(), end + 5 * MINUTE)
    assert.equal((await userOf(id)).until, end + 5 * MINUTE)
  })

  it('is followed by the data source to the last of several', async () => {
    const { id, end } = await granted(['role2'])
    await extend(id, { minutes: 5 })
    await extend(id, { minutes: 5 })
    await broker.tick()

    assert.equal((await userOf(id)).until, end + 10 * MINUTE)
  })

  it('moves what expiry goes by', async () => {
    const { id } = await granted(['role2'])
    await extend(id, { minutes: 20 })
    await rows(
      world.owner.db,
      `update sessions set start_at = start_at - interval '15 minutes', end_at = end_at - interval '15 minutes'
        where id = :id`,
      { id },
    )
    await broker.tick()

    assert.equal(
      (await look(world, id)).state,
      'GRANTED',
      'its old end is over, its new one is not',
    )
  })

  describe('of a session that is over', () => {
    it('is no part of asking for the same again', async () => {
      const { id } = await granted(['role2'])
      await extend(id, { minutes: 20 })
      await assert.rejects(repeatSession(...as('mark'), id), { code: 'state_changed' })
      await cancel(...as('mark'), id)
      await assert.rejects(repeatSession(...as('admin'), id), { code: 'not_entitled' })
      const again = await repeatSession(...as('mark'), id)

      assert.notEqual(again.id, id)
      assert.deepEqual(
        again.roles.map(({ name }) => name),
        ['role2'],
      )
      assert.equal(again.justification, 'ticket 7')
      assert.equal(again.end?.diff(again.start ?? again.end).as('minutes'), 10)
    })

    it('counts from approval again where it did before, under the names of today', async () => {
      const first = await ask(['role1'], 'mark', { fromApproval: true, minutes: 7 })
      await cancel(...as('mark'), first.id)
      await rows(world.owner.db, `update roles set name = 'reader' where name = 'role1'`)
      const again = await repeatSession(...as('mark'), first.id)
      await rows(world.owner.db, `update roles set name = 'role1' where name = 'reader'`)

      assert.deepEqual(
        again.roles.map(({ name }) => name),
        ['reader'],
      )
      assert.deepEqual([again.start, again.minutes], [null, 7])
    })

    it('is refused by the rules of today', async () => {
      const first = await ask(['role1'])
      await cancel(...as('mark'), first.id)
      await setRole('role1', { maximum: 5 })
      const again = repeatSession(...as('mark'), first.id)
      await assert.rejects(again, fault('minutes', /^role1 .* at most 5 minutes/))
      await setRole('role1', { maximum: 60 })
    })
  })

  describe('and a time to live', () => {
    it('lets a request die before its window does', async () => {
      const late = await ask(['role1'], 'mark', { ttlMinutes: 3 })
      assert.equal(late.diesAt.diff(late.createdAt).as('minutes'), 3)
      assert.equal(late.end?.diff(late.createdAt).as('minutes'), 10)
      await rows(
        world.owner.db,
        `update sessions set dies_at = dies_at - interval '4 minutes' where id = :id`,
        { id: late.id },
      )
      await assert.rejects(approve(...as('john'), late.id), { code: 'state_changed' })
      await broker.tick()

      assert.equal(await storyOf(world, late.id), 'CREATED EXPIRED')
      assert.equal((await look(world, late.id)).endReason, 'It was not approved in time.')
    })

    it('means nothing any more once the request is approved', async () => {
      const { id } = await ask(['role1'], 'mark', { ttlMinutes: 3 })
      await approve(...as('john'), id)
      await rows(
        world.owner.db,
        `update sessions set dies_at = dies_at - interval '4 minutes' where id = :id`,
        { id },
      )
      await broker.tick()

      assert.equal((await look(world, id)).state, 'GRANTED')
    })

    it('waits a week where approval starts the window, or as long as the organization says', async () => {
      const week = await ask(['role1'], 'mark', { fromApproval: true })
      assert.equal(week.diesAt.diff(week.createdAt).as('days'), 7)
      await rows(world.owner.db, `update organizations set request_life_minutes = 120`)
      const hours = await ask(['role1'], 'mark', { fromApproval: true })
      const longer = ask(['role1'], 'mark', { fromApproval: true, ttlMinutes: 121 })
      await assert.rejects(longer, fault('ttlMinutes', /enter 120 minutes or fewer/))
      await rows(world.owner.db, `update organizations set request_life_minutes = 10080`)

      assert.equal(hours.diesAt.diff(hours.createdAt).as('hours'), 2)
    })
  })

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

  async function untilOver(id: SessionId): Promise<void> {
    for (let patience = 20; patience > 0; patience -= 1) {
      if ((await look(world, id)).state === 'EXPIRED') return
      await broker.tick()
    }
    assert.fail('it does not expire')
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

  async function breakLogin(): Promise<Buffer> {
    const [{ sealed } = { sealed: Buffer.alloc(0) }] = await rows<{ sealed: Buffer }>(
      world.owner.db,
      `select admin_sealed as sealed from data_sources where id = :id`,
      { id: world.dataSource.id },
    )
    await rows(world.owner.db, `update data_sources set admin_sealed = '' where id = :id`, {
      id: world.dataSource.id,
    })
    return sealed
  }

  function mendLogin(sealed: Buffer): Promise<unknown> {
    return rows(world.owner.db, `update data_sources set admin_sealed = :sealed where id = :id`, {
      id: world.dataSource.id,
      sealed,
    })
  }
})

describe('what an extension means', () => {
  const now = instant('2026-03-01T12:00:00Z')
  const end = now.plus({ minutes: 10 })
  const roles = [
    { name: 'slow', defaultMinutes: 45, maximumMinutes: 120 },
    { name: 'quick', defaultMinutes: 30, maximumMinutes: 60 },
  ]
  const faultsOf = (asked: Parameters<typeof resolveExtension>[0], from = end) => {
    const resolved = resolveExtension(asked, { end: from, roles, now })
    return 'faults' in resolved ? Object.entries(resolved.faults).flat().join(': ') : undefined
  }

  it('counts from the end it moves, and its length from now, to the millisecond', () => {
    assert.equal(faultsOf({ minutes: 50 }), undefined)
    assert.equal(faultsOf({ end: now.plus({ minutes: 60 }) }), undefined)
    assert.match(faultsOf({ end: now.plus({ minutes: 60, milliseconds: 1 }) }) ?? '', /^end: quick/)
    assert.match(faultsOf({ minutes: 50.0001 }) ?? '', /quick .* from now on: enter 50 more/)
    const more = resolveExtension({ minutes: 1.5 }, { end, roles, now })
    assert.deepEqual('newEnd' in more && more.newEnd, end.plus({ seconds: 90 }))
  })

  it('speaks of the end in the zone it was given in', () => {
    const late = now.plus({ minutes: 61 }).setZone('Europe/Warsaw')
    assert.ok(late.isValid)
    assert.match(faultsOf({ end: late }) ?? '', /no later than 2026-03-01 14:00 UTC \+1\.$/)
  })

  it('refuses what contradicts itself, shortens or says nothing', () => {
    assert.match(faultsOf({}) ?? '', /^minutes/)
    assert.match(faultsOf({ minutes: 5, end: now.plus({ hours: 1 }) }) ?? '', /not both/)
    assert.match(faultsOf({ end }) ?? '', /lasts until 2026-03-01 12:10 UTC anyway/)
    for (const minutes of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 0.000001]) {
      assert.match(faultsOf({ minutes }) ?? '', /^minutes/)
    }
    const full = now.plus({ minutes: 60 })
    assert.match(faultsOf({ minutes: 5 }, full) ?? '', /lasts that long already/)
  })
})

function fault(field: string, sentence: RegExp) {
  return (error: Error & { code?: string; facts?: { fields?: Record<string, string> } }) => {
    assert.equal(error.code, 'invalid_request', error.stack)
    assert.match(error.facts?.fields?.[field] ?? '', sentence)
    return true
  }
}

function instant(text: string): DateTime<true> {
  const at = DateTime.fromISO(text, { zone: 'utc' })
  if (!at.isValid) throw new Error(`not an instant: ${text}`)
  return at
}
