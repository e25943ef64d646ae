import { randomBytes, timingSafeEqual } from 'node:crypto'
import {
  SCRAM_ITERATIONS_LIMIT,
  decodeBase64,
  deriveScramKeys,
  hmac,
  type ScramKeys,
} from '../../lib/scram.ts'
import { UpstreamLoginError, WireError } from '../errors.ts'
import { expectAttributes, isNonce } from './message.ts'
import { SCRAM, SCRAM_PLUS } from './server.ts'

/** What a client knows: the secret's text, or who remembers the keys that were made of it. */
export type ScramSecret = string | { keysFor(salt: Buffer, iterations: number): Promise<ScramKeys> }

export interface ScramClientOptions {
  readonly secret: ScramSecret
  /** The mechanisms that the server offered. */
  readonly offered: readonly string[]
  /** Hash of the server's leaf certificate (tls-server-end-point), when the connection is TLS. */
  readonly channelBinding?: Buffer
  /** For tests only: what would be random. */
  readonly nonce?: string
}

/** A PostgreSQL server's messages are some 100 bytes; libpq gives up at 2000. */
const SERVER_MESSAGE_LIMIT = 2000
const NONCE_BYTES = 18

/**
 * The client's half of one SCRAM exchange with a data source that may be hostile: it is made to prove
 * that it knows the secret too. Every refusal is an UpstreamLoginError.
 */
export class ScramClient {
  readonly mechanism: string
  readonly #options: ScramClientOptions
  readonly #gs2Header: string
  readonly #nonce: string
  #serverSignature: Buffer | undefined
  #verified = false

  constructor(options: ScramClientOptions) {
    const { offered, channelBinding } = options
    const plus = channelBinding !== undefined && offered.includes(SCRAM_PLUS)
    if (!plus && !offered.includes(SCRAM)) {
      throw new UpstreamLoginError('the data source offers no SCRAM-SHA-256 authentication')
    }
    this.mechanism = plus ? SCRAM_PLUS : SCRAM
    this.#options = options
    this.#gs2Header = gs2Header(plus, channelBinding !== undefined)
    this.#nonce = options.nonce ?? randomBytes(NONCE_BYTES).toString('base64')
  }

  /** The first message; PostgreSQL takes the user from the start-up packet, so the name stays empty. */
  first(): string {
    return `${this.#gs2Header}${this.#firstBare}`
  }

  /** The last message: our proof. Hashes in the thread pool. */
  async final(serverFirst: string): Promise<string> {
    if (this.#serverSignature) throw refused('sent its SCRAM challenge twice')
    const { nonce, salt, iterations } = this.#readChallenge(serverFirst)
    const { secret } = this.#options
    const keys =
      typeof secret === 'string'
        ? await deriveScramKeys(secret, salt, iterations)
        : await secret.keysFor(salt, iterations)
    const withoutProof = `c=${this.#bindingText},r=${nonce}`
    const authMessage = `${this.#firstBare},${serverFirst},${withoutProof}`
    this.#serverSignature = hmac(keys.serverKey, authMessage)
    const signature = hmac(keys.storedKey, authMessage)
    const proof = keys.clientKey.map((byte, index) => byte ^ signature.readUInt8(index))
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`
  }

  /** Checks the server's own proof. */
  verify(serverFinal: string): void {
    const expected = this.#serverSignature
    const [text = ''] = readAttributes(serverFinal, ['v'])
    const given = decodeBase64(text)
    if (!expected || given?.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw refused('could not prove that it knows this login')
    }
    this.#verified = true
  }

  /** To be called when AuthenticationOk arrives: one that skips the server's proof is an impostor's. */
  assertVerified(): void {
    if (!this.#verified) throw refused('let us in without proving that it knows this login')
  }

  get #firstBare(): string {
    return `n=,r=${this.#nonce}`
  }

  get #bindingText(): string {
    const data = this.mechanism === SCRAM_PLUS ? this.#options.channelBinding : undefined
    return Buffer.concat([Buffer.from(this.#gs2Header), data ?? Buffer.alloc(0)]).toString('base64')
  }

  #readChallenge(serverFirst: string) {
    const [nonce = '', saltText = '', count = ''] = readAttributes(serverFirst, ['r', 's', 'i'])
    const salt = decodeBase64(saltText)
    const iterations = /^[1-9][0-9]{0,9}$/.test(count) ? Number(count) : 0
    const extendsOurs = nonce.startsWith(this.#nonce) && nonce.length > this.#nonce.length
    if (!extendsOurs || !isNonce(nonce)) throw refused('answered with a foreign SCRAM nonce')
    if (!salt || salt.length === 0) throw refused("sent a SCRAM salt that can't be read")
    if (iterations < 1 || iterations > SCRAM_ITERATIONS_LIMIT) {
      throw refused(`asks for SCRAM iterations outside 1 to ${SCRAM_ITERATIONS_LIMIT}`)
    }
    return { nonce, salt, iterations }
  }
}

/** RFC 5802 section 7: p binds, y could bind but saw no offer, n cannot bind. */
function gs2Header(plus: boolean, couldBind: boolean): string {
  if (plus) return 'p=tls-server-end-point,,'
  return couldBind ? 'y,,' : 'n,,'
}

function readAttributes(message: string, names: readonly string[]): string[] {
  if (message.length > SERVER_MESSAGE_LIMIT) throw refused('sent an oversized SCRAM message')
  try {
    return expectAttributes(message, names)
  } catch (cause) {
    if (cause instanceof WireError) throw refused("sent a SCRAM message that can't be read")
    throw cause
  }
}

function refused(what: string): UpstreamLoginError {
  return new UpstreamLoginError(`the data source ${what}`)
}
