import { randomBytes, timingSafeEqual } from 'node:crypto'
import { decodeBase64, hmac, sha256 } from '../../lib/scram.ts'
import type { ScramVerifier } from '../../lib/scram.ts'
import { WireError } from '../errors.ts'
import { isNonce, malformed, ScramReader, shownCharacter } from './message.ts'

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
  readonly nonce: string
  readonly clientFirstBare: string
  readonly serverFirst: string
}

/** invalid_authorization_specification, as PostgreSQL answers a channel binding that does not fit. */
const BINDING_MISMATCH = '28000'
const NOT_SUPPORTED = '0A000'
/** SCRAM_RAW_NONCE_LEN in PostgreSQL. */
const NONCE_BYTES = 18
/** The only kind of channel binding that PostgreSQL knows. */
const END_POINT = 'tls-server-end-point'
const SHOWN_MOST = 30

/**
 * The server's half of one SCRAM exchange: `choose` takes the client's mechanism, `start` answers its
 * first message, `finish` judges its last. They throw a WireError in PostgreSQL's words for messages
 * that are not SCRAM; a wrong secret is a verdict. Messages are text of one byte a character.
 */
export class ScramServer {
  readonly #verifier: ScramVerifier
  readonly #options: ScramServerOptions
  #isBound = false
  #challenge: Challenge | undefined

  constructor(verifier: ScramVerifier, options: ScramServerOptions = {}) {
    this.#verifier = verifier
    this.#options = options
  }

  /** The mechanisms to offer, the strongest first. */
  get mechanisms(): readonly string[] {
    return this.#options.channelBinding ? [SCRAM_PLUS, SCRAM] : [SCRAM]
  }

  choose(mechanism: string): void {
    if (!this.mechanisms.includes(mechanism)) {
      throw new WireError('client selected an invalid SASL authentication mechanism')
    }
    this.#isBound = mechanism === SCRAM_PLUS
  }

  start(clientFirst: string): string {
    const reader = open(clientFirst)
    this.#readBindingFlag(reader)
    if (reader.next === 'a') {
      throw new WireError(
        'client uses authorization identity, but it is not supported',
        NOT_SUPPORTED,
      )
    }
    if (reader.next !== ',') {
      const found = shownCharacter(reader.next)
      throw malformed(`Unexpected attribute "${found}" in client-first-message.`)
    }
    reader.skip()
    const gs2Header = clientFirst.slice(0, reader.at)
    const clientFirstBare = reader.rest
    const nonce =
      readNonce(reader) + (this.#options.nonce ?? randomBytes(NONCE_BYTES).toString('base64'))
    const { salt, iterations } = this.#verifier
    const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`
    this.#challenge = { gs2Header, nonce, clientFirstBare, serverFirst }
    return serverFirst
  }

  finish(clientFinal: string): ScramVerdict {
    const challenge = this.#challenge
    this.#challenge = undefined // one guess an exchange
    if (!challenge) throw malformed('The exchange is over.')
    const { withoutProof, proof } = this.#readFinal(open(clientFinal), clientFinal, challenge)

    const { clientFirstBare, serverFirst } = challenge
    const authMessage = Buffer.from(`${clientFirstBare},${serverFirst},${withoutProof}`, 'latin1')
    const { storedKey, serverKey } = this.#verifier
    const clientKey = xor(proof, hmac(storedKey, authMessage))
    if (!timingSafeEqual(sha256(clientKey), storedKey)) return { ok: false }
    return { ok: true, serverFinal: `v=${hmac(serverKey, authMessage).toString('base64')}` }
  }

  /** RFC 5802 section 7: p binds the channel, y could have, n cannot. */
  #readBindingFlag(reader: ScramReader): void {
    const flag = reader.next
    if (flag === 'p') {
      this.#readBindingType(reader)
      return
    }
    if (flag !== 'n' && flag !== 'y') {
      throw malformed(`Unexpected channel-binding flag "${shownCharacter(flag)}".`)
    }
    if (this.#isBound) throw malformed(UNBOUND)
    // with our offer made, "you did not offer it" says that someone cut it out on the way
    if (flag === 'y' && this.#options.channelBinding) {
      throw new WireError('SCRAM channel binding negotiation error', BINDING_MISMATCH, DOWNGRADED)
    }
    reader.skip()
    if (reader.next !== ',') {
      throw malformed(`Comma expected, but found character "${shownCharacter(reader.next)}".`)
    }
    reader.skip()
  }

  #readBindingType(reader: ScramReader): void {
    if (!this.#isBound) throw malformed(BOUND)
    const type = reader.value('p')
    if (type === END_POINT) return
    throw new WireError(`unsupported SCRAM channel-binding type "${shownText(type)}"`)
  }

  #readFinal(reader: ScramReader, clientFinal: string, challenge: Challenge) {
    this.#checkBinding(reader.value('c'), challenge)
    const nonce = reader.value('r')
    for (;;) {
      const start = reader.at
      const [name, value] = reader.any()
      if (name !== 'p') continue
      const proof = decodeBase64(value)
      if (proof?.length !== this.#verifier.storedKey.length) {
        throw malformed('Malformed proof in client-final-message.')
      }
      if (!reader.isAtEnd) throw malformed('Garbage found at the end of client-final-message.')
      if (!equal(nonce, challenge.nonce)) {
        throw new WireError('invalid SCRAM response', undefined, 'Nonce does not match.')
      }
      return { withoutProof: clientFinal.slice(0, start - 1), proof }
    }
  }

  #checkBinding(binding: string, { gs2Header }: Challenge): void {
    const data = this.#isBound ? this.#options.channelBinding : undefined
    const bytes = Buffer.concat([Buffer.from(gs2Header), data ?? Buffer.alloc(0)])
    if (equal(binding, bytes.toString('base64'))) return
    if (this.#isBound) throw new WireError('SCRAM channel binding check failed', BINDING_MISMATCH)
    throw new WireError('unexpected SCRAM channel-binding attribute in client-final-message')
  }
}

const UNBOUND =
  'The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.'
const BOUND =
  'The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.'
const DOWNGRADED =
  'The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.'

/** PostgreSQL's strings end at a NUL, so that one with a NUL in it is not what it seems. */
function open(message: string): ScramReader {
  if (message === '') throw malformed('The message is empty.')
  if (message.includes('\0')) throw malformed('Message length does not match input length.')
  return new ScramReader(message)
}

function readNonce(reader: ScramReader): string {
  if (reader.next === 'm') {
    throw new WireError('client requires an unsupported SCRAM extension', NOT_SUPPORTED)
  }
  // PostgreSQL takes the user from the start-up packet; this name says nothing
  reader.value('n')
  const nonce = reader.value('r')
  if (!isNonce(nonce)) throw new WireError('non-printable characters in SCRAM nonce')
  while (!reader.isAtEnd) reader.any()
  return nonce
}

/** A text of the client's as PostgreSQL shows one in an error. */
function shownText(text: string): string {
  return text.slice(0, SHOWN_MOST).replaceAll(/[^\x21-\x7e]/g, '?')
}

function equal(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left, 'latin1'), Buffer.from(right, 'latin1')]
  return a.length === b.length && timingSafeEqual(a, b)
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ right.readUInt8(index)))
}
