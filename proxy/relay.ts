import type { Socket } from 'node:net'
import { WireError } from './errors.ts'
import { JournalError } from './journal/journal.ts'
import type { Recorder } from './journal/recorder.ts'
import { fatal, SQLSTATE } from './refusal.ts'
import { StatementTracker } from './statements/tracker.ts'
import { Body } from './wire/body.ts'
import { FROM_CLIENT, FROM_SERVER } from './wire/codes.ts'
import { CLIENT_RULES, SERVER_RULES } from './wire/frame-rules.ts'
import { FrameReader, type Frame, type FrameHandler } from './wire/frames.ts'
import { readReport } from './wire/server-messages.ts'
import { encodeNotice, encodeParameterStatus } from './wire/to-client.ts'

export interface RelayEnds {
  readonly client: Socket
  readonly upstream: Socket
  readonly recorder: Recorder
  /** What the server reported at login. */
  readonly statuses: readonly (readonly [name: string, value: string])[]
  /** Asks the backend to end what it is doing. */
  readonly cancel: () => void
  /** Told of a fault of ours; the connection is cut for it. */
  readonly failed: (error: unknown) => void
  /** Called once, with the reason in a few words. */
  readonly over: (why: string) => void
}

/** How long a cut may wait for the end of the message that is under way, in milliseconds. */
const BOUNDARY_MS = 500
/** What may wait in memory for a client while a cut waits for the end of a message. */
const LAST_BYTES_MOST = 1024 * 1024
/** How long last words may take to be read. */
const FAREWELL_MS = 1_000
/** How often a client that stopped sending is asked whether it still listens. */
const PROBE_MS = 250

/**
 * Carries one logged-in connection: whole chunks both ways, unchanged, with the statements in them
 * recorded before they go on. Nothing waits here but the sockets themselves.
 */
export class Relay {
  readonly #ends: RelayEnds
  readonly #tracker: StatementTracker
  readonly #fromClient: FrameReader
  readonly #fromServer: FrameReader
  /** Where nothing else is under way, a message that changes nothing: to see if anyone is there. */
  readonly #probe: Buffer
  #probing: NodeJS.Timeout | undefined
  /** As the client has it: what was judged and not passed on does not count. */
  #atBoundary = true
  #terminated = false
  #serverSaidFatal = false
  /** Last words that wait for the end of a message. */
  #lastWords: { readonly packet: Buffer; readonly why: string } | undefined
  #isOver = false

  constructor(ends: RelayEnds) {
    this.#ends = ends
    this.#tracker = new StatementTracker(ends.recorder)
    for (const [name, value] of ends.statuses) this.#tracker.parameterStatus(name, value)
    this.#fromClient = new FrameReader(
      CLIENT_RULES,
      this.#watch(this.#tracker.client, (frame) => {
        if (frame.type === FROM_CLIENT.terminate) this.#terminated = true
      }),
    )
    this.#fromServer = new FrameReader(
      SERVER_RULES,
      this.#watch(this.#tracker.server, (frame) => {
        if (frame.type === FROM_SERVER.error) this.#noteFatal(frame)
      }),
    )
    const version = ends.statuses.find(([name]) => name === 'server_version')
    this.#probe = encodeParameterStatus('server_version', version?.[1] ?? '')
  }

  /** Begins, with the bytes that each side sent right behind its login. */
  start(early: { readonly client: Buffer; readonly upstream: Buffer }): void {
    const { client, upstream } = this.#ends
    client.on('error', () => this.#clientGone())
    client.on('close', () => this.#clientGone())
    client.on('end', () => this.#clientEnded())
    client.on('drain', () => upstream.resume())
    upstream.on('error', () => this.#serverGone())
    upstream.on('close', () => this.#serverGone())
    upstream.on('end', () => this.#serverGone())
    upstream.on('drain', () => client.resume())
    if (early.upstream.length > 0) this.#serverChunk(early.upstream)
    if (early.client.length > 0) this.#clientChunk(early.client)
    client.on('data', (chunk: Buffer) => this.#clientChunk(chunk)).resume()
    upstream.on('data', (chunk: Buffer) => this.#serverChunk(chunk)).resume()
    // what happened before anyone listened
    if (client.destroyed) this.#clientGone()
    else if (client.readableEnded) this.#clientEnded()
    if (upstream.destroyed || upstream.readableEnded) this.#serverGone()
  }

  /**
   * Ends the connection from our side: the backend is told to stop at once, the client is told why
   * as soon as a message of ours can stand between two of the server's.
   */
  cut(sqlstate: string, sentence: string, why: string): void {
    if (this.#lastWords || this.#isOver) return
    this.#lastWords = { packet: fatal(sqlstate, sentence), why }
    if (this.#tracker.pending > 0) this.#ends.cancel()
    if (this.#atBoundary) {
      this.#farewell()
      return
    }
    this.#ends.upstream.resume()
    setTimeout(() => this.#farewell(), BOUNDARY_MS).unref()
  }

  /** A notice, if the connection is idle: never into the middle of an answer. */
  warn(message: string): boolean {
    const isIdle = this.#atBoundary && this.#tracker.pending === 0
    if (!isIdle || this.#lastWords || this.#isOver) return false
    this.#ends.client.write(encodeNotice({ severity: 'WARNING', sqlstate: '01000', message }))
    return true
  }

  #clientChunk(chunk: Buffer): void {
    if (this.#lastWords || this.#isOver) return
    const isJudged = this.#judged(() => {
      this.#fromClient.feed(chunk)
      this.#tracker.chunkEnd()
    })
    if (!isJudged) return
    if (!this.#ends.upstream.write(chunk)) this.#ends.client.pause()
  }

  #serverChunk(chunk: Buffer): void {
    if (this.#isOver) return
    if (this.#lastWords) {
      this.#lastChunk(chunk)
      return
    }
    // where the server's next message would begin is not known any more
    if (!this.#judged(() => this.#fromServer.feed(chunk))) {
      this.#farewell()
      return
    }
    this.#atBoundary = this.#fromServer.atBoundary
    if (!this.#ends.client.write(chunk)) this.#ends.upstream.pause()
  }

  /** True where the chunk may go on: it keeps to the protocol and what it starts is recorded. */
  #judged(feed: () => void): boolean {
    this.#tracker.tick(Date.now())
    try {
      feed()
      this.#ends.recorder.flush()
      return true
    } catch (error) {
      if (error instanceof WireError) this.cut(error.sqlstate, error.message, error.message)
      else if (error instanceof JournalError)
        this.cut(SQLSTATE.diskFull, UNRECORDABLE, error.message)
      else this.#fault(error)
      return false
    }
  }

  /** Of a chunk that came behind the decision to cut, what ends the message under way. */
  #lastChunk(chunk: Buffer): void {
    this.#tracker.tick(Date.now())
    try {
      for (let at = 0; at < chunk.length;) {
        const end = Math.min(chunk.length, at + Math.max(1, this.#fromServer.missing))
        this.#fromServer.feed(chunk.subarray(at, end))
        at = end
        if (!this.#fromServer.atBoundary) continue
        this.#ends.client.write(chunk.subarray(0, at))
        this.#atBoundary = true
        this.#farewell()
        return
      }
      this.#ends.client.write(chunk)
      // one that does not read is not worth the memory: it goes without words
      if (this.#ends.client.writableLength > LAST_BYTES_MOST) this.#farewell()
    } catch (error) {
      if (!(error instanceof WireError)) this.#ends.failed(error)
      this.#end(this.#lastWords?.why ?? OUR_FAULT)
    }
  }

  /** Nothing a peer sends should lead here; if it does, the others' connections must not end with it. */
  #fault(error: unknown): void {
    this.#ends.failed(error)
    this.cut(SQLSTATE.internalError, OUR_FAULT, OUR_FAULT)
  }

  /** The client's FIN becomes the server's, and the answer still flows back. */
  #clientEnded(): void {
    if (this.#isOver || this.#lastWords) return
    this.#ends.upstream.end()
    this.#probing ??= setInterval(() => {
      if (this.#atBoundary) this.#ends.client.write(this.#probe)
    }, PROBE_MS)
  }

  /** A backend that nobody listens to would go on for hours. */
  #clientGone(): void {
    if (this.#isOver) return
    if (this.#tracker.pending > 0) this.#ends.cancel()
    this.#end(this.#lastWords?.why ?? (this.#terminated ? CLIENT_CLOSED : 'the client vanished'))
  }

  #serverGone(): void {
    if (this.#isOver || this.#lastWords) return
    if (this.#terminated || this.#serverSaidFatal || this.#probing) {
      const why = this.#serverSaidFatal ? 'ended by the data source' : CLIENT_CLOSED
      this.#ends.client.end()
      this.#end(why)
      return
    }
    this.cut(SQLSTATE.connectionFailure, SERVER_GONE, SERVER_GONE)
  }

  #farewell(): void {
    if (this.#isOver || !this.#lastWords) return
    const { packet, why } = this.#lastWords
    // half a message of the server's, and ours behind it, would be read as one
    if (this.#atBoundary) this.#ends.client.write(packet)
    this.#ends.client.end()
    this.#end(why)
  }

  #end(why: string): void {
    this.#isOver = true
    clearInterval(this.#probing)
    const { client, upstream, recorder } = this.#ends
    upstream.destroy()
    // unread bytes would turn our close into a reset, which can overtake the last words
    client.resume()
    setTimeout(() => client.destroy(), FAREWELL_MS).unref()
    this.#tracker.tick(Date.now())
    this.#tracker.end()
    recorder.flushOrKeep()
    this.#ends.over(why)
  }

  #noteFatal({ bytes, start, end }: Frame): void {
    const { severity } = readReport(new Body(bytes, start, end))
    if (severity === 'FATAL' || severity === 'PANIC') this.#serverSaidFatal = true
  }

  #watch(handler: FrameHandler, look: (frame: Frame) => void): FrameHandler {
    return {
      message: (frame) => {
        look(frame)
        handler.message(frame)
      },
      piece: (frame) => handler.piece(frame),
    }
  }
}

const OUR_FAULT = 'terminating connection: the proxy failed on it'
const CLIENT_CLOSED = 'closed by the client'
const SERVER_GONE = 'the data source closed the connection'
const UNRECORDABLE =
  'terminating connection: statements can not be recorded at the moment, so none may run'
