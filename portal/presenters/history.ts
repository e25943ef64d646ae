import type { Mover } from '../../db/session-moves.ts'
import type { Session } from '../../db/sessions.ts'
import type { Shell } from '../shell.ts'
import type { Empty, NavItem, Pager } from './pieces.ts'
import type { HistoryPage } from './session-pages.ts'
import { presentSessionRow, type Look } from './sessions.ts'

/** What a reader asked of Session History. */
export interface HistoryAsked {
  readonly mine: boolean
  /** What its requesters hid is shown, too. */
  readonly deleted: boolean
  /** Only sessions that ended before this one. */
  readonly before: string | undefined
}

interface HistoryFacts extends HistoryAsked {
  readonly shell: Shell
  /** Who brought each session to its end, by its id. */
  readonly movers: ReadonlyMap<string, Mover>
  /** There are earlier ones. */
  readonly more: boolean
}

/** Sessions that are over, the latest end first. */
export function presentHistory(
  sessions: readonly Session[],
  look: Look,
  facts: HistoryFacts,
): HistoryPage {
  const { mine, deleted, shell, movers } = facts
  return {
    page: shell.page,
    rows: sessions.map((session) => presentSessionRow(session, look, movers.get(session.id))),
    empty: emptyOf(facts),
    views: [
      {
        href: addressOf({ ...facts, mine: false, before: undefined }),
        label: 'All',
        current: !mine,
      },
      {
        href: addressOf({ ...facts, mine: true, before: undefined }),
        label: 'Mine',
        current: mine,
      },
    ] satisfies NavItem[],
    deleted: { shown: deleted, carried: mine ? [{ name: 'mine', value: 'true' }] : [] },
    pager: pagerOf(sessions, facts),
  }
}

function emptyOf({ mine, before }: HistoryAsked): Empty {
  if (before !== undefined) return { heading: 'Nothing older', text: 'This is where it begins.' }
  const heading = mine ? 'None of your sessions is over yet' : 'No sessions are over yet'
  return {
    heading,
    text: 'A session comes here when its window closes, when its requester cancels it, when an approver denies it or an admin terminates it: with who ended it, why, and how much of the window was used.',
    action: { href: '/sessions/new', label: 'Request Access' },
  }
}

function pagerOf(sessions: readonly Session[], facts: HistoryFacts): Pager | undefined {
  const oldest = facts.more ? sessions.at(-1)?.id : undefined
  if (oldest === undefined && facts.before === undefined) return undefined
  return {
    newest: facts.before === undefined ? undefined : addressOf({ ...facts, before: undefined }),
    older: oldest === undefined ? undefined : addressOf({ ...facts, before: oldest }),
    text: facts.before === undefined ? 'The latest to end' : 'Those that ended earlier',
  }
}

function addressOf({ mine, deleted, before }: HistoryAsked): string {
  const query = new URLSearchParams({
    ...(mine ? { mine: 'true' } : {}),
    ...(deleted ? { deleted: 'true' } : {}),
    ...(before === undefined ? {} : { before }),
  }).toString()
  return query === '' ? '/history' : `/history?${query}`
}
