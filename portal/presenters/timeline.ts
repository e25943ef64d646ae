import type { AuditRecord } from '../../db/audit-record.ts'
import { LOGIN_REMAINS } from '../../db/removals.ts'
import { mayAudit } from '../privileges.ts'
import { foldText, LINE } from './folded.ts'
import { presentMoment } from './moments.ts'
import { fullName } from './names.ts'
import type { FoldedText } from './pieces.ts'
import type { Timeline, TimelineEntry } from './session-pages.ts'
import type { Look } from './sessions.ts'
import { visible } from './visible.ts'

/** Entries of a long story that stand in front of the fold, and behind it. */
const FIRST = 8
const LAST = 6

/** What happened to a session, oldest first, in sentences. */
export function presentTimeline(records: readonly AuditRecord[], look: Look): Timeline {
  const entries = presentEntries(records, look)
  if (entries.length <= FIRST + LAST + 2) {
    return { first: entries, folded: [], foldedText: '', last: [] }
  }
  const folded = entries.slice(FIRST, -LAST)
  return {
    first: entries.slice(0, FIRST),
    folded,
    foldedText: `${String(folded.length)} more in between`,
    last: entries.slice(-LAST),
  }
}

function presentEntries(records: readonly AuditRecord[], look: Look): TimelineEntry[] {
  return records.filter(isNews).map((record) => ({
    recordId: record.id,
    href: mayAudit(look.scope) ? `/audit/${record.id}` : undefined,
    at: presentMoment(record.at, look.zones),
    state: record.state ?? undefined,
    scope: record.scope ?? 'session',
    text: sentenceOf(record, look),
    detail: detailOf(record),
  }))
}

/** What a task did says so itself; only one that failed is news. */
function isNews({ action }: AuditRecord): boolean {
  return action !== 'task.succeeded'
}

function sentenceOf(record: AuditRecord, { names }: Look): string {
  const displayName = names?.get(record.body.actor.id)
  const by = fullName({ username: record.actor, displayName })
  const roles = visible(record.roles.join(', '))
  if (record.action === 'session.removed' && record.body.details?.['login'] === 'never') {
    return 'What its grant had begun was taken back; nobody could ever log in with it'
  }
  if (record.action === 'session.removal_blocked' && record.reason?.startsWith(LOGIN_REMAINS)) {
    return 'The session user could not be removed and can still log in directly; it is tried again'
  }
  if (record.action === 'task.failed') return failureOf(record)
  return SENTENCES[record.action]?.(by, roles) ?? `${by}: ${record.action}`
}

/** What a task was about says so itself, why it failed among it. */
function detailOf({ action, reason, body }: AuditRecord): FoldedText | undefined {
  const text = action === 'task.failed' ? body.details?.['result'] : reason
  return text === null || text === undefined ? undefined : foldText(text, LINE)
}

/** Which work failed; `detail` says why. */
function failureOf({ body }: AuditRecord): string {
  const work = FAILED_WORK[body.details?.['task'] ?? ''] ?? 'Work on the session'
  return `${work} failed; it is tried again`
}

const FAILED_WORK: Readonly<Partial<Record<string, string>>> = {
  grant: 'Making the session user',
  removal: 'Removing the session user',
  expiry: 'Ending the session',
  termination: 'Ending the session',
  extension: 'Telling the data source of the new end',
  reconcile: 'Comparing the session user with the store',
  comparison: 'Looking for what was left behind',
  check: 'A test',
}

const SENTENCES: Readonly<Record<string, (by: string, roles: string) => string>> = {
  'session.created': (by, roles) => `${by} asked for ${roles}`,
  'session.approved': () => 'Every role was approved',
  'session.denied': (by) => `${by} denied the session`,
  'session.granted': () => 'The session user was made and may log in',
  'session.expired': () => 'Its time ran out',
  'session.canceled': (by) => `${by} canceled the session`,
  'session.terminated': (by) => `${by} terminated the session`,
  'session.removed': () => 'The session user was removed',
  'session.removal_blocked': () => 'The session user could not be removed yet; it is tried again',
  'session.extension_requested': (by) => `${by} asked for more time`,
  'session.extension_approved': (by) => `${by} approved more time`,
  'session.extension_denied': (by) => `${by} denied more time`,
  'session.extension_canceled': (by) => `${by} took the request for more time back`,
  'session.extension_expired': () => 'The request for more time lapsed with the session',
  'session.extended': () => 'The end of the session was moved',
  'session.residue': () => 'What the session left behind was found',
  'session.credential_made': (by) => `${by} made a credential`,
  'session.hidden': (by) => `${by} hid the session from the lists`,
  'session.shown': (by) => `${by} put the session back into the lists`,
  'alert.raised': () => 'An alert was raised',
  'alert.resolved': () => 'An alert is over',
  'role.approved': (by, roles) => `${by} approved ${roles}`,
  'role.denied': (by, roles) => `${by} denied ${roles}`,
  'connection.opened': (by) => `${by} connected`,
  'connection.closed': () => 'A connection was closed',
  'connection.refused': () => 'A connection was refused',
  'recording.viewed': (by) => `${by} read the statements`,
  'recording.exported': (by) => `${by} downloaded the recording`,
  'recording.gap': () => 'A part of the recording is missing',
}
