import pg from 'pg'
import { BATCH_COLUMNS } from './statement-batch.ts'

/** What pg's Connection can do and its types don't tell. */
declare module 'pg' {
  interface Connection {
    sendCopyFromChunk(chunk: Buffer): void
    endCopyFrom(): void
  }
}

/** How long one batch may take, in milliseconds. */
const STATEMENT_DEADLINE_MS = 30_000
const CONNECT_DEADLINE_MS = 5_000
/** When a server does not even say that it gave up. */
const SILENCE_DEADLINE_MS = 40_000

const COPY = `
  copy statements (${BATCH_COLUMNS})
  from stdin (format binary)`

/** What is in front of the rows and behind them (manual, "COPY", "Binary Format"): no flags, no extension. */
const HEAD = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const END = Buffer.from([0xff, 0xff])

/** Puts statements into the store by COPY, over a connection of its own that it dials anew when it broke. */
export class StatementCopy {
  readonly #url: string
  #client: pg.Client | undefined

  constructor(url: string) {
    this.#url = url
  }

  /**
   * A slice of a StatementBatch: all of it or nothing. Errors: the store's; a unique violation where a row of
   * it is there already.
   */
  async copy(slice: Buffer): Promise<void> {
    const client = (this.#client ??= await this.#dial())
    try {
      await copyIn(client, COPY, slice)
    } catch (error) {
      // a refused row leaves the connection as it was; anything else may have broken it
      if (!(error instanceof pg.DatabaseError)) await this.close()
      throw error
    }
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    client?.removeAllListeners('error')
    client?.on('error', () => undefined)
    await client?.end()
  }

  async #dial(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'daypass',
      statement_timeout: STATEMENT_DEADLINE_MS,
      connectionTimeoutMillis: CONNECT_DEADLINE_MS,
      keepAlive: true,
    })
    client.on('error', () => {
      if (this.#client === client) this.#client = undefined
    })
    await client.connect()
    return client
  }
}

async function copyIn(client: pg.Client, sql: string, bytes: Buffer): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the store does not answer')), SILENCE_DEADLINE_MS)
      client.query(new CopyIn(sql, bytes, { done: resolve, failed: reject }))
    })
  } finally {
    clearTimeout(timer)
  }
}

interface Outcome {
  readonly done: () => void
  readonly failed: (error: Error) => void
}

/** One COPY FROM STDIN as pg's client drives it (pg/lib/client.js calls these by name). */
class CopyIn implements pg.Submittable {
  readonly #sql: string
  readonly #bytes: Buffer
  readonly #outcome: Outcome

  constructor(sql: string, bytes: Buffer, outcome: Outcome) {
    this.#sql = sql
    this.#bytes = bytes
    this.#outcome = outcome
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#sql)
  }

  handleCopyInResponse(connection: pg.Connection): void {
    for (const bytes of [HEAD, this.#bytes, END]) connection.sendCopyFromChunk(bytes)
    connection.endCopyFrom()
  }

  handleCommandComplete(): void {
    // ReadyForQuery follows
  }

  handleReadyForQuery(): void {
    this.#outcome.done()
  }

  handleError(error: Error): void {
    this.#outcome.failed(error)
  }
}
