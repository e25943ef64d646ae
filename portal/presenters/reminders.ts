import type { NearEnd } from '../../db/session-endings.ts'
import { presentCountdown } from './moments.ts'
import type { Reminder } from './pieces.ts'
import { visible } from './visible.ts'

/** Minutes before the end from which on a session's requester is reminded on every page. */
export const REMINDED_WITHIN = 10
/** From which on it is urgent. */
const LAST_MINUTE_MS = 60_000

/** What a post to a session answers is its page too: what was made there, or what is to be mended. */
const OWN_PAGES = [
  '',
  '/credential',
  '/extension',
  '/approval',
  '/denial',
  '/cancellation',
  '/termination',
]

/** The banner above every page; a session's own page says it by itself. */
export function presentReminders(ends: readonly NearEnd[], path: string): Reminder[] {
  return ends
    .filter(({ id }) => !OWN_PAGES.some((page) => path === `/sessions/${id}${page}`))
    .map(({ id, dataSource, end, now }) => ({
      href: `/sessions/${id}`,
      label: `Session ${id} on ${visible(dataSource)}`,
      countdown: presentCountdown('ends in', end, { now }),
      tone: end.toMillis() - now.toMillis() <= LAST_MINUTE_MS ? 'error' : 'warn',
    }))
}
