import { isUuid } from '../lib/ids.ts'
import { CopyBytes } from './copy-bytes.ts'
import { bindValuesText, type StatementRow } from './statement-log.ts'

/** The columns of `statements` in the order in which a batch has them. */
export const BATCH_COLUMNS = `session_id, organization_id, connection_id, number, part, part_of, kind, text, text_bytes,
                   text_digest, bind_values, statement_name, portal_name, started_at, milliseconds, tag, rows,
                   bytes, copy_digest, sqlstate, message, outcome, transaction, rolled_back`
const COLUMNS = 24
/** What goes to the store at once, in bytes: one event of a client's can be the end of far more. */
const SLICE_MOST = 4 * 1024 * 1024
const SESSION_ID = /^[0-9]{1,18}$/
const UUID_BYTES = 16

/** The first fields of all rows of one connection. */
interface Head extends Pick<StatementRow, 'sessionId' | 'organizationId'> {
  readonly fields: Buffer
}

/**
 * Statements on their way to the store, in the form in which COPY takes them: nothing else is kept of one, so that
 * none of what it was made of has to survive a collection of garbage.
 */
export class StatementBatch {
  readonly #fields = new CopyBytes()
  readonly #heads = new Map<string, Head>()
  #count = 0
  /** Where slices begin, but the first. */
  #cuts: number[] = []
  /** What the format can't say. */
  #odd: StatementRow[] = []

  /** How many statements it has. */
  get count(): number {
    return this.#count
  }

  /** What it weighs. */
  get bytes(): number {
    return this.#fields.length
  }

  add(row: StatementRow): void {
    const start = this.#fields.length
    this.#count += 1
    try {
      this.#put(row)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#fields.cutTo(start)
      this.#odd.push(row)
      return
    }
    const first = this.#cuts.at(-1) ?? 0
    if (start > first && this.#fields.length - first > SLICE_MOST) this.#cuts.push(start)
  }

  /** Its rows in pieces that the store can take, for StatementCopy; views, valid until it is cleared. */
  get slices(): readonly Buffer[] {
    const ends = [...this.#cuts, this.#fields.length]
    const slices = ends.map((end, index) => this.#fields.view(this.#cuts[index - 1] ?? 0, end))
    return slices.filter(({ length }) => length > 0)
  }

  /** Rows that are in no slice: a number or an id in them is none that the store knows. */
  get odd(): readonly StatementRow[] {
    return this.#odd
  }

  /** Makes room for the next. */
  clear(): void {
    this.#fields.clear()
    this.#heads.clear()
    this.#count = 0
    this.#cuts = []
    this.#odd = []
  }

  /** In the order of BATCH_COLUMNS. */
  #put(row: StatementRow): void {
    const fields = this.#fields
    fields.put(this.#headOf(row))
    fields.int8(row.number)
    fields.int4(row.part)
    fields.int8(row.partOf)
    fields.text(row.kind)
    fields.text(row.text)
    fields.int8(row.textBytes)
    this.#text(row.textDigest)
    fields.jsonOf(row.values, () => bindValuesText(row.values))
    this.#text(row.statementName)
    this.#text(row.portalName)
    fields.timestamp(row.startedAt)
    if (row.milliseconds === null) fields.none()
    else fields.float8(row.milliseconds)
    this.#text(row.tag)
    this.#int8(row.rows)
    this.#int8(row.bytes)
    this.#text(row.copyDigest)
    this.#text(row.sqlstate)
    this.#text(row.message)
    fields.text(row.outcome)
    this.#text(row.transaction)
    fields.bool(row.rolledBack)
  }

  #text(value: string | null): void {
    if (value === null) this.#fields.none()
    else this.#fields.text(value)
  }

  #int8(value: number | null): void {
    if (value === null) this.#fields.none()
    else this.#fields.int8(value)
  }

  #headOf({ sessionId, organizationId, connectionId }: StatementRow): Buffer {
    const known = this.#heads.get(connectionId)
    if (known?.sessionId === sessionId && known.organizationId === organizationId) {
      return known.fields
    }
    const session = Buffer.alloc(2 + 4 + 8)
    session.writeInt16BE(COLUMNS)
    session.writeInt32BE(8, 2)
    if (!SESSION_ID.test(sessionId)) throw new RangeError('a session without a number')
    session.writeBigInt64BE(BigInt(sessionId), 6)
    const fields = Buffer.concat([session, uuidField(organizationId), uuidField(connectionId)])
    this.#heads.set(connectionId, { sessionId, organizationId, fields })
    return fields
  }
}

function uuidField(uuid: string): Buffer {
  if (!isUuid(uuid)) throw new RangeError('no uuid')
  const field = Buffer.alloc(4 + UUID_BYTES)
  field.writeInt32BE(UUID_BYTES)
  field.write(uuid.replaceAll('-', ''), 4, 'hex')
  return field
}
