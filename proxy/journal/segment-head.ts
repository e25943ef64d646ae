import { createCipheriv, createHash, randomBytes, type Cipher, type KeyObject } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { open, seal } from '../../lib/seal.ts'

/** How a file of the journal begins: who wrote it, and the key it is written with. */
export interface SegmentHead {
  /** One life of a proxy: connections are counted anew in the next. */
  readonly life: string
  readonly key: SegmentKey
}

/** The key of one file, sealed in its head to the proxy. */
export interface SegmentKey {
  readonly key: Buffer
  readonly start: Buffer
}

const MAGIC = Buffer.from('daypass\x03')
const KEY_BYTES = 32
/** AES in counter mode (NIST SP 800-38A): every byte of a file has its place in the key stream. */
const CIPHER = 'aes-256-ctr'
const BLOCK_BYTES = 16
const UUID_BYTES = 36
const FIXED_BYTES = MAGIC.length + UUID_BYTES + 2

/** A key for a new file. */
export function makeSegmentKey(): SegmentKey {
  return { key: randomBytes(KEY_BYTES), start: randomBytes(BLOCK_BYTES) }
}

/**
 * The CRC-32 of a file's groups, begun with a number of its key's: behind damage, bytes that a client made
 * look like a group are not one.
 */
export function checksumOf({ key }: SegmentKey): (payload: Buffer) => number {
  const seed = createHash('sha256').update('daypass checksum').update(key).digest().readUInt32BE(0)
  return (payload) => crc32(payload, seed)
}

/** The head of a file, with its key for the holder of this public key's other half. */
export function encodeSegmentHead(publicKey: Buffer, { life, key }: SegmentHead): Buffer {
  const clear = Buffer.concat([key.key, key.start]).toString('hex')
  const sealed = seal(publicKey, clear, aboutSegment(life))
  const length = Buffer.alloc(2)
  length.writeUInt16BE(sealed.length)
  return Buffer.concat([MAGIC, Buffer.from(life), length, sealed])
}

export interface ReadHead {
  readonly head: SegmentHead
  /** Where the groups begin. */
  readonly bytes: number
}

/** Undefined where a head is not there in full. Errors: `sealed_value_unreadable`. */
export function readSegmentHead(privateKey: KeyObject, bytes: Buffer): ReadHead | undefined {
  if (bytes.length < FIXED_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  const end = FIXED_BYTES + bytes.readUInt16BE(FIXED_BYTES - 2)
  if (bytes.length < end) return undefined
  const life = bytes.toString('latin1', MAGIC.length, MAGIC.length + UUID_BYTES)
  const clear = Buffer.from(
    open(privateKey, bytes.subarray(FIXED_BYTES, end), aboutSegment(life)),
    'hex',
  )
  return {
    head: { life, key: { key: clear.subarray(0, KEY_BYTES), start: clear.subarray(KEY_BYTES) } },
    bytes: end,
  }
}

/** The key stream of a file from one of its bytes on; it encrypts and decrypts alike. */
export function keyStream({ key, start }: SegmentKey, at: number): Cipher {
  const counter =
    (BigInt(`0x${start.toString('hex')}`) + BigInt(Math.floor(at / BLOCK_BYTES))) % WRAP
  const cipher = createCipheriv(
    CIPHER,
    key,
    Buffer.from(counter.toString(16).padStart(32, '0'), 'hex'),
  )
  const skipped = at % BLOCK_BYTES
  if (skipped > 0) cipher.update(Buffer.alloc(skipped))
  return cipher
}

const WRAP = 1n << 128n

function aboutSegment(life: string): string {
  return `journal:${life}`
}
