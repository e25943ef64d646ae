import assert from 'node:assert/strict'
import type { SessionId } from '../../lib/ids.ts'
import { rows, type Db } from '../../db/store.ts'
import { goOn, type Reached } from '../../broker/scheduling/steps.ts'
import { look, makeBroker, type HandBroker } from '../support/broker.ts'
import { openShop, type ShopSessions } from '../support/sessions-on-shop.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('sessions that end in one second', () => {
  let world: World
  let broker: HandBroker
  let shop: ShopSessions
  let reached: Reached

  before(async () => {
    world = await makeWorld()
    broker = makeBroker(world, { reached: (step, id) => reached(step, id) })
    reached = goOn
    shop = await openShop(world, broker)
  })
  after(() => world.close())

  const comeToTheirEnd = async (ids: readonly SessionId[]): Promise<void> => {
    await rows(
      world.owner.db,
      `update sessions
          set start_at = start_at - interval '1 hour', end_at = now() - interval '1 second',
              dies_at = now() - interval '1 second',
              state_since = state_since - interval '1 hour'
        where id = any (cast(:ids as bigint[]))`,
      { ids },
    )
  }
  const statesOf = (ids: readonly SessionId[]): Promise<string[]> =>
    Promise.all(ids.map(async (id) => (await look(world, id)).state))
  const grantSome = async (): Promise<SessionId[]> => {
    const sessions = [await shop.grant(), await shop.grant(), await shop.grant()]
    return sessions.map(({ id }) => id)
  }

  it('end together, each with its own move, records and removal', async () => {
    const ids = await grantSome()
    await comeToTheirEnd(ids)
    await broker.tick()

    const found = await rows(
      world.owner.db,
      `select s.id, s.state, s.end_reason as reason, s.removed_at is not null as removed,
              (select count(*)::int from session_moves m
                where m.session_id = s.id and m.ordinal = s.move_count and m.to_state = 'EXPIRED') as moves,
              (select json_agg(r.action order by r.seq)
                 from records r where r.session_id = s.id and r.at >= s.ended_at) as actions,
              (select count(*)::int from records r join record_payloads p using (at, seq)
                where r.session_id = s.id and r.action = 'session.expired'
                  and p.payload #>> '{reason,value}' = s.end_reason) as reasons,
              (select count(*)::int from mails l
                where l.session_id = s.id and l.facts ->> 'change' = 'EXPIRED') as letters
         from sessions s
        where s.id = any (cast(:ids as bigint[]))
        order by s.id`,
      { ids },
    )

    const each = {
      state: 'EXPIRED',
      reason: 'Its time ran out.',
      removed: true,
      moves: 1,
      actions: ['session.expired', 'task.succeeded', 'session.removed', 'task.succeeded'],
      reasons: 1,
      letters: 1,
    }
    assert.deepEqual(
      found,
      ids.map((id) => ({ id, ...each })),
    )
  })

  it('do not hold each other up: what fails for one is its alone', async () => {
    const ids = await grantSome()
    const [broken, ...others] = ids
    await comeToTheirEnd(ids)
    reached = (step, id) =>
      step === 'r1.inside' && id === broken
        ? Promise.reject(new Error('broken off'))
        : Promise.resolve()
    await broker.tick()
    const states = await statesOf(ids)
    reached = goOn
    await broker.tick()

    assert.deepEqual(states, ['GRANTED', ...others.map(() => 'EXPIRED')])
    assert.deepEqual(await statesOf(ids), ['EXPIRED', 'EXPIRED', 'EXPIRED'])
  })

  it('end once, whatever a part with a fault in its rules would write', async () => {
    const { id } = await shop.grant()
    const { broker, portal } = world
    const write = (db: Db, to: string, ordinal: number): Promise<unknown> =>
      rows(
        db,
        `insert into session_moves (session_id, organization_id, ordinal, from_state, to_state, at)
         select id, organization_id, :ordinal, 'GRANTED', :to, now()
           from sessions
          where id = :id`,
        { id, to, ordinal },
      )
    const begun = await broker.db.transaction()
    await write(begun, 'TERMINATED', 50)
    // waits for the other to be certain
    const beside = write(portal.db, 'CANCELED', 51).then(
      () => 'written',
      (error: unknown) => String(error),
    )
    await begun.commit()

    assert.match(await beside, /a_session_ends_once/)
    for (const { db } of [broker, portal]) {
      for (const state of ['EXPIRED', 'TERMINATED', 'CANCELED']) {
        await assert.rejects(write(db, state, 52), { constraint: 'a_session_ends_once' })
      }
    }
  })
})
