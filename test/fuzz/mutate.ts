import type { Random } from '../walk/random.ts'

/** One message as it goes on the wire, and whether its reader can still find the next one. */
export interface Mutant {
  readonly bytes: Buffer
  readonly breaksFraming: boolean
}

const HEADER = 5
const INTEGERS = [-2_147_483_648, -2, -1, 0, 1, 4, 65_535, 0x3ffffffe, 0x3fffffff, 0x7fffffff]
/** One message in so many breaks the framing: most connections live long enough to be worth it. */
const FRAMING_ONE_IN = 800

/** Bends a message; `others` lends types and bodies. */
export function mutate(frame: Buffer, others: readonly Buffer[], dice: Random): Mutant {
  if (dice.number() * FRAMING_ONE_IN < 1) {
    return { bytes: dice.pick(FRAMING)(frame, dice), breaksFraming: true }
  }
  const [type = 0] = frame
  const other = dice.find(others) ?? frame
  const body = dice.pick(BODIES)(Buffer.from(frame.subarray(HEADER)), dice, other.subarray(HEADER))
  const bent = dice.number() < 0.02 ? (other[0] ?? type) : type
  return { bytes: framed(bent, body), breaksFraming: false }
}

/** A message around a body. */
export function framed(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(HEADER)
  head.writeUInt8(type, 0)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** Bits turned anywhere in a packet: for start-up packets, which have no type. */
export function flipBits(bytes: Buffer, dice: Random): Buffer {
  const bent = Buffer.from(bytes)
  for (let flips = whole(dice, 1, 4); flips > 0 && bent.length > 0; flips -= 1) {
    const at = whole(dice, 0, bent.length - 1)
    bent[at] = (bent[at] ?? 0) ^ (1 << whole(dice, 0, 7))
  }
  return bent
}

/** A whole number from `least` to `most`. */
export function whole(dice: Random, least: number, most: number): number {
  return Math.floor(dice.between(least, most + 1))
}

type BendBody = (body: Buffer, dice: Random, other: Buffer) => Buffer

const BODIES: readonly [BendBody, ...BendBody[]] = [
  flipBits,
  flipBits,
  setInteger,
  setInteger,
  (body, dice) => body.subarray(0, whole(dice, 0, body.length)),
  (body, dice) => Buffer.concat([body, noise(dice)]),
  (body, dice, other) => Buffer.concat([body.subarray(0, whole(dice, 0, body.length)), other]),
  (_body, _dice, other) => other,
  () => Buffer.alloc(0),
  (_body, dice) => noise(dice),
]

const FRAMING: readonly [BendFrame, ...BendFrame[]] = [
  (frame, dice) => withLength(frame, dice.find(INTEGERS) ?? 0),
  (frame, dice) => withLength(frame, whole(dice, -3, 3)),
  (frame, dice) => withLength(frame, frame.length - 1 + whole(dice, -8, 8)),
  (frame, dice) => Buffer.concat([Buffer.of(whole(dice, 0, 255)), frame.subarray(1)]),
  (frame, dice) => frame.subarray(0, whole(dice, 0, frame.length - 1)),
  (frame, dice) => Buffer.concat([noise(dice), frame]),
  flipBits,
]
type BendFrame = (frame: Buffer, dice: Random) => Buffer

function setInteger(body: Buffer, dice: Random): Buffer {
  const value = dice.find(INTEGERS) ?? 0
  if (body.length >= 4 && dice.number() < 0.5) {
    body.writeInt32BE(value, whole(dice, 0, body.length - 4))
  } else if (body.length >= 2) {
    body.writeUInt16BE(value & 0xffff, whole(dice, 0, body.length - 2))
  }
  return body
}

function withLength(frame: Buffer, length: number): Buffer {
  const bent = Buffer.from(frame)
  bent.writeInt32BE(length, 1)
  return bent
}

function noise(dice: Random): Buffer {
  return Buffer.from(Array.from({ length: whole(dice, 0, 40) }, () => whole(dice, 0, 255)))
}
