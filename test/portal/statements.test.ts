import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import type { Statement } from '../../db/statements.ts'
import { presentStatements } from '../../portal/presenters/statements.ts'

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
      assert.equal(row.tag, '-')
      assert.equal(row.time, '-', 'no time that means nothing')
    }
  })

  it('says nothing more where its tag or its error does', () => {
    assert.equal(shown({}).outcome, undefined)
    assert.equal(shown({}).time, '1.5 ms')
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
    const { rows } = presentStatements(
      { statements },
      {
        shown: true,
        href: '/sessions/1',
        zones: { central: 'UTC' },
        connections: [first, second].map((id) => ({ ...known, id })),
      },
    )
    const name = (number: number): string =>
      `Connection ${number}, 10.0.0.7 to shop, opened 2026-11-23 10:00:00 UTC`
    assert.deepEqual(
      rows.map(({ opening }) => opening),
      [name(1), undefined, name(2), name(1)],
    )
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

function shown(changes: Partial<Statement>) {
  const look = { shown: true, href: '/sessions/1', zones: { central: 'UTC' }, connections: [] }
  const [row] = presentStatements({ statements: [statementOf(changes)] }, look).rows
  assert.ok(row)
  return row
}
