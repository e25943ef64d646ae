import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

/** What a server keeps of a secret (RFC 5802): enough to check it, not enough to log in with it. */
export interface ScramVerifier {
  readonly iterations: number
  readonly salt: Buffer
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

/** What a client needs of a secret; derived from the verifier's salt and iterations. */
export interface ScramKeys {
  readonly clientKey: Buffer
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

export interface VerifierOptions {
  /** 4096 serves people's clients; 1 is sound only for machine-made secrets of 128 bits or more. */
  readonly iterations?: number
  readonly salt?: Buffer
}

/** PostgreSQL's scram_iterations, and the least that RFC 7677 lets clients accept. */
export const SCRAM_ITERATIONS = 4096
/** A hostile server could ask a client to hash for hours; PostgreSQL's own setting ends at 2^31. */
export const SCRAM_ITERATIONS_LIMIT = 1_000_000

/** SHA-256's output, RFC 7677. */
const KEY_BYTES = 32
/** SCRAM_DEFAULT_SALT_LEN in PostgreSQL. */
const SALT_BYTES = 16
const VERIFIER =
  /^SCRAM-SHA-256\$([1-9][0-9]{0,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/
const NOT_ASCII = /[^\x20-\x7e]/
/** RFC 3454 table C.1.2, which SASLprep turns into plain spaces. */
const OTHER_SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g
/** RFC 3454 table B.1, which SASLprep drops. */
const INVISIBLE =
  /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g

const deriveKey = promisify(pbkdf2)

/** The text PostgreSQL stores in rolpassword for this secret; takes it ready-made in `password '...'`. */
export async function makeVerifier(secret: string, options: VerifierOptions = {}): Promise<string> {
  const { iterations = SCRAM_ITERATIONS, salt = randomBytes(SALT_BYTES) } = options
  const { storedKey, serverKey } = await deriveScramKeys(secret, salt, iterations)
  return formatVerifier({ iterations, salt, storedKey, serverKey })
}

/** Reads a verifier back; undefined when the text is not one. */
export function parseVerifier(text: string): ScramVerifier | undefined {
  const [, iterations, ...encoded] = VERIFIER.exec(text) ?? []
  const [salt, storedKey, serverKey] = encoded.map(decodeBase64)
  if (iterations === undefined || !salt || !storedKey || !serverKey) return undefined
  if (storedKey.length !== KEY_BYTES || serverKey.length !== KEY_BYTES) return undefined
  return { iterations: Number(iterations), salt, storedKey, serverKey }
}

/**
 * A verifier no secret fits, for names that nobody has: the exchange runs to its end and fails there
 * as a wrong secret does. The salt is stable per name, so that asking twice tells nothing.
 */
export function mockVerifier(
  serverSecret: Buffer,
  username: string,
  iterations: number = SCRAM_ITERATIONS,
): ScramVerifier {
  const part = (label: string) => hmac(serverSecret, `mock ${label} ${username}`)
  return {
    iterations,
    salt: part('salt').subarray(0, SALT_BYTES),
    storedKey: part('stored key'),
    serverKey: part('server key'),
  }
}

/** The three keys of RFC 5802 section 3, derived in the thread pool. */
export async function deriveScramKeys(
  secret: string,
  salt: Buffer,
  iterations: number,
): Promise<ScramKeys> {
  const salted = await deriveKey(prepareSecret(secret), salt, iterations, KEY_BYTES, 'sha256')
  const clientKey = hmac(salted, 'Client Key')
  return { clientKey, storedKey: sha256(clientKey), serverKey: hmac(salted, 'Server Key') }
}

/** HMAC-SHA-256. */
export function hmac(key: Buffer, text: string | Buffer): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** SHA-256. */
export function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** Strict base64: undefined for anything an encoder would not have written. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

function formatVerifier({ iterations, salt, storedKey, serverKey }: ScramVerifier): string {
  const [saltText, stored, server] = [salt, storedKey, serverKey].map((key) =>
    key.toString('base64'),
  )
  return `SCRAM-SHA-256$${iterations}:${saltText ?? ''}$${stored ?? ''}:${server ?? ''}`
}

/** SASLprep (RFC 4013) without its prohibitions, as PostgreSQL falls back to the raw text on those. */
function prepareSecret(secret: string): string {
  if (!NOT_ASCII.test(secret)) return secret
  return secret.replaceAll(OTHER_SPACES, ' ').replaceAll(INVISIBLE, '').normalize('NFKC')
}
