import { WireError } from '../../errors.ts'
import type { Body } from '../../wire/body.ts'

/** Binary numbers as PostgreSQL would print them. */

/** Digits that a numeric may have before its point, and behind it: more is not PostgreSQL's. */
const NUMERIC_DIGITS = 131_072
/** What a numeric of 8 bytes may print as, so that a small message cannot become a large record. */
const ZEROS_MOST = 1000
const DIGIT_WIDTH = 4
const SIGNS: Readonly<Record<number, string>> = { 0x0000: '', 0x4000: '-' }
const SPECIAL: Readonly<Record<number, string>> = {
  0xc000: 'NaN',
  0xd000: 'Infinity',
  0xf000: '-Infinity',
}

export function readBool(body: Body): string {
  return body.uint8() === 0 ? 'f' : 't'
}

export function readInt8(body: Body): string {
  return body.bytes(8).readBigInt64BE(0).toString()
}

export function readFloat4(body: Body): string {
  const value = body.bytes(4).readFloatBE(0)
  if (value === 0) return formatFloat(value, 6)
  // the shortest text that reads back as the same 4-byte number, as PostgreSQL prints it
  for (let digits = 1; digits < 9; digits += 1) {
    const shorter = Number(value.toPrecision(digits))
    if (Math.fround(shorter) === value) return formatFloat(shorter, 6)
  }
  return formatFloat(Number(value.toPrecision(9)), 6)
}

export function readFloat8(body: Body): string {
  return formatFloat(body.bytes(8).readDoubleBE(0), 15)
}

export function readNumeric(body: Body): string {
  const count = body.uint16()
  const weight = body.int16()
  const sign = body.uint16()
  const scale = body.uint16()
  const special = SPECIAL[sign]
  if (special !== undefined) return special

  const wholeGroups = Math.max(weight + 1, 0)
  const printed = wholeGroups * DIGIT_WIDTH + scale
  if (printed > Math.min(NUMERIC_DIGITS, ZEROS_MOST + 2 * DIGIT_WIDTH * count)) {
    throw new WireError('a numeric out of proportion')
  }
  const leading = '0000'.repeat(Math.min(Math.max(-(weight + 1), 0), scale))
  let digits = ''
  for (let index = 0; index < count; index += 1) {
    digits += body.uint16().toString().padStart(DIGIT_WIDTH, '0')
  }
  const point = wholeGroups * DIGIT_WIDTH
  const whole =
    digits
      .slice(0, point)
      .padEnd(point, '0')
      .replace(/^0+(?=.)/, '') || '0'
  const fraction = (leading + digits.slice(point)).padEnd(scale, '0').slice(0, scale)
  return `${SIGNS[sign] ?? ''}${whole}${scale > 0 ? `.${fraction}` : ''}`
}

/** PostgreSQL changes to exponents below 1e-4 and from 1e15 (float8) or 1e6 (float4) on. */
function formatFloat(value: number, largest: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [mantissa = '', exponentText = ''] = value.toExponential().split('e')
  const exponent = Number(exponentText)
  // JavaScript's own bounds for exponents lie outside of these
  if (exponent >= -4 && exponent < largest) return String(value)
  const sign = exponent < 0 ? '-' : '+'
  return `${mantissa}e${sign}${Math.abs(exponent).toString().padStart(2, '0')}`
}
