import { randomBytes, timingSafeEqual } from 'node:crypto'
import { decodeBase64, hmac, sha256 } from '../../lib/scram.ts'
import type { ScramVerifier } from '../../lib/scram.ts'
import { WireError } from '../errors.ts'
import { expectAttributes, isNonce, malformed, parseAttributes } from './message.ts'

export const SCRAM = 'SCRAM-SHA-256'
export const SCRAM_PLUS = 'SCRAM-SHA-256-PLUS'

export interface ScramServerOptions {
  /** Hash of our leaf certificate (RFC 5929 tls-server-end-point); present when PLUS was offered. */
  readonly channelBinding?: Buffer
  /** For tests only: what would be random. */
  readonly nonce?: string
}

export type ScramVerdict =
  { readonly ok: true; readonly serverFinal: string } | { readonly ok: false }

interface Challenge {
  readonly gs2Header: string
  readonly bound: boolean
  readonly nonce: string
  readonly clientFirstBare: string
  readonly serverFirst: string
}

/** invalid_authorization_specification, as PostgreSQL answers a channel binding that does not fit. */
const BINDING_MISMATCH = '28000'
/** SCRAM_RAW_NONCE_LEN in PostgreSQL. */
const NONCE_BYTES = 18
/** n, y or p=name, then an authorization name that must be absent, then the bare message. */
const CLIENT_FIRST = /^((n|y|p=[A-Za-z0-9.-]+),([^,]*),)(.*)$/s

/**
 * The server's half of one SCRAM exchange: `start` answers the client's first message, `finish` judges
 * its last. Both throw a WireError for messages that are not SCRAM; a wrong secret is a verdict.
 */
export class ScramServer {
  readonly #verifier: ScramVerifier
  readonly #options: ScramServerOptions
  #challenge: Challenge | undefined

  constructor(verifier: ScramVerifier, options: ScramServerOptions = {}) {
    this.#verifier = verifier
    this.#options = options
  }

  /** The mechanisms to offer, the strongest first. */
  get mechanisms(): readonly string[] {
    return this.#options.channelBinding ? [SCRAM_PLUS, SCRAM] : [SCRAM]
  }

  start(mechanism: string, clientFirst: string): string {
    if (this.#challenge) throw malformed()
    const [, gs2Header = '', flag = '', authzid, bare = ''] = CLIENT_FIRST.exec(clientFirst) ?? []
    if (authzid === undefined) throw malformed()
    if (authzid !== '') {
      throw new WireError('client uses authorization identity, but it is not supported', '0A000')
    }
    this.#checkBindingFlag(mechanism, flag)

    const [, clientNonce = ''] = expectAttributes(bare, ['n', 'r'])
    if (!isNonce(clientNonce)) throw malformed()
    const nonce = clientNonce + (this.#options.nonce ?? randomBytes(NONCE_BYTES).toString('base64'))
    const { salt, iterations } = this.#verifier
    const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`
    const bound = mechanism === SCRAM_PLUS
    this.#challenge = { gs2Header, bound, nonce, clientFirstBare: bare, serverFirst }
    return serverFirst
  }

  finish(clientFinal: string): ScramVerdict {
    const challenge = this.#challenge
    if (!challenge) throw malformed()
    this.#challenge = undefined // one guess an exchange
    const { withoutProof, proof } = this.#readFinal(clientFinal, challenge)

    const { clientFirstBare, serverFirst } = challenge
    const authMessage = `${clientFirstBare},${serverFirst},${withoutProof}`
    const { storedKey, serverKey } = this.#verifier
    const clientKey = xor(proof, hmac(storedKey, authMessage))
    if (!timingSafeEqual(sha256(clientKey), storedKey)) return { ok: false }
    return { ok: true, serverFinal: `v=${hmac(serverKey, authMessage).toString('base64')}` }
  }

  /** `y` means "I could bind but you did not offer it": with an offer made, someone cut it out. */
  #checkBindingFlag(mechanism: string, flag: string): void {
    const offered = this.#options.channelBinding !== undefined
    if (mechanism === SCRAM_PLUS && offered) {
      if (flag === 'p=tls-server-end-point') return
      throw new WireError('unsupported SCRAM channel-binding type')
    }
    if (mechanism !== SCRAM) {
      throw new WireError('client selected an invalid SASL authentication mechanism')
    }
    if (flag.startsWith('p')) throw malformed()
    if (flag === 'y' && offered) {
      throw new WireError('SCRAM channel binding negotiation error', BINDING_MISMATCH)
    }
  }

  #readFinal(clientFinal: string, challenge: Challenge) {
    const [binding = '', nonce = ''] = expectAttributes(clientFinal, ['c', 'r'])
    const [lastName, proofText = ''] = parseAttributes(clientFinal).at(-1) ?? []
    const proof = decodeBase64(proofText)
    if (lastName !== 'p' || proof?.length !== this.#verifier.storedKey.length) throw malformed()

    if (!equal(binding, this.#expectedBinding(challenge))) {
      throw new WireError('SCRAM channel binding check failed', BINDING_MISMATCH)
    }
    if (!equal(nonce, challenge.nonce)) throw new WireError('invalid SCRAM response')
    return { withoutProof: clientFinal.slice(0, clientFinal.lastIndexOf(',p=')), proof }
  }

  #expectedBinding({ gs2Header, bound }: Challenge): string {
    const data = bound ? this.#options.channelBinding : undefined
    return Buffer.concat([Buffer.from(gs2Header), data ?? Buffer.alloc(0)]).toString('base64')
  }
}

function equal(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ right.readUInt8(index)))
}
