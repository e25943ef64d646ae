import { NULL_LENGTH, POSTGRES_EPOCH_MS, TWO_TO_32 } from './copy-bytes.ts'
import type { StatementRow } from './statement-log.ts'

/** In front of a jsonb's text: the version of the format. */
const JSONB_HEAD_BYTES = 1

/** The rows of a slice of a StatementBatch, as they are in it: for when the store does not take it whole. */
export function rowsOf(slice: Buffer): StatementRow[] {
  const reader = new CopyReader(slice)
  const rows: StatementRow[] = []
  while (!reader.isAtEnd) rows.push(rowOf(reader))
  return rows
}

function rowOf(reader: CopyReader): StatementRow {
  reader.count()
  const next = (): Buffer => reader.field() ?? Buffer.alloc(0)
  const text = (): string | null => reader.field()?.toString() ?? null
  const int8 = (): number | null => int8Of(reader.field())
  // members are read in the order in which they are written here
  return {
    sessionId: next().readBigInt64BE().toString(),
    organizationId: uuidOf(next()),
    connectionId: uuidOf(next()),
    number: int8() ?? 0,
    part: next().readInt32BE(),
    partOf: int8() ?? 0,
    kind: next().toString(),
    text: next().toString(),
    textBytes: int8() ?? 0,
    textDigest: text(),
    values: valuesOf(next()),
    statementName: text(),
    portalName: text(),
    startedAt: (int8() ?? 0) / 1000 + POSTGRES_EPOCH_MS,
    milliseconds: reader.field()?.readDoubleBE() ?? null,
    tag: text(),
    rows: int8(),
    bytes: int8(),
    copyDigest: text(),
    sqlstate: text(),
    message: text(),
    outcome: next().toString(),
    transaction: text(),
    rolledBack: next()[0] === 1,
  }
}

function int8Of(field: Buffer | null): number | null {
  return field && field.readInt32BE() * TWO_TO_32 + field.readUInt32BE(4)
}

function uuidOf(field: Buffer): string {
  return field.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** It was made of them. */
function valuesOf(field: Buffer): StatementRow['values'] {
  return JSON.parse(field.toString('utf8', JSONB_HEAD_BYTES)) as StatementRow['values']
}

/** Fields as CopyBytes wrote them, one after the other. */
class CopyReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** How many fields the next row has. */
  count(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  /** null is SQL's NULL. */
  field(): Buffer | null {
    const length = this.#bytes.readInt32BE(this.#at)
    this.#at += 4
    if (length === NULL_LENGTH) return null
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}
