import type { StatementRow } from '../../db/statement-log.ts'
import type { FinishedStatement } from '../pairing/record.ts'
import type { Speaker } from './replay.ts'

/** The row of a finished statement. */
export function rowOf(speaker: Speaker, statement: FinishedStatement): StatementRow {
  const { cut } = statement
  return {
    sessionId: speaker.session,
    organizationId: speaker.organization,
    connectionId: speaker.id,
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
    milliseconds: statement.milliseconds,
    tag: statement.tag,
    rows: statement.rows,
    bytes: statement.bytes,
    copyDigest: statement.digest,
    sqlstate: statement.sqlstate,
    message: statement.message,
    outcome: statement.outcome,
    transaction: statement.transaction,
    rolledBack: statement.rolledBack,
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

/** What a row takes in memory, roughly, in bytes. */
export function weightOf({ text, values }: StatementRow): number {
  let weight = text.length
  for (const value of values) weight += typeof value === 'string' ? value.length : lengthOf(value)
  return weight
}

function lengthOf(value: StatementRow['values'][number]): number {
  if (value === null) return 0
  return typeof value === 'string' ? value.length : value.text.length
}
