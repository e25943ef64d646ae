import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import { changeSetting } from './setting-changes.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { findRow, getRow, rows, type Db, type Transaction } from './store.ts'

/** How many months recordings are kept at least; null: for ever. */
export async function getRecordingMonths(db: Db, organizationId: string): Promise<number | null> {
  const { months } = await getRow<{ months: number | null }>(
    db,
    `select recording_months as months
       from organizations
      where id = :organizationId`,
    { organizationId },
  )
  return months
}

/** Sets how long recordings are kept; the store holds to it from a day later on. */
export async function changeRecordingMonths(
  tx: Transaction,
  origin: Origin,
  months: number | null,
): Promise<void> {
  const organizationId = origin.organization.id
  await changeSetting(tx, origin, {
    setting: { id: 'recordings', name: 'keeping of recordings' },
    before: { recording_months: sayMonths(await getRecordingMonths(tx, organizationId)) },
    after: { recording_months: sayMonths(months) },
    keep: () =>
      rows(
        tx,
        `update organizations
            set recording_months = :months
          where id = :organizationId`,
        { months, organizationId },
      ),
  })
}

/** As records and versions of the policy say it. */
export function sayMonths(months: number | null): string {
  return months === null ? 'for ever' : String(months)
}

/** A month of recordings that is gone. */
export interface DroppedMonth {
  /** `2026-01`, by UTC. */
  readonly month: string
  readonly statements: number
  readonly sessions: number
  readonly keptMonths: number
}

/**
 * Drops the months of statements that the policy no longer keeps, oldest first, each with its
 * record. What may go is the store's own judgement: see drop_old_recordings there.
 */
export async function dropOldMonths(tx: Transaction): Promise<DroppedMonth[]> {
  const found = await rows<DroppedRead>(
    tx,
    `select to_char(month, 'YYYY-MM') as month, statements, sessions, kept_months as "keptMonths"
       from drop_old_recordings()
      order by 1`,
  )
  return found.map((row) => ({
    ...row,
    statements: Number(row.statements),
    sessions: Number(row.sessions),
  }))
}

type DroppedRead = Omit<DroppedMonth, 'statements' | 'sessions'> & {
  readonly statements: string
  readonly sessions: string
}

/** What of a session's recording is gone, as the policy wanted. */
export interface DroppedRecording {
  readonly statements: number
  /** When the last of it went. */
  readonly at: DateTime<true>
  readonly keptMonths: number
}

/** What was dropped of a session's recording; undefined where nothing was. */
export async function findDroppedRecording(
  db: Db,
  scope: Scope,
  sessionId: SessionId,
): Promise<DroppedRecording | undefined> {
  const row = await findRow<Omit<DroppedRecording, 'statements'> & { readonly statements: string }>(
    db,
    `select sum(d.statements) over () as statements, d.dropped_at as at, d.kept_months as "keptMonths"
       from dropped_recordings d
      where d.session_id = :sessionId
        and d.organization_id = coalesce(cast(:organization as uuid), d.organization_id)
      order by d.dropped_at desc
      limit 1`,
    { sessionId, organization: organizationIdOf(scope) },
  )
  return row && { ...row, statements: Number(row.statements) }
}
