import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import type pg from 'pg'

/** A socket that says what it is told to and remembers all that comes back. */
export class RawPeer {
  readonly socket: Socket
  #received = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
    })
    socket.on('error', () => undefined)
  }

  static async connect(port: number): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    return new RawPeer(socket)
  }

  /** Everything so far, once there is so much of it or the other side has ended. */
  async received(least = Number.POSITIVE_INFINITY): Promise<Buffer> {
    const deadline = Date.now() + 15_000
    while (this.#received.length < least && !this.socket.readableEnded && !this.socket.destroyed) {
      if (Date.now() > deadline) throw new Error(`only ${String(this.#received.length)} bytes came`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return this.#received
  }
}

/** A start-up packet of protocol 3.0. */
export function startup(parameters: Readonly<Record<string, string>>, minor = 0): Buffer {
  const texts = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`)
  const body = Buffer.from(`${texts.join('')}\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + body.length, 0)
  head.writeInt16BE(3, 4)
  head.writeInt16BE(minor, 6)
  return Buffer.concat([head, body])
}

export const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex')
export const GSS_REQUEST = Buffer.from('0000000804d21630', 'hex')

/** What node-postgres calls on a query of one's own; see pg-copy-streams for others of the kind. */
export class OwnQuery implements pg.Submittable {
  readonly rows: string[][] = []
  readonly tags: string[] = []
  readonly copied: Buffer[] = []
  rowCount = 0
  readonly done: Promise<void>
  readonly #say: (connection: pg.Connection) => void
  readonly #copyIn: readonly Buffer[]
  readonly #keep: boolean
  #resolve: () => void = () => undefined
  #reject: (error: Error) => void = () => undefined

  constructor(
    say: (connection: pg.Connection) => void,
    { copyIn = [], keep = true }: { copyIn?: readonly Buffer[]; keep?: boolean } = {},
  ) {
    this.#say = say
    this.#copyIn = copyIn
    this.#keep = keep
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.done.catch(() => undefined)
  }

  submit(connection: pg.Connection): void {
    this.#say(connection)
  }

  handleRowDescription(): void {
    // the rows say enough
  }

  handleDataRow({ fields }: { fields: string[] }): void {
    this.rowCount += 1
    if (this.#keep) this.rows.push(fields)
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.tags.push(text)
  }

  handleCopyInResponse(connection: pg.Connection & CopyMethods): void {
    for (const chunk of this.#copyIn) connection.sendCopyFromChunk(chunk)
    connection.endCopyFrom()
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    this.copied.push(Buffer.from(chunk))
  }

  handleReadyForQuery(): void {
    this.#resolve()
  }

  handleError(error: Error): void {
    this.#reject(error)
  }
}

interface CopyMethods {
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}
