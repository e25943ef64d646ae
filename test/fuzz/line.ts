import { connect, type Socket } from 'node:net'
import { ScramClient } from '../../proxy/scram/client.ts'
import { Body } from '../../proxy/wire/body.ts'
import { readAuthentication, readReport } from '../../proxy/wire/server-messages.ts'
import { encodeSaslInitial, encodeSaslResponse } from '../../proxy/wire/to-server.ts'
import type { Granted } from '../support/granted.ts'
import { startup } from '../support/raw-peer.ts'

const HEADER = 5
/** What is remembered of the end of a stream, to see the last words in it. */
const TAIL_MOST = 4096

/** A socket that reads messages, or at last lets everything pass and keeps the end of it. */
export class Line {
  readonly socket: Socket
  #bytes = Buffer.alloc(0)
  #isOver = false
  #isDeaf = false
  #wake: () => void = () => undefined

  constructor(socket: Socket) {
    this.socket = socket.setNoDelay(true)
    socket.on('error', () => undefined)
    const over = (): void => {
      this.#isOver = true
      this.#wake()
    }
    socket.on('close', over).on('end', over)
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      if (this.#isDeaf) this.#bytes = this.#bytes.subarray(-TAIL_MOST)
      this.#wake()
    })
  }

  /** Loopback has 16 million addresses: whoever guesses wrong is slowed, and others are not. */
  static to(port: number, localAddress: string): Line {
    return new Line(connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true }))
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** So many bytes; undefined where the other side ended before. */
  async take(many: number): Promise<Buffer | undefined> {
    while (this.#bytes.length < many) {
      if (this.#isOver) return undefined
      await this.#more()
    }
    const taken = this.#bytes.subarray(0, many)
    this.#bytes = this.#bytes.subarray(many)
    return taken
  }

  async message(): Promise<{ readonly type: string; readonly body: Buffer } | undefined> {
    const head = await this.take(HEADER)
    if (!head) return undefined
    const body = await this.take(head.readInt32BE(1) - 4)
    return body && { type: String.fromCharCode(head[0] ?? 0), body }
  }

  /** From here on everything passes. */
  deafen(): void {
    this.#isDeaf = true
  }

  /** Waits for the far end at most so long, and returns the last words that it said. */
  async end(withinMs: number): Promise<string> {
    const deadline = performance.now() + withinMs
    while (!this.#isOver && performance.now() < deadline) {
      const timer = setTimeout(() => this.#wake(), deadline - performance.now())
      await this.#more()
      clearTimeout(timer)
    }
    const words = lastWords(this.#bytes)
    const isTheirs = this.#isOver
    this.socket.destroy()
    return words ?? (isTheirs ? 'closed without a word' : 'we hung up')
  }

  #more(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve))
  }
}

/** Logs in through the proxy as a well-behaved client; false where it was refused. */
export async function logIn(line: Line, { username, secret }: Granted): Promise<boolean> {
  line.socket.write(startup({ user: username }))
  let scram: ScramClient | undefined
  for (;;) {
    const message = await line.message()
    if (!message || message.type === 'E') return false
    if (message.type === 'Z') return true
    if (message.type !== 'R') continue
    const request = readAuthentication(new Body(message.body))
    if (request.kind === 'sasl') {
      scram = new ScramClient({ secret, offered: request.mechanisms })
      line.socket.write(encodeSaslInitial(scram.mechanism, scram.first()))
    } else if (request.kind === 'sasl continue' && scram) {
      line.socket.write(encodeSaslResponse(await scram.final(request.data)))
    }
  }
}

/** The last FATAL in what came: it ends the stream, whatever stands before. */
function lastWords(bytes: Buffer): string | undefined {
  const at = bytes.lastIndexOf('SFATAL\0')
  if (at < HEADER) return undefined
  const { sqlstate, message } = readReport(new Body(bytes.subarray(at)))
  return `${sqlstate} ${message.replaceAll(/[0-9][0-9.]*|"[^"]*"/g, '…')}`.slice(0, 90)
}
