import type { Extension } from '../../db/extensions.ts'
import type { Session } from '../../db/sessions.ts'
import type { Shell } from '../shell.ts'
import type { ApprovalRow, ApprovalsPage } from './approval-pages.ts'
import { presentExtensionRow } from './extension.ts'
import { foldText, PARAGRAPH } from './folded.ts'
import { lengthText, presentMaybe, presentMoment } from './moments.ts'
import { fullName } from './names.ts'
import type { Link } from './pieces.ts'
import { presentExtensionTags, presentTags } from './request-tags.ts'
import { presentDecision } from './session-forms.ts'
import { presentRoles, type RoleDescriptions } from './session-roles.ts'
import { lengthOf, presentEnding, presentProgress, windowTextOf, type Look } from './sessions.ts'
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
  const more = extensions.flatMap(({ extension, session }) => {
    const row = presentExtensionRow(extension, session, { look, descriptions })
    if (row === undefined) return []
    const added = { start: extension.oldEnd, end: extension.newEnd }
    const facts = { zones: look.zones, added }
    return { ...row, tags: presentExtensionTags(extension, facts, descriptions) }
  })
  const rows = sessions
    .toReversed()
    .flatMap((session) => presentApproval(session, look, descriptions) ?? [])
  return {
    page,
    next: page.flash && nextOf(more, rows),
    extensions: more,
    rows,
    empty: {
      heading: 'Nothing waits for you',
      text: 'Requests for roles that you approve appear here, each with who asks, why, for how long and what is unusual about it. Nobody decides their own request, and one that lapses leaves the list by itself.',
      action: { href: '/sessions', label: 'See the sessions under way' },
    },
  }
}

/** Who has just decided goes on with the first card. */
function nextOf(
  [extension]: ApprovalsPage['extensions'],
  [row]: ApprovalsPage['rows'],
): Link | undefined {
  if (extension !== undefined) {
    const label = `Next request: more time for session ${extension.sessionId}`
    return { href: `#extension-${extension.id}`, label }
  }
  return row && { href: `#request-${row.id}`, label: `Next request: session ${row.id}` }
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
    requester: fullName(session.requester),
    dataSource: visible(session.dataSource.name),
    roles: presentRoles(session, look, descriptions),
    tags: presentTags(session, look, descriptions),
    progress: presentProgress(session),
    justification: foldText(session.justification, PARAGRAPH),
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
