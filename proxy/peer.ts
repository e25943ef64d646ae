import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { AppError } from '../lib/errors.ts'
import { Intake, type Message } from './wire/intake.ts'

/** The other side went away, or took too long. */
export class PeerGone extends AppError {
  constructor(cause?: unknown) {
    super('proxy.peer_gone', 'the connection was closed before login was done', { cause })
  }
}

/**
 * One side of a connection until login is done: packets on demand, nothing read ahead of need. What
 * follows login is somebody else's: `release` hands the socket over.
 */
export class Peer {
  /** Undefined once it is somebody else's. */
  #socket: Socket | undefined
  readonly #intake = new Intake()
  readonly #held: Buffer[] = []
  #failure: Error | undefined
  /** Words of ours would be taken for something else. */
  #isWordless = false
  /** Our last words are said: nothing is read or written any more. */
  #isOver = false
  /** Ends the wait for more bytes. */
  #wake = asleep

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', this.#onError)
  }

  get socket(): Socket {
    if (!this.#socket) throw new Error('a socket that was handed over')
    return this.#socket
  }

  /** Bytes that arrived and that nobody has asked for. */
  get hasMore(): boolean {
    return this.#intake.rest.length > 0 || this.socket.readableLength > 0
  }

  /** The first byte, left in its place. */
  async peek(): Promise<number> {
    while (this.#intake.rest.length === 0) await this.#more()
    return this.#intake.rest.readUInt8(0)
  }

  async readStartup(): Promise<Buffer> {
    for (;;) {
      const packet = this.#intake.takeStartup()
      if (packet) return packet
      await this.#more()
    }
  }

  async readMessage(): Promise<Message> {
    for (;;) {
      const message = this.#intake.takeMessage()
      if (message) return message
      await this.#more()
    }
  }

  /** One byte, for the answer to our own SSLRequest. */
  async readByte(): Promise<number> {
    const byte = await this.peek()
    const [, ...rest] = this.#intake.drain()
    if (rest.length > 0) this.#intake.push(Buffer.from(rest))
    return byte
  }

  write(...packets: readonly Buffer[]): void {
    if (this.#isOver) return
    const all = this.#held.splice(0).concat(packets)
    this.socket.write(all.length === 1 && all[0] ? all[0] : Buffer.concat(all))
  }

  /** To go in front of whatever is written next: nobody is woken for it alone. */
  hold(packet: Buffer): void {
    this.#held.push(packet)
  }

  /** From here on the bytes are TLS; those that came already go to its engine, never around it. */
  async secure(wrap: (socket: Socket) => TLSSocket, event: 'secure' | 'secureConnect') {
    const plain = this.socket
    const early = this.#intake.drain()
    if (early.length > 0) plain.unshift(early)
    const encrypted = wrap(plain)
    this.#socket = encrypted
    encrypted.on('error', this.#onError)
    this.#isWordless = true
    await new Promise<void>((resolve, reject) => {
      encrypted.once(event, resolve)
      encrypted.once('error', reject)
      encrypted.once('close', () => reject(new PeerGone()))
    })
    this.#isWordless = false
    return encrypted
  }

  /** From here on it is closed without last words: a cancel request is never answered. */
  hush(): void {
    this.#isWordless = true
  }

  /** Last words; the socket closes behind them. In the middle of a TLS handshake nobody can hear them. */
  farewell(packet: Buffer): void {
    const socket = this.#socket
    if (!socket || this.#isOver || socket.destroyed || socket.writableEnded) return
    this.#isOver = true
    if (this.#isWordless) {
      socket.destroy()
      return
    }
    socket.end(Buffer.concat([...this.#held, packet]))
    this.#wake()
    // unread bytes would turn our close into a reset, which can overtake the last words
    socket.resume()
    setTimeout(() => socket.destroy(), FAREWELL_MS).unref()
  }

  /**
   * Aborts when the other side hangs up, which nobody would notice while nothing is read from it; or when
   * it is over for another reason.
   */
  untilHangUp(over: AbortSignal): { readonly signal: AbortSignal; readonly stop: () => void } {
    const { socket } = this
    const hungUp = new AbortController()
    const leave = (): void => hungUp.abort()
    const look = (): void => {
      if (socket.readableLength === 0) socket.read(0)
    }
    if (socket.destroyed || socket.readableEnded || over.aborted) leave()
    over.addEventListener('abort', leave)
    socket.on('readable', look).on('end', leave).on('close', leave)
    const stop = (): void => {
      over.removeEventListener('abort', leave)
      socket.off('readable', look).off('end', leave).off('close', leave)
    }
    return { signal: hungUp.signal, stop }
  }

  /** Hands the socket over, with the bytes that came behind the login. */
  release(): Buffer {
    const { socket } = this
    socket.off('error', this.#onError)
    for (let chunk: unknown; Buffer.isBuffer((chunk = socket.read()));) this.#intake.push(chunk)
    this.#socket = undefined
    this.#wake = asleep
    return this.#intake.drain()
  }

  readonly #onError = (error: Error): void => {
    this.#failure ??= error
  }

  async #more(): Promise<void> {
    const { socket } = this
    for (;;) {
      if (this.#isOver) throw new PeerGone()
      const chunk: unknown = socket.read()
      if (Buffer.isBuffer(chunk)) {
        this.#intake.push(chunk)
        return
      }
      if (socket.destroyed || socket.readableEnded) throw new PeerGone(this.#failure)
      await this.#readable()
    }
  }

  #readable(): Promise<void> {
    const { socket } = this
    return new Promise((resolve) => {
      const done = (): void => {
        socket.off('readable', done).off('end', done).off('close', done)
        resolve()
      }
      this.#wake = done
      socket.on('readable', done).on('end', done).on('close', done)
    })
  }
}

const asleep = (): void => undefined

/** How long last words may take to be read, in milliseconds. */
const FAREWELL_MS = 1_000
