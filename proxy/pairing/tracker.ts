import { emptyLedger, Ledger, type HeldTogether, type LedgerState } from './ledger.ts'
import { emptyNames, NameSpaces, type NameSpacesState } from './name-spaces.ts'
import { emptyQueue, executionOf, StatementQueue, type QueueState } from './queue.ts'
import type { Execution } from './execution.ts'
import type { StatementSink } from './record.ts'
import { StatementsAnswered } from './answered.ts'
import { StatementsAsked, type Pairing } from './asked.ts'
import { closeUnknown } from './lost.ts'
import { UNSETTLED } from '../journal/events.ts'
import { FROM_SERVER } from '../wire/codes.ts'
import type { Frame } from '../wire/frames.ts'
import { HEADER_BYTES, LENGTH_FIELD } from '../wire/limits.ts'
import type { TransactionState } from '../wire/server-messages.ts'

/** All that is known of a connection between two events; plain data, its parts shared within it. */
export interface TrackerState {
  readonly ledger: LedgerState
  readonly queue: QueueState
  readonly names: NameSpacesState
  /** Something is missing: which answer belongs to what is not known until nothing is outstanding. */
  isLost: boolean
}

const NOTHING: Buffer = Buffer.alloc(0)

/** One object for all messages: nobody keeps anything of it. */
type Shown = { -readonly [field in keyof Frame]: Frame[field] }

/**
 * The statements of one connection: pairs what the client asked with what the server answered, as the
 * journal holds it, and tells the sink how each ended. Set the clock before the messages of each event.
 * No message a peer could have sent makes it throw.
 */
export class StatementTracker {
  /** Changes with every message: copy what is to be kept. */
  readonly state: TrackerState
  readonly #ledger: Ledger
  readonly #queue: StatementQueue
  readonly #asked: StatementsAsked
  readonly #answered: StatementsAnswered
  readonly #pairing: Pairing
  /** The next ReadyForQuery is not the last that is outstanding. */
  #isUnsettled = false
  readonly #frame: Shown = { type: 0, length: 0, bytes: NOTHING, start: 0, end: 0, head: 0 }

  /** What it holds counts for all that are told to hold `together`. */
  constructor(sink: StatementSink, state: TrackerState = emptyTracker(), together?: HeldTogether) {
    this.state = state
    this.#ledger = new Ledger(sink, state.ledger, together)
    this.#queue = new StatementQueue(state.queue)
    const names = new NameSpaces(state.names)
    const pairing = { ledger: this.#ledger, queue: this.#queue, names }
    this.#pairing = pairing
    this.#answered = new StatementsAnswered(pairing)
    this.#asked = new StatementsAsked(pairing)
  }

  /** Sets the clock: milliseconds since 1970, one reading for everything in an event. */
  tick(now: number): void {
    this.#ledger.now = now
  }

  /** Whole messages of the client's, in one chunk: bytes[start] up to, not including, bytes[end]. */
  client(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at = this.#frame.end) this.#asked.message(this.#show(bytes, at))
    this.#asked.chunkEnd()
  }

  /** Whole messages of the server's. */
  server(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at = this.#frame.end) {
      const frame = this.#show(bytes, at)
      if (this.state.isLost) this.#overhear(frame)
      else this.#answered.message(frame)
    }
  }

  /** For what the server reported during login; later changes are seen here. */
  parameterStatus(name: string, value: string): void {
    this.#ledger.parameterStatus(name, value)
  }

  /** Messages not answered yet; bounded only by who reads from the client. */
  get pending(): number {
    return this.#queue.length
  }

  /** What the server works on. */
  get running(): Execution | undefined {
    const { head } = this.#queue
    const execution = head && executionOf(head)
    return execution?.outcome === undefined ? execution : undefined
  }

  /** What waits for the end of its batch takes so many bytes, roughly. */
  get heldBytes(): number {
    return this.#ledger.heldBytes
  }

  /** Lets it go without waiting, all of it or all but the newest: `unknown` where that end would have decided. */
  releaseHeld(kept: 0 | 1): void {
    this.#ledger.releaseUnsettled(kept)
  }

  /** As of the last ReadyForQuery. */
  get transaction(): TransactionState {
    return this.#ledger.transaction
  }

  /** The connection is over: ends every open record. `unknown` where nobody saw how it ended. */
  end(outcome: 'aborted' | 'unknown' = 'aborted'): void {
    this.#answered.end(this.state.isLost ? 'unknown' : outcome)
  }

  /**
   * Something that was seen of it is missing: a record says so, in these words. What is open, and what is
   * asked before the server has answered everything, is `unknown`.
   */
  lost(text: string): void {
    closeUnknown(this.#pairing)
    this.end('unknown')
    this.#queue.skipping = false
    this.state.isLost = true
    this.#ledger.gap(text)
  }

  /** Of answers that nobody can tell whose they are, the end of all of them. */
  #overhear(frame: Frame): void {
    if (frame.type === FROM_SERVER.parameterStatus) this.#answered.message(frame)
    if (frame.type === UNSETTLED) this.#isUnsettled = true
    if (frame.type !== FROM_SERVER.ready) return
    closeUnknown(this.#pairing)
    this.state.isLost = this.#isUnsettled
    this.#isUnsettled = false
    // with nothing left to pair: it says whether a transaction is open
    this.#answered.message(frame)
  }

  #show(bytes: Buffer, at: number): Frame {
    const frame = this.#frame
    const length = bytes.readUInt32BE(at + 1) - LENGTH_FIELD
    frame.type = bytes[at] ?? 0
    frame.length = length
    frame.bytes = bytes
    frame.start = at + HEADER_BYTES
    frame.end = frame.start + length
    frame.head = at
    return frame
  }
}

/** Of a connection of which nothing is known yet. */
export function emptyTracker(): TrackerState {
  return {
    ledger: emptyLedger(),
    queue: emptyQueue(),
    names: emptyNames(),
    isLost: false,
  }
}
