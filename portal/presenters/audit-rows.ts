import type { AuditRecord } from '../../db/audit-record.ts'
import type { Session, SessionRole } from '../../db/sessions.ts'
import { clientIpText, reasonText } from './audit-columns.ts'
import type { AuditRow, SessionPeek } from './audit-pages.ts'
import { auditHref } from './audit-query.ts'
import { presentMaybe, presentMoment, type Zones } from './moments.ts'
import { GLOSSES } from './session-states.ts'
import { visible } from './visible.ts'
import { stampText, stamp, type TimeColumn } from './zones.ts'

/** What rows are drawn with: how times are written, and the sessions they speak of by id. */
export interface RowFrame {
  readonly times: TimeColumn
  /** For the popovers, which show two zones. */
  readonly zones: Zones
  /** The zone choice that links keep. */
  readonly choice: string
  readonly sessions: ReadonlyMap<string, Session>
}

/** A record as a row of the Audit tab. */
export function presentAuditRow(record: AuditRecord, frame: RowFrame): AuditRow {
  const session = record.sessionId === null ? undefined : frame.sessions.get(record.sessionId)
  return {
    recordId: record.id,
    href: `/audit/${record.id}`,
    scope: record.scope ?? '',
    at: { iso: record.at.toUTC().toISO(), text: stampText(record.at, frame.times) },
    sessionId: record.sessionId ?? '',
    peek: session && presentPeek(session, frame),
    state: record.state ?? undefined,
    action: record.action,
    actor: visible(record.actor),
    requester: visible(record.requester ?? ''),
    roles: visible(record.roles.join(', ')),
    username: visible(record.username ?? ''),
    start: stamp(record.start, frame.times),
    end: stamp(record.end, frame.times),
    dataSource: visible(record.dataSource ?? ''),
    reason: visible(reasonText(record)),
    clientIp: visible(clientIpText(record)),
  }
}

function presentPeek(session: Session, { zones, choice }: RowFrame): SessionPeek {
  return {
    href: `/sessions/${session.id}`,
    relatedHref: auditHref([
      { name: 'session', value: session.id },
      { name: 'view', value: 'all' },
      { name: 'zone', value: choice },
    ]),
    headline: `${session.state}: ${GLOSSES[session.state]}`,
    roles: session.roles.map((role) => ({
      name: visible(role.name),
      text: visible(roleText(role, zones)),
    })),
    start: presentMaybe(session.start, zones),
    end: presentMaybe(session.end, zones),
    justification: visible(session.justification),
  }
}

/** Who decided a role and when, or who it waits for. */
function roleText(role: SessionRole, zones: Zones): string {
  const votes = role.approvals.map(({ by, at }) => `${by}, ${presentMoment(at, zones).text}`)
  const said = votes.length === 0 ? '' : `approved by ${votes.join('; ')}`
  if (role.state === 'DENIED') return said === '' ? 'denied' : `denied; before that ${said}`
  if (role.state === 'APPROVED') return said === '' ? 'approved at once' : said
  const waits =
    role.approvers.length === 0 ? 'No approvers found' : `waits for ${role.approvers.join(' or ')}`
  return said === '' ? waits : `${said}; ${waits}`
}
