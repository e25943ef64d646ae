import { createHash } from 'node:crypto'
import { bindValuesText, type LongValue, type StatementRow } from '../../db/statement-log.ts'
import { beginningOf } from '../../lib/beginning.ts'
import type { FinishedStatement } from '../pairing/record.ts'
import type { Speaker } from './replay.ts'

/** What longer than this is said again is said by its beginning. */
const REPEATED_MOST = 8 * 1024
const BEGINNING = 1024

type Values = StatementRow['values']

/**
 * Makes rows of finished statements. A few bytes can run what took a megabyte to prepare or to bind, again
 * and again: the first of its rows has all of it, and the others of the text its beginning, and of the values
 * where they are, each with length and SHA-256.
 */
export class StatementRows {
  /** By what they were sent with; undefined where it was said once. */
  readonly #texts = new WeakMap<object, LongValue | undefined>()
  /** As they are said again. */
  readonly #values = new WeakMap<Values, Values>()

  /** The row of a finished statement. */
  of(speaker: Speaker, statement: FinishedStatement): StatementRow {
    const { text, textBytes, textDigest } = this.#textOf(statement)
    return {
      sessionId: speaker.session,
      organizationId: speaker.organization,
      connectionId: speaker.id,
      number: statement.number,
      part: statement.part,
      partOf: statement.partOf,
      kind: statement.kind,
      text,
      textBytes,
      textDigest,
      values: this.#valuesOf(statement),
      statementName: statement.statementName,
      portalName: statement.portalName,
      startedAt: statement.startedAt,
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

  #textOf(statement: FinishedStatement): Pick<StatementRow, 'text' | 'textBytes' | 'textDigest'> {
    const { text, cut, source } = statement
    const known = text.length > REPEATED_MOST ? this.#repeatedText(statement) : undefined
    if (known) return { text: known.text, textBytes: known.bytes, textDigest: known.sha256 }
    if (text.length > REPEATED_MOST) this.#texts.set(source, undefined)
    return {
      text,
      textBytes: cut?.bytes ?? Buffer.byteLength(text),
      textDigest: cut?.sha256 ?? null,
    }
  }

  #repeatedText({ text, cut, source }: FinishedStatement): LongValue | undefined {
    if (!this.#texts.has(source)) return undefined
    const known = this.#texts.get(source) ?? { ...longValueOf(text), ...cut }
    this.#texts.set(source, known)
    return known
  }

  #valuesOf({ values, number }: FinishedStatement): Values {
    if (values.length === 0 || weightOfValues(values) <= REPEATED_MOST) return values
    const again = this.#values.get(values)
    if (again) return again
    const text = `[all ${values.length} as with No. ${number}]`
    this.#values.set(values, [{ text, ...measured(bindValuesText(values)) }])
    return values
  }
}

function longValueOf(text: string): LongValue {
  return { text: beginningOf(text, BEGINNING), ...measured(text) }
}

function measured(text: string): Omit<LongValue, 'text'> {
  const bytes = Buffer.from(text)
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
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

/** An empty value takes some room, too. */
function weightOfValues(values: Values): number {
  let weight = values.length
  for (const value of values) weight += typeof value === 'string' ? value.length : lengthOf(value)
  return weight
}

function lengthOf(value: Values[number]): number {
  if (value === null) return 0
  return typeof value === 'string' ? value.length : value.text.length
}
