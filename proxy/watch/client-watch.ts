import type { Counters } from '../counters.ts'
import { EVENT, REFUSED_FLUSH, SCREENED } from '../journal/events.ts'
import type { Screen } from '../statements/screening.ts'
import { FROM_CLIENT } from '../wire/codes.ts'
import { CLIENT_RULES } from '../wire/frame-rules.ts'
import { FrameReader, type Frame, type FrameHandler } from '../wire/frames.ts'
import { CopyRun } from './copy-run.ts'
import { EventWriter, type Events } from './event-writer.ts'
import type { Unanswered } from './unanswered.ts'

/** What both directions of a connection write to and know together. */
export interface Watching {
  readonly events: Events
  /** The number of the connection in the journal. */
  readonly connection: number
  readonly screen: Screen
  readonly unanswered: Unanswered
  readonly counters: Counters
}

/** Reads along with a client: judges its messages, writes them to the journal, keeps secrets out. */
export class ClientWatch implements FrameHandler {
  /** The client has said goodbye. */
  isTerminated = false
  readonly #watching: Watching
  readonly #writer: EventWriter
  /** For what has gone on, whatever becomes of the chunk at hand. */
  readonly #tallies: EventWriter
  readonly #reader: FrameReader
  #copy: CopyRun | undefined
  /** What was being copied when everything had gone on last. */
  #goneCopy: CopyRun | undefined
  /** The journal's count at that moment. */
  #commits = 0
  #now = 0

  constructor(watching: Watching) {
    this.#watching = watching
    this.#writer = new EventWriter(watching.events, watching.connection, EVENT.client)
    this.#tallies = new EventWriter(watching.events, watching.connection, EVENT.tally)
    this.#reader = new FrameReader(CLIENT_RULES, this)
  }

  /** One event for a chunk. Errors: WireError, with what came before it in the event. */
  read(bytes: Buffer, end: number, now: number): void {
    this.#now = now
    if (this.#copy !== undefined || this.#goneCopy !== undefined) this.#tellGone(now)
    this.#writer.open(now)
    try {
      this.#reader.feed(bytes, end)
    } finally {
      this.#writer.close()
    }
  }

  /** An event that ends what is being copied: the server refused it, or nothing more will come. */
  endCopy(now: number): void {
    this.#settle()
    const copy = this.#copy
    if (!copy) return
    this.#copy = undefined
    this.#goneCopy = undefined
    this.#tallies.open(now)
    if (copy.hasAllGone) copy.tellEnd(this.#tallies)
    else copy.tellGone(this.#tallies, now)
    this.#tallies.close()
    if (copy.hasAllGone) return
    this.#writer.open(now)
    copy.tellEnd(this.#writer)
    this.#writer.close()
  }

  /** What the client said since the last commit was not recorded, and does not go on; nor does anything else. */
  refused(): void {
    this.#copy = this.#goneCopy
    this.#copy?.refuse()
  }

  message(frame: Frame): void {
    switch (frame.type) {
      case FROM_CLIENT.copyData:
        this.#copied().message()
        return
      case FROM_CLIENT.sync:
        this.#watching.unanswered.sync()
        this.#writer.bare(frame)
        return
      // nothing answers it, and it waits for nothing
      case FROM_CLIENT.flush:
        if (frame.length > 0) this.#refusedFlush()
        else this.#writer.bare(frame)
        return
    }
    // between pieces of a COPY the server ignores only those two
    if (this.#copy) this.#tellCopyEnd()
    this.#asked(frame)
  }

  piece(frame: Frame): void {
    if (frame.type === FROM_CLIENT.copyData) {
      this.#copied().add(frame.bytes, frame.start, frame.end)
    } else this.#watching.screen.piece(frame)
  }

  /** One with a body is an error to the server, but not while it takes COPY data. */
  #refusedFlush(): void {
    const { unanswered } = this.#watching
    if (!unanswered.isCopyingIn) unanswered.extended()
    this.#writer.instead(FROM_CLIENT.flush, REFUSED_FLUSH)
  }

  #asked(frame: Frame): void {
    const { unanswered, counters } = this.#watching
    switch (frame.type) {
      case FROM_CLIENT.query:
      case FROM_CLIENT.functionCall:
        counters.statements += 1
        unanswered.query()
        this.#screened(frame)
        return
      case FROM_CLIENT.parse:
      case FROM_CLIENT.bind:
        unanswered.extended()
        this.#screened(frame)
        return
      case FROM_CLIENT.execute:
        counters.statements += 1
        unanswered.extended()
        break
      case FROM_CLIENT.copyDone:
      case FROM_CLIENT.copyFail:
        unanswered.copyEnd()
        break
      case FROM_CLIENT.terminate:
        this.isTerminated = true
        break
      default:
        unanswered.extended()
    }
    this.#writer.whole(frame)
  }

  /** Of a message that was streamed nothing is at hand any more. */
  #screened(frame: Frame): void {
    const { screen } = this.#watching
    const isStreamed = frame.start === frame.end && frame.length > 0
    const instead = isStreamed ? screen.passed(frame) : screen.whole(frame)
    if (instead === undefined) this.#writer.whole(frame)
    else this.#writer.instead(SCREENED, instead)
  }

  #copied(): CopyRun {
    if (this.#copy === undefined) {
      this.#settle()
      this.#copy = new CopyRun(this.#now)
    }
    return this.#copy
  }

  /** What went before the newest commit has gone on. */
  #settle(): void {
    const { commits } = this.#watching.events
    if (commits === this.#commits) return
    this.#commits = commits
    this.#goneCopy = this.#copy
    this.#copy?.settle()
  }

  #tellGone(now: number): void {
    this.#settle()
    if (!this.#copy?.isDue(now)) return
    this.#tallies.open(now)
    this.#copy.tellGone(this.#tallies, now)
    this.#tallies.close()
  }

  #tellCopyEnd(): void {
    this.#copy?.tellEnd(this.#writer)
    this.#copy = undefined
  }
}
