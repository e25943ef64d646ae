import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { AppError } from '../../lib/errors.ts'
import type { SessionId } from '../../lib/ids.ts'
import type { Session } from '../../db/sessions.ts'
import { approve, cancel, deny, terminate } from '../../broker/sessions/lifecycle.ts'
import { reconcileDataSource } from '../../broker/session-users/reconcile.ts'
import { sweep } from '../../broker/scheduling/sweep.ts'
import { grantDue } from '../../broker/session-users/grant.ts'
import { removeDue } from '../../broker/session-users/removal.ts'
import { makeBroker, storyOf, type HandBroker } from '../support/broker.ts'
import { listOurRoles } from '../support/oracles.ts'
import type { Bench } from './bench.ts'
import type { Cell } from './cell.ts'

const ROUNDS = 250
/** Rounds whose session has a database user are slower, and begin with a grant. */
const SLOW_ROUNDS = 250

type Act = (bench: Bench, id: SessionId) => Promise<unknown>

/** Two things at the same moment, a thousand rounds in all; and the same thing twice. */
export const RACES: readonly Cell[] = [
  race('approve and cancel at once', {
    acts: [approveIt, cancelIt],
    ends: /^CREATED( role_approved APPROVED)?( CANCELED)?$/,
  }),
  race('approve and deny at once', {
    acts: [approveIt, denyIt],
    ends: /^CREATED (role_approved APPROVED|role_denied DENIED)$/,
  }),
  {
    name: `cancel and grant at once, ${String(SLOW_ROUNDS)} rounds`,
    holds: 'I1 I3 I4: one order or the other, and nothing left',
    run: raceGrants,
  },
  {
    name: `terminate and expire at once, ${String(SLOW_ROUNDS)} rounds`,
    holds: 'I3 I4: exactly one of them ends it',
    run: raceEnds,
  },
  {
    name: 'two ends written past the rules, at once and late',
    holds: 'I4: the store itself lets a session end once, and be granted once',
    run: endsPastTheRules,
  },
  {
    name: 'every handler run twice, and twice at once',
    holds: 'idempotent: one user, one record of each move, nothing left',
    run: runTwice,
  },
]

function race(
  name: string,
  { acts, ends }: { readonly acts: readonly Act[]; readonly ends: RegExp },
): Cell {
  return {
    name: `${name}, ${String(ROUNDS)} rounds`,
    holds: 'I3 I4: the loser is told, and one word of the grammar is written',
    run: async (bench) => {
      await bench.onStore(`update roles set approvals_needed = 1 where name = 'role1'`)
      const seen = new Map<string, number>()
      for (let round = 0; round < ROUNDS; round += 1) {
        const { id } = await bench.request(['role1'])
        await together(acts.map((act) => () => act(bench, id)))
        bench.injected = true
        const story = await storyOf(bench.world, id)
        assert.match(story, ends)
        seen.set(story, (seen.get(story) ?? 0) + 1)
      }
      bench.note([...seen].map(([story, times]) => `${String(times)}x ${story}`).join(', '))
      await bench.sound()
    },
  }
}

async function raceGrants(bench: Bench): Promise<void> {
  const broker = makeBroker(bench.world)
  let granted = 0
  for (let round = 0; round < SLOW_ROUNDS / 10; round += 1) {
    const asked = await Promise.all(Array.from({ length: 10 }, () => bench.request()))
    const grants = async (): Promise<void> => {
      await sweep(broker.deps)
      await broker.deps.lanes.idle()
    }
    // later and later, so that each meets another step of its grant
    const cancels = asked.map(({ id }, place) => async () => {
      await sleep(place * 40)
      return cancelIt(bench, id)
    })
    await together([grants, ...cancels])
    bench.injected = true
    await settle(broker)
    for (const { id } of asked) {
      const story = await storyOf(bench.world, id)
      assert.match(story, /^CREATED role_approved APPROVED( GRANTED)? CANCELED$/)
      if (story.includes('GRANTED')) granted += 1
    }
  }
  bench.note(`${String(granted)} of ${String(SLOW_ROUNDS)} were granted first`)
  await bench.gone(performance.now())
  assert.deepEqual(await listOurRoles(bench.world), [])
  await bench.sound()
}

async function raceEnds(bench: Bench): Promise<void> {
  const broker = makeBroker(bench.world)
  const seen: Record<string, number> = {}
  for (let round = 0; round < SLOW_ROUNDS / 10; round += 1) {
    const asked = await Promise.all(Array.from({ length: 10 }, () => bench.request()))
    await settle(broker)
    const ids = asked.map(({ id }) => id)
    await bench.runOut(ids, 40)
    const expires = async (): Promise<void> => {
      for (let tick = 0; tick < 8; tick += 1) await sweep(broker.deps)
    }
    const terminations = ids.map((id, place) => async () => {
      await sleep(place * 8)
      return terminateIt(bench, id)
    })
    await together([expires, ...terminations])
    bench.injected = true
    await settle(broker)
    for (const { id } of asked) {
      const { state } = await bench.look(id)
      seen[state] = (seen[state] ?? 0) + 1
    }
  }
  bench.note(JSON.stringify(seen))
  assert.deepEqual(
    Object.keys(seen).filter((state) => !/EXPIRED|TERMINATED/.test(state)),
    [],
  )
  await bench.gone(performance.now())
  await bench.sound()
}

/** SQLSTATE unique_violation (PostgreSQL, appendix A). */
const UNIQUE_VIOLATION = '23505'

/** As a part with a fault in its rules would: by its own login, straight into the table. */
async function endsPastTheRules(bench: Bench): Promise<void> {
  const { world } = bench
  const broker = makeBroker(world)
  for (const url of [world.broker.url, world.portal.url]) {
    const { id } = await bench.request()
    await settle(broker)
    const [one, other] = [await openClient(bench, url), await openClient(bench, url)]
    await one.query('begin')
    await one.query(move('CANCELED', 50), [id])
    const late = other.query(move('TERMINATED', 51), [id]).then(
      () => 'written',
      (error: unknown) => refusalOf(error),
    )
    bench.injected = true
    await one.query('commit')
    assert.equal(await late, 'a_session_ends_once')
    // away with what was written past the rules, so that the session can end by them
    await bench.onStore('delete from session_moves where session_id = :id and ordinal = 50', { id })
    await terminateIt(bench, id)
    for (const state of ['TERMINATED', 'EXPIRED', 'CANCELED'] as const) {
      await assert.rejects(other.query(move(state, 52), [id]), {
        constraint: 'a_session_ends_once',
      })
    }
    const again = move('GRANTED', 53).replace(`'GRANTED', 'GRANTED'`, `'APPROVED', 'GRANTED'`)
    await assert.rejects(other.query(again, [id]), { constraint: 'a_session_is_granted_once' })
  }
  await settle(broker)
  await bench.gone(performance.now())
  await bench.sound()
}

function move(to: string, ordinal: number): string {
  return `insert into session_moves (session_id, organization_id, ordinal, from_state, to_state, at)
          select session_id, organization_id, ${String(ordinal)}, 'GRANTED', '${to}', now()
            from session_moves
           where session_id = $1 and ordinal = 1`
}

async function openClient(bench: Bench, url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  bench.onClose(() => client.end())
  return client
}

function refusalOf(error: unknown): string {
  if (!(error instanceof pg.DatabaseError)) throw error
  return error.code === UNIQUE_VIOLATION ? (error.constraint ?? '') : error.message
}

/** Every entry into the broker's work, twice one after the other and twice beside each other. */
async function runTwice(bench: Bench): Promise<void> {
  const { world } = bench
  const brokers = [makeBroker(world), makeBroker(world)]
  const { id: source } = world.dataSource
  const handlers: ((broker: HandBroker) => Promise<unknown>)[] = [
    ({ deps }) => grantDue(deps, source),
    ({ deps }) => removeDue(deps, source),
    ({ deps }) => reconcileDataSource(deps, source),
    (broker) => broker.tick(),
    (broker) => broker.reconcile(),
  ]
  const twice = async (): Promise<void> => {
    for (const handler of handlers) {
      for (const broker of brokers) await handler(broker)
      await Promise.all(brokers.map(handler))
    }
  }
  const asked = await Promise.all(Array.from({ length: 10 }, () => bench.request()))
  await twice()
  bench.injected = true
  assert.equal((await listOurRoles(world)).length, 10)
  await bench.sound()
  for (const { id } of asked) await refusedTwice(() => cancelIt(bench, id))
  await twice()
  assert.deepEqual(await listOurRoles(world), [])
  await bench.gone(performance.now())
  for (const { id } of asked) {
    assert.equal(await storyOf(world, id), 'CREATED role_approved APPROVED GRANTED CANCELED')
  }
  const removed = await bench.onStore(`select from records where action = 'session.removed'`)
  assert.equal(removed.length, 10)
  await bench.sound()
}

/** The second of two calls finds nothing to do, and says so. */
async function refusedTwice(act: () => Promise<unknown>): Promise<void> {
  assert.equal(await act(), 'done')
  assert.notEqual(await act(), 'done')
}

async function settle(broker: HandBroker): Promise<void> {
  await broker.tick()
  await broker.tick()
}

/** Starts everything in one turn of the loop, once everything is ready to start. */
async function together(works: readonly (() => Promise<unknown>)[]): Promise<void> {
  await Promise.all(works.map((work) => work()))
}

function approveIt({ world }: Bench, id: SessionId): Promise<string> {
  const { portal, scopes, origins } = world
  return told(approve(portal, scopes.john, origins.john, id))
}

function denyIt({ world }: Bench, id: SessionId): Promise<string> {
  const { portal, scopes, origins } = world
  return told(deny(portal, scopes.john, origins.john, id, { reason: 'no' }))
}

function cancelIt({ world }: Bench, id: SessionId): Promise<string> {
  const { portal, scopes, origins } = world
  return told(cancel(portal, scopes.mark, origins.mark, id))
}

function terminateIt({ world }: Bench, id: SessionId): Promise<string> {
  const { portal, scopes, origins } = world
  return told(terminate(portal, scopes.admin, origins.admin, id, { reason: 'enough' }))
}

/** Losing a race is an answer; anything else that goes wrong is not. */
async function told(act: Promise<Session>): Promise<string> {
  try {
    await act
    return 'done'
  } catch (error) {
    if (error instanceof AppError && /state|decided/.test(error.code)) return error.code
    throw error
  }
}
