import { randomUUID } from 'node:crypto'
import { basename } from 'node:path'
import { DateTime } from 'luxon'
import { getGate } from '../../broker/sessions/gate.ts'
import { raiseAlert } from '../../db/alerts.ts'
import { appendRecord } from '../../db/audit-log.ts'
import { getDefaultOrganization } from '../../db/people.ts'
import { isRowFault } from '../../db/row-faults.ts'
import type { Actor } from '../../db/scope.ts'
import { appendStatements, type StatementRow } from '../../db/statement-log.ts'
import { storeTime, type Store, type Transaction } from '../../db/store.ts'
import { sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { knownSession } from '../known-session.ts'
import { isTold, noteTold } from './damage.ts'
import type { Damage } from './segments.ts'

/** Damage, and the time of the newest event in front of it, in milliseconds since 1970; 0 where unknown. */
export interface Hole extends Damage {
  readonly since: number
}

/** What is missing. */
export interface Gaps {
  /** One for each connection that was open, as it will stand in its recording. */
  readonly rows: readonly StatementRow[]
  /** What nobody can say whose it was. */
  readonly holes: readonly Hole[]
}

export interface GapDeps {
  readonly store: Store
  readonly proxyId: string
  readonly log: Log
}

const PROXY: Actor = { type: 'system', id: 'proxy', name: 'proxy' }

/**
 * Says what is missing where an auditor looks: in the recording, and as records of the trail, one for
 * each gap; and raises an alert for each session. Errors: the store's, and then it must be told again.
 */
export async function tellGaps(deps: GapDeps, { rows, holes }: Gaps): Promise<void> {
  for (const [session, gaps] of bySession(rows)) {
    await orRefused(deps, { session }, () =>
      deps.store.change((tx) => tellSession(tx, session, gaps)),
    )
  }
  for (const hole of holes) await orRefused(deps, { ...hole }, () => tellHole(deps, hole))
}

function bySession(rows: readonly StatementRow[]): Map<string, StatementRow[]> {
  const sessions = new Map<string, StatementRow[]>()
  for (const row of rows) sessions.set(row.sessionId, [...(sessions.get(row.sessionId) ?? []), row])
  return sessions
}

/** What the store will never take must not keep all that is behind it waiting. */
async function orRefused(
  { log }: GapDeps,
  facts: object,
  tell: () => Promise<void>,
): Promise<void> {
  try {
    await tell()
  } catch (error) {
    if (!isRowFault(error)) throw error
    log.error({ ...facts, error: sentenceOf(error) }, 'a gap in the recording is in no record')
  }
}

/** The row is the proof that it was told: a second telling changes nothing. */
async function tellSession(
  tx: Transaction,
  session: string,
  gaps: readonly StatementRow[],
): Promise<void> {
  const told = new Set((await appendStatements(tx, gaps)).map(placeOf))
  const id = await knownSession(tx, session)
  if (told.size === 0 || id === undefined) return
  const { organization, snapshot, dataSource } = await getGate(tx, id)
  const at = await storeTime(tx)
  for (const gap of gaps.filter((row) => told.has(placeOf(row)))) {
    const { connectionId, number, startedAt, text } = gap
    const origin = { actor: PROXY, organization, correlationId: connectionId }
    await appendRecord(tx, origin, at, {
      action: 'recording.gap',
      area: 'sessions',
      outcome: 'failed',
      subject: { type: 'connection', id: connectionId, name: connectionId },
      dataSource: { id: dataSource.id, name: dataSource.name },
      session: snapshot,
      details: { number: String(number), since: momentOf(startedAt), missing: text },
    })
  }
  await raiseAlert(tx, { actor: PROXY, organization, correlationId: randomUUID() }, at, {
    rule: 'recording_gap',
    key: id,
    detail: `A part of the recording of session ${id} on ${dataSource.name} is missing: what ran there is not known. See the gap among its statements.`,
    sessionId: id,
    dataSourceId: dataSource.id,
  })
}

function placeOf({ connectionId, number }: Pick<StatementRow, 'connectionId' | 'number'>): string {
  return `${connectionId} ${number}`
}

async function tellHole({ store, proxyId }: GapDeps, hole: Hole): Promise<void> {
  const { segment, at, bytes, since } = hole
  if (isTold(segment, at)) return
  await store.change(async (tx) => {
    const organization = await getDefaultOrganization(tx)
    const origin = { actor: PROXY, organization, correlationId: randomUUID() }
    const moment = await storeTime(tx)
    await appendRecord(tx, origin, moment, {
      action: 'recording.gap',
      area: 'sessions',
      outcome: 'failed',
      subject: { type: 'proxy', id: proxyId, name: 'proxy' },
      details: {
        file: basename(segment),
        bytes: String(bytes),
        ...(since > 0 ? { since: momentOf(since) } : {}),
        missing: bytes > 0 ? LOST : FORGOTTEN,
      },
    })
    await raiseAlert(tx, origin, moment, {
      rule: 'recording_gap',
      key: `${proxyId} ${basename(segment)} ${at}`,
      detail: `A part of the journal of a proxy is lost (${basename(segment)}), and in it perhaps people who came and went: see recording.gap in the trail.`,
    })
  })
  noteTold(segment, at)
}

const LOST =
  'what this part of the journal told, of connections that have a gap in their recording and of others that had opened in it'
const FORGOTTEN = 'what was open when the proxy stopped: how it ended is in no recording'

function momentOf(milliseconds: number): string {
  return DateTime.fromMillis(Math.trunc(milliseconds), { zone: 'utc' }).toISO() ?? ''
}
