import type { Session } from '../../db/sessions.ts'
import { mayAdminister } from '../privileges.ts'
import type { Shell } from '../shell.ts'
import { counted } from './counted.ts'
import type { Empty, Field } from './pieces.ts'
import type { ReasonForm, SessionsPage } from './session-pages.ts'
import { groupSessions, type Look } from './sessions.ts'

interface UnderWayFacts {
  readonly shell: Shell
  readonly mine: boolean
  /** What was typed as the reason to terminate all, and what is wrong with it. */
  readonly reason: Field
  /** How many the page shows; one more than that was read where there are more. */
  readonly most: number
}

/** Sessions under way, in groups. */
export function presentUnderWay(
  found: readonly Session[],
  look: Look,
  { shell, mine, reason, most }: UnderWayFacts,
): SessionsPage {
  const sessions = found.slice(0, most)
  const isCut = found.length > most
  return {
    page: shell.page,
    groups: groupSessions(sessions, look),
    more: isCut ? `Only the newest ${most} are shown.` : undefined,
    empty: emptyOf(mine),
    views: [
      { href: '/sessions', label: 'All', current: !mine },
      { href: '/sessions?mine=true', label: 'Mine', current: mine },
    ],
    requestHref: '/sessions/new',
    terminateAll:
      mayAdminister(look.scope) && !mine && sessions.length > 0
        ? terminateAllForm(
            isCut ? `more than ${most} sessions` : counted(sessions.length, 'session'),
            reason,
          )
        : undefined,
  }
}

function emptyOf(mine: boolean): Empty {
  return {
    heading: mine ? 'You have no session under way' : 'No sessions under way',
    text: 'A session is a window of access to a data source, with its own database user.',
    steps: [
      { name: 'Ask', text: 'Pick the roles you need, for how long, and say why.' },
      {
        name: 'Get it approved',
        text: 'The approvers of each role decide. Nobody approves their own request.',
      },
      {
        name: 'Connect',
        text: 'When the window opens you get a database user of your own. When it closes, the user is gone.',
      },
    ],
    action: { href: '/sessions/new', label: 'Request Access' },
  }
}

function terminateAllForm(count: string, reason: Field): ReasonForm {
  return {
    ...reason,
    href: '/sessions/termination',
    label: `Terminate all: ${count}`,
    hint: `Ends ${count} under way, everybody's. Connections are cut at once and the session users are removed. Your reason is kept with each.`,
  }
}
