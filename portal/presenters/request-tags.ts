import type { DateTime } from 'luxon'
import type { Session } from '../../db/sessions.ts'
import type { RequestTag } from './approval-pages.ts'
import { lengthText, minutesText, type Zones } from './moments.ts'
import type { RoleDescriptions } from './session-roles.ts'
import { visible } from './visible.ts'

/** When people are at work, by Central Manager's clock: Monday to Friday. */
const WORK_FROM = 8
const WORK_UNTIL = 18
const FRIDAY = 5
const MINUTE_MS = 60_000

/** What an approver should notice about a request before anything else; often nothing. */
export function presentTags(
  session: Session,
  { zones, now }: { readonly zones: Zones; readonly now: DateTime<true> },
  descriptions: RoleDescriptions,
): RequestTag[] {
  const window = windowOf(session, now)
  return [
    ...dangerTags(session, descriptions),
    ...longTags(session, window, descriptions),
    ...(isOffHours(window, zones.central) ? [OFF_HOURS(zones.central)] : []),
  ]
}

/** The same of more time for a session under way, which is never short. */
export function presentExtensionTags(
  { roles }: Pick<Session, 'roles'>,
  { zones, added }: { readonly zones: Zones; readonly added: Stretch },
  descriptions: RoleDescriptions,
): RequestTag[] {
  return [
    ...dangerTags({ roles }, descriptions),
    ...(isOffHours(added, zones.central) ? [OFF_HOURS(zones.central)] : []),
  ]
}

interface Stretch {
  readonly start: DateTime<true>
  readonly end: DateTime<true>
}

/** What counts from its approval would begin now; what is past can't be used any more. */
function windowOf({ start, end, minutes }: Session, now: DateTime<true>): Stretch | undefined {
  if (start !== null && end !== null) return { start, end }
  return minutes === null ? undefined : { start: now, end: now.plus({ minutes }) }
}

function dangerTags(
  { roles }: Pick<Session, 'roles'>,
  descriptions: RoleDescriptions,
): RequestTag[] {
  const names = roles
    .filter(({ id, dangerous }) => dangerous || (descriptions.get(id)?.dangers.length ?? 0) > 0)
    .map(({ name }) => visible(name))
  if (names.length === 0) return []
  return [{ name: 'dangerous role', text: names.join(', '), tone: 'danger' }]
}

function longTags(
  { roles }: Pick<Session, 'roles'>,
  window: Stretch | undefined,
  descriptions: RoleDescriptions,
): RequestTag[] {
  if (window === undefined) return []
  const length = window.end.toMillis() - window.start.toMillis()
  const usual = roles.flatMap(({ id, name }) => {
    const minutes = descriptions.get(id)?.defaultMinutes
    return minutes === undefined ? [] : [{ name, minutes }]
  })
  const [shortest] = usual.toSorted((one, other) => one.minutes - other.minutes)
  if (shortest === undefined || length <= shortest.minutes * MINUTE_MS) return []
  const text = `${lengthText(length)}; ${visible(shortest.name)} is usually lent for ${minutesText(shortest.minutes)}`
  return [{ name: 'long', text, tone: 'warn' }]
}

const OFF_HOURS = (zone: string): RequestTag => ({
  name: 'off-hours',
  text: `not all of it is on a weekday between ${WORK_FROM}:00 and ${WORK_UNTIL}:00, ${zone}`,
  tone: 'warn',
})

/** True where some of the window lies outside working hours, by the clock of a zone. */
export function isOffHours(window: Stretch | undefined, zone: string): boolean {
  if (window === undefined) return false
  const start = window.start.setZone(zone)
  const end = window.end.setZone(zone)
  // a window that fits into one working day starts and ends on it
  if (start.weekday > FRIDAY || !start.hasSame(end, 'day')) return true
  return start.hour < WORK_FROM || end > end.set(CLOSING)
}

const CLOSING = { hour: WORK_UNTIL, minute: 0, second: 0, millisecond: 0 }
