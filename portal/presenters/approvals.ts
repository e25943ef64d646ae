import type { Extension } from '../../db/extensions.ts'
import type { Session } from '../../db/sessions.ts'
import type { Shell } from '../shell.ts'
import type { ApprovalRow, ApprovalsPage } from './approval-pages.ts'
import { presentExtensionRow } from './extension.ts'
import { lengthText, presentMaybe, presentMoment } from './moments.ts'
import { presentExtensionTags, presentTags } from './request-tags.ts'
import { presentDecision } from './session-page.ts'
import {
  lengthOf,
  presentEnding,
  presentProgress,
  presentRoles,
  windowTextOf,
  type Look,
  type RoleDescriptions,
} from './sessions.ts'
import { visibleLines } from './visible-lines.ts'
import { visible } from './visible.ts'

/** What Pending Approvals shows beside the requests. */
export interface ApprovalsFacts extends Pick<Shell, 'page'> {
  readonly descriptions: RoleDescriptions
  readonly extensions: readonly { readonly extension: Extension; readonly session: Session }[]
}

/** What waits for this person's decision, oldest first; a session decided meanwhile is left out. */
export function presentApprovals(
  sessions: readonly Session[],
  look: Look,
  { page, descriptions, extensions }: ApprovalsFacts,
): ApprovalsPage {
  return {
    page,
    extensions: extensions.flatMap(({ extension, session }) => {
      const row = presentExtensionRow(extension, session, { look, descriptions })
      if (row === undefined) return []
      const added = { start: extension.oldEnd, end: extension.newEnd }
      const facts = { zones: look.zones, added }
      return { ...row, tags: presentExtensionTags(extension, facts, descriptions) }
    }),
    rows: sessions
      .toReversed()
      .flatMap((session) => presentApproval(session, look, descriptions) ?? []),
    empty: {
      heading: 'Nothing waits for you',
      text: 'Requests for roles that you approve appear here, each with who asks, why, for how long and what is unusual about it. Nobody decides their own request, and one that lapses leaves the list by itself.',
      action: { href: '/sessions', label: 'See the sessions under way' },
    },
  }
}

function presentApproval(
  session: Session,
  look: Look,
  descriptions: RoleDescriptions,
): ApprovalRow | undefined {
  const decision = presentDecision(session, look)
  if (decision === undefined) return undefined
  return {
    id: session.id,
    href: `/sessions/${session.id}`,
    requester: visible(session.requester.username),
    dataSource: visible(session.dataSource.name),
    roles: presentRoles(session, look.zones, descriptions, look.scope.person),
    tags: presentTags(session, look, descriptions),
    progress: presentProgress(session),
    justification: visibleLines(session.justification),
    start: presentMaybe(session.start, look.zones),
    end: presentMaybe(session.end, look.zones),
    windowText: windowTextOf(session),
    length: lengthOf(session),
    age: `${lengthText(look.now.toMillis() - session.createdAt.toMillis())} ago`,
    requested: presentMoment(session.createdAt, look.zones),
    countdown: presentEnding(session, look.now),
    decision,
  }
}
