import type { Counters } from '../counters.ts'
import type { Journal } from '../journal/journal.ts'

/** One direction of a relay. */
export interface Passage {
  /** What a client asks must not go on unrecorded; what a server answered has happened. */
  readonly asks: boolean
  /** When its newest chunk came, on performance.now's clock. */
  readonly arrivedAt: number
  /** These bytes may go on now. */
  forward(bytes: Buffer, start: number, end: number): void
  /** What was asked could not be recorded, and is not sent. */
  refuse(error: unknown): void
}

/** Longer chunks are written from where they are. */
const COPIED_MOST = 16 * 1024
const OUT_BYTES = 1024 * 1024

/** Of what waits: answers, which have happened and need no disk, or questions. */
type Some = 'all' | 'answers' | 'questions'

/**
 * Lets chunks go on at the end of each turn of the event loop, behind one write of the journal for all
 * of them. Each way keeps its order.
 */
export class Turns {
  readonly #journal: Pick<Journal, 'commit' | 'forgetClients' | 'isStrict'>
  readonly #counters: Counters
  readonly #out = Buffer.allocUnsafeSlow(OUT_BYTES)
  #outBytes = 0
  /** What waits, in order: whose it is, and where it ends in #out. */
  readonly #passages: Passage[] = []
  readonly #ends: number[] = []
  #count = 0
  /** There is a question among it. */
  #asks = false
  #isScheduled = false
  readonly #turn = (): void => {
    this.#isScheduled = false
    this.flush(this.#asks)
  }

  constructor(journal: Pick<Journal, 'commit' | 'forgetClients' | 'isStrict'>, counters: Counters) {
    this.#journal = journal
    this.#counters = counters
  }

  /** Something is in the journal's memory that nobody's bytes wait for. */
  schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#turn)
  }

  /** bytes[0] up to, not including, bytes[end]: judged, and in the journal's memory. */
  pass(passage: Passage, bytes: Buffer, end: number): void {
    if (end > COPIED_MOST || this.#outBytes + end > OUT_BYTES) {
      this.#passNow(passage, bytes, end)
      return
    }
    bytes.copy(this.#out, this.#outBytes, 0, end)
    this.#outBytes += end
    this.#passages[this.#count] = passage
    this.#ends[this.#count] = this.#outBytes
    this.#count += 1
    this.#asks ||= passage.asks
    this.schedule()
  }

  /** Ends the turn now: what waits goes on, or not; with a question as soon as it is recorded. Returns why not. */
  flush(asks = true): unknown {
    const count = this.#count
    this.#count = 0
    this.#outBytes = 0
    this.#asks = false
    let left: Some = 'all'
    const answer = (): void => {
      left = 'questions'
      this.#forward(count, 'answers')
    }
    const failure = this.#commit(asks, asks && this.#journal.isStrict ? answer : undefined)
    if (failure === undefined) this.#forward(count, left)
    else this.#refuse(count, left, failure)
    return failure
  }

  #refuse(count: number, left: Some, failure: unknown): void {
    // here alone, and in front of everything else: a commit that succeeds later must not tell of them
    this.#journal.forgetClients()
    // first what was answered: last words come behind it
    if (left === 'all') this.#forward(count, 'answers')
    for (const passage of new Set(this.#passages.slice(0, count))) {
      if (passage.asks) passage.refuse(failure)
    }
  }

  #passNow(passage: Passage, bytes: Buffer, end: number): void {
    const failure = this.flush(this.#asks || passage.asks)
    if (failure !== undefined && passage.asks) passage.refuse(failure)
    else passage.forward(bytes, 0, end)
    if (passage.asks) this.#counters.delayed(performance.now() - passage.arrivedAt)
  }

  #commit(asks: boolean, written: (() => void) | undefined): unknown {
    try {
      this.#journal.commit(asks, written)
      return undefined
    } catch (error) {
      return error
    }
  }

  #forward(count: number, some: Some): void {
    const now = performance.now()
    let start = 0
    for (let index = 0; index < count; index += 1) {
      const passage = this.#passages[index]
      const end = this.#ends[index] ?? start
      if (passage && some !== (passage.asks ? 'answers' : 'questions')) {
        passage.forward(this.#out, start, end)
        if (passage.asks) this.#counters.delayed(now - passage.arrivedAt)
      }
      start = end
    }
  }
}
