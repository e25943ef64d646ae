import assert from 'node:assert/strict'
import { dial } from '../../proxy/dial.ts'
import type { Peer } from '../../proxy/peer.ts'
import { ScramClient } from '../../proxy/scram/client.ts'
import { Body } from '../../proxy/wire/body.ts'
import { FROM_SERVER } from '../../proxy/wire/codes.ts'
import {
  readAuthentication,
  readBackendKey,
  readReport,
  type BackendKey,
} from '../../proxy/wire/server-messages.ts'
import { encodeStartup } from '../../proxy/wire/startup.ts'
import { encodeSaslInitial, encodeSaslResponse } from '../../proxy/wire/to-server.ts'
import type { Granted } from './granted.ts'

/** A logged-in client of protocol 3.minor that node-postgres can't be: it knows its cancel key whole. */
export class WireClient {
  readonly backend: BackendKey
  readonly #peer: Peer

  private constructor(peer: Peer, backend: BackendKey) {
    this.#peer = peer
    this.backend = backend
  }

  static async logIn(
    port: number,
    { username, secret }: Granted,
    { minor, database }: { readonly minor: number; readonly database: string },
  ): Promise<WireClient> {
    const { peer } = await dial({ host: '127.0.0.1', port, tlsMode: 'disable', tlsCa: null })
    peer.write(encodeStartup({ minor, user: username, database, parameters: [] }))
    const scram = new ScramClient({ secret, offered: ['SCRAM-SHA-256'] })
    let backend: BackendKey | undefined
    for (;;) {
      const { type, body } = await peer.readMessage()
      if (type === FROM_SERVER.error) throw new Error(readReport(new Body(body)).message)
      if (type === FROM_SERVER.backendKey) backend = readBackendKey(new Body(body))
      if (type === FROM_SERVER.ready && backend) return new WireClient(peer, backend)
      if (type !== FROM_SERVER.authentication) continue
      const request = readAuthentication(new Body(body))
      if (request.kind === 'sasl') peer.write(encodeSaslInitial(scram.mechanism, scram.first()))
      else if (request.kind === 'sasl continue') {
        peer.write(encodeSaslResponse(await scram.final(request.data)))
      }
    }
  }

  /** Runs one query; the SQLSTATE it failed with, or undefined. */
  async query(text: string): Promise<string | undefined> {
    const body = Buffer.from(`${text}\0`)
    const head = Buffer.alloc(5)
    head.write('Q')
    head.writeInt32BE(body.length + 4, 1)
    this.#peer.write(head, body)
    let failure: string | undefined
    for (;;) {
      const message = await this.#peer.readMessage()
      if (message.type === FROM_SERVER.error) {
        failure = readReport(new Body(message.body)).sqlstate
        assert.ok(failure)
      }
      if (message.type === FROM_SERVER.ready) return failure
    }
  }

  close(): void {
    this.#peer.socket.destroy()
  }
}
