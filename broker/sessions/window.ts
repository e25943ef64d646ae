import { Duration, type DateTime } from 'luxon'

/** What is asked of the clock, before the rules have seen it. */
export interface AskedWindow {
  readonly start?: DateTime<true> | undefined
  readonly end?: DateTime<true> | undefined
  readonly minutes?: number | undefined
  readonly fromApproval?: boolean | undefined
  /** How long the request waits for its approvals; absent: as long as it may. */
  readonly ttlMinutes?: number | undefined
}

/** A window that stands, or a length that counts from the last approval. */
export type Window =
  | { readonly kind: 'fixed'; readonly start: DateTime<true>; readonly end: DateTime<true> }
  | { readonly kind: 'from approval'; readonly minutes: number }

/** A role's times, as far as windows go. */
export interface RoleTimes {
  readonly name: string
  readonly defaultMinutes: number
  readonly maximumMinutes: number
}

/** A sentence per field that is wrong. */
export type Faults = Readonly<Record<string, string>>

const MINIMUM_MS = 5_000
/** A start this far back is a slow click or a slow clock, and means now. */
const PAST_GRACE_MS = 60_000
const FURTHEST = Duration.fromObject({ years: 1 })
const MINUTE_MS = 60_000

/**
 * The window that a request means at this moment, or what is wrong with it. Refuses what the roles
 * can't honour and never shortens; the shortest maximum binds, and the sentence says whose it is.
 */
export function resolveWindow(
  asked: AskedWindow,
  roles: readonly RoleTimes[],
  now: DateTime<true>,
): { readonly window: Window } | { readonly faults: Faults } {
  const faults = faultsOf(asked, now)
  if (faults !== undefined) return { faults }
  const window = windowOf(asked, shortestDefault(roles), now)
  const fault = lengthFault(window, roles, asked.end)
  if (fault === undefined) return { window }
  return { faults: { [asked.end === undefined ? 'minutes' : 'end']: fault } }
}

/** How far a request may reach: this moment, and how long it may wait where only approval starts it. */
export interface Reach {
  readonly now: DateTime<true>
  readonly lifeMinutes: number
}

/** A request's window, and when the request dies if it is not approved by then. */
export function resolveRequest(
  asked: AskedWindow,
  roles: readonly RoleTimes[],
  reach: Reach,
): { readonly window: Window; readonly diesAt: DateTime<true> } | { readonly faults: Faults } {
  const resolved = resolveWindow(asked, roles, reach.now)
  if ('faults' in resolved) return resolved
  const { window } = resolved
  const latest =
    window.kind === 'fixed' ? window.end : reach.now.plus({ minutes: reach.lifeMinutes })
  const fault = waitFault(asked, window, latest.toMillis() - reach.now.toMillis())
  if (fault !== undefined) return { faults: { ttlMinutes: fault } }
  const { ttlMinutes } = asked
  const wait = ttlMinutes === undefined ? undefined : Math.round(ttlMinutes * MINUTE_MS)
  return { window, diesAt: wait === undefined ? latest : reach.now.plus({ milliseconds: wait }) }
}

function waitFault(
  { ttlMinutes }: AskedWindow,
  window: Window,
  longestMs: number,
): string | undefined {
  if (ttlMinutes === undefined) return undefined
  if (!(Number.isFinite(ttlMinutes) && ttlMinutes > 0)) {
    return 'The time to wait must be a number of minutes above 0.'
  }
  const most = longestMs / MINUTE_MS
  if (ttlMinutes <= most) return undefined
  const why =
    window.kind === 'fixed'
      ? 'The request lapses when its window closes'
      : 'A request may wait for its approvals only so long'
  const fewer = most < 1 ? '' : `enter ${String(Math.floor(most))} minutes or fewer, or `
  return `${why}: ${fewer}leave this empty.`
}

/** The shortest maximum, and the role that sets it. */
export function bindingMaximum(roles: readonly RoleTimes[]): RoleTimes | undefined {
  return [...roles].sort((a, b) => a.maximumMinutes - b.maximumMinutes)[0]
}

function faultsOf(
  { start, end, minutes, fromApproval }: AskedWindow,
  now: DateTime<true>,
): Faults | undefined {
  if (fromApproval === true && start !== undefined) {
    return { start: 'A window that counts from approval has no start: leave it out.' }
  }
  if (fromApproval === true && end !== undefined) {
    return { end: 'A window that counts from approval has a length, not an end: give minutes.' }
  }
  if (end !== undefined && minutes !== undefined) {
    return { minutes: 'Give an end or a length in minutes, not both.' }
  }
  if (minutes !== undefined && !(Number.isFinite(minutes) && minutes > 0)) {
    return { minutes: 'The length must be a number of minutes above 0.' }
  }
  if (start !== undefined && start.toMillis() < now.toMillis() - PAST_GRACE_MS) {
    return { start: 'The start lies in the past: choose now or a later time.' }
  }
  if (start !== undefined && start > now.plus(FURTHEST)) {
    return { start: 'The start lies more than a year ahead: choose an earlier one.' }
  }
  const from = start !== undefined && start > now ? start : now
  if (end !== undefined && end <= from) return { end: 'The end must come after the start.' }
  return undefined
}

function windowOf(asked: AskedWindow, defaultMinutes: number, now: DateTime<true>): Window {
  const minutes = asked.minutes ?? defaultMinutes
  if (asked.fromApproval === true) return { kind: 'from approval', minutes }
  const start = asked.start !== undefined && asked.start > now ? asked.start.toUTC() : now
  const end = asked.end?.toUTC() ?? start.plus({ milliseconds: Math.round(minutes * MINUTE_MS) })
  return { kind: 'fixed', start, end }
}

function lengthFault(
  window: Window,
  roles: readonly RoleTimes[],
  askedEnd: DateTime<true> | undefined,
): string | undefined {
  const length =
    window.kind === 'fixed'
      ? window.end.toMillis() - window.start.toMillis()
      : window.minutes * MINUTE_MS
  if (length < MINIMUM_MS) return 'The window must be at least 5 seconds long.'
  const binding = bindingMaximum(roles)
  if (binding === undefined || length <= binding.maximumMinutes * MINUTE_MS) return undefined
  const minutes = String(binding.maximumMinutes)
  const most = `${binding.name} may be had for at most ${minutes} minutes at a time`
  if (window.kind === 'from approval' || askedEnd === undefined) {
    return `${most}: enter ${minutes} or fewer.`
  }
  const latest = window.start.plus({ minutes: binding.maximumMinutes }).setZone(askedEnd.zone)
  return `${most}: choose an end no later than ${wallText(latest)}.`
}

/** To the minute, in the zone that the end was given in: `2026-03-01 14:00 UTC +1`. */
export function wallText(at: DateTime): string {
  return at.toFormat(at.offset === 0 ? "yyyy-LL-dd HH:mm 'UTC'" : "yyyy-LL-dd HH:mm 'UTC' Z")
}

function shortestDefault(roles: readonly RoleTimes[]): number {
  return Math.min(...roles.map((role) => role.defaultMinutes))
}
