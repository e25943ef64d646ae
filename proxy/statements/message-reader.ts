import { WireError } from '../errors.ts'
import { LongMessage } from './long-messages.ts'
import type { LongOptions, Steps } from './long-messages.ts'
import { Body } from '../wire/body.ts'
import type { Decode } from '../wire/body.ts'
import type { Frame } from '../wire/frames.ts'

/** How a connection's bytes read, as of now. */
export interface Reading {
  readonly decode: Decode
  /** Bytes kept of a text or of one value. */
  readonly limit: number
}

/** The two ways to read one kind of message: at once, or piece by piece if it is long. */
export interface ReadingRules<T> {
  readonly short: (body: Body, decode: Decode) => T
  /** Absent for messages whose length is limited. */
  readonly long?: (options: LongOptions) => Steps<T>
}

/**
 * Reads one kind of message for the record, whichever way it arrives. A malformed one is undefined and
 * never an error here: the bytes are passed on and the server answers them.
 */
export class MessageReader<T> {
  readonly #reading: Reading
  readonly #rules: ReadingRules<T>
  readonly #body = new Body()
  #long: LongMessage<T> | undefined
  #isMalformed = false

  constructor(reading: Reading, rules: ReadingRules<T>) {
    this.#reading = reading
    this.#rules = rules
  }

  /** More of a long one. */
  piece({ bytes, start, end }: Frame): void {
    if (this.#isMalformed || !this.#rules.long) return
    this.#long ??= new LongMessage(this.#rules.long(this.#reading))
    const long = this.#long
    this.#isMalformed = !orMalformed(() => long.add(bytes, start, end))
  }

  /** The message, now that it is complete. */
  read(frame: Frame): T | undefined {
    if (!this.#long && frame.length > this.#reading.limit) this.piece(frame)
    const long = this.#long
    const isMalformed = this.#isMalformed
    this.#long = undefined
    this.#isMalformed = false
    if (isMalformed) return undefined
    if (long) return orMalformed(() => long.finish())
    return orMalformed(() =>
      this.#rules.short(
        this.#body.reset(frame.bytes, frame.start, frame.end),
        this.#reading.decode,
      ),
    )
  }
}

function orMalformed<R>(read: () => R): R | undefined {
  try {
    return read()
  } catch (thrown) {
    if (thrown instanceof WireError) return undefined
    throw thrown
  }
}
