import assert from 'node:assert/strict'
import { claimConnection } from '../../broker/sessions/gate.ts'
import { CLAIM, CLAIMS_IN_TURN } from '../../db/connections.ts'
import { uuidv7, type SessionId } from '../../lib/ids.ts'
import { inOneRoundTrip, type Step } from '../../db/round-trip.ts'
import { openStore, rows, type Db, type Store } from '../../db/store.ts'
import { GrantedWorld } from '../support/granted.ts'
import { until } from '../support/until.ts'

const add = (name: string): Step => ({
  sql: `insert into round_trips (name) values (:name) returning name`,
  bindings: { name },
})

describe('statements in one round trip', () => {
  let world: GrantedWorld
  let store: Store

  before(async () => {
    world = await GrantedWorld.make()
    // one connection: what an error leaves behind is met by the next
    store = openStore(world.store.url, { poolSize: 1 })
    await rows(store.db, `create table round_trips (name text unique)`)
  })
  after(async () => {
    await store.close()
    await world.close()
  })

  const names = async (): Promise<string[]> => {
    const found = await rows<{ name: string }>(
      store.db,
      `select name from round_trips order by name`,
    )
    return found.map(({ name }) => name)
  }

  it('all land, or none of them, and those behind an error can be asked again', async () => {
    const again = { sql: `insert into round_trips (name) values ('a') `, bindings: {} }
    await inOneRoundTrip(store.db, [add('a'), add('b')])
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await assert.rejects(inOneRoundTrip(store.db, [add('c'), again, add('d')]), {
        code: '23505',
      })
    }
    assert.deepEqual(await names(), ['a', 'b'])
    await inOneRoundTrip(store.db, [add('c'), add('d')])
    assert.deepEqual(await names(), ['a', 'b', 'c', 'd'])
  })

  it('bring back what went in, of each its own', async () => {
    const texts = ['', 'null', '"', '\\', '{a,b}', "it's", 'ä\n']
    const step = {
      sql: `select cast(:texts as text[]) as texts, :one || ':x' as one, cast(:two as integer) as two,
                   cast(:three as text) as three, to_char(timestamp '2026-01-02 03:04:05', 'HH24:MI:SS') as time`,
      bindings: { texts, one: '1', two: 2, three: null },
    }
    const none = { sql: `select from round_trips where false`, bindings: {} }
    for (let time = 0; time < 2; time += 1) {
      const [first, nothing, last] = await inOneRoundTrip(store.db, [step, none, step])
      const row = { texts, one: '1:x', two: 2, three: null, time: '03:04:05' }
      assert.deepEqual([first, nothing, last], [[row], [], [row]])
    }
    await assert.rejects(inOneRoundTrip(store.db, [add('a\0b')]), { code: 'text_not_storable' })
  })

  it('see behind a lock what was done while they waited for it', async () => {
    const { id: sessionId } = await world.grant({ connectionLimit: 1 })
    let waiting: ReturnType<typeof claimConnection> | undefined
    await world.store.change(async (tx) => {
      const bindings = { ...claimOf(sessionId), most: null }
      await rows(tx, CLAIMS_IN_TURN, bindings)
      await rows(tx, CLAIM, bindings)
      waiting = claimConnection(world.store.db, { ...claimOf(sessionId), most: undefined })
      const early = await Promise.race([waiting, untilSomebodyWaits(world.store.db)])
      assert.equal(early, undefined, 'it was not waited for')
    })
    assert.equal((await waiting)?.isClaimed, false)
  })

  it('claim no more than there are, for however many that ask at once', async () => {
    const { id } = await world.grant({ connectionLimit: 5 })
    const claims = Array.from({ length: 20 }, () =>
      claimConnection(world.store.db, { ...claimOf(id), database: undefined, most: undefined }),
    )
    const claimed = (await Promise.all(claims)).filter(({ isClaimed }) => isClaimed)
    assert.equal(claimed.length, 5)
    const [open] = await rows<{ count: string; databases: string[] }>(
      world.store.db,
      `select count(*), array_agg(distinct database) as databases
         from connections
        where session_id = :id`,
      { id },
    )
    assert.deepEqual(open, { count: '5', databases: [world.database] })
  })

  for (const [what, sql] of [
    [
      'whose session is over',
      `update sessions set state = 'CANCELED', ended_at = now() where id = :id`,
    ],
    ['whose time is over', `update sessions set end_at = now() where id = :id`],
    ['whose session is not granted', `update sessions set state = 'APPROVED' where id = :id`],
    [
      'whose user can’t log in yet',
      `update session_users set login_at = null where session_id = :id`,
    ],
    [
      'whose requester is disabled',
      `update people set disabled_at = now() where id = (select requester_id from sessions where id = :id)`,
    ],
    [
      'whose data source is disabled',
      `update data_sources set disabled_at = now() where :id <> ''`,
    ],
    ['whose data source opens others', `update data_sources set databases = '{x}' where :id <> ''`],
  ] as const) {
    it(`claim nothing for one ${what}`, async () => {
      const { id } = await world.grant()
      const claim = () =>
        claimConnection(world.store.db, {
          ...claimOf(id),
          database: world.database,
          most: undefined,
        })
      assert.equal((await claim()).isClaimed, true)
      await rows(world.store.db, sql, { id })
      assert.equal((await claim()).isClaimed, false)
      await rows(
        world.store.db,
        `update data_sources set disabled_at = null, databases = array[default_database]`,
      )
    })
  }
})

function claimOf(sessionId: SessionId) {
  const [id, proxyId] = [uuidv7(), uuidv7()]
  return { id, sessionId, proxyId, database: 'shop', clientIp: '::1', applicationName: '' }
}

/** Resolves when a backend of this database waits for a lock of ours. */
async function untilSomebodyWaits(db: Db): Promise<undefined> {
  await until('somebody waits', async () => {
    const found = await rows(
      db,
      `select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`,
    )
    return found.length > 0
  })
}
