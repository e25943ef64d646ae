import type { DateTime } from 'luxon'
import type { Connection } from '../../db/connections.ts'
import type { DroppedRecording } from '../../db/retention.ts'
import type { Session } from '../../db/sessions.ts'
import type { Statement } from '../../db/statements.ts'
import { iso } from '../../db/store.ts'
import { usernameIn } from '../../broker/sessions/session.ts'
import { connectionOpening } from './connections.ts'
import { explainOutcome, marksOf } from './statement-marks.ts'
import { statementJson } from './statement-json.ts'
import {
  copyText,
  errorText,
  partOf,
  sayCut,
  sayDropped,
  tookText,
  valueText,
} from './statements.ts'
import { visibleLines } from './visible-lines.ts'
import { visible } from './visible.ts'
import { offsetText } from './zones.ts'

/** What a file says of itself before its statements. */
export interface RecordingHead {
  readonly session: Session
  readonly connections: readonly Connection[]
  readonly by: string
  readonly at: DateTime<true>
  /** Central Manager's: an IANA name. */
  readonly zone: string
  /** Exactly as many statements as follow, gaps among them. */
  readonly count: number
  readonly dropped?: DroppedRecording | undefined
}

type Batches = AsyncIterable<readonly Statement[]>

/** A text file for people: what it holds, then the statements, their texts indented so that none can pass for a line of ours. */
export async function* recordingText(
  batches: Batches,
  head: RecordingHead,
): AsyncGenerator<string, void, undefined> {
  const { connections, zone } = head
  yield `${headLines(head).map(visible).join('\n')}\n`
  let before = ''
  for await (const batch of batches) {
    const blocks: string[] = []
    for (const statement of batch) {
      const isOther = statement.connection !== before
      before = statement.connection
      const opening = isOther ? connectionOpening(before, connections, { central: zone }) : ''
      blocks.push(opening === '' ? '\n' : `\n== ${opening} (${before})\n\n`)
      blocks.push(blockOf(statement, zone))
    }
    yield blocks.join('')
  }
}

/** A file of JSON lines for programs: the API's statements, each with its session. */
export async function* recordingJsonLines(
  batches: Batches,
  { session }: RecordingHead,
): AsyncGenerator<string, void, undefined> {
  for await (const batch of batches) {
    yield batch
      .map(
        (statement) => `${JSON.stringify({ session: session.id, ...statementJson(statement) })}\n`,
      )
      .join('')
  }
}

/** `daypass-session-7-20261123T100000Z-audrey.jsonl` */
export function recordingFileName({ session, at, by }: RecordingHead, extension: string): string {
  return `daypass-session-${session.id}-${at.toUTC().toFormat("yyyyLLdd'T'HHmmss'Z'")}-${by}.${extension}`
}

function headLines({ session, by, at, zone, count, dropped }: RecordingHead): string[] {
  const local = at.setZone(zone)
  return [
    `Daypass recording of session ${session.id} (${session.uuid})`,
    `Downloaded by: ${by}`,
    `Downloaded at: ${local.toFormat('yyyy-LL-dd HH:mm:ss')} ${offsetText(local)} (${iso(at)})`,
    `Requester: ${session.requester.username}`,
    `Data source: ${session.dataSource.name}`,
    `Roles: ${session.roles.map(({ name }) => name).join(', ')}`,
    `Session username: ${usernameIn(session.state, session)}`,
    `Times: UTC, and ${zone} (Central Manager) where an offset is written`,
    `Statements: ${count}`,
    ...(dropped === undefined ? [] : [sayDropped(dropped, count > 0, { central: zone })]),
  ]
}

function blockOf(statement: Statement, zone: string): string {
  const { number, startedAt, tag, rows, text, values, copyDigest } = statement
  const local = startedAt.setZone(zone)
  const marks = marksOf(statement).map(({ word }) => `[${word}]`)
  const wall = `${local.toFormat('yyyy-LL-dd HH:mm:ss.SSS')} ${offsetText(local)}`
  const facts = [
    `No. ${number}`,
    `${iso(startedAt)} (${wall})`,
    tag === null ? undefined : visible(tag),
    statement.kind === 'gap' || rows === null ? undefined : `rows ${rows}`,
    `took ${tookText(statement)}`,
    ...marks,
  ]
  const lines = [
    facts.filter((fact) => fact !== undefined).join('  '),
    ...visibleLines(text)
      .split('\n')
      .map((line) => `    ${line}`),
    ...values.map(
      (value, place) => `  $${place + 1} = ${valueText(value, Number.MAX_SAFE_INTEGER)}`,
    ),
    ...[partOf(statement), sayCut(statement), copyText(statement)].map(indented),
    indented(copyDigest === null ? undefined : `SHA-256 of the data: ${copyDigest}`),
    indented(errorText(statement)),
    indented(
      statement.outcome === 'ok' && !statement.rolledBack ? undefined : explainOutcome(statement),
    ),
  ]
  return `${lines.filter((line) => line !== '').join('\n')}\n`
}

/** Behind two spaces; a message of several lines stays behind them. */
function indented(text: string | undefined): string {
  return text === undefined ? '' : `  ${text.replaceAll('\n', '\n  ')}`
}
