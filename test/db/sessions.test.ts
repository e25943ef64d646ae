import assert from 'node:assert/strict'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { addPartitions } from '../../db/partitions.ts'
import { listMoves, listSessions } from '../../db/sessions.ts'
import { rows } from '../../db/store.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('sessions in the store', () => {
  let world: World

  before(async () => {
    world = await makeWorld()
    for (let count = 0; count < 5; count += 1) {
      await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
        dataSource: 'shop',
        roles: [count === 2 ? 'role3' : 'role1'],
        justification: 'ticket 7',
      })
    }
  })
  after(() => world.close())

  const list = (...[filter]: [Parameters<typeof listSessions>[2]?]) =>
    listSessions(world.portal.db, world.scopes.mark, filter)

  it('come newest first, a page at a time, none twice', async () => {
    const all = (await list()).map(({ id }) => id)
    const first = await list({ limit: 2 })
    const before = first.at(-1)?.id
    const second = await list({ limit: 10, ...(before === undefined ? {} : { before }) })

    assert.deepEqual(
      [...first, ...second].map(({ id }) => id),
      all,
    )
    assert.deepEqual(
      all,
      [...all].sort((a, b) => Number(b) - Number(a)),
    )
  })

  it('are filtered by state and by whether they ended', async () => {
    assert.equal((await list({ state: ['CREATED'] })).length, 5)
    assert.equal((await list({ state: ['GRANTED', 'DENIED'] })).length, 0)
    assert.equal((await list({ ended: true })).length, 0)
    assert.equal((await list({ ended: false })).length, 5)
  })

  it('stay hidden where their requester hid them, unless asked for', async () => {
    await rows(world.owner.db, `update sessions set hidden_at = now() where id = 1`)

    assert.equal((await list()).length, 4)
    assert.equal((await list({ showHidden: true })).length, 5)
  })

  it('show approvers only those they may decide', async () => {
    const seen = await listSessions(world.portal.db, world.scopes.john)

    assert.ok(seen.length > 0)
    assert.ok(seen.every(({ roles }) => roles[0]?.name === 'role1'))
  })

  it("can't be moved anywhere but along the table of moves", async () => {
    const moving = rows(
      world.broker.db,
      `insert into session_moves (session_id, organization_id, ordinal, from_state, to_state, at)
       select id, organization_id, 2, 'CREATED', 'GRANTED', now() from sessions where id = 1`,
    )
    await assert.rejects(moving, { constraint: 'moves_are_allowed' })
    const [newest] = await list()
    assert.ok(newest)
    const moves = await listMoves(world.portal.db, world.scopes.mark, newest.id)
    assert.deepEqual(
      moves.map(({ from, to }) => `${from} ${to}`),
      ['NONE CREATED'],
    )
  })

  it('find the months of the trail ready', async () => {
    await addPartitions(world.broker)
    await addPartitions(world.broker)
    // those that are over since the store was made do not count
    const months = await rows<{ name: string }>(
      world.owner.db,
      `select inhrelid::regclass::text as name
         from pg_inherits
        where inhparent = 'records'::regclass
          and inhrelid::regclass::text >= to_char(now() at time zone 'UTC', '"records_"YYYY_MM')
        order by 1`,
    )
    const [next] = await rows<{ names: string[] }>(
      world.owner.db,
      `select array_agg(to_char(date_trunc('month', now() at time zone 'UTC') + make_interval(months => n),
                                '"records_"YYYY_MM') order by n) as names
         from generate_series(0, 2) n`,
    )

    assert.deepEqual(
      months.map(({ name }) => name),
      [...(next?.names ?? []), 'records_default'],
    )
  })
})
