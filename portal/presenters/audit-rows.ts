import type { AuditRecord } from '../../db/audit-record.ts'
import type { Session, SessionRole } from '../../db/sessions.ts'
import type { AuditRow, SessionPeek } from './audit-pages.ts'
import { auditHref } from './audit-query.ts'
import { presentCells } from './audit-table.ts'
import type { ColumnName } from './audit-views.ts'
import { presentMaybe, presentMoment, type Zones } from './moments.ts'
import { GLOSSES } from './session-states.ts'
import { visible } from './visible.ts'
import type { TimeColumn } from './zones.ts'

/** What rows are drawn with: columns, how times are written, and the sessions they speak of by id. */
export interface RowFrame {
  readonly columns: readonly ColumnName[]
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
    sessionId: record.sessionId ?? '',
    peek: session && presentPeek(session, frame),
    state: record.state ?? undefined,
    outcome: record.outcome === 'ok' ? undefined : record.outcome,
    cells: presentCells(record, frame.columns, frame.times),
  }
}

/** Every record of a session, whatever it is about. */
export function relatedHref(sessionId: string, choice: string): string {
  return auditHref([
    { name: 'session', value: sessionId },
    { name: 'view', value: 'all' },
    { name: 'zone', value: choice },
  ])
}

function presentPeek(session: Session, { zones, choice }: RowFrame): SessionPeek {
  return {
    href: `/sessions/${session.id}`,
    relatedHref: relatedHref(session.id, choice),
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
