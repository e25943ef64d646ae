import { WireError } from './errors.ts'
import { openSide } from './io/open-side.ts'
import type { Side } from './io/side.ts'
import { Way } from './io/way.ts'
import { EVENT, type ClosedBody, type OpenedBody } from './journal/events.ts'
import { JournalError } from './journal/journal.ts'
import { Probing } from './probing.ts'
import { fatal, SQLSTATE } from './refusal.ts'
import type { RelayEnds, RelayStart } from './relay-ends.ts'
import { Screen } from './statements/screening.ts'
import { ClientWatch } from './watch/client-watch.ts'
import { ServerWatch } from './watch/server-watch.ts'
import { Unanswered } from './watch/unanswered.ts'
import { encodeNotice, encodeParameterStatus } from './wire/to-client.ts'

/** How long a cut may wait for the end of the message that is under way, in milliseconds. */
const BOUNDARY_MS = 500
/** What may wait in memory for a client while a cut waits for the end of a message. */
const LAST_BYTES_MOST = 1024 * 1024
/** How long last words may take to be read. */
const FAREWELL_MS = 1_000

/**
 * Carries one logged-in connection: whole chunks both ways, unchanged, in the journal before they go
 * on. Nothing waits here but the sockets themselves.
 */
export class Relay {
  readonly #ends: RelayEnds
  readonly #client: Side
  readonly #upstream: Side
  /** In the journal. */
  readonly #number: number
  readonly #unanswered = new Unanswered()
  readonly #screen = new Screen()
  readonly #fromClient: ClientWatch
  readonly #fromServer: ServerWatch
  readonly #question: Way
  readonly #answer: Way
  /** As it was reported at login: to say it again changes nothing. */
  readonly #serverVersion: string
  readonly #probing = new Probing(() => this.probe())
  /** The server said something since the last probe. */
  #hasSpoken = false
  #heard = 0
  /** As the client has it: what was judged and not passed on does not count. */
  #atBoundary = true
  /** Last words that wait for the end of a message. */
  #lastWords: { readonly packet: Buffer; readonly why: string } | undefined
  #isOver = false

  /** Takes both sockets over: nothing else may use them from here on. */
  constructor(ends: RelayEnds, { client, upstream, statuses }: RelayStart) {
    const { journal, counters } = ends
    this.#ends = ends
    // what a peer had a say in comes first: once the sockets are taken over, nobody else closes them
    const screen = this.#screen
    for (const [name, value] of statuses) screen.parameterStatus(name, value)
    this.#client = openSide(client)
    this.#upstream = openSide(upstream)
    this.#number = journal.nextConnection()
    const unanswered = this.#unanswered
    const watching = { events: journal, connection: this.#number, screen, unanswered, counters }
    this.#fromClient = new ClientWatch(watching)
    this.#fromServer = new ServerWatch(watching, this.#fromClient)
    this.#question = new Way(this.#client, this.#upstream, (error) => this.#refuse(error))
    this.#answer = new Way(this.#upstream, this.#client)
    this.#serverVersion = new Map(statuses).get('server_version') ?? ''
  }

  /** Begins, with the bytes that each side sent right behind its login. */
  start(early: { readonly client: Buffer; readonly upstream: Buffer }): void {
    const { journal, speaker } = this.#ends
    // of all settings only what the thread that ships reads: others hold what clients wrote into them
    const introduce = (): OpenedBody => ({
      ...speaker,
      statuses: [['client_encoding', this.#screen.encoding]],
    })
    this.#tell(EVENT.opened, introduce())
    journal.live.opened(this.#number, introduce)
    if (early.upstream.length > 0) this.#serverChunk(early.upstream, early.upstream.length)
    if (early.client.length > 0) this.#clientChunk(early.client, early.client.length)
    this.#client.start({
      chunk: (bytes, end) => this.#clientChunk(bytes, end),
      drained: () => this.#upstream.resume(),
      ended: () => this.#clientEnded(),
      gone: () => this.#clientGone(),
    })
    this.#upstream.start({
      chunk: (bytes, end) => this.#serverChunk(bytes, end),
      drained: () => this.#client.resume(),
      ended: () => this.#serverGone(),
      gone: () => this.#serverGone(),
    })
  }

  /**
   * Ends the connection from our side: the backend is told to stop at once, the client is told why
   * as soon as a message of ours can stand between two of the server's.
   */
  cut(sqlstate: string, sentence: string, why: string): void {
    if (this.#lastWords || this.#isOver) return
    this.#lastWords = { packet: fatal(sqlstate, sentence), why }
    this.#ends.turns.flush()
    if (!this.#unanswered.isEmpty) this.#ends.cancel()
    if (this.#atBoundary) {
      this.#farewell()
      return
    }
    this.#upstream.resume()
    setTimeout(() => this.#farewell(), BOUNDARY_MS).unref()
  }

  /** True with nothing under way, neither a statement nor a transaction. */
  get isQuiet(): boolean {
    return this.#atBoundary && this.#unanswered.isEmpty && !this.#fromServer.inTransaction
  }

  /** Grows with what the client says: who looks twice sees whether it said something. */
  get heard(): number {
    return this.#heard
  }

  /** True while the server takes no more, so that nothing is read from the client. */
  get isHeldBack(): boolean {
    return this.#client.isPaused
  }

  /** Asks whether the client is there: between two messages, and where the server's own don't ask. */
  probe(): void {
    const isWorthIt = !this.#hasSpoken && this.#atBoundary && this.#client.waiting === 0
    if (isWorthIt) this.#say(encodeParameterStatus('server_version', this.#serverVersion))
    this.#hasSpoken = false
  }

  /** A notice, if the connection is idle: never into the middle of an answer. */
  warn(message: string): boolean {
    const isIdle = this.#atBoundary && this.#unanswered.isEmpty
    if (!isIdle || this.#lastWords || this.#isOver) return false
    this.#say(encodeNotice({ severity: 'WARNING', sqlstate: '01000', message }))
    return true
  }

  #clientChunk(bytes: Buffer, end: number): void {
    if (this.#lastWords || this.#isOver) return
    this.#heard += 1
    const arrivedAt = performance.now()
    try {
      this.#fromClient.read(bytes, end, performance.timeOrigin + arrivedAt)
    } catch (error) {
      this.#refuse(error)
      return
    }
    this.#ends.counters.clientBytes += end
    this.#question.arrivedAt = arrivedAt
    this.#ends.turns.pass(this.#question, bytes, end)
  }

  #serverChunk(bytes: Buffer, end: number): void {
    if (this.#isOver) return
    if (this.#lastWords) {
      this.#lastChunk(bytes, end)
      return
    }
    try {
      this.#fromServer.read(bytes, end, performance.timeOrigin + performance.now())
    } catch (error) {
      this.#refuse(error)
      // where the server's next message would begin is not known any more
      this.#farewell()
      return
    }
    this.#atBoundary = this.#fromServer.atBoundary
    this.#ends.counters.serverBytes += end
    this.#hasSpoken = true
    this.#ends.turns.pass(this.#answer, bytes, end)
  }

  /** Of a chunk that came behind the decision to cut, what ends the message under way. */
  #lastChunk(bytes: Buffer, length: number): void {
    const now = performance.timeOrigin + performance.now()
    try {
      for (let at = 0; at < length;) {
        const end = Math.min(length, at + Math.max(1, this.#fromServer.missing))
        this.#fromServer.read(bytes.subarray(at, end), end - at, now)
        at = end
        if (!this.#fromServer.atBoundary) continue
        this.#ends.turns.flush()
        this.#client.write(bytes, 0, at)
        this.#atBoundary = true
        this.#farewell()
        return
      }
      this.#ends.turns.flush()
      this.#client.write(bytes, 0, length)
      // one that does not read is not worth the memory: it goes without words
      if (this.#client.waiting > LAST_BYTES_MOST) this.#farewell()
    } catch (error) {
      if (!(error instanceof WireError)) this.#ends.failed(error)
      this.#end(this.#lastWords?.why ?? OUR_FAULT)
    }
  }

  /** What broke the protocol, or could not be recorded, does not go on. */
  #refuse(error: unknown): void {
    if (error instanceof JournalError) this.#fromClient.refused()
    if (error instanceof WireError) this.cut(error.sqlstate, error.message, error.message)
    else if (error instanceof JournalError) this.cut(SQLSTATE.diskFull, UNRECORDABLE, error.message)
    else this.#fault(error)
  }

  /** Nothing a peer sends should lead here; if it does, the others' connections must not end with it. */
  #fault(error: unknown): void {
    this.#ends.failed(error)
    this.cut(SQLSTATE.internalError, OUR_FAULT, OUR_FAULT)
  }

  /** The client's FIN becomes the server's, and the answer still flows back. */
  #clientEnded(): void {
    if (this.#isOver || this.#lastWords) return
    this.#ends.turns.flush()
    this.#upstream.end()
    this.#probing.start()
  }

  /** A backend that nobody listens to would go on for hours. */
  #clientGone(): void {
    if (this.#isOver) return
    this.#ends.turns.flush()
    if (!this.#unanswered.isEmpty) this.#ends.cancel()
    const { isTerminated } = this.#fromClient
    this.#end(this.#lastWords?.why ?? (isTerminated ? CLIENT_CLOSED : 'the client vanished'))
  }

  #serverGone(): void {
    if (this.#isOver || this.#lastWords) return
    const { saidFatal } = this.#fromServer
    if (this.#fromClient.isTerminated || saidFatal || this.#probing.hasBegun) {
      this.#ends.turns.flush()
      this.#client.end()
      this.#end(saidFatal ? 'ended by the data source' : CLIENT_CLOSED)
      return
    }
    this.cut(SQLSTATE.connectionFailure, SERVER_GONE, SERVER_GONE)
  }

  #farewell(): void {
    if (this.#isOver || !this.#lastWords) return
    const { packet, why } = this.#lastWords
    // half a message of the server's, and ours behind it, would be read as one
    if (this.#atBoundary) this.#say(packet)
    this.#client.end()
    this.#end(why)
  }

  /** A message of our own, behind what is on its way. */
  #say(packet: Buffer): void {
    this.#ends.turns.flush()
    this.#client.write(packet, 0, packet.length)
  }

  #end(why: string): void {
    this.#isOver = true
    this.#probing.stop()
    this.#upstream.destroy()
    // unread bytes would turn our close into a reset, which can overtake the last words
    this.#client.resume()
    setTimeout(() => this.#client.destroy(), FAREWELL_MS).unref()
    this.#tellEnd(why)
    this.#ends.over(why)
  }

  /** Whatever is wrong with it, the connection is over. */
  #tellEnd(why: string): void {
    const now = performance.timeOrigin + performance.now()
    this.#ends.journal.live.closed(this.#number)
    try {
      this.#fromClient.endCopy(now)
      this.#fromServer.finish(now)
      this.#tell(EVENT.closed, { why })
    } catch (error) {
      this.#ends.failed(error)
    }
  }

  #tell(kind: typeof EVENT.opened | typeof EVENT.closed, body: OpenedBody | ClosedBody): void {
    const { journal, turns } = this.#ends
    const bytes = Buffer.from(JSON.stringify(body))
    journal.begin(this.#number, kind, performance.timeOrigin + performance.now())
    journal.put(bytes, 0, bytes.length)
    journal.end()
    turns.schedule()
  }
}

const OUR_FAULT = 'terminating connection: the proxy failed on it'
const CLIENT_CLOSED = 'closed by the client'
const SERVER_GONE = 'the data source closed the connection'
/** What a client is told whose statements can't be recorded. */
export const UNRECORDABLE =
  "terminating connection: statements can't be recorded at the moment, so none may run"
