import pg from 'pg'
import { conditionsOf } from '../../db/audit-conditions.ts'
import type { AuditFilter } from '../../db/audit-filter.ts'
import { asked, leading, payloadIn } from '../../db/audit-matching.ts'
import { PAGE_SIZE, searchRecords, type AuditCursor } from '../../db/audit-search.ts'
import { windowBindings, windowOf } from '../../db/audit-windows.ts'
import { readAuditForm } from '../../portal/forms/audit-filter.ts'
import { placeText } from '../../portal/forms/audit-cursor.ts'
import type { Visitor } from '../../test/support/visitor.ts'
import type { Timing } from './figures.ts'
import type { Search } from './searches.ts'
import type { AuditWorld } from './world.ts'

/** Those who ask: a person at a browser, a program, and someone with nothing but SQL. */
export interface Readers {
  readonly world: AuditWorld
  readonly visitor: Visitor
  readonly sql: pg.Client
  close(): Promise<void>
}

/** A statement that can be run again. */
interface Statement {
  readonly sql: string
  readonly bindings: readonly unknown[]
}

/** The way to a deep page is not what is timed. */
const PAGES_A_STEP = 10

const SEARCHING =
  'set max_parallel_workers_per_gather = 0; set jit = off; set random_page_cost = 1.1'
/** A plain statement that takes longer than ours, cold as it may be, is not what a page is held against. */
const PLAIN_DEADLINE = { times: 4, plusMs: 100 }

/** Signs an auditor in and opens a connection for bare SQL. */
export async function openReaders(world: AuditWorld): Promise<Readers> {
  const sql = new pg.Client({ connectionString: world.store.url })
  await sql.connect()
  await sql.query(SEARCHING)
  return { world, visitor: await world.visit(), sql, close: () => sql.end() }
}

/** The page of a search as its reader gets it. Errors: another answer than the page. */
export async function openPage(
  { visitor }: Pick<Readers, 'visitor'>,
  query: Search['query'],
): Promise<void> {
  const address = `/audit?${new URLSearchParams(query).toString()}`
  const { status } = await visitor.get(address)
  if (status !== 200) throw new Error(`${address} answered ${String(status)}`)
}

/**
 * Times one search in turns; the first turn warms every reader and does not count. Where no page is
 * `drawn`, the API's answer stands for it.
 */
export async function timeSearch(
  readers: Readers,
  { name, query }: Search,
  { rounds, cursor, drawn = true }: { rounds: number; cursor?: AuditCursor; drawn?: boolean },
): Promise<Timing> {
  const { filter, mistakes } = readAuditForm(query, { central: 'UTC' })
  if (Object.keys(mistakes).length > 0) throw new Error(`${name}: ${JSON.stringify(mistakes)}`)
  const place = cursor && { cursor: placeText({ ...cursor, position: 100_000 }) }
  const whole = { ...query, ...place }
  const bare = await fasterOf(readers, filter, cursor)
  const timing = { name, page: [] as number[], answer: [] as number[], bare: [] as number[] }
  for (let round = 0; round <= rounds; round += 1) {
    const answer = await took(() => ask(readers, whole))
    const page = drawn ? await took(() => openPage(readers, whole)) : answer
    const sql = await took(() => replay(readers.sql, bare))
    if (round === 0) continue
    timing.page.push(page)
    timing.answer.push(answer)
    timing.bare.push(sql)
  }
  return timing
}

/** The place after so many pages of a search. */
export async function walkTo(
  { world }: Readers,
  { query }: Search,
  pages: number,
): Promise<AuditCursor | undefined> {
  const { filter } = readAuditForm(query, { central: 'UTC' })
  let cursor: AuditCursor | undefined
  for (let page = 0; page < pages; page += PAGES_A_STEP) {
    const size = PAGE_SIZE * PAGES_A_STEP
    const { next } = await searchRecords(world.store.db, world.audrey, filter, { cursor, size })
    if (next === undefined) return cursor
    cursor = next
  }
  return cursor
}

/** Milliseconds that some work took. */
export async function took(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

async function ask({ world }: Readers, query: Search['query']): Promise<void> {
  const address = new URLSearchParams(query).toString()
  const answer = await fetch(`${world.portalUrl}/api/v1/audit?${address}`, {
    headers: { authorization: `Bearer ${world.token}` },
  })
  await answer.arrayBuffer()
  if (!answer.ok) throw new Error(`the API answered ${String(answer.status)} to ${address}`)
}

/** What finds these rows with SQL alone: the statements of a search, or a plain one where that is faster. */
async function fasterOf(
  readers: Readers,
  filter: AuditFilter,
  cursor: AuditCursor | undefined,
): Promise<readonly Statement[]> {
  const ours = await statementsOf(readers.world, filter, cursor)
  const plain = [plainStatement(readers.world, filter, cursor)]
  await replay(readers.sql, ours)
  const oursTook = await took(() => replay(readers.sql, ours))
  try {
    const deadline = Math.ceil(PLAIN_DEADLINE.times * oursTook + PLAIN_DEADLINE.plusMs)
    await readers.sql.query(`set statement_timeout = ${String(deadline)}`)
    await replay(readers.sql, plain)
    return (await took(() => replay(readers.sql, plain))) < oursTook ? plain : ours
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === '57014') return ours
    throw error
  } finally {
    await readers.sql.query('set statement_timeout = 0')
  }
}

/** As a person would write it who knows the tables. */
function plainStatement(
  world: AuditWorld,
  filter: AuditFilter,
  cursor: AuditCursor | undefined,
): Statement {
  const conditions = conditionsOf(world.audrey, filter)
  const window = windowOf(filter, cursor?.at)
  const place = { conditions, window }
  const { sql, bindings } = world.store.db
    .raw(
      `select r.body, ${payloadIn(window)} as payload
         from records r
        where ${leading(place)}
          and ${asked(place)}
        order by r.at desc, r.seq desc
        limit ${String(PAGE_SIZE + 1)}`,
      { ...conditions.bindings, ...windowBindings(window) },
    )
    .toSQL()
    .toNative()
  return { sql, bindings }
}

async function statementsOf(
  { store, audrey }: AuditWorld,
  filter: AuditFilter,
  cursor: AuditCursor | undefined,
): Promise<readonly Statement[]> {
  const said: Statement[] = []
  const listen = ({ sql, bindings }: { sql: string; bindings?: readonly unknown[] }): void => {
    if (bindings !== undefined && bindings.length > 0) said.push({ sql, bindings })
  }
  store.db.on('query', listen)
  try {
    await searchRecords(store.db, audrey, filter, { cursor })
  } finally {
    store.db.removeListener('query', listen)
  }
  return said
}

async function replay(client: pg.Client, statements: readonly Statement[]): Promise<void> {
  for (const { sql, bindings } of statements) await client.query(sql, [...bindings])
}
