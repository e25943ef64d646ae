import type { Session } from '../../db/sessions.ts'
import type { Shell } from '../shell.ts'
import { lengthText, presentMaybe, presentMoment } from './moments.ts'
import type { ApprovalRow, ApprovalsPage } from './session-pages.ts'
import { presentDecision } from './session-page.ts'
import {
  presentEnding,
  presentProgress,
  presentRoles,
  windowTextOf,
  type Look,
} from './sessions.ts'
import { visibleLines } from './visible-lines.ts'
import { visible } from './visible.ts'

/** What waits for this person's decision; a session decided meanwhile is left out. */
export function presentApprovals(
  sessions: readonly Session[],
  look: Look,
  { page }: Shell,
): ApprovalsPage {
  return {
    page,
    rows: sessions.flatMap((session) => presentApproval(session, look) ?? []),
    empty: {
      heading: 'Nothing waits for you',
      text: 'Requests for roles that you approve appear here.',
    },
  }
}

function presentApproval(session: Session, look: Look): ApprovalRow | undefined {
  const decision = presentDecision(session, look)
  if (decision === undefined) return undefined
  return {
    id: session.id,
    href: `/sessions/${session.id}`,
    requester: visible(session.requester.username),
    dataSource: visible(session.dataSource.name),
    roles: presentRoles(session, look.zones),
    progress: presentProgress(session),
    justification: visibleLines(session.justification),
    start: presentMaybe(session.start, look.zones),
    end: presentMaybe(session.end, look.zones),
    windowText: windowTextOf(session),
    age: `asked ${lengthText(look.now.toMillis() - session.createdAt.toMillis())} ago`,
    requested: presentMoment(session.createdAt, look.zones),
    countdown: presentEnding(session, look.now),
    decision,
  }
}
