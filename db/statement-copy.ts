import pg from 'pg'
import { bindValuesText, type StatementRow } from './statement-log.ts'

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
  copy statements (session_id, organization_id, connection_id, number, part, part_of, kind, text, text_bytes,
                   text_digest, bind_values, statement_name, portal_name, started_at, milliseconds, tag, rows,
                   bytes, copy_digest, sqlstate, message, outcome, transaction, rolled_back)
  from stdin`

/** Puts statements into the store by COPY, over a connection of its own that it dials anew when it broke. */
export class StatementCopy {
  readonly #url: string
  #client: pg.Client | undefined

  constructor(url: string) {
    this.#url = url
  }

  /** All of them or none. Errors: the store's; a unique violation where one of them is there already. */
  async copy(batch: readonly StatementRow[]): Promise<void> {
    const client = (this.#client ??= await this.#dial())
    try {
      await copyIn(client, COPY, Buffer.from(batch.map(lineOf).join('')))
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
    connection.sendCopyFromChunk(this.#bytes)
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

/** PostgreSQL's text knows no NUL; it is shown as Unicode shows it. */
const SPECIAL = /[\\\n\r\t\0]/
const EVERY_SPECIAL = /[\\\n\r\t\0]/g
const ESCAPED: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\0': '\u2400',
}

/** A row in COPY's text format (manual, "COPY", "Text Format"). */
function lineOf(row: StatementRow): string {
  return `${row.sessionId}\t${row.organizationId}\t${row.connectionId}\t${row.number}\t${row.part}\t${row.partOf}\t${row.kind}\t${escaped(row.text)}\t${row.textBytes}\t${row.textDigest ?? '\\N'}\t${escaped(bindValuesText(row.values))}\t${orNull(row.statementName)}\t${orNull(row.portalName)}\t${row.startedAt}\t${row.milliseconds ?? '\\N'}\t${orNull(row.tag)}\t${row.rows ?? '\\N'}\t${row.bytes ?? '\\N'}\t${row.copyDigest ?? '\\N'}\t${orNull(row.sqlstate)}\t${orNull(row.message)}\t${row.outcome}\t${row.transaction ?? '\\N'}\t${row.rolledBack ? 't' : 'f'}\n`
}

function orNull(text: string | null): string {
  return text === null ? '\\N' : escaped(text)
}

function escaped(text: string): string {
  return SPECIAL.test(text) ? text.replace(EVERY_SPECIAL, (found) => ESCAPED[found] ?? '') : text
}
