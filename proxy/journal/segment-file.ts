import type { Cipher, KeyObject } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { AppError } from '../../lib/errors.ts'
import { EVENT, EVENT_HEAD_BYTES, GROUP_HEAD_BYTES } from './events.ts'
import { checksumOf, keyStream, readSegmentHead, type SegmentKey } from './segment-head.ts'

/** What is read off a segment at once; one group may be larger, and is then read whole. */
const READ_BYTES = 1024 * 1024
/** A head is shorter than this, whatever is sealed in it. */
const HEAD_MOST = 4096

/** Reads the groups of one segment, in order and along with the one who writes it. */
export class SegmentFile {
  readonly life: string
  readonly #fd: number
  readonly #key: SegmentKey
  readonly #checksum: Checksum
  readonly #headBytes: number
  /** Read and decrypted, and not taken yet: #bytes[#from] stands at `at` in the file. */
  #bytes: Buffer = Buffer.alloc(0)
  #from = 0
  #at: number
  #cipher: Cipher
  /** Room to read into, used again and again. */
  #encrypted: Buffer = Buffer.alloc(0)

  private constructor(fd: number, found: { life: string; key: SegmentKey; headBytes: number }) {
    this.#fd = fd
    this.life = found.life
    this.#key = found.key
    this.#checksum = checksumOf(found.key)
    this.#headBytes = found.headBytes
    this.#at = found.headBytes
    this.#cipher = keyStream(found.key, 0)
  }

  /** Errors: `segment_unreadable` without a whole head of ours, `sealed_value_unreadable` with another key. */
  static open(path: string, privateKey: KeyObject): SegmentFile {
    const fd = openSync(path, 'r')
    try {
      const start = Buffer.alloc(HEAD_MOST)
      const read = readSegmentHead(
        privateKey,
        start.subarray(0, readSync(fd, start, 0, HEAD_MOST, 0)),
      )
      if (!read)
        throw new AppError('segment_unreadable', `${path} does not begin as a journal does.`)
      return new SegmentFile(fd, { ...read.head, headBytes: read.bytes })
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** Where the next group begins. */
  get at(): number {
    return this.#at
  }

  /** Bytes of the file as it is now. */
  get size(): number {
    return fstatSync(this.#fd).size
  }

  /** Goes on at a place where a group begins. */
  seek(at: number): void {
    this.#bytes = Buffer.alloc(0)
    this.#from = 0
    this.#at = at
    this.#cipher = keyStream(this.#key, at - this.#headBytes)
  }

  /**
   * The events of the next group, a view into memory that is not used again; undefined where there is
   * no whole one in front of `limit`.
   */
  next(limit: number): Buffer | undefined {
    if (!this.#has(GROUP_HEAD_BYTES, limit)) return undefined
    const length = this.#bytes.readUInt32BE(this.#from)
    const sum = this.#bytes.readUInt32BE(this.#from + 4)
    if (length < EVENT_HEAD_BYTES || !this.#has(GROUP_HEAD_BYTES + length, limit)) return undefined
    const start = this.#from + GROUP_HEAD_BYTES
    const payload = this.#bytes.subarray(start, start + length)
    if (this.#checksum(payload) !== sum) return undefined
    this.#from = start + length
    this.#at += GROUP_HEAD_BYTES + length
    return payload
  }

  /** Goes on behind bytes that are no group; false where nothing behind them is one either. */
  pass(limit: number): boolean {
    const at = this.#at
    this.#has(limit - at, limit)
    const behind = findGroup(this.#bytes.subarray(this.#from), this.#checksum)
    this.seek(behind === undefined ? limit : at + behind)
    return behind !== undefined
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** True where so many bytes are at hand. */
  #has(length: number, limit: number): boolean {
    const left = this.#bytes.length - this.#from
    if (left >= length) return true
    if (this.#at + length > limit) return false
    const most = Math.min(limit - this.#at - left, Math.max(READ_BYTES, length - left))
    if (this.#encrypted.length < most) this.#encrypted = Buffer.allocUnsafeSlow(most)
    const read = readSync(this.#fd, this.#encrypted, 0, most, this.#at + left)
    const clear = this.#cipher.update(this.#encrypted.subarray(0, read))
    const rest = this.#bytes.subarray(this.#from)
    this.#bytes = rest.length === 0 ? clear : Buffer.concat([rest, clear])
    this.#from = 0
    return this.#bytes.length >= length
  }
}

type Checksum = (payload: Buffer) => number

/** Where the next whole group begins, behind bytes that are damaged. */
function findGroup(bytes: Buffer, checksum: Checksum): number | undefined {
  const last = bytes.length - GROUP_HEAD_BYTES - EVENT_HEAD_BYTES
  for (let at = 1; at <= last; at += 1) if (isGroup(bytes, at, checksum)) return at
  return undefined
}

function isGroup(bytes: Buffer, at: number, checksum: Checksum): boolean {
  const event = at + GROUP_HEAD_BYTES
  const kind = bytes.readUInt32BE(event + 8) >>> 24
  if (bytes.readUIntBE(event + 9, 3) !== 0 || kind < EVENT.opened || kind > EVENT.live) return false
  const length = bytes.readUInt32BE(at)
  if (length < EVENT_HEAD_BYTES || event + length > bytes.length) return false
  if (bytes.readUInt32BE(event) + EVENT_HEAD_BYTES > length) return false
  return checksum(bytes.subarray(event, event + length)) === bytes.readUInt32BE(at + 4)
}
