import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { Peer } from '../../proxy/peer.ts'
import { ScramClient } from '../../proxy/scram/client.ts'
import { Body } from '../../proxy/wire/body.ts'
import { FROM_SERVER } from '../../proxy/wire/codes.ts'
import { readAuthentication, readReport } from '../../proxy/wire/server-messages.ts'
import { encodeStartup } from '../../proxy/wire/startup.ts'
import { encodeSaslInitial, encodeSaslResponse } from '../../proxy/wire/to-server.ts'
import type { Granted } from './granted.ts'
import { SSL_REQUEST } from './raw-peer.ts'

/** How a login ended: with an error, or ready for the first statement. */
export interface LoginOutcome {
  readonly sqlstate: string
  readonly message: string
}

/** A client that logs in step by step, so that something can happen between. */
export class SlowClient {
  readonly #peer: Peer
  readonly #granted: Granted
  readonly #scram: ScramClient
  #challenge = ''

  constructor(socket: Socket, granted: Granted) {
    this.#peer = new Peer(socket)
    this.#granted = granted
    this.#scram = new ScramClient({ secret: granted.secret, offered: ['SCRAM-SHA-256'] })
  }

  static async connect(port: number, granted: Granted): Promise<SlowClient> {
    return new SlowClient(await connected(port), granted)
  }

  /** Says who it is; the proxy waits for its choice of a mechanism then. */
  async sayName(): Promise<void> {
    const { username: user } = this.#granted
    this.#peer.write(encodeStartup({ minor: 0, user, database: user, parameters: [] }))
    assert.equal((await this.#authentication()).kind, 'sasl')
  }

  /** Goes on up to the challenge; the proxy waits for the proof then. */
  async chooseMechanism(): Promise<void> {
    this.#peer.write(encodeSaslInitial(this.#scram.mechanism, this.#scram.first()))
    const request = await this.#authentication()
    assert.ok(request.kind === 'sasl continue')
    this.#challenge = request.data
  }

  /** Proves the secret. */
  async prove(): Promise<void> {
    this.#peer.write(encodeSaslResponse(await this.#scram.final(this.#challenge)))
  }

  /** What came of it. */
  async outcome(): Promise<LoginOutcome> {
    for (;;) {
      const { type, body } = await this.#peer.readMessage()
      if (type === FROM_SERVER.error) return readReport(new Body(body))
      if (type === FROM_SERVER.ready) return { sqlstate: '00000', message: 'ready' }
    }
  }

  /** Resolves once the other side has closed the connection. */
  async closed(): Promise<void> {
    await assert.rejects(this.#peer.readMessage(), { code: 'proxy.peer_gone' })
    this.#peer.socket.destroy()
  }

  async #authentication() {
    const { type, body } = await this.#peer.readMessage()
    assert.equal(type, FROM_SERVER.authentication)
    return readAuthentication(new Body(body))
  }
}

/** A client whose half of a TLS handshake is on its way. */
export interface TlsHalfway {
  /** Lets it read the server's half: the handshake comes to its end. */
  finish(): Promise<TLSSocket>
  /** Resolves once the other side has closed the connection, with what it said in clear at the end. */
  closed(): Promise<Buffer>
}

/** Asks for TLS and says hello; what the server says to that waits. */
export async function beginTls(port: number, ca: Buffer): Promise<TlsHalfway> {
  const socket = await connected(port)
  socket.write(SSL_REQUEST)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.equal(answer.toString(), 'S')
  const held = new PassThrough()
  const tls = connectTls({
    socket: Duplex.from({ writable: socket, readable: held }),
    ca,
    servername: 'localhost',
  })
  tls.on('error', () => undefined)
  const [serverHello] = (await once(socket, 'data')) as [Buffer]
  const ended = once(socket, 'end')
  const more: Buffer[] = []
  socket.on('data', (chunk: Buffer) => more.push(chunk))
  return {
    finish: async () => {
      held.write(serverHello)
      socket.pipe(held)
      await once(tls, 'secureConnect')
      return tls
    },
    closed: async () => {
      await ended
      socket.destroy()
      return Buffer.concat(more)
    },
  }
}

async function connected(port: number): Promise<Socket> {
  // what has been told to go may still send
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}
