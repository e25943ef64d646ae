import assert from 'node:assert/strict'
import { auditColumns } from '../../portal/presenters/audit-columns.ts'
import {
  offsetText,
  stamp,
  stampText,
  timeColumn,
  withTimes,
} from '../../portal/presenters/zones.ts'
import { instant } from '../support/trail.ts'

describe('times in a zone', () => {
  const winter = instant('2026-11-23T10:00:00.999Z')
  const summer = instant('2026-07-01T10:00:00Z')

  for (const [zone, expected] of [
    ['UTC', 'UTC'],
    ['Europe/London', 'UTC'],
    ['Europe/Warsaw', 'UTC +1'],
    ['Asia/Kolkata', 'UTC +5:30'],
    ['Asia/Kathmandu', 'UTC +5:45'],
    ['America/Sao_Paulo', 'UTC -3'],
    ['America/St_Johns', 'UTC -3:30'],
    ['Pacific/Kiritimati', 'UTC +14'],
  ] as const) {
    it(`writes the offset of ${zone} as ${expected}`, () => {
      assert.equal(offsetText(winter.setZone(zone)), expected)
      assert.equal(timeColumn(zone, winter).suffix, expected)
    })
  }

  it('puts the offset of now into the heading, and a row under another offset carries its own', () => {
    const column = timeColumn('Europe/Warsaw', winter)
    assert.equal(column.suffix, 'UTC +1')
    assert.equal(stampText(winter, column), '2026-11-23 11:00:00')
    assert.equal(stampText(summer, column), '2026-07-01 12:00:00 UTC +2')
    const inSummer = timeColumn('Europe/Warsaw', summer)
    assert.equal(stampText(winter, inSummer), '2026-11-23 11:00:00 UTC +1')
  })

  it('writes the instants of a sentence, but not those of SQL to be run', () => {
    const sql = `alter role x valid until '2026-11-23T10:00:00.000Z';`
    assert.equal(
      withTimes(`It ran out at 2026-11-23T10:00:00.999Z. Run: ${sql}`, 'Europe/Warsaw'),
      `It ran out at 2026-11-23 11:00:00 UTC +1. Run: ${sql}`,
    )
    assert.equal(
      withTimes('Late: 2026-13-45T10:00:00Z.', 'Europe/Warsaw'),
      'Late: 2026-13-45T10:00:00Z.',
    )
  })

  it('tells the two halves of a repeated hour apart', () => {
    const column = timeColumn('Europe/Warsaw', winter)
    assert.equal(stampText(instant('2026-10-25T00:30:00Z'), column), '2026-10-25 02:30:00 UTC +2')
    assert.equal(stampText(instant('2026-10-25T01:30:00Z'), column), '2026-10-25 02:30:00')
  })

  it('keeps the instant in UTC beside its text, and nothing of nothing', () => {
    const column = timeColumn('Asia/Kolkata', winter)
    assert.deepEqual(stamp(winter, column), {
      iso: '2026-11-23T10:00:00.999Z',
      text: '2026-11-23 15:30:00',
    })
    assert.equal(stamp(null, column), undefined)
  })

  it('spells the headings of a download as the contract does', () => {
    const headings = auditColumns(timeColumn('Europe/Warsaw', winter)).map(({ heading }) => heading)
    assert.deepEqual(headings, [
      'Log Timestamp (UTC +1)',
      'Session ID',
      'Status',
      'Scope',
      'Actor',
      'Requester',
      'Roles',
      'Session Username',
      'Session Start Timestamp (UTC +1)',
      'Session End Timestamp (UTC +1)',
      'Data Source',
      'Reason',
      'Client IP',
      'Log Time UTC',
      'Session Start UTC',
      'Session End UTC',
    ])
  })
})
