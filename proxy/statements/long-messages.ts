import { SQL_SIGNS, VALUE_SIGNS, type Signs } from './beyond-cut.ts'
import { Capture } from './digests.ts'
import type { Cut } from './digests.ts'
import { WireError } from '../errors.ts'
import type { Decode } from '../wire/body.ts'

/**
 * Readers of messages too long to keep: they take the body piece by piece as it passes, and keep of
 * each text and value what the limit allows.
 */

export interface LongText {
  readonly text: string
  readonly cut: Cut | null
  /** There may be a secret behind the cut. */
  readonly isSuspect: boolean
}

export interface LongParse extends LongText {
  readonly name: string
  readonly types: readonly number[]
}

export interface LongParameter {
  readonly binary: boolean
  readonly bytes: Buffer | null
  readonly cut: Cut | null
  /** As of a LongText. */
  readonly isSuspect: boolean
}

export interface LongBind {
  readonly portal: string
  readonly statement: string
  readonly parameters: readonly LongParameter[]
}

export interface LongCall {
  readonly oid: number
  readonly parameters: readonly LongParameter[]
}

export interface LongOptions {
  readonly decode: Decode
  /** Bytes kept of a text or of one value. */
  readonly limit: number
}

/** What a reader asks for next: so many bytes, or a text up to its NUL. */
export interface Want {
  readonly into: Capture
  left: number
}

/** A reader that asks for what it needs next and returns what it made of it. */
export type Steps<T> = Generator<Want, T, undefined>

/** All values of one Bind together; what is beyond keeps its length and digest only. */
const VALUES_LIMIT = 16
const UP_TO_NUL = -1
const NAME_LIMIT = 10_000

/** Drives one reader over the pieces of one body. */
export class LongMessage<T> {
  readonly #steps: Steps<T>
  #next: IteratorResult<Want, T>

  constructor(steps: Steps<T>) {
    this.#steps = steps
    this.#next = steps.next()
  }

  /** Takes a piece; a WireError once there are bytes behind the end. */
  add(bytes: Buffer, start: number, end: number): true {
    let at = start
    while (at < end) {
      if (this.#next.done) throw new WireError('invalid message format: bytes behind its end')
      at = consume(this.#next.value, { bytes, at, end })
      if (this.#next.value.left === 0) this.#next = this.#steps.next()
    }
    return true
  }

  /** What was read; a WireError if the body ended too early. */
  finish(): T {
    if (!this.#next.done) throw new WireError('invalid message format: a length beyond its end')
    return this.#next.value
  }
}

export function* longQuery({ decode, limit }: LongOptions): Steps<LongText> {
  const text = yield* upToNul(limit, SQL_SIGNS)
  return { text: text.text(decode), cut: text.finish(), isSuspect: text.isSuspect }
}

export function* longParse({ decode, limit }: LongOptions): Steps<LongParse> {
  const name = (yield* upToNul(NAME_LIMIT)).text(decode)
  const text = yield* upToNul(limit, SQL_SIGNS)
  const count = yield* uint16()
  const types: number[] = []
  for (let index = 0; index < count; index += 1) types.push((yield* int32()) >>> 0)
  const { isSuspect } = text
  return { name, text: text.text(decode), cut: text.finish(), isSuspect, types }
}

export function* longBind({ decode, limit }: LongOptions): Steps<LongBind> {
  const portal = (yield* upToNul(NAME_LIMIT)).text(decode)
  const statement = (yield* upToNul(NAME_LIMIT)).text(decode)
  const parameters = yield* longParameters(limit)
  yield* formats()
  return { portal, statement, parameters }
}

export function* longCall({ limit }: LongOptions): Steps<LongCall> {
  const oid = (yield* int32()) >>> 0
  const parameters = yield* longParameters(limit)
  yield* uint16()
  return { oid, parameters }
}

function* longParameters(limit: number): Steps<LongParameter[]> {
  const codes = yield* formats()
  const count = yield* uint16()
  const parameters: LongParameter[] = []
  let room = VALUES_LIMIT * limit
  for (let index = 0; index < count; index += 1) {
    const binary = (codes.length === 1 ? codes[0] : codes[index]) === 1
    const length = yield* int32()
    if (length < -1) throw new WireError('invalid message format: a negative length')
    const value = length === -1 ? null : yield* exactly(length, Math.min(limit, room))
    const bytes = value && value.bytes
    room -= bytes?.length ?? 0
    const isSuspect = value?.isSuspect ?? false
    parameters.push({ binary, bytes, cut: value && value.finish(), isSuspect })
  }
  return parameters
}

function* formats(): Steps<number[]> {
  const count = yield* uint16()
  const codes: number[] = []
  for (let index = 0; index < count; index += 1) codes.push(yield* uint16())
  return codes
}

function* uint16(): Steps<number> {
  return (yield* exactly(2, 2)).bytes.readUInt16BE(0)
}

function* int32(): Steps<number> {
  return (yield* exactly(4, 4)).bytes.readInt32BE(0)
}

function* upToNul(limit: number, signs?: Signs): Steps<Capture> {
  const into = new Capture(limit, signs)
  yield { into, left: UP_TO_NUL }
  return into
}

function* exactly(length: number, limit: number): Steps<Capture> {
  const into = new Capture(limit, VALUE_SIGNS)
  if (length > 0) yield { into, left: length }
  return into
}

/** Feeds one want; returns where the next byte for the next want is. */
function consume(
  want: Want,
  { bytes, at, end }: { bytes: Buffer; at: number; end: number },
): number {
  if (want.left === UP_TO_NUL) {
    const nul = bytes.indexOf(0, at)
    const found = nul !== -1 && nul < end
    const stop = found ? nul : end
    want.into.add(bytes, at, stop)
    if (found) want.left = 0
    return found ? stop + 1 : stop
  }
  const stop = Math.min(end, at + want.left)
  want.into.add(bytes, at, stop)
  want.left -= stop - at
  return stop
}
