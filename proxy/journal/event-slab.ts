import { EVENT, EVENT_HEAD_BYTES, GROUP_HEAD_BYTES, type EventKind } from './events.ts'

/** What is kept between commits; a larger event is given its room and the room is given back. */
const SLAB_BYTES = 1024 * 1024
/** Below this a loop is faster than the call. */
const LOOP_BYTES = 40
const HEADER_BYTES = 5

/** Gathers events behind each other, in memory that is used again: nothing is allocated per event. */
export class EventSlab {
  #bytes: Buffer
  #used = GROUP_HEAD_BYTES
  /** Where the open event begins. */
  #event = GROUP_HEAD_BYTES
  #commits = 0

  constructor(bytes = SLAB_BYTES) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes)
  }

  /** Grows when what was gathered is written, or there was nothing to write. */
  get commits(): number {
    return this.#commits
  }

  get pendingBytes(): number {
    return this.#used - GROUP_HEAD_BYTES
  }

  begin(connection: number, kind: EventKind, now: number): void {
    this.#makeRoom(EVENT_HEAD_BYTES)
    const at = this.#used
    this.#event = at
    this.#used = at + EVENT_HEAD_BYTES
    this.#bytes.writeUInt32BE(connection, at + 4)
    this.#bytes.writeUInt32BE(kind << 24, at + 8)
    this.#bytes.writeDoubleBE(now, at + 12)
  }

  put(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.#makeRoom(length)
    const slab = this.#bytes
    const at = this.#used
    this.#used = at + length
    if (length > LOOP_BYTES) {
      slab.set(bytes.subarray(start, end), at)
      return
    }
    for (let index = 0; index < length; index += 1) slab[at + index] = bytes[start + index] ?? 0
  }

  putHeader(type: number, bodyLength: number): void {
    this.#makeRoom(HEADER_BYTES)
    this.#bytes[this.#used] = type
    this.#bytes.writeUInt32BE(bodyLength + 4, this.#used + 1)
    this.#used += HEADER_BYTES
  }

  putUInt8(value: number): void {
    this.#makeRoom(1)
    this.#bytes[this.#used] = value
    this.#used += 1
  }

  putUInt32(value: number): void {
    this.#makeRoom(4)
    this.#used = this.#bytes.writeUInt32BE(value, this.#used)
  }

  putDouble(value: number): void {
    this.#makeRoom(8)
    this.#used = this.#bytes.writeDoubleBE(value, this.#used)
  }

  /** An event without a body says nothing, and is dropped. */
  end(): void {
    const length = this.#used - this.#event - EVENT_HEAD_BYTES
    if (length === 0) this.#used = this.#event
    else this.#bytes.writeUInt32BE(length, this.#event)
  }

  /** Everything gathered, with the head of a group; a view, valid until the next event. */
  group(checksum: (payload: Buffer) => number): Buffer {
    const payload = this.#bytes.subarray(GROUP_HEAD_BYTES, this.#used)
    this.#bytes.writeUInt32BE(payload.length, 0)
    this.#bytes.writeUInt32BE(checksum(payload), 4)
    return this.#bytes.subarray(0, this.#used)
  }

  /** It is written. */
  clear(): void {
    this.#commits += 1
    this.#used = GROUP_HEAD_BYTES
    if (this.#bytes.length > SLAB_BYTES) this.#bytes = Buffer.allocUnsafeSlow(SLAB_BYTES)
  }

  /** Drops what clients asked, and keeps the rest. */
  forgetClients(): void {
    let kept = GROUP_HEAD_BYTES
    for (let at = GROUP_HEAD_BYTES; at < this.#used;) {
      const end = at + EVENT_HEAD_BYTES + this.#bytes.readUInt32BE(at)
      if (this.#bytes[at + 8] !== EVENT.client) {
        this.#bytes.copyWithin(kept, at, end)
        kept += end - at
      }
      at = end
    }
    this.#used = kept
  }

  #makeRoom(length: number): void {
    const needed = this.#used + length
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#used))
    this.#bytes = larger
  }
}
