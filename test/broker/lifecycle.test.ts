import assert from 'node:assert/strict'
import type { SessionId } from '../../lib/ids.ts'
import {
  approve,
  cancel,
  deny,
  requestSession,
  terminate,
} from '../../broker/sessions/lifecycle.ts'
import type { SessionRequest } from '../../broker/sessions/lifecycle.ts'
import { makeCredential } from '../../broker/sessions/credentials.ts'
import { mayDecide } from '../../broker/policy/policy.ts'
import { findSession, listMoves, listSessions, type Session } from '../../db/sessions.ts'
import { rows } from '../../db/store.ts'
import { look, makeBroker, stateRows, storyOf } from '../support/broker.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

describe('lifecycle', () => {
  let world: World

  before(async () => {
    world = await makeWorld()
  })
  after(() => world.close())

  const ask = (request: Partial<SessionRequest> = {}, who: Name = 'mark'): Promise<Session> =>
    requestSession(world.portal, world.scopes[who], world.origins[who], {
      dataSource: 'shop',
      roles: ['role1', 'role3'],
      justification: 'ticket 7',
      ...request,
    })
  const as = (who: Name) => [world.portal, world.scopes[who], world.origins[who]] as const

  it('is the example of the Audit tab, row by row', async () => {
    const { id } = await ask()
    await approve(...as('admin'), id)
    await approve(...as('john'), id)
    await makeBroker(world).tick()
    const { username } = await look(world, id)
    await cancel(...as('mark'), id)

    assert.match(username ?? '', /^dp_mark_[0-9]+_[a-z0-9]{8}$/)
    const row = (scope: string, state: string, actor: string, rest: object = {}) => ({
      scope,
      state,
      actor,
      roles: 'role1,role3',
      username: 'TBD',
      window: true,
      ...rest,
    })
    assert.deepEqual(await stateRows(world, id), [
      row('session', 'CREATED', 'mark'),
      row('role', 'APPROVED', 'admin', { roles: 'role3', window: false }),
      row('role', 'APPROVED', 'john', { roles: 'role1', window: false }),
      row('session', 'APPROVED', 'john'),
      row('session', 'GRANTED', 'system', { username }),
      row('session', 'CANCELED', 'mark', { username }),
    ])
  })

  it('approves roles that need nobody at once, in the name of the system', async () => {
    const session = await ask({ roles: ['role2'] })

    assert.equal(session.state, 'APPROVED')
    const actors = (await stateRows(world, session.id)).map(({ actor }) => actor)
    assert.deepEqual(actors, ['mark', 'system (auto-approve)', 'system (auto-approve)'])
  })

  it('writes one role row a role when one person approves several', async () => {
    await rows(
      world.owner.db,
      `insert into group_members (group_id, person_id, organization_id)
       select approver_group_id, :admin, organization_id from roles where name = 'role1'`,
      { admin: world.people.admin.id },
    )
    const { id } = await ask()
    const approved = await approve(...as('admin'), id, { comment: 'go on' })
    await rows(
      world.owner.db,
      `delete from group_members g using roles r
        where r.approver_group_id = g.group_id and r.name = 'role1' and g.person_id = :admin`,
      { admin: world.people.admin.id },
    )

    assert.equal(approved.state, 'APPROVED')
    assert.equal(await storyOf(world, id), 'CREATED role_approved role_approved APPROVED')
    assert.deepEqual(
      approved.roles.map(({ approvals }) => approvals.map(({ by, comment }) => [by, comment])),
      [[['admin', 'go on']], [['admin', 'go on']]],
    )
  })

  it('denies the whole session by one role', async () => {
    const { id } = await ask()
    const denied = await deny(...as('john'), id, { reason: 'not today' })

    assert.equal(denied.state, 'DENIED')
    assert.equal(denied.endReason, 'not today')
    assert.equal(await storyOf(world, id), 'CREATED role_denied DENIED')
    assert.equal((await stateRows(world, id)).at(-1)?.username, '-')
  })

  it('needs a reason to deny and to terminate', async () => {
    const { id } = await ask()

    await assert.rejects(deny(...as('john'), id, { reason: '  ' }), { code: 'reason_required' })
    await assert.rejects(terminate(...as('admin'), id, { reason: '' }), { code: 'reason_required' })
    assert.equal((await look(world, id)).state, 'CREATED')
  })

  it('refuses the own request of an admin who approves that role', async () => {
    await rows(
      world.owner.db,
      `insert into group_members (group_id, person_id, organization_id)
       select approver_group_id, :john, organization_id from roles where name = 'role3'`,
      { john: world.people.john.id },
    )
    const session = await ask({ roles: ['role3'] }, 'admin')
    await rows(
      world.owner.db,
      `delete from group_members g using roles r
        where r.approver_group_id = g.group_id and r.name = 'role3' and g.person_id = :john`,
      { john: world.people.john.id },
    )

    assert.deepEqual(mayDecide(session, world.people.admin), [])
    await assert.rejects(approve(...as('admin'), session.id), { code: 'own_request' })
    await assert.rejects(deny(...as('admin'), session.id, { reason: 'x' }), { code: 'own_request' })
    assert.equal(await storyOf(world, session.id), 'CREATED')
  })

  it("says why the only approver of a role can't ask for it", async () => {
    await assert.rejects(ask({ roles: ['role3'] }, 'admin'), (error: Error) =>
      /only approver of role3/.test(error.message),
    )
  })

  it('lets nobody decide roles of other approvers', async () => {
    const { id } = await ask()

    await assert.rejects(approve(...as('john'), id, { roles: ['role3'] }), { code: 'not_entitled' })
    await assert.rejects(approve(...as('audrey'), id), { code: 'not_entitled' })
    assert.equal(await storyOf(world, id), 'CREATED')
  })

  it('counts one vote a person', async () => {
    const { id } = await ask()
    await approve(...as('john'), id)

    await assert.rejects(approve(...as('john'), id), { code: 'already_decided' })
    assert.equal(await storyOf(world, id), 'CREATED role_approved')
  })

  it('waits for as many people as a role needs, and records each vote', async () => {
    const { id } = await twoVotes(() => ask({ roles: ['role1'] }))
    const first = await approve(...as('john'), id)
    const between = await storyOf(world, id)
    await rows(
      world.owner.db,
      `insert into group_members (group_id, person_id, organization_id)
       select approver_group_id, :audrey, organization_id from roles where name = 'role1'`,
      { audrey: world.people.audrey.id },
    )
    const second = await approve(...as('audrey'), id)
    await dropFromRole1('audrey')

    assert.equal(first.state, 'CREATED')
    assert.equal(between, 'CREATED')
    assert.equal(second.state, 'APPROVED')
    const votes = await rows<{ actor: string }>(
      world.owner.db,
      `select actor_name as actor from records where session_id = :id and action = 'role.approved' order by seq`,
      { id },
    )
    assert.deepEqual(
      votes.map(({ actor }) => actor),
      ['john', 'audrey'],
    )
  })

  it('names nobody as the approver of a role they may not decide', async () => {
    const { id } = await twoVotes(() => ask())
    const disable = (who: Name, yes: boolean) =>
      rows(
        world.owner.db,
        `update people set disabled_at = case when cast(:yes as boolean) then now() end where username = :who`,
        { who, yes },
      )
    await approve(...as('john'), id)
    await disable('john', true)
    await rows(
      world.owner.db,
      `insert into group_members (group_id, person_id, organization_id)
       select approver_group_id, :audrey, organization_id from roles where name = 'role1'`,
      { audrey: world.people.audrey.id },
    )
    await approve(...as('audrey'), id)
    await disable('john', false)
    await approve(...as('admin'), id, { comment: 'role3 is mine' })
    await dropFromRole1('audrey')

    const approvals = (await stateRows(world, id)).filter(({ scope }) => scope === 'role')
    assert.deepEqual(approvals.map(({ roles, actor }) => `${roles} ${actor}`).sort(), [
      'role1 system',
      'role3 admin',
    ])
  })

  it('keeps its records in order though the clock is set back between two votes', async () => {
    const { id } = await twoVotes(() => ask({ roles: ['role1'] }))
    await approve(...as('john'), id)
    await rows(
      world.owner.db,
      `update session_approvals set at = at + interval '5 minutes' where session_id = :id`,
      { id },
    )
    const ended = await cancel(...as('mark'), id)
    const [vote] = (await look(world, id)).roles[0]?.approvals ?? []

    assert.equal(ended.endedAt?.toMillis(), vote?.at.toMillis())
  })

  it('answers a late decision with who decided what', async () => {
    const { id } = await ask({ roles: ['role1'] })
    await approve(...as('john'), id)

    await assert.rejects(deny(...as('john'), id, { reason: 'x' }), (error: Error) => {
      assert.match(error.message, /APPROVED already by john/)
      return 'code' in error && error.code === 'already_decided'
    })
  })

  it('is canceled by its requester alone and terminated by an admin alone', async () => {
    const { id } = await ask()

    await assert.rejects(cancel(...as('admin'), id), { code: 'not_entitled' })
    await assert.rejects(terminate(...as('john'), id, { reason: 'x' }), { code: 'not_entitled' })
    await assert.rejects(terminate(...as('mark'), id, { reason: 'x' }), { code: 'not_entitled' })
    const ended = await terminate(...as('admin'), id, { reason: 'incident 3' })
    assert.equal(ended.state, 'TERMINATED')
    assert.equal(ended.endReason, 'incident 3')
    assert.equal((await stateRows(world, id)).at(-1)?.username, '-')
    await assert.rejects(cancel(...as('mark'), id), { code: 'state_changed' })
  })

  it('gives one winner when decisions meet', async () => {
    for (let round = 0; round < 15; round += 1) {
      const { id } = await ask({ roles: ['role1'] })
      const outcomes = await Promise.allSettled([
        approve(...as('john'), id),
        cancel(...as('mark'), id),
        deny(...as('john'), id, { reason: 'no' }),
        terminate(...as('admin'), id, { reason: 'stop' }),
      ])
      const story = await storyOf(world, id)

      assert.match(story, GRAMMAR)
      const moves = await listMoves(world.owner.db, { kind: 'part', part: 'operator' }, id)
      assert.deepEqual(
        moves.map(({ ordinal }) => ordinal),
        moves.map((_, index) => index + 1),
      )
      for (const outcome of outcomes.filter((each) => each.status === 'rejected')) {
        const { code } = outcome.reason as { code?: string }
        assert.ok(code === 'already_decided' || code === 'state_changed', String(outcome.reason))
      }
    }
  })

  it('loses no approval when two approvers decide at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { id } = await ask()
      await Promise.all([approve(...as('john'), id), approve(...as('admin'), id)])

      assert.equal(await storyOf(world, id), 'CREATED role_approved role_approved APPROVED')
    }
  })

  it('expires what was not approved in time', async () => {
    const { id } = await ask({ minutes: 0.1 })
    await backdate(id)
    await assert.rejects(approve(...as('john'), id), { code: 'state_changed' })
    await makeBroker(world).tick()

    assert.equal(await storyOf(world, id), 'CREATED EXPIRED')
    assert.equal((await stateRows(world, id)).at(-1)?.username, '-')
  })

  it('never grants what was approved but is over', async () => {
    const { id } = await ask({ roles: ['role2'] })
    await backdate(id)
    await makeBroker(world).tick()

    assert.equal(await storyOf(world, id), 'CREATED role_approved APPROVED EXPIRED')
  })

  it('starts a window that counts from approval with the last approval', async () => {
    const asked = await ask({ roles: ['role1'], fromApproval: true, minutes: 20 })
    const approved = await approve(...as('john'), asked.id)

    assert.equal(asked.start, null)
    assert.equal((await stateRows(world, asked.id))[0]?.window, false)
    assert.equal(approved.start?.toMillis(), approved.stateSince.toMillis())
    assert.equal(approved.end?.toMillis(), approved.stateSince.plus({ minutes: 20 }).toMillis())
  })

  it('refuses a length over the shortest maximum, and says whose', async () => {
    await rows(
      world.owner.db,
      `update roles set default_minutes = 5, maximum_minutes = 15 where name = 'role3'`,
    )
    const asking = ask({ minutes: 16 })
    await assert.rejects(asking, (error: Error & { facts?: { fields?: object } }) => {
      assert.match(error.message, /^role3 may be had for at most 15 minutes/)
      return JSON.stringify(Object.keys(error.facts?.fields ?? {})) === '["minutes"]'
    })
    const short = await ask()
    await rows(
      world.owner.db,
      `update roles set default_minutes = 30, maximum_minutes = 60 where name = 'role3'`,
    )

    assert.equal(short.end?.diff(short.start ?? short.end).as('minutes'), 5)
  })

  it('refuses roles that are not there, twice named, or of another data source', async () => {
    await assert.rejects(ask({ roles: [] }), { code: 'invalid_request' })
    await assert.rejects(ask({ roles: ['role1', 'role1'] }), /role1 is named twice/)
    await assert.rejects(ask({ roles: ['role9'] }), /shop has no role "role9"/)
    await assert.rejects(ask({ dataSource: 'lager' }), /no data source "lager"/)
    await assert.rejects(ask({ dataSource: 'sh\u0000p' }), { code: 'invalid_request' })
  })

  it('refuses text that no record can hold', async () => {
    await assert.rejects(ask({ justification: 'a\u0000b' }), /NUL/)
    await assert.rejects(ask({ justification: 'a\ud800b' }), /half a character/)
    await assert.rejects(ask({ justification: '😀'.repeat(2001) }), /at most 2,000/)
    assert.equal((await ask({ justification: '😀'.repeat(2000) })).state, 'CREATED')
  })

  it('shows a session to whom it concerns and to nobody else', async () => {
    const { id } = await ask({ roles: ['role1'] })
    const seen = async (who: Name): Promise<boolean> =>
      (await findSession(world.portal.db, world.scopes[who], id)) !== undefined
    const other = await ask({ roles: ['role3'] })

    assert.deepEqual(await Promise.all((['mark', 'john', 'admin', 'audrey'] as const).map(seen)), [
      true,
      true,
      true,
      true,
    ])
    assert.equal(await findSession(world.portal.db, world.scopes.john, other.id), undefined)
    await assert.rejects(approve(...as('john'), other.id), { code: 'not_found' })
    await assert.rejects(cancel(...as('john'), other.id), { code: 'not_found' })
    const decidable = await listSessions(world.portal.db, world.scopes.john, {
      decidableByMe: true,
    })
    assert.ok(decidable.some((session) => session.id === id))
    assert.ok(decidable.every((session) => session.id !== other.id))
    const mine = await listSessions(world.portal.db, world.scopes.admin, { mine: true })
    assert.ok(mine.every(({ requester }) => requester.username === 'admin'))
  })

  it('makes credentials for the requester of a granted session, each ending the last', async () => {
    const { id } = await ask({ roles: ['role2'] })
    await assert.rejects(makeCredential(...as('mark'), id), { code: 'session_not_granted' })
    await makeBroker(world).tick()
    const one = await makeCredential(...as('mark'), id)
    const two = await makeCredential(...as('mark'), id)

    await assert.rejects(makeCredential(...as('admin'), id), { code: 'not_entitled' })
    assert.notEqual(one.password, two.password)
    assert.ok(two.password.length >= 22)
    const kept = await rows<{ live: boolean; text: string }>(
      world.owner.db,
      `select ended_at is null as live, to_jsonb(c)::text as text
         from session_credentials c where session_id = :id order by made_at, ended_at`,
      { id },
    )
    assert.deepEqual(
      kept.map(({ live }) => live),
      [false, true],
    )
    assert.ok(
      kept.every(({ text }) => !text.includes(one.password) && !text.includes(two.password)),
    )
    await cancel(...as('mark'), id)
    await assert.rejects(makeCredential(...as('mark'), id), { code: 'session_not_granted' })
  })

  it('asks again at the grant whether the approvals still carry it', async () => {
    const { id } = await ask({ roles: ['role1'] })
    await approve(...as('john'), id)
    await rows(world.owner.db, `update people set disabled_at = now() where username = 'john'`)
    await makeBroker(world).tick()
    await rows(world.owner.db, `update people set disabled_at = null where username = 'john'`)

    assert.equal(await storyOf(world, id), 'CREATED role_approved APPROVED TERMINATED')
    assert.match((await look(world, id)).endReason ?? '', /role1 lacks approvals: 0 of 1/)
  })

  it('ends the sessions of somebody who is disabled', async () => {
    const { id } = await ask({ roles: ['role2'] })
    const broker = makeBroker(world)
    await broker.tick()
    await rows(world.owner.db, `update people set disabled_at = now() where username = 'mark'`)
    await broker.tick()
    await rows(world.owner.db, `update people set disabled_at = null where username = 'mark'`)
    const session = await look(world, id)

    assert.equal(session.state, 'TERMINATED')
    assert.equal(session.endReason, 'mark was disabled.')
    assert.notEqual(session.removedAt, null)
  })

  const GRAMMAR =
    /^CREATED( role_approved)*( role_denied DENIED| CANCELED| EXPIRED| TERMINATED| APPROVED( CANCELED| EXPIRED| TERMINATED| GRANTED( CANCELED| EXPIRED| TERMINATED))?)?$/

  async function twoVotes(ask: () => Promise<Session>): Promise<Session> {
    await rows(world.owner.db, `update roles set approvals_needed = 2 where name = 'role1'`)
    await rows(
      world.owner.db,
      `insert into group_members (group_id, person_id, organization_id)
       select approver_group_id, :audrey, organization_id from roles where name = 'role1'`,
      { audrey: world.people.audrey.id },
    )
    const session = await ask()
    await rows(world.owner.db, `update roles set approvals_needed = 1 where name = 'role1'`)
    await dropFromRole1('audrey')
    return session
  }

  async function dropFromRole1(who: Name): Promise<void> {
    await rows(
      world.owner.db,
      `delete from group_members g using roles r
        where r.approver_group_id = g.group_id and r.name = 'role1' and g.person_id = :person`,
      { person: world.people[who].id },
    )
  }

  /** Turns the clock for one session: as if it had been asked for two hours ago. */
  async function backdate(id: SessionId): Promise<void> {
    await rows(
      world.owner.db,
      `update sessions
          set start_at = start_at - interval '2 hours', end_at = end_at - interval '2 hours',
              dies_at = dies_at - interval '2 hours', created_at = created_at - interval '2 hours',
              state_since = state_since - interval '2 hours'
        where id = :id`,
      { id },
    )
  }
})
