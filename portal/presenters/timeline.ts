import type { AuditRecord } from '../../db/audit-record.ts'
import { mayAudit } from '../privileges.ts'
import { presentMoment } from './moments.ts'
import type { TimelineEntry } from './session-pages.ts'
import type { Look } from './sessions.ts'
import { visibleLines } from './visible-lines.ts'
import { visible } from './visible.ts'

/** What happened to a session, oldest first, in sentences. */
export function presentTimeline(records: readonly AuditRecord[], look: Look): TimelineEntry[] {
  return records.filter(isNews).map((record) => ({
    recordId: record.id,
    href: mayAudit(look.scope) ? `/audit/${record.id}` : undefined,
    at: presentMoment(record.at, look.zones),
    state: record.state ?? undefined,
    scope: record.scope ?? 'session',
    text: sentenceOf(record),
    detail: record.reason === null ? undefined : visibleLines(record.reason),
  }))
}

/** What a task did says so itself; only one that failed is news. */
function isNews({ action }: AuditRecord): boolean {
  return action !== 'task.succeeded'
}

function sentenceOf(record: AuditRecord): string {
  const by = visible(record.actor)
  const roles = visible(record.roles.join(', '))
  if (record.action === 'session.removed' && record.body.details?.['login'] === 'never') {
    return 'What its grant had begun was taken back; nobody could ever log in with it'
  }
  return SENTENCES[record.action]?.(by, roles) ?? `${by}: ${record.action}`
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
  'task.failed': () => 'Work on the session failed; it is tried again',
  'alert.raised': () => 'An alert was raised',
  'alert.resolved': () => 'An alert is over',
  'role.approved': (by, roles) => `${by} approved ${roles}`,
  'role.denied': (by, roles) => `${by} denied ${roles}`,
  'connection.opened': (by) => `${by} connected`,
  'connection.closed': () => 'A connection was closed',
  'connection.refused': () => 'A connection was refused',
  'recording.viewed': (by) => `${by} read the statements`,
}
