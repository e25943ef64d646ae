import type { DateTime } from 'luxon'
import { bindingMaximum, wallText, type Faults, type RoleTimes } from '../sessions/window.ts'

/** How much more time is asked for: so many minutes on top, or another end. */
export interface AskedExtension {
  readonly minutes?: number | undefined
  readonly end?: DateTime<true> | undefined
}

/** What an extension starts from. */
export interface Extendable extends Limited {
  readonly end: DateTime<true>
}

/** What says how far an extension may reach. */
export interface Limited {
  /** When the session began. */
  readonly start: DateTime<true>
  /** As the policy has them today. */
  readonly roles: readonly (RoleTimes & { readonly approvalsNeeded: number })[]
  /** The moment of asking. */
  readonly now: DateTime<true>
}

/** How far an extension may reach. */
export interface Limit {
  readonly binding: RoleTimes
  readonly latest: DateTime<true>
  /** `role1 may be had for at most 60 minutes from now on`. */
  readonly sentence: string
  /** What to do where the session lasts that long already. */
  readonly remedy: string
}

const MINUTE_MS = 60_000

/** The end that an extension means, or what is wrong with it. Refuses what goes too far and never shortens. */
export function resolveExtension(
  asked: AskedExtension,
  extendable: Extendable,
): { readonly newEnd: DateTime<true> } | { readonly faults: Faults } {
  const faults = faultsOf(asked, extendable)
  if (faults !== undefined) return { faults }
  const newEnd =
    asked.end?.toUTC() ??
    extendable.end.plus({ milliseconds: Math.round((asked.minutes ?? 0) * MINUTE_MS) })
  const limit = findLimit(extendable)
  if (limit === undefined || newEnd <= limit.latest) return { newEnd }
  const field = asked.end === undefined ? 'minutes' : 'end'
  return { faults: { [field]: tooLong(asked, extendable.end, limit) } }
}

/**
 * No role is had for longer than its maximum, from the moment of asking; where nobody has to approve
 * that, from the start of the session: otherwise its requester alone could keep it open for ever.
 * Undefined where no role sets a maximum.
 */
export function findLimit({ start, roles, now }: Limited): Limit | undefined {
  const binding = bindingMaximum(roles)
  if (binding === undefined) return undefined
  const { name, maximumMinutes: minutes } = binding
  const isDecided = roles.some(({ approvalsNeeded }) => approvalsNeeded > 0)
  const most = `${name} may be had for at most ${String(minutes)} minutes`
  return isDecided
    ? {
        binding,
        latest: now.plus({ minutes }),
        sentence: `${most} from now on`,
        remedy: 'ask nearer to its end',
      }
    : {
        binding,
        latest: start.plus({ minutes }),
        sentence: `${most} in all, as nobody has to approve it`,
        remedy: 'ask for a new session',
      }
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

function tooLong(
  { end }: AskedExtension,
  oldEnd: DateTime<true>,
  { latest, sentence, remedy }: Limit,
): string {
  const more = Math.floor((latest.toMillis() - oldEnd.toMillis()) / MINUTE_MS)
  if (more < 1) return `${sentence}, and the session lasts that long already: ${remedy}.`
  if (end !== undefined) {
    return `${sentence}: choose an end no later than ${wallText(latest.setZone(end.zone))}.`
  }
  return `${sentence}: enter ${String(more)} more ${more === 1 ? 'minute' : 'minutes'} or fewer.`
}
