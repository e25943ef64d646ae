import assert from 'node:assert/strict'
import { withRecords } from '../../db/audit-download.ts'
import { NO_FILTER, type AuditFilter } from '../../db/audit-filter.ts'
import { countChoices } from '../../db/audit-choices.ts'
import { countExactly, countRecords } from '../../db/audit-counts.ts'
import { searchRecords, type AuditCursor } from '../../db/audit-search.ts'
import { rows } from '../../db/store.ts'
import { openTrail, write, type Trail } from '../support/trail.ts'

const ALL: AuditFilter = { ...NO_FILTER, view: 'all' }

describe('paging through the trail', () => {
  let trail: Trail

  before(async () => {
    trail = await openTrail()
  })

  after(() => trail.close())

  it('shows every record once across equal milliseconds, while new ones arrive', async () => {
    const twins = Array.from({ length: 25 }, (_, index) => ({
      at: `2026-11-23T10:00:00.00${String(Math.floor(index / 9))}Z`,
      actor: `a${String(index)}`,
    }))
    await write(trail, twins)
    const seen: string[] = []
    let cursor: AuditCursor | undefined
    do {
      const page = await searchRecords(trail.portal.db, trail.audrey, NO_FILTER, {
        cursor,
        size: 4,
      })
      assert.ok(page.records.length <= 4)
      seen.push(...page.records.map(({ actor }) => actor))
      await write(trail, [{ at: '2026-11-23T11:00:00.000Z', actor: 'late' }])
      cursor = page.next
    } while (cursor)
    const expected = [...twins.keys()].reverse()
    assert.deepEqual(
      seen,
      expected.map((index) => `a${String(index)}`),
    )
  })

  it('has no next page after a page that is exactly full', async () => {
    const filter: AuditFilter = { ...NO_FILTER, actor: 'a*' }
    const page = await searchRecords(trail.portal.db, trail.audrey, filter, { size: 25 })
    assert.equal(page.records.length, 25)
    assert.equal(page.next, undefined)
  })

  it('reads a download at one moment: its count is the number of its rows', async () => {
    let rowsRead = 0
    let counted = 0
    await withRecords(
      trail.portal,
      { scope: trail.audrey, filter: ALL },
      async ({ count, records }) => {
        counted = count
        await write(trail, [{ at: '2026-11-23T12:00:00.000Z' }])
        for await (const batch of records) rowsRead += batch.length
      },
    )
    assert.ok(counted > 25)
    assert.equal(rowsRead, counted)
    assert.equal(await countExactly(trail.portal.db, trail.audrey, ALL), counted + 1)
  })

  it('reaches back beyond all its months, for a page, a count and a file', async () => {
    await write(trail, [
      { at: '2012-02-29T10:00:00.000Z', actor: 'ancient' },
      { at: '2024-08-01T00:00:00.000Z', actor: 'ancient' },
    ])
    const filter: AuditFilter = { ...NO_FILTER, actor: 'ancient' }
    const { records } = await searchRecords(trail.portal.db, trail.audrey, filter)
    assert.deepEqual(
      records.map(({ at }) => at.year),
      [2024, 2012],
    )
    assert.equal(await countRecords(trail.portal.db, trail.audrey, filter), 2)
    assert.equal((await countChoices(trail.portal.db, trail.audrey, filter))?.matching, 2)
    const years: number[] = []
    await withRecords(trail.portal, { scope: trail.audrey, filter }, async (opened) => {
      for await (const batch of opened.records) years.push(...batch.map(({ at }) => at.year))
      assert.equal(opened.count, 2)
    })
    assert.deepEqual(years, [2024, 2012])
    const whole = await searchRecords(trail.portal.db, trail.audrey, ALL, { size: 1_000 })
    assert.equal(whole.records.at(-1)?.actor, 'ancient')
  })

  it('counts to 10,000 and then says only that there are more', async () => {
    await rows(
      trail.store.owner.db,
      `insert into records (at, event_id, organization_id, action, area, scope, state, actor_name, outcome, body)
       select timestamptz '2026-10-01Z' + n * interval '1 millisecond', gen_random_uuid(),
              cast(:organization as uuid), 'session.created', 'sessions', 'session', 'CREATED', 'many', 'ok', '{}'
         from generate_series(1, 10050) n`,
      { organization: trail.audrey.organization.id },
    )
    const filter: AuditFilter = { ...NO_FILTER, actor: 'many' }
    assert.equal(await countRecords(trail.portal.db, trail.audrey, filter), 10_001)
    assert.equal(await countExactly(trail.portal.db, trail.audrey, filter), 10_050)
    const choices = await countChoices(trail.portal.db, trail.audrey, filter)
    assert.equal(choices?.matching, 10_001)
    assert.equal(choices.states.get('CREATED'), 10_001)
    assert.equal(choices.states.get('DENIED'), 0)
    assert.deepEqual([...choices.areas], [['sessions', 10_001]])
  })
})
