import { isIP } from 'node:net'
import { REQUIRED_FOR, STEP_UPS, TRUSTED_MODES, type MfaPolicy } from '../../db/mfa-policy.ts'
import { fieldsOf, mistakesIn, type Reading } from './fields.ts'

/** More of them nobody oversees. */
export const RANGES_MOST = 200
const BITS = { 4: 32, 6: 128 } as const

/** Reads the form of what an organization asks for. */
export function readMfaSettings(body: unknown): Reading<MfaPolicy> {
  const fields = fieldsOf(body)
  const requiredFor = REQUIRED_FOR.find((name) => name === fields.text('requiredFor'))
  const trustedMode = TRUSTED_MODES.find((name) => name === fields.text('trustedMode'))
  const trustedRanges = fields
    .text('trustedRanges')
    .split(/[\s,;]+/)
    .filter((range) => range !== '')
  const mistakes = mistakesIn({
    requiredFor: requiredFor === undefined ? 'Choose of whom a second factor is asked.' : undefined,
    trustedRanges: rangesMistake(trustedRanges),
    trustedMode: trustedMode === undefined ? 'Choose what the ranges are for.' : undefined,
  })
  if (Object.keys(mistakes).length > 0 || !requiredFor || !trustedMode) {
    return { ok: false, mistakes }
  }
  const ticked = fields.list('stepUp')
  const stepUp = STEP_UPS.filter((name) => ticked.includes(name))
  const totp = fields.text('totp') === 'yes'
  return { ok: true, value: { requiredFor, stepUp, totp, trustedRanges, trustedMode } }
}

/** What is wrong with the ranges, in a sentence. */
export function rangesMistake(ranges: readonly string[]): string | undefined {
  if (ranges.length > RANGES_MOST) return `Give at most ${RANGES_MOST} ranges.`
  for (const range of ranges) {
    const mistake = rangeMistake(range)
    if (mistake !== undefined) return mistake
  }
  return undefined
}

function rangeMistake(range: string): string | undefined {
  const shown = range.slice(0, 60)
  const [address = '', prefix, ...more] = range.split('/')
  const version = isIP(address)
  const wrong = `"${shown}" is no range: write 10.0.0.0/8, 2001:db8::/32 or one address.`
  if ((version !== 4 && version !== 6) || more.length > 0 || address.includes('%')) return wrong
  if (/^::ffff:\d/i.test(address)) return `Write "${shown}" as the IPv4 range that it is.`
  if (prefix === undefined) return undefined
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > BITS[version]) return wrong
  // one that holds every address trusts strangers
  return Number(prefix) === 0 ? `"${shown}" holds every address there is.` : undefined
}

/** Reads the name of a new passkey. */
export function readPasskeyName(body: unknown): Reading<string> {
  const name = fieldsOf(body).text('name')
  if (name !== '' && Array.from(name).length <= 100) return { ok: true, value: name }
  const mistakes = {
    name: 'Give the passkey a name of at most 100 characters, such as "blue key".',
  }
  return { ok: false, mistakes }
}
