import type { Gate } from '../broker/sessions/gate.ts'
import type { ProxyLimits } from '../config.ts'
import type { Deadlines } from './deadline.ts'
import type { OnTheWay } from './on-the-way.ts'
import { Refusal, SQLSTATE } from './refusal.ts'

/** What of the time for a login somebody may be silent who has proven nothing: of 60 seconds 5. */
const SILENCE = 1 / 12
const SHORTEST_MS = 1_000

/** PostgreSQL's own words where its authentication_timeout has passed. */
export function tooSlow(): Refusal {
  return new Refusal(SQLSTATE.queryCanceled, 'canceling authentication due to timeout')
}

/** How long that is, in milliseconds. */
export function silenceOf({ handshakeSeconds }: ProxyLimits): number {
  return Math.max(SHORTEST_MS, handshakeSeconds * 1000 * SILENCE)
}

/**
 * Watches over a client that has not proven its secret, until the returned function is called: one that
 * says nothing more when its session ends goes soon after, in the words for any that takes too long; a
 * proof that is under way still learns why it opens nothing. The words say nothing of a session; that they
 * come so soon can tell somebody who knows the name that one has just ended. Of one that was over before
 * nothing shows.
 */
export function watchUnproven(
  onTheWay: OnTheWay,
  gate: Gate,
  { deadlines, limits }: { readonly deadlines: Deadlines; readonly limits: ProxyLimits },
): () => void {
  let timer: NodeJS.Timeout | undefined
  const cut = (): void => {
    timer = setTimeout(() => onTheWay.refuse(tooSlow()), silenceOf(limits))
  }
  const unwatch = isOpen(gate) ? deadlines.watch(gate, { cut, warn: () => false }) : undefined
  return () => {
    clearTimeout(timer)
    unwatch?.()
  }
}

function isOpen({ state, requester, end, now }: Gate): boolean {
  return state === 'GRANTED' && !requester.disabled && (end === null || end > now)
}
