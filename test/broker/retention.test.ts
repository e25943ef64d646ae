import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import { dropOldRecordings } from '../../broker/scheduling/retention.ts'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { openStore, rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import {
  keepMonths,
  makeOldMonth,
  recordStatements,
  statementTables,
} from '../support/recordings.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('the keeping of recordings', () => {
  let world: World
  let first: SessionId
  let second: SessionId

  beforeEach(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    const ask = async (): Promise<SessionId> => {
      const asked = { dataSource: 'shop', roles: ['role1'], justification: 'ticket 7' }
      return (await requestSession(world.portal, world.scopes.mark, world.origins.mark, asked)).id
    }
    first = await ask()
    second = await ask()
    await makeOldMonth(world, '2025-01')
    await makeOldMonth(world, '2025-02')
    await recordStatements(world, first, { at: '2025-01-31T23:59:59.999Z', count: 3 })
    await recordStatements(world, second, { at: '2025-02-01T00:00:00.000Z', count: 1 })
    await recordStatements(world, second, { at: '2025-01-01T00:00:00.000Z', count: 2 })
  })
  afterEach(() => world.close())

  const kept = async (): Promise<string[]> => {
    const found = await rows<{ at: DateTime<true> }>(
      world.owner.db,
      'select started_at as at from statements order by 1',
    )
    return found.map(({ at }) => at.toISODate())
  }
  const written = async (action: string): Promise<Readonly<Record<string, string>>[]> => {
    const found = await rows<{ details: Record<string, string> }>(
      world.owner.db,
      `select coalesce(cast(body as jsonb)->'details', '{}') as details from records where action = :action order by at, seq`,
      { action },
    )
    return found.map(({ details }) => details)
  }
  const tasks = async (action: string) =>
    (await written(action)).filter((details) => details['task'] === 'retention')

  it('is for ever until an admin says otherwise, and a day longer', async () => {
    const before = await statementTables(world)
    await dropOldRecordings({ store: world.broker })
    await rows(world.owner.db, 'update organizations set recording_months = 1')
    await dropOldRecordings({ store: world.broker })

    assert.deepEqual(await statementTables(world), before)
    assert.equal((await kept()).length, 6)
    assert.deepEqual(await tasks('task.succeeded'), [])
  })

  it('ends month by month, with what was dropped on record', async () => {
    await keepMonths(world, 6)
    const before = await statementTables(world)
    await dropOldRecordings({ store: world.broker })
    await dropOldRecordings({ store: world.broker })

    const gone = before.filter((name) => /_2025_/.test(name))
    assert.deepEqual(gone, ['statements_2025_01', 'statements_2025_02'])
    assert.deepEqual(
      await statementTables(world),
      before.filter((name) => !gone.includes(name)),
    )
    assert.deepEqual(await kept(), [])
    assert.deepEqual(await written('recording.dropped'), [
      {
        from: '2025-01-01T00:00:00.000Z',
        until: '2025-02-01T00:00:00.000Z',
        statements: '5',
        sessions: '2',
        kept_months: '6',
      },
      {
        from: '2025-02-01T00:00:00.000Z',
        until: '2025-03-01T00:00:00.000Z',
        statements: '1',
        sessions: '1',
        kept_months: '6',
      },
    ])
    const [task, ...more] = await tasks('task.succeeded')
    assert.deepEqual(more, [], 'nothing to do leaves no record')
    assert.equal(
      task?.['result'],
      'Dropped 5 statements of 2025-01 and 1 statement of 2025-02, kept for 6 months as the policy says.',
    )
  })

  it('never ends for this month and those the policy keeps, however late a broker comes', async () => {
    const now = DateTime.utc()
    const month = now.startOf('month')
    const edge = month.minus({ months: 2 })
    const late = edge.minus({ milliseconds: 1 })
    for (const at of [now, month, edge.plus({ months: 1 }), edge, late]) {
      await recordStatements(world, first, { at: at.toISO(), count: 1 })
    }
    await keepMonths(world, 2)
    await dropOldRecordings({ store: world.broker })

    const days = [edge, edge.plus({ months: 1 }), month, now].map((at) => at.toISODate())
    assert.deepEqual(await kept(), days, 'rows without a table of their month go by the same rule')
    const last = (await written('recording.dropped')).at(-1)
    assert.deepEqual([last?.['until'], last?.['statements']], [edge.toISO(), '1'])
    await keepMonths(world, 1)
    await dropOldRecordings({ store: world.broker })
    assert.deepEqual(await kept(), days.slice(1))
  })

  it('lasts as long as any company wants it to', async () => {
    await keepMonths(world, 6)
    const other = `insert into organizations (name, account_id, recording_months, recording_months_since)
                   values ('Other', '2', :months, now() - interval '2 days')`
    await rows(world.owner.db, other, { months: null })
    await dropOldRecordings({ store: world.broker })
    assert.equal((await kept()).length, 6)
    await rows(
      world.owner.db,
      `update organizations set recording_months = 600 where name = 'Other'`,
    )
    await rows(
      world.owner.db,
      `update organizations set recording_months_since = now() - interval '2 days'`,
    )
    await dropOldRecordings({ store: world.broker })
    assert.equal((await kept()).length, 6)
  })

  it('keeps neither readers nor the recording waiting, and says that it failed', async function () {
    this.timeout(60_000)
    await keepMonths(world, 6)
    // which the store does not end by itself before the drop has given up
    const reader = openStore(world.owner.url, { poolSize: 1, frozenMs: 60_000 })
    const reading = await reader.db.transaction()
    await rows(reading, 'select count(*) from statements')
    const dropping = dropOldRecordings({ store: world.broker }).catch((error: unknown) => error)
    const begun = performance.now()
    await recordStatements(world, first, { at: DateTime.utc().toISO(), count: 1 })
    const took = performance.now() - begun
    const failure = await dropping
    await reading.rollback()
    await reader.close()

    assert.ok(took < 15_000, `a statement waited ${String(took)} ms`)
    assert.match(String(failure), /lock timeout/)
    assert.equal((await kept()).length, 7, 'all of it stays')
    assert.deepEqual(await written('recording.dropped'), [])
    const [failed] = await tasks('task.failed')
    assert.match(failed?.['result'] ?? '', /could not be dropped, and are tried again/)
  })

  it('is the broker to end and no other part, which can drop nothing else', async () => {
    await keepMonths(world, 6)
    for (const store of [world.portal, world.proxy]) {
      await assert.rejects(
        rows(store.db, 'select * from drop_old_recordings()'),
        /permission denied/,
      )
    }
    for (const store of [world.portal, world.proxy, world.broker]) {
      for (const sql of [
        'drop table statements_2025_01',
        'delete from dropped_recordings',
        `update organizations set recording_months_since = now() - interval '9 days'`,
      ]) {
        await assert.rejects(rows(store.db, sql), /permission denied|must be owner/, sql)
      }
    }
    const set = 'update organizations set recording_months = 1'
    await assert.rejects(rows(world.broker.db, set), /permission denied/)
    await rows(world.portal.db, set)
    await dropOldRecordings({ store: world.broker })
    assert.equal((await kept()).length, 6, 'what the portal sets holds a day later')
  })
})
