import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { SSL_REQUEST } from './frontend.ts'

/** A whole message as it came. */
export interface Heard {
  readonly type: string
  readonly body: Buffer
}

const HEADER_BYTES = 5
const PATIENCE_MS = 15_000
/** Bodies above this are compared by their digest. */
const SHOWN_MOST = 100_000

/** Says bytes and hears messages: no client library stands between a test and the wire. */
export class RawClient {
  socket: Socket
  /** Every message so far, in order. */
  readonly heard: Heard[] = []
  /** The backend's, once it was told. */
  pid = 0
  key = Buffer.alloc(0)
  hasEnded = false
  #chunks: Buffer[] = []
  #buffered = 0
  #needed = HEADER_BYTES
  /** How many of `heard` a script has waited for. */
  #read = 0
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.socket = socket
  }

  /** A connection on which nothing was said yet. */
  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    await once(socket, 'connect')
    const client = new RawClient(socket)
    client.#listen(socket)
    return client
  }

  /** Direct TLS, as the options name it. */
  static async connectTls(port: number, options: ConnectionOptions): Promise<RawClient> {
    const socket = connectTls({ port, host: '127.0.0.1', ...options })
    await handshake(socket)
    const client = new RawClient(socket)
    client.#listen(socket)
    return client
  }

  /** TLS after an SSLRequest. */
  static async requestTls(port: number, options: ConnectionOptions): Promise<RawClient> {
    const plain = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(plain, 'connect')
    plain.write(SSL_REQUEST)
    const [answer] = (await once(plain, 'data')) as [Buffer]
    if (answer.toString() !== 'S') throw new Error(`TLS was answered ${answer.toString()}`)
    const socket = connectTls({ ...options, socket: plain })
    await handshake(socket)
    const client = new RawClient(socket)
    client.#listen(socket)
    return client
  }

  say(...packets: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(packets))
  }

  /** Waits until so many more messages of this type came; all that came up to them. */
  async until(type: string, count = 1): Promise<readonly Heard[]> {
    let left = count
    const from = this.#read
    for (;;) {
      for (let next = this.heard[this.#read]; next; next = this.heard[this.#read]) {
        this.#read += 1
        if (next.type === type) left -= 1
        if (left === 0) return this.heard.slice(from, this.#read)
      }
      if (this.hasEnded) throw new Error(`the end came before ${type}: ${typesOf(this.heard)}`)
      await this.#change(type)
    }
  }

  /** Waits for the end of the connection. */
  async ended(): Promise<void> {
    while (!this.hasEnded) await this.#change('the end')
  }

  /** Bytes that are not a whole message (yet), such as the answer to an SSLRequest. */
  get rest(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** Waits for so many bytes that are no message and takes them. */
  async bytes(count: number): Promise<Buffer> {
    while (this.#buffered < count) {
      if (this.hasEnded) throw new Error('the end came before the bytes')
      await this.#change(`${String(count)} bytes`)
    }
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all.subarray(count)]
    this.#buffered = all.length - count
    return all.subarray(0, count)
  }

  close(): void {
    this.socket.destroy()
  }

  #listen(socket: Socket): void {
    const over = (): void => {
      this.hasEnded = true
      this.#wake()
    }
    socket.on('error', over).on('end', over).on('close', over)
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#buffered += chunk.length
      if (this.#buffered >= this.#needed) this.#split()
      this.#wake()
    })
  }

  /** Cuts what is there into messages; joins chunks only when a whole message is there. */
  #split(): void {
    const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks)
    let at = 0
    while (all !== undefined) {
      const left = all.length - at
      this.#needed = left < HEADER_BYTES ? HEADER_BYTES : 1 + all.readUInt32BE(at + 1)
      if (left < this.#needed) break
      const [type, body] = [
        all.toString('latin1', at, at + 1),
        all.subarray(at + 5, at + this.#needed),
      ]
      this.heard.push({ type, body })
      at += this.#needed
    }
    const rest = all?.subarray(at) ?? Buffer.alloc(0)
    this.#chunks = [rest]
    this.#buffered = rest.length
  }

  #change(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new Error(
            `no ${what} in time: ${typesOf(this.heard)} ${this.rest.toString('hex', 0, 80)}`,
          ),
        )
      }, PATIENCE_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Types in order, runs of rows and of copied lines as one: TD*CZ. */
export function typesOf(heard: readonly Heard[]): string {
  const types = heard.map(({ type }) => type).join('')
  return types.replaceAll(/D{2,}/g, 'D*').replaceAll(/d{2,}/g, 'd*')
}

/** A message as text to compare; long bodies by their digest. */
export function shown({ type, body }: Heard): string {
  if (body.length <= SHOWN_MOST) return `${type} ${body.toString('latin1')}`
  return `${type} ${String(body.length)} ${createHash('sha256').update(body).digest('hex')}`
}

/** The fields of an ErrorResponse or NoticeResponse by their letters. */
export function fieldsOf({ body }: Pick<Heard, 'body'>): Readonly<Record<string, string>> {
  const texts = body
    .toString('utf8')
    .split('\0')
    .filter((text) => text !== '')
  return Object.fromEntries(texts.map((text) => [text.charAt(0), text.slice(1)]))
}

async function handshake(socket: TLSSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve).once('error', reject)
    socket.once('close', () => reject(new Error('closed in the TLS handshake')))
  })
}
