import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import type { Statement } from '../../db/statements.ts'
import { presentRows } from '../../portal/presenters/statements.ts'

const AT = DateTime.fromISO('2026-11-23T10:00:00.000Z', { zone: 'utc' })

describe('a statement on the page of its session', () => {
  it('says in words how it ended where it has neither tag nor error', () => {
    for (const [outcome, word] of [
      ['aborted', /^Aborted: the connection ended before its answer$/],
      ['skipped', /^Skipped: not run/],
      ['unknown', /^Outcome unknown/],
    ] as const) {
      const row = shown({ outcome, tag: null, rows: null, milliseconds: 0 })
      assert.match(row.outcome ?? '', word)
      assert.equal(row.tag, '')
      assert.equal(row.marks.length, 1, 'a word and a sign')
      assert.equal(row.took, '-', 'no time that means nothing')
    }
  })

  it('says of what was done in a batch whose end nobody saw that it may not have lasted', () => {
    const { outcome } = shown({ outcome: 'unknown', tag: 'INSERT 0 1', transaction: null })
    assert.equal(outcome, 'Outcome unknown: done, and whether it lasted was not seen')
  })

  it('says nothing more where its tag or its error does', () => {
    assert.equal(shown({}).outcome, undefined)
    assert.equal(shown({}).took, '1.5 ms')
    const failed = shown({ outcome: 'error', tag: null, sqlstate: '42P01', message: 'no table' })
    assert.equal(failed.outcome, undefined)
    assert.equal(failed.error, '42P01 no table')
  })

  it('says which statement of a longer text it was', () => {
    assert.equal(shown({ part: 1, partOf: 4, number: 4 }).part, undefined)
    assert.equal(shown({ part: 2, partOf: 4, number: 5 }).part, 'Part 2 of the text sent as No. 4')
  })

  it('says that what succeeded was undone', () => {
    assert.equal(shown({ rolledBack: true }).outcome, 'Rolled back by a later error')
  })

  it('stands below the name of its connection, as numbers begin anew with each', () => {
    assert.ok(AT.isValid)
    const first = '0190f2a8-0000-7000-8000-000000000001'
    const second = '0190f2a8-0000-7000-8000-000000000002'
    const known = {
      database: 'shop',
      clientIp: '10.0.0.7',
      applicationName: '',
      backendPid: 1,
      openedAt: AT,
      closedAt: null,
      closeReason: null,
    }
    const statements = [first, first, second, first].map((connection, place) =>
      statementOf({ connection, number: place + 1 }),
    )
    const rows = presentRows(statements, {
      ...FRAME,
      connections: [first, second].map((id) => ({ ...known, id })),
    })
    const name = (number: number): string =>
      `Connection ${number}, 10.0.0.7 to shop, opened 2026-11-23 10:00:00 UTC`
    assert.deepEqual(
      rows.map(({ opening }) => opening),
      [name(1), undefined, name(2), name(1)],
    )
  })

  it('says the day where another one begins, in Central Manager’s zone, with its offset', () => {
    const at = (text: string): Statement => {
      const startedAt = DateTime.fromISO(text, { zone: 'utc' })
      assert.ok(startedAt.isValid)
      return statementOf({ startedAt })
    }
    // summer time ends between the second and the third
    const statements = [
      '2026-10-24T21:59:59.999Z',
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T01:00:00.000Z',
    ]
    const rows = presentRows(statements.map(at), { ...FRAME, zones: { central: 'Europe/Warsaw' } })
    assert.deepEqual(
      rows.map(({ day, time }) => [day, time]),
      [
        ['2026-10-24, UTC +2', '23:59:59.999'],
        ['2026-10-25, UTC +2', '00:00:00.000'],
        ['2026-10-25, UTC +1', '02:00:00.000'],
      ],
    )
  })

  it('is marked by a word for an error, a write and DDL, each alone', () => {
    const words = (changes: Partial<Statement>) => shown(changes).marks.map(({ word }) => word)
    assert.deepEqual(words({}), [])
    assert.deepEqual(words({ tag: 'INSERT 0 1' }), ['Write'])
    assert.deepEqual(words({ tag: 'DROP TABLE' }), ['DDL'])
    const failed = { outcome: 'error', sqlstate: '42P01', tag: null } as const
    assert.deepEqual(words({ ...failed, text: 'drop table t' }), ['Error', 'DDL'])
    assert.deepEqual(words({ tag: 'UPDATE 1', rolledBack: true }), ['Rolled back', 'Write'])
    assert.deepEqual(words({ kind: 'gap', outcome: 'unknown', tag: null }), ['Gap'])
  })

  it('is a gap where a gap is, and no SQL', () => {
    const gap = shown({ kind: 'gap', outcome: 'unknown', tag: null, text: 'lost: select all' })
    assert.equal(gap.isGap, true)
    assert.deepEqual(gap.beginning, [{ kind: 'plain', text: 'lost: select all' }])
    assert.deepEqual([gap.rows, gap.took], ['-', '-'])
  })

  it('shows what a COPY carried, with its SHA-256', () => {
    const copied = shown({ kind: 'copy in', tag: 'COPY 3', bytes: 1_204, copyDigest: 'ab12' })
    assert.equal(copied.copied, 'COPY carried 1,204 bytes into the data source')
    assert.equal(copied.copyDigest, 'ab12')
    assert.equal(shown({}).copied, undefined)
  })

  it('folds a long text and many values; the rest is a click away, the whole a page', () => {
    const text = `select '${'x'.repeat(100_000)}'`
    const values = Array.from({ length: 300 }, (_, place) => 'v'.repeat(place))
    const row = shown({ text, textBytes: text.length, values })
    assert.ok(row.isCut)
    assert.ok(row.beginning.map((span) => span.text).join('').length < 1_000)
    assert.equal(row.restText, 'The rest, 100,009 bytes in all')
    const page = presentRows(
      Array.from({ length: 100 }, () => statementOf({ text })),
      FRAME,
    )
    const shownOf = ({ beginning, rest }: (typeof page)[number]): number =>
      [...beginning, ...rest].reduce((sum, span) => sum + span.text.length, 0)
    assert.ok(page.reduce((sum, one) => sum + shownOf(one), 0) < 300_000, 'a page has an end')
    assert.deepEqual([row.values.length, row.moreValues.length], [10, 90])
    assert.equal(row.moreValuesText, '290 more values, 200 of them on its own page')
    assert.equal(
      presentRows([statementOf({ values: ['v'.repeat(300)] })], FRAME)[0]?.values[0],
      `'${'v'.repeat(200)}' … (300 characters)`,
    )
  })

  it('lets no quote within a value pass for its end, whole or cut', () => {
    const cut = { text: `a'; b 😀`.slice(0, -1), bytes: 900, sha256: 'ab12' }
    const [row] = presentRows([statementOf({ values: [`a'; b`, cut] })], FRAME)
    assert.deepEqual(row?.values, [`'a''; b'`, `'a''; b ' … (900 bytes)`])
  })
})

function statementOf(changes: Partial<Statement>): Statement {
  assert.ok(AT.isValid)
  return {
    number: 1,
    connection: '0190f2a8-0000-7000-8000-000000000001',
    text: 'select 1',
    textBytes: 8,
    textDigest: null,
    values: [],
    kind: 'query',
    part: 1,
    partOf: 1,
    startedAt: AT,
    milliseconds: 1.5,
    tag: 'SELECT 1',
    rows: 1,
    bytes: 8,
    copyDigest: null,
    sqlstate: null,
    message: null,
    outcome: 'ok',
    transaction: 'I',
    rolledBack: false,
    ...changes,
  }
}

const FRAME = { href: '/sessions/1', zones: { central: 'UTC' }, connections: [] }

function shown(changes: Partial<Statement>) {
  const [row] = presentRows([statementOf(changes)], FRAME)
  assert.ok(row)
  return row
}
