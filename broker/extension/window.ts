import type { DateTime } from 'luxon'
import { bindingMaximum, wallText, type Faults, type RoleTimes } from '../sessions/window.ts'

/** How much more time is asked for: so many minutes on top, or another end. */
export interface AskedExtension {
  readonly minutes?: number | undefined
  readonly end?: DateTime<true> | undefined
}

/** What an extension starts from. */
export interface Extendable {
  readonly end: DateTime<true>
  /** As the policy has them today. */
  readonly roles: readonly RoleTimes[]
  readonly now: DateTime<true>
}

const MINUTE_MS = 60_000

/**
 * The end that an extension means, or what is wrong with it: from the moment of asking no role is
 * had for longer than its maximum. Refuses what goes beyond that and never shortens.
 */
export function resolveExtension(
  asked: AskedExtension,
  extendable: Extendable,
): { readonly newEnd: DateTime<true> } | { readonly faults: Faults } {
  const faults = faultsOf(asked, extendable)
  if (faults !== undefined) return { faults }
  const newEnd =
    asked.end?.toUTC() ??
    extendable.end.plus({ milliseconds: Math.round((asked.minutes ?? 0) * MINUTE_MS) })
  const latest = latestEnd(extendable)
  if (latest === undefined || newEnd <= latest) return { newEnd }
  return { faults: { [asked.end === undefined ? 'minutes' : 'end']: tooLong(asked, extendable) } }
}

/** The latest end that may be asked for now; undefined where no role sets one. */
export function latestEnd({
  roles,
  now,
}: Pick<Extendable, 'roles' | 'now'>): DateTime<true> | undefined {
  const binding = bindingMaximum(roles)
  return binding && now.plus({ minutes: binding.maximumMinutes })
}

function faultsOf(
  { minutes, end }: AskedExtension,
  { end: oldEnd }: Extendable,
): Faults | undefined {
  if (minutes === undefined && end === undefined) {
    return { minutes: 'Say how many minutes more you need, or until when.' }
  }
  if (minutes !== undefined && end !== undefined) {
    return { minutes: 'Give a new end or more minutes, not both.' }
  }
  if (minutes !== undefined && !(Number.isFinite(minutes) && Math.round(minutes * MINUTE_MS) > 0)) {
    return { minutes: 'More time must be a number of minutes above 0.' }
  }
  if (end !== undefined && end <= oldEnd) {
    const present = wallText(oldEnd.setZone(end.zone))
    return { end: `The session lasts until ${present} anyway: choose a later end.` }
  }
  return undefined
}

function tooLong({ end }: AskedExtension, { end: oldEnd, roles, now }: Extendable): string {
  const binding = bindingMaximum(roles)
  const latest = latestEnd({ roles, now })
  if (binding === undefined || latest === undefined) throw new Error('nothing binds this extension')
  const most = `${binding.name} may be had for at most ${String(binding.maximumMinutes)} minutes from now on`
  const more = Math.floor((latest.toMillis() - oldEnd.toMillis()) / MINUTE_MS)
  if (more < 1) return `${most}, and the session lasts that long already: ask nearer to its end.`
  if (end !== undefined) {
    return `${most}: choose an end no later than ${wallText(latest.setZone(end.zone))}.`
  }
  return `${most}: enter ${String(more)} more ${more === 1 ? 'minute' : 'minutes'} or fewer.`
}
