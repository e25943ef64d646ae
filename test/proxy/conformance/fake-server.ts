import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { makeVerifier, parseVerifier, type ScramVerifier } from '../../../lib/scram.ts'
import { Peer } from '../../../proxy/peer.ts'
import { ScramServer } from '../../../proxy/scram/server.ts'
import { endpointHash } from '../../../proxy/tls.ts'
import { Body } from '../../../proxy/wire/body.ts'
import { readMechanism, readSaslInitial } from '../../../proxy/wire/client-messages.ts'
import { readHello } from '../../../proxy/wire/startup.ts'
import {
  encodeAuthenticationOk,
  encodeBackendKey,
  encodeNegotiation,
  encodeReady,
  encodeSasl,
  encodeSaslContinue,
  encodeSaslFinal,
} from '../../../proxy/wire/to-client.ts'

/** How a server that takes every login behaves in it. */
export interface Says {
  readonly tls?: boolean
  /** The minor version that it says it speaks at most. */
  readonly negotiated?: number
  /** Said before and behind the cancel key. */
  readonly early?: readonly Buffer[]
  readonly late?: readonly Buffer[]
}

export const SECRET = 'secret'
const TLS_FOLDER = join(import.meta.dirname, '../../support/tls')
const CERT = readFileSync(join(TLS_FOLDER, 'cert.pem'))
const KEY = readFileSync(join(TLS_FOLDER, 'key.pem'))
const LONG_KEY = Buffer.alloc(32, 7)

/** A server that lets in whoever proves the secret, and says what it is told to. */
export class FakeServer {
  readonly port: number
  /** The minor version that the last client asked for, and the mechanism that it chose. */
  asked = -1
  mechanism = ''
  readonly #server
  readonly #says: Says
  readonly #verifier: ScramVerifier

  private constructor(
    server: ReturnType<typeof createServer>,
    says: Says,
    verifier: ScramVerifier,
  ) {
    this.#server = server
    this.#says = says
    this.#verifier = verifier
    this.port = (server.address() as AddressInfo).port
  }

  static async start(says: Says = {}): Promise<FakeServer> {
    const verifier = parseVerifier(await makeVerifier(SECRET, { iterations: 1 }))
    assert.ok(verifier)
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const fake = new FakeServer(server, says, verifier)
    server.on('connection', (socket) => {
      fake.#meet(socket).catch(() => socket.destroy())
    })
    return fake
  }

  close(): void {
    this.#server.close()
  }

  async #meet(socket: Socket): Promise<void> {
    const peer = new Peer(socket)
    const { tls = false, negotiated, early = [], late = [] } = this.#says
    if (tls) await startTls(peer)
    const startup = readHello(await peer.readStartup())
    if (startup.kind === 'startup') this.asked = startup.minor
    if (negotiated !== undefined) peer.write(encodeNegotiation(negotiated, []))
    const serverFinal = await this.#prove(peer, tls)
    peer.write(encodeSaslFinal(serverFinal), encodeAuthenticationOk(), ...early)
    peer.write(encodeBackendKey(7, LONG_KEY), ...late, encodeReady('I'))
  }

  async #prove(peer: Peer, tls: boolean): Promise<string> {
    const channelBinding = endpointHash(new X509Certificate(CERT).raw)
    const options = tls && channelBinding ? { channelBinding } : {}
    const scram = new ScramServer(this.#verifier, options)
    peer.write(encodeSasl(scram.mechanisms))
    const chosen = new Body((await peer.readMessage()).body)
    this.mechanism = readMechanism(chosen)
    scram.choose(this.mechanism)
    peer.write(encodeSaslContinue(scram.start(readSaslInitial(chosen) ?? '')))
    const verdict = scram.finish((await peer.readMessage()).body.toString('latin1'))
    assert.ok(verdict.ok)
    return verdict.serverFinal
  }
}

async function startTls(peer: Peer): Promise<void> {
  await peer.readStartup()
  peer.write(Buffer.from('S'))
  const secureContext = createSecureContext({ cert: CERT, key: KEY })
  const wrap = (plain: Socket) => new TLSSocket(plain, { isServer: true, secureContext })
  await peer.secure(wrap, 'secure')
}
