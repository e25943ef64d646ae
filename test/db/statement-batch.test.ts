import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { StatementBatch } from '../../db/statement-batch.ts'
import { StatementCopy } from '../../db/statement-copy.ts'
import { appendStatements, type StatementRow } from '../../db/statement-log.ts'
import { rowsOf } from '../../db/statement-slice.ts'
import { rows } from '../../db/store.ts'
import { createStore, type TestStore } from '../support/store.ts'

const LONE = '\ud800'

function rowOf(fields: Partial<StatementRow>): StatementRow {
  return {
    sessionId: '7',
    organizationId: '0198c1f0-0000-7000-8000-000000000001',
    connectionId: randomUUID(),
    number: 1,
    part: 1,
    partOf: 1,
    kind: 'simple',
    text: 'select 1',
    textBytes: 8,
    textDigest: null,
    values: [],
    statementName: null,
    portalName: null,
    startedAt: Date.UTC(2026, 5, 1, 10, 0, 0, 123),
    milliseconds: 1.25,
    tag: 'SELECT 1',
    rows: 1,
    bytes: 11,
    copyDigest: null,
    sqlstate: null,
    message: null,
    outcome: 'ok',
    transaction: 'I',
    rolledBack: false,
    ...fields,
  }
}

/** Of everything that is written in another way: what is long, what is not ASCII, what is far away. */
const ODDITIES: readonly Partial<StatementRow>[] = [
  {},
  { text: '', statementName: '', portalName: '', tag: '' },
  { text: 'tab\there\nand "quotes" \\ \u0001 \u007f', message: 'ü 🎈' },
  { text: `a NUL \0 in it`, statementName: '\0', values: ['\0', 'plain'] },
  {
    text: 'x'.repeat(127),
    tag: 'x'.repeat(128),
    message: 'x'.repeat(129),
    portalName: 'x'.repeat(5000),
  },
  { text: `${'x'.repeat(126)}ü`, message: 'ü'.repeat(500), statementName: LONE },
  { values: ['one', null, '', '2'] },
  { values: [null] },
  { values: ['a "quoted" one'] },
  { values: ['back\\slash'] },
  { values: ['tab\t'] },
  { values: ['the last of ASCII: \u007f', '\u0001'] },
  { values: ['"', '\\', '\n', 'ü', 'x'.repeat(128), 'x'.repeat(129), 'x'.repeat(70_000)] },
  { values: [{ text: 'the beginning', bytes: 9e9, sha256: 'ab'.repeat(32) }, 'and', null] },
  { values: Array.from({ length: 3000 }, (_, n) => `value ${String(n)}`) },
  { number: 2 ** 31, partOf: 2 ** 32, textBytes: 2 ** 40, part: 2 ** 31 - 1 },
  { rows: Number.MAX_SAFE_INTEGER, bytes: 2 ** 32 - 1 },
  { rows: null, bytes: null, milliseconds: null, tag: null, transaction: null },
  { rows: 0, bytes: -1, milliseconds: 1e-300 },
  { startedAt: 0 },
  { startedAt: Date.UTC(1969, 6, 20, 20, 17, 40, 5) },
  { startedAt: Date.UTC(2026, 11, 31, 23, 59, 59, 999) + 0.75 },
  { sqlstate: '22012', message: 'division by zero', outcome: 'error', rolledBack: true },
  { copyDigest: 'cd'.repeat(32), textDigest: 'ef'.repeat(32), kind: 'copy in' },
  { sessionId: '999999999999999999' },
]

describe('a batch of statements', () => {
  let store: TestStore
  let copy: StatementCopy

  before(async () => {
    store = await createStore()
    copy = new StatementCopy(store.partUrls.proxy)
  })
  after(async () => {
    await copy.close()
    await store.close()
  })

  function batchOf(told: readonly StatementRow[]): StatementBatch {
    const batch = new StatementBatch()
    for (const row of told) batch.add(row)
    return batch
  }

  const inStore = (connections: readonly string[]) =>
    rows<Record<string, unknown>>(
      store.owner.db,
      `select to_jsonb(s) - 'connection_id' as row
         from statements s
        where connection_id = any (cast(:connections as uuid[]))
        order by array_position(cast(:connections as uuid[]), connection_id)`,
      { connections },
    )

  it('is to COPY, column by column, what its rows are to INSERT', async () => {
    const copied = ODDITIES.map(rowOf)
    const inserted = ODDITIES.map(rowOf)
    const { slices, odd } = batchOf(copied)
    assert.equal(odd.length, 0)
    for (const slice of slices) await copy.copy(slice)
    // JSON, unlike UTF-8, says half a character as it is, and PostgreSQL refuses that
    const sayable = inserted.map((row) =>
      row.statementName === LONE ? { ...row, statementName: '\ufffd' } : row,
    )
    await appendStatements(store.owner.db, sayable)
    const [one, other] = await Promise.all(
      [copied, inserted].map((told) => inStore(told.map(({ connectionId }) => connectionId))),
    )
    assert.equal(one?.length, ODDITIES.length)
    assert.deepEqual(one, other)
  })

  it('gives its rows back', () => {
    const told = ODDITIES.map(rowOf)
    const shown = (text: string | null) =>
      text?.replaceAll('\0', '\u2400').replace(LONE, '\ufffd') ?? null
    assert.deepEqual(
      batchOf(told).slices.flatMap((slice) => rowsOf(slice)),
      told.map((row) => ({
        ...row,
        text: shown(row.text),
        statementName: shown(row.statementName),
        values: row.values.map((value) => (typeof value === 'string' ? shown(value) : value)),
        startedAt: Math.trunc(row.startedAt),
      })),
    )
  })

  it('keeps apart what the format can’t say, with nothing of it among the others', () => {
    const whole = rowOf({})
    const odd = [
      rowOf({ bytes: 1e23 }),
      rowOf({ rows: 0.5 }),
      rowOf({ number: Number.NaN }),
      rowOf({ part: 2 ** 31 }),
      rowOf({ organizationId: 'nobody' }),
      rowOf({ sessionId: 'none' }),
      rowOf({ startedAt: 1e300 }),
    ]
    const batch = batchOf([whole, ...odd, whole])
    assert.equal(batch.count, 9)
    assert.deepEqual(batch.odd, odd)
    assert.deepEqual(
      batch.slices.flatMap((slice) => rowsOf(slice)),
      [whole, whole],
    )
  })

  it('tells rows of one connection by the session that each says it is of', () => {
    const one = rowOf({})
    const told = [one, { ...one, sessionId: '8' }, { ...one, organizationId: randomUUID() }, one]
    assert.deepEqual(
      batchOf(told).slices.flatMap((slice) => rowsOf(slice)),
      told,
    )
  })

  it('is cut where the store would have too much at once, and used again and again', () => {
    const batch = new StatementBatch()
    const long = 'x'.repeat(3 * 1024 * 1024)
    for (let round = 0; round < 3; round += 1) {
      const told = [
        rowOf({}),
        rowOf({ text: long }),
        rowOf({ text: long }),
        rowOf({ number: 4 + round }),
      ]
      for (const row of told) batch.add(row)
      const read = batch.slices.map((slice) => rowsOf(slice))
      assert.deepEqual(
        read.map(({ length }) => length),
        [2, 2],
      )
      // not by deepEqual, which would print them
      assert.ok(JSON.stringify(read.flat()) === JSON.stringify(told))
      batch.clear()
      assert.deepEqual([batch.count, batch.bytes, batch.slices.length], [0, 0, 0])
    }
  })
})
