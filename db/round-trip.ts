import pg from 'pg'
import { storable } from './canonical.ts'
import { nameOf, typeParser, type Db } from './store.ts'

/** One of several statements that go to the store together. */
export interface Step {
  readonly sql: string
  readonly bindings: Readonly<Record<string, Value>>
}

export type Value = string | number | null | readonly string[]
type Rows = readonly Readonly<Record<string, unknown>>[]

/** A step as PostgreSQL takes it, with $1 for the first value. */
interface Prepared {
  readonly name: string
  readonly text: string
  readonly values: readonly string[]
  /** Of its rows: the same each time, so they are asked for once. */
  columns?: readonly Column[]
}

interface Column {
  readonly name: string
  readonly parse: (text: string) => unknown
}

/** `:name`, and not the second colon of a cast. */
const BINDING = /(?<![:\w]):(\w+)/g
/** What has a backslash in front within an array's text (manual, "Array Input and Output Syntax"). */
const QUOTED = /["\\]/g
const PREPARED = new Map<string, Prepared>()
/** Which statements a connection has surely planned. */
const PLANNED = new WeakMap<pg.Connection, Set<string>>()

/**
 * Runs statements in one transaction and one round trip: all of it lands or none of it, and each sees
 * what others have committed before it began, so that one behind a lock counts what the lock guards. None
 * can be told what one before it answered. Each is planned once per connection. Returns the rows of each.
 */
export async function inOneRoundTrip<Row extends readonly unknown[]>(
  db: Db,
  steps: { readonly [At in keyof Row]: Step },
): Promise<{ readonly [At in keyof Row]: readonly Row[At][] }>
export async function inOneRoundTrip(db: Db, steps: readonly Step[]): Promise<readonly Rows[]> {
  const asked = steps.map(({ sql, bindings }) => {
    const prepared = prepare(sql, bindings)
    return { prepared, values: prepared.values.map((name) => wireText(bindings[name] ?? null)) }
  })
  const pool = poolOf(db)
  const client = await pool.acquireConnection()
  try {
    if (!(client instanceof pg.Client)) throw new Error('a pool of something else')
    return await new Promise((resolve, reject) => {
      client.query(new RoundTrip(asked, { resolve, reject }))
    })
  } finally {
    await pool.releaseConnection(client)
  }
}

interface Asked {
  readonly prepared: Prepared
  readonly values: (string | null)[]
}

interface Outcome {
  readonly resolve: (rows: readonly Rows[]) => void
  readonly reject: (error: unknown) => void
}

interface Field {
  readonly name: string
  readonly dataTypeID: number
}

/** What node-postgres calls back; the steps share one Sync, which makes them one transaction. */
class RoundTrip implements pg.Submittable {
  readonly #asked: readonly Asked[]
  readonly #outcome: Outcome
  /** The last are of the step that is being answered. */
  readonly #rows: Record<string, unknown>[][] = [[]]
  #planned: Set<string> | undefined

  constructor(asked: readonly Asked[], outcome: Outcome) {
    this.#asked = asked
    this.#outcome = outcome
  }

  submit(connection: pg.Connection): void {
    const planned = PLANNED.get(connection) ?? new Set()
    PLANNED.set(connection, planned)
    this.#planned = planned
    connection.stream.cork()
    for (const { prepared, values } of this.#asked) {
      const { name, text } = prepared
      if (!planned.has(name)) {
        // one that failed may have come this far: closing what is not there is no error
        connection.close({ type: 'S', name }, true)
        connection.parse({ name, text, types: [] }, true)
      }
      connection.bind({ statement: name, values }, true)
      if (prepared.columns === undefined) connection.describe({ type: 'P', name: '' }, true)
      connection.execute(null, true)
    }
    connection.sync()
    connection.stream.uncork()
  }

  handleRowDescription({ fields }: { readonly fields: readonly Field[] }): void {
    const columns = fields.map(({ name, dataTypeID }) => ({ name, parse: typeParser(dataTypeID) }))
    const asked = this.#asked[this.#rows.length - 1]
    if (asked) asked.prepared.columns = columns
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    const columns = this.#asked[this.#rows.length - 1]?.prepared.columns ?? []
    const row: Record<string, unknown> = {}
    for (const [index, { name, parse }] of columns.entries()) {
      const text = fields[index] ?? null
      row[name] = text === null ? null : parse(text)
    }
    this.#rows.at(-1)?.push(row)
  }

  handleCommandComplete(): void {
    this.#rows.push([])
  }

  handleError(error: unknown): void {
    this.#outcome.reject(error)
  }

  handleReadyForQuery(): void {
    for (const { prepared } of this.#asked) this.#planned?.add(prepared.name)
    this.#outcome.resolve(this.#rows.slice(0, this.#asked.length))
  }
}

function prepare(sql: string, bindings: Step['bindings']): Prepared {
  const known = PREPARED.get(sql)
  if (known) return known
  const values: string[] = []
  const text = sql.replaceAll(BINDING, (found, name: string) => {
    // a time's format has colons, too
    if (!(name in bindings)) return found
    if (!values.includes(name)) values.push(name)
    return `$${values.indexOf(name) + 1}`
  })
  const prepared: Prepared = { name: nameOf(text), text, values }
  PREPARED.set(sql, prepared)
  return prepared
}

function wireText(value: Value): string | null {
  if (value === null) return null
  if (typeof value === 'string') return storable(value)
  if (typeof value === 'number') return String(value)
  return `{${value.map((item) => `"${storable(item).replaceAll(QUOTED, '\\$&')}"`).join(',')}}`
}

interface Pool {
  acquireConnection(): Promise<unknown>
  releaseConnection(connection: unknown): Promise<unknown>
}

/** Knex's own way to a connection of its pool, which its types leave open. */
function poolOf(db: Db): Pool {
  const pool: unknown = db.client
  if (!isPool(pool)) throw new Error('a store without a pool')
  return pool
}

function isPool(client: unknown): client is Pool {
  return (
    typeof client === 'object' &&
    client !== null &&
    'acquireConnection' in client &&
    'releaseConnection' in client
  )
}
