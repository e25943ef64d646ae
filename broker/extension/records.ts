import type { DateTime } from 'luxon'
import { appendRecord, type Action, type SessionSnapshot } from '../../db/audit-log.ts'
import { lapseExtension } from '../../db/extension-changes.ts'
import { systemOrigin, type Origin } from '../../db/scope.ts'
import { iso, type Transaction } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'

/** The session that an extension belongs to, as its records show it. */
export interface ExtendedSession {
  readonly id: SessionId
  readonly dataSource: { readonly id: string; readonly name: string }
  readonly snapshot: SessionSnapshot
}

/** Which extension a record tells of. */
export interface ExtensionEnds {
  readonly id: string
  readonly oldEnd: DateTime<true>
  readonly newEnd: DateTime<true>
}

export interface ExtensionEvent {
  readonly action: Extract<Action, `session.extension_${string}` | 'session.extended'>
  readonly reason?: string | undefined
  readonly justification?: string
  readonly details?: Readonly<Record<string, string>>
}

/** Writes what happened to an extension: a record, never a state row, for the session stays as it is. */
export async function recordExtension(
  tx: Transaction,
  { origin, at }: { readonly origin: Origin; readonly at: DateTime<true> },
  { session, extension }: { session: ExtendedSession; extension: ExtensionEnds },
  { action, reason, justification, details = {} }: ExtensionEvent,
): Promise<void> {
  await appendRecord(tx, origin, at, {
    action,
    area: 'sessions',
    outcome: 'ok',
    dataSource: session.dataSource,
    session: session.snapshot,
    ...(reason === undefined ? {} : { reason }),
    ...(justification === undefined ? {} : { justification }),
    details: {
      extension: extension.id,
      old_end: iso(extension.oldEnd),
      new_end: iso(extension.newEnd),
      ...details,
    },
  })
}

/** A session that is over takes its open extension with it, in the same transaction. */
export async function expireExtension(
  tx: Transaction,
  { origin, at }: { readonly origin: Origin; readonly at: DateTime<true> },
  session: ExtendedSession,
): Promise<void> {
  const extension = await lapseExtension(tx, session.id, at)
  if (extension === undefined) return
  const system = systemOrigin(origin.organization, origin.correlationId)
  await recordExtension(
    tx,
    { origin: system, at },
    { session, extension },
    { action: 'session.extension_expired' },
  )
}
