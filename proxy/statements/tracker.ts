import { Ledger } from './ledger.ts'
import { NameSpaces } from './name-spaces.ts'
import { StatementQueue } from './queue.ts'
import type { StatementSink } from './record.ts'
import { StatementsAnswered } from './answered.ts'
import { StatementsAsked } from './asked.ts'
import type { FrameHandler } from '../wire/frames.ts'
import { KEPT_MOST } from '../wire/limits.ts'
import type { TransactionState } from '../wire/server-messages.ts'

export interface StatementOptions {
  /** Bytes kept of one text or one value; at most KEPT_MOST, which is the default. */
  readonly textLimit?: number
}

/**
 * The statements of one connection: pairs what the client asks with what the server answers, and tells
 * the sink when each begins and how it ended. Give `client` and `server` to the frame readers of the
 * two directions and set the clock before each chunk. Nothing here waits, and no bytes a peer can send
 * make it throw.
 */
export class StatementTracker {
  readonly client: FrameHandler
  readonly server: FrameHandler
  readonly #ledger: Ledger
  readonly #queue = new StatementQueue()
  readonly #asked: StatementsAsked
  readonly #answered: StatementsAnswered

  constructor(sink: StatementSink, { textLimit = KEPT_MOST }: StatementOptions = {}) {
    this.#ledger = new Ledger(sink, Math.min(textLimit, KEPT_MOST))
    const pairing = { ledger: this.#ledger, queue: this.#queue, names: new NameSpaces() }
    this.#answered = new StatementsAnswered(pairing)
    this.#asked = new StatementsAsked(pairing)
    this.client = this.#asked
    this.server = this.#answered
  }

  /** Sets the clock: milliseconds since 1970, one reading for everything in a chunk. */
  tick(now: number): void {
    this.#ledger.now = now
  }

  /** The client's chunk is read to its end and about to be passed on. */
  chunkEnd(): void {
    this.#asked.chunkEnd()
  }

  /** For what the server reported during login; later changes are seen here. */
  parameterStatus(name: string, value: string): void {
    this.#ledger.parameterStatus(name, value)
  }

  /** Messages not answered yet; bounded only by who reads from the client. */
  get pending(): number {
    return this.#queue.length
  }

  /** As of the last ReadyForQuery. */
  get transaction(): TransactionState {
    return this.#ledger.transaction
  }

  /** The connection is over, one way or the other: ends every open record. */
  end(): void {
    this.#answered.end()
  }
}
