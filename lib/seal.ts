import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { AppError } from './errors.ts'

/** The parts that hold a key of their own, derived from the master key. */
export type KeyHolder = 'portal' | 'broker' | 'proxy'

const KEY_BYTES = 32
const VERSION = 1
const FINGERPRINT_BYTES = 8
/** AES-256-GCM (NIST SP 800-38D): 96-bit nonce, 128-bit tag. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = 1 + FINGERPRINT_BYTES + KEY_BYTES + NONCE_BYTES + TAG_BYTES
/** DER wrappings of raw X25519 keys (RFC 8410, 7 and 4). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex')

/** A part's own 32-byte key: knowing one part's says nothing of the master key or another part's. */
export function derivePartKey(masterKey: Buffer, part: KeyHolder): Buffer {
  return derive(masterKey, `daypass part ${part}`)
}

/** 32 bytes for one purpose out of a key (HKDF-SHA-256, RFC 5869). */
export function derive(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), purpose, KEY_BYTES))
}

/** The private half with which a part opens what was sealed to it. */
export function openingKey(partKey: Buffer): KeyObject {
  const raw = derive(partKey, 'daypass sealing')
  return createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, raw]),
    format: 'der',
    type: 'pkcs8',
  })
}

/** The 32 public bytes that anyone may seal with; safe to store and to show. */
export function publicBytesOf(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length)
}

/** A short name for a public key, as shown to people and written in front of what it sealed. */
export function fingerprintOf(publicBytes: Buffer): string {
  return createHash('sha256')
    .update(publicBytes)
    .digest('hex')
    .slice(0, FINGERPRINT_BYTES * 2)
}

/**
 * Seals clear text so that only the holder of the private half can read it; `about` names the row
 * and column it belongs to, so that a sealed value moved elsewhere does not open.
 */
export function seal(publicBytes: Buffer, clear: string, about: string): Buffer {
  const pair = generateKeyPairSync('x25519')
  const ephemeral = publicBytesOf(pair.publicKey)
  const nonce = randomBytes(NONCE_BYTES)
  const key = agree(pair.privateKey, publicKeyFrom(publicBytes), ephemeral)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(about))
  const body = Buffer.concat([cipher.update(clear, 'utf8'), cipher.final()])
  return Buffer.concat([
    Buffer.of(VERSION),
    Buffer.from(fingerprintOf(publicBytes), 'hex'),
    ephemeral,
    nonce,
    cipher.getAuthTag(),
    body,
  ])
}

/** Opens what was sealed to this key about this row. Errors: `sealed_value_unreadable`. */
export function open(privateKey: KeyObject, sealed: Buffer, about: string): string {
  if (sealed.length < HEADER_BYTES || sealed.readUInt8(0) !== VERSION) throw unreadable(about)
  let at = 1 + FINGERPRINT_BYTES
  const take = (length: number): Buffer => sealed.subarray(at, (at += length))
  const ephemeral = take(KEY_BYTES)
  const nonce = take(NONCE_BYTES)
  const tag = take(TAG_BYTES)
  try {
    const key = agree(privateKey, publicKeyFrom(ephemeral), ephemeral)
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(about)).setAuthTag(tag)
    return Buffer.concat([decipher.update(sealed.subarray(at)), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw unreadable(about, cause)
  }
}

function agree(privateKey: KeyObject, publicKey: KeyObject, ephemeral: Buffer): Buffer {
  const shared = diffieHellman({ privateKey, publicKey })
  return derive(Buffer.concat([shared, ephemeral]), 'daypass sealed box')
}

function publicKeyFrom(publicBytes: Buffer): KeyObject {
  return createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, publicBytes]),
    format: 'der',
    type: 'spki',
  })
}

function unreadable(about: string, cause?: unknown): AppError {
  return new AppError(
    'sealed_value_unreadable',
    `The secret kept for ${about} can't be opened with this key. Check that the part runs with the master key it was sealed under.`,
    { cause },
  )
}
