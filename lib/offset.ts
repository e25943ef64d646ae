import type { DateTime } from 'luxon'

/** The offset in force at an instant, in the instant's own zone: `UTC`, `UTC +1`, `UTC +5:30`, `UTC -3`. */
export function offsetText(at: DateTime): string {
  if (at.offset === 0) return 'UTC'
  const minutes = Math.abs(at.offset)
  const rest = minutes % 60 === 0 ? '' : `:${String(minutes % 60).padStart(2, '0')}`
  return `UTC ${at.offset < 0 ? '-' : '+'}${Math.floor(minutes / 60)}${rest}`
}
