import { crc32 } from 'node:zlib'
import type { StatementRow } from '../../db/statement-log.ts'
import type { FinishedStatement, StartedStatement } from '../statements/record.ts'

/** What the journal holds: a statement when it was asked for, and what its answer added. */
export type JournalEntry = StartedEntry | FinishedEntry

export interface StartedEntry {
  readonly kind: 'started'
  readonly connection: string
  readonly session: string
  readonly organization: string
  readonly statement: StartedStatement
}

export interface FinishedEntry {
  readonly kind: 'finished'
  readonly connection: string
  readonly number: number
  /** Only what differs from the start. */
  readonly answer: Partial<FinishedStatement>
}

/** An entry on disk: length of the body, CRC-32 of the body, body in JSON. */
const HEAD_BYTES = 8
/** How every body begins. */
const BODY_START = '{"kind":"'
/** The longest body that is believed; texts and values are cut long before. */
const BODY_MOST = 64 * 1024 * 1024

export function encodeEntry(entry: JournalEntry): Buffer {
  const body = Buffer.from(JSON.stringify(entry))
  const head = Buffer.allocUnsafe(HEAD_BYTES)
  head.writeUInt32BE(body.length, 0)
  head.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([head, body])
}

export interface ReadEntries {
  readonly entries: readonly JournalEntry[]
  /** Bytes that the entries took; what follows is unfinished or broken. */
  readonly taken: number
  /** True where what follows can never become an entry. */
  readonly broken: boolean
}

/** Reads whole entries off the front of some bytes, up to the first one that isn't there in full. */
export function readEntries(bytes: Buffer): ReadEntries {
  const entries: JournalEntry[] = []
  let taken = 0
  while (bytes.length - taken >= HEAD_BYTES) {
    const length = bytes.readUInt32BE(taken)
    if (length === 0 || length > BODY_MOST) return { entries, taken, broken: true }
    if (bytes.length - taken < HEAD_BYTES + length) break
    const start = taken + HEAD_BYTES
    const body = bytes.subarray(start, start + length)
    if (crc32(body) !== bytes.readUInt32BE(taken + 4)) return { entries, taken, broken: true }
    // the checksum is the proof that these bytes are ours
    entries.push(JSON.parse(body.toString()) as JournalEntry)
    taken = start + length
  }
  return { entries, taken, broken: false }
}

/** Where the next whole entry begins, behind bytes that are damaged; undefined where there is none. */
export function findEntry(bytes: Buffer): number | undefined {
  for (
    let body = bytes.indexOf(BODY_START);
    body !== -1;
    body = bytes.indexOf(BODY_START, body + 1)
  ) {
    const start = body - HEAD_BYTES
    if (start >= 0 && readEntry(bytes.subarray(start)) !== undefined) return start
  }
  return undefined
}

function readEntry(bytes: Buffer): Buffer | undefined {
  const end = HEAD_BYTES + bytes.readUInt32BE(0)
  const body = bytes.subarray(HEAD_BYTES, end)
  return end <= bytes.length && crc32(body) === bytes.readUInt32BE(4) ? body : undefined
}

/** The row of a statement; one that never got an answer ended in a way nobody saw. */
export function rowOf(
  started: StartedEntry,
  answer: Partial<FinishedStatement> = {},
): StatementRow {
  const statement: StartedStatement & Partial<FinishedStatement> = {
    ...started.statement,
    ...answer,
  }
  const { cut } = statement
  return {
    sessionId: started.session,
    organizationId: started.organization,
    connectionId: started.connection,
    number: statement.number,
    part: statement.part,
    partOf: statement.partOf,
    kind: statement.kind,
    text: statement.text,
    textBytes: cut?.bytes ?? Buffer.byteLength(statement.text),
    textDigest: cut?.sha256 ?? null,
    values: statement.values,
    statementName: statement.statementName,
    portalName: statement.portalName,
    startedAt: new Date(statement.startedAt).toISOString(),
    milliseconds: statement.milliseconds ?? null,
    tag: statement.tag ?? null,
    rows: statement.rows ?? null,
    bytes: statement.bytes ?? null,
    copyDigest: statement.digest ?? null,
    sqlstate: statement.sqlstate ?? null,
    message: statement.message ?? null,
    outcome: statement.outcome ?? 'unknown',
    transaction: statement.transaction ?? null,
    rolledBack: statement.rolledBack ?? false,
  }
}

const UNSTORABLE = '[this statement could not be stored as it was]'

/** What identifies a statement, without anything that a peer had a say in. */
export function bareRow(row: StatementRow): StatementRow {
  return {
    ...row,
    text: UNSTORABLE,
    textDigest: null,
    values: [],
    statementName: null,
    portalName: null,
    milliseconds: null,
    tag: null,
    rows: null,
    bytes: null,
    copyDigest: null,
    sqlstate: null,
    message: null,
  }
}
