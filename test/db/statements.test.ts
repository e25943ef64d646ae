import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { appendStatements, type StatementRow } from '../../db/statement-log.ts'
import { countStatements } from '../../db/statement-counts.ts'
import { orTooLong } from '../../db/statement-filter.ts'
import { cursorTo, listAround, listStatements } from '../../db/statements.ts'
import { getDefaultOrganization } from '../../db/people.ts'
import { openStore, rows } from '../../db/store.ts'
import { GrantedWorld, OPERATOR } from '../support/granted.ts'
import type { SessionId } from '../../lib/ids.ts'
import type { PersonScope } from '../../db/scope.ts'
import { listPeople } from '../../db/people.ts'
import { listConnections } from '../../db/connections.ts'

describe('the recording in the store', () => {
  let world: GrantedWorld
  let id: SessionId
  const connection = randomUUID()

  before(async () => {
    world = await GrantedWorld.make()
    id = (await world.grant()).id
  })
  after(() => world.close())

  function row(number: number, more: Partial<StatementRow> = {}): StatementRow {
    return {
      sessionId: id,
      organizationId: '01900000-0000-7000-8000-000000000002',
      connectionId: connection,
      number,
      part: 1,
      partOf: number,
      kind: 'extended',
      text: `select ${String(number)}`,
      textBytes: 8,
      textDigest: null,
      values: [],
      statementName: '',
      portalName: null,
      startedAt: 1_780_000_000_000 + number,
      milliseconds: 1.5,
      tag: 'SELECT 1',
      rows: 1,
      bytes: 11,
      copyDigest: null,
      sqlstate: null,
      message: null,
      outcome: 'ok',
      transaction: 'I',
      rolledBack: false,
      ...more,
    }
  }

  it('comes back as it was written, NULL apart from the empty text, long values cut', async () => {
    const long = { text: 'begin', bytes: 9_000_000_000, sha256: 'ab' }
    const values = ['', null, 'ż\u0000"\\', long]
    await appendStatements(world.store.db, [row(1, { values, text: `select '\u0000'` })])
    const { statements, next } = await listStatements(world.store.db, OPERATOR, id)
    assert.equal(next, undefined)
    const [read] = statements
    assert.deepEqual(read?.values, ['', null, 'ż\u2400"\\', long])
    assert.equal(read.text, `select '\u2400'`)
    assert.equal(read.startedAt.toMillis(), 1_780_000_000_001)
    assert.equal(read.milliseconds, 1.5)
    assert.equal(read.connection, connection)
  })

  it('holds a statement once, however often it is appended', async () => {
    await appendStatements(world.store.db, [row(1, { text: 'another' }), row(2)])
    await appendStatements(world.store.db, [row(2), row(3)])
    const { statements } = await listStatements(world.store.db, OPERATOR, id)
    assert.deepEqual(
      statements.map(({ number }) => number),
      [1, 2, 3],
    )
    assert.notEqual(statements[0]?.text, 'another')
  })

  it('is read in pages that leave nothing out', async () => {
    await appendStatements(
      world.store.db,
      Array.from({ length: 25 }, (_, index) => row(index + 4)),
    )
    const seen: number[] = []
    let after: string | undefined
    do {
      const page = await listStatements(world.store.db, OPERATOR, id, {
        limit: 10,
        ...(after === undefined ? {} : { after }),
      })
      seen.push(...page.statements.map(({ number }) => number))
      after = page.next
    } while (after !== undefined)
    assert.deepEqual(
      seen,
      Array.from({ length: 28 }, (_, index) => index + 1),
    )
  })

  it('takes a cursor of nobody’s for the beginning', async () => {
    const { statements } = await listStatements(world.store.db, OPERATOR, id, {
      after: 'x',
      limit: 1,
    })
    assert.equal(statements[0]?.number, 1)
  })

  it('gives a search up that takes too long, in a sentence', async () => {
    const overdue = new pg.DatabaseError('canceling statement', 0, 'error')
    overdue.code = '57014'
    await assert.rejects(
      orTooLong(() => Promise.reject(overdue)),
      { code: 'search_too_broad' },
    )
    await assert.rejects(
      orTooLong(() => Promise.reject(new Error('another'))),
      /another/,
    )
  })

  it('begins a page with a statement, and shows those around one', async () => {
    const all = (await listStatements(world.store.db, OPERATOR, id)).statements
    const [, , third] = all
    assert.ok(third)
    const after = cursorTo(third)
    const [first] = (await listStatements(world.store.db, OPERATOR, id, { after })).statements
    assert.equal(first?.number, third.number)
    const around = { connection, number: 3, each: 2 }
    const found = await listAround(world.store.db, OPERATOR, id, around)
    assert.deepEqual(
      found.map(({ number }) => number),
      [1, 2, 3, 4, 5],
    )
    assert.deepEqual(await listAround(world.store.db, OPERATOR, id, { ...around, number: 900 }), [])
  })

  it('is hidden from people who may not see the session, and shown to its requester', async () => {
    const organization = await getDefaultOrganization(world.store.db)
    const stranger = (await world.grant()).id
    const people = await listPeople(world.store.db, OPERATOR)
    const scopes = people.map((person): PersonScope => ({ kind: 'person', organization, person }))
    const counts = await Promise.all(
      scopes.map(async (scope) => {
        const { statements } = await listStatements(world.store.db, scope, id)
        const own = await listConnections(world.store.db, scope, stranger)
        return [scope.person.username, statements.length > 0, own.length]
      }),
    )
    assert.deepEqual(counts, [
      ['mark', true, 0],
      ['mark2', false, 0],
    ])
  })

  it('finds writes among many that only look like one, in pages that leave nothing out', async () => {
    const other = (await world.grant()).id
    const searched = randomUUID()
    const many = Array.from({ length: 700 }, (_, place): StatementRow => {
      const isWrite = place % 100 === 99
      const text = isWrite ? 'delete from t' : `select 'insert into t' -- ${String(place)}`
      const tag = isWrite ? 'DELETE 1' : 'SELECT 1'
      return { ...row(place + 1), sessionId: other, connectionId: searched, text, tag }
    })
    await appendStatements(world.store.db, many)
    const filter = { only: 'writes', q: null, connection: null } as const
    const seen: number[] = []
    for (let after: string | undefined, pages = 0; pages < 10; pages += 1) {
      const place = { limit: 3, filter, ...(after === undefined ? {} : { after }) }
      const page = await listStatements(world.store.db, OPERATOR, other, place)
      seen.push(...page.statements.map(({ number }) => number))
      after = page.next
      if (after === undefined) break
    }
    assert.deepEqual(seen, [100, 200, 300, 400, 500, 600, 700])
    const counts = await countStatements(world.store.db, OPERATOR, other)
    assert.deepEqual([...(counts ?? [])], [[searched, { statements: 700, errors: 0 }]])
  })

  it('looks what failed up in an index, however many did not', async () => {
    const { db } = world.store
    const { id: other } = await world.grant()
    const failed = { sessionId: other, sqlstate: '23505', outcome: 'error' }
    await appendStatements(db, [{ ...row(1, failed), connectionId: randomUUID() }])
    await rows(
      db,
      `insert into statements (session_id, organization_id, connection_id, number, part, part_of, kind, text, text_bytes,
                               started_at, outcome)
       select session_id, organization_id, connection_id, number + n, part, part_of, kind, text, text_bytes,
              started_at + n * interval '1 millisecond', 'ok'
         from statements,
              generate_series(1, 5000) n
        where session_id = :other`,
      { other },
    )
    await db.raw('analyze statements')
    const said: { readonly sql: string; readonly bindings: readonly unknown[] }[] = []
    const listen = (query: (typeof said)[number]): number => said.push(query)
    db.on('query', listen)
    const filter = { only: 'errors', q: null, connection: null } as const
    const { statements } = await listStatements(db, OPERATOR, other, { filter })
    db.removeListener('query', listen)
    assert.equal(statements.length, 1)
    const search = said.find(({ sql }) => sql.includes('from statements s'))
    assert.ok(search)
    const client = new pg.Client({ connectionString: world.store.url })
    await client.connect()
    const plan = await client.query(`explain ${search.sql}`, [...search.bindings])
    await client.end()
    assert.match(
      JSON.stringify(plan.rows),
      /Index Scan \S* \S*_session_id_started_at_connection_id/,
    )
  })

  it('can be added to by the proxy’s login, never changed or removed', async () => {
    const proxy = openStore(world.proxyUrl, { poolSize: 1 })
    await appendStatements(proxy.db, [row(40)])
    for (const sql of ['update statements set text = null', 'delete from statements']) {
      await assert.rejects(proxy.db.raw(sql), /permission denied/)
    }
    await proxy.close()
  })
})
