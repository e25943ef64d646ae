import { EVENT, RESULT_BYTES, ROWS_BYTES, UNSETTLED } from '../journal/events.ts'
import { WireError } from '../errors.ts'
import { Body } from '../wire/body.ts'
import { FROM_SERVER } from '../wire/codes.ts'
import { SERVER_RULES } from '../wire/frame-rules.ts'
import { FrameReader, type Frame, type FrameHandler } from '../wire/frames.ts'
import { readParameterStatus, readReport } from '../wire/server-messages.ts'
import type { ClientWatch, Watching } from './client-watch.ts'
import { CopyRun } from './copy-run.ts'
import { EventWriter } from './event-writer.ts'

/** Outside a transaction, as a ReadyForQuery says it. */
const IDLE = 'I'.charCodeAt(0)
/** How often a result that goes on is told of, in milliseconds. */
const PROGRESS_MS = 1_000

/** Reads along with a server: counts its rows, and writes the rest of what it says to the journal. */
export class ServerWatch implements FrameHandler {
  /** The server has said that it ends the connection. */
  saidFatal = false
  /** By the newest ReadyForQuery. */
  inTransaction = false
  readonly #watching: Watching
  readonly #fromClient: ClientWatch
  readonly #writer: EventWriter
  readonly #reader: FrameReader
  readonly #body = new Body()
  #copy: CopyRun | undefined
  /** Since they were last told of. */
  #rows = 0
  #rowBytes = 0
  #rowsToldAt = 0
  #now = 0

  constructor(watching: Watching, fromClient: ClientWatch) {
    this.#watching = watching
    this.#fromClient = fromClient
    this.#writer = new EventWriter(watching.events, watching.connection, EVENT.server)
    this.#reader = new FrameReader(SERVER_RULES, this)
  }

  /** True when the next byte begins a message: the only place for a message of our own. */
  get atBoundary(): boolean {
    return this.#reader.atBoundary
  }

  /** Bytes of the open message that have not arrived; 0 also in the middle of a header. */
  get missing(): number {
    return this.#reader.missing
  }

  /** One event for a chunk. Errors: WireError, with what came before it in the event. */
  read(bytes: Buffer, end: number, now: number): void {
    this.#now = now
    this.#writer.open(now)
    try {
      this.#reader.feed(bytes, end)
      this.#copy?.tellProgress(this.#writer, now)
      if (this.#rows > 0 && now - this.#rowsToldAt >= PROGRESS_MS) this.#tellRows()
    } finally {
      this.#writer.close()
    }
  }

  /** Nothing more will come. */
  finish(now: number): void {
    this.#writer.open(now)
    this.#endRuns()
    this.#writer.close()
  }

  message(frame: Frame): void {
    const { type } = frame
    if (type === FROM_SERVER.dataRow) {
      if (this.#rows === 0) this.#rowsToldAt = this.#now
      this.#rows += 1
      this.#rowBytes += frame.length
      return
    }
    switch (type) {
      case FROM_SERVER.copyData:
        this.#copied().message()
        return
      // at any moment, and no answer to anything
      case FROM_SERVER.notice:
      case FROM_SERVER.notification:
        return
      case FROM_SERVER.parameterStatus:
        this.#parameterStatus(frame)
        return
    }
    this.#endRuns()
    this.#answered(frame)
  }

  piece(frame: Frame): void {
    this.#copied().add(frame.bytes, frame.start, frame.end)
  }

  #answered(frame: Frame): void {
    const { unanswered, screen } = this.#watching
    switch (frame.type) {
      case FROM_SERVER.commandComplete:
        unanswered.answered()
        this.#writer.whole(frame)
        return
      case FROM_SERVER.parameterTypes:
        this.#writer.whole(frame)
        return
      case FROM_SERVER.ready:
        unanswered.ready()
        this.inTransaction = frame.bytes[frame.start] !== IDLE
        if (!unanswered.isEmpty) this.#writer.numbers(UNSETTLED, 0)
        // a portal or a cursor lasts as long as its transaction
        else if (!this.inTransaction) screen.settled()
        this.#writer.whole(frame)
        return
      case FROM_SERVER.error:
        if (unanswered.isCopyingIn) this.#endCopyIn()
        unanswered.error()
        this.#noteFatal(frame)
        this.#writer.instead(frame.type, screen.error(frame))
        return
      case FROM_SERVER.functionResult:
        this.#writer.numbers(frame.type, RESULT_BYTES).putUInt32(frame.length)
        return
      case FROM_SERVER.copyIn:
      case FROM_SERVER.copyBoth:
        unanswered.copyIn()
        break
      case FROM_SERVER.copyOut:
      case FROM_SERVER.copyDone:
        break
      // each is the end of an answer
      default:
        unanswered.answered()
    }
    this.#writer.bare(frame)
  }

  /**
   * What the client has sent of a COPY belongs before the error that refuses it: its own event, in the
   * middle of this one. Of what comes behind the server takes nothing.
   */
  #endCopyIn(): void {
    this.#writer.close()
    this.#fromClient.endCopy(this.#now)
    this.#writer.open(this.#now)
  }

  #parameterStatus(frame: Frame): void {
    try {
      const { bytes, start, end } = frame
      const [name, value] = readParameterStatus(this.#body.reset(bytes, start, end))
      // others are read by nobody, and hold what clients wrote into them
      if (name === 'client_encoding') this.#writer.whole(frame)
      this.#watching.screen.parameterStatus(name, value)
    } catch (error) {
      // a malformed one is for the client to judge
      if (!(error instanceof WireError)) throw error
    }
  }

  #noteFatal({ bytes, start, end }: Frame): void {
    const { severity } = readReport(this.#body.reset(bytes, start, end))
    if (severity === 'FATAL' || severity === 'PANIC') this.saidFatal = true
  }

  #copied(): CopyRun {
    this.#copy ??= new CopyRun(this.#now)
    return this.#copy
  }

  #endRuns(): void {
    if (this.#rows > 0) this.#tellRows()
    this.#copy?.tellEnd(this.#writer)
    this.#copy = undefined
  }

  #tellRows(): void {
    const events = this.#writer.numbers(FROM_SERVER.dataRow, ROWS_BYTES)
    events.putUInt32(this.#rows)
    events.putDouble(this.#rowBytes)
    this.#rows = 0
    this.#rowBytes = 0
    this.#rowsToldAt = this.#now
  }
}
