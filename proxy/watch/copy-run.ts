import { createHash, type Hash } from 'node:crypto'
import { COPY_BYTES, COPY_FINAL_BYTES } from '../journal/events.ts'
import { FROM_CLIENT } from '../wire/codes.ts'
import type { Events, EventWriter } from './event-writer.ts'

/** A call per row costs more than the row: they are gathered up to this for the hash. */
const GATHERED = 64 * 1024
/** Longer pieces are hashed where they are. */
const GATHERED_PIECE = 8 * 1024
/** Below this a loop is faster than the call. */
const LOOP_BYTES = 48
/** What a COPY has carried is told so often while it lasts: milliseconds and bytes. */
const PROGRESS_MS = 1_000
const PROGRESS_BYTES = 64 * 1024 * 1024

const NOTHING: Buffer = Buffer.alloc(0)

/** Counts and digests what a COPY carries one way, whatever messages it is cut into. */
export class CopyRun {
  readonly #hash: Hash = createHash('sha256')
  #gathered: Buffer = Buffer.allocUnsafe(GATHERED)
  #gatheredBytes = 0
  #messages = 0
  #bytes = 0
  /** Of these, what has gone on. */
  #goneMessages = 0
  #goneBytes = 0
  /** And what was told of. */
  #toldMessages = 0
  #toldBytes = 0
  #toldAt: number
  /** Of what has gone on nobody has the digest. */
  #isRefused = false

  constructor(now: number) {
    this.#toldAt = now
  }

  message(): void {
    this.#messages += 1
  }

  add(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    this.#bytes += length
    if (length > GATHERED - this.#gatheredBytes || length > GATHERED_PIECE) this.#hashGathered()
    if (length > GATHERED_PIECE) {
      this.#hash.update(bytes.subarray(start, end))
      return
    }
    const at = this.#gatheredBytes
    this.#gatheredBytes = at + length
    if (length > LOOP_BYTES) bytes.copy(this.#gathered, at, start, end)
    else for (let i = 0; i < length; i += 1) this.#gathered[at + i] = bytes[start + i] ?? 0
  }

  /** What was carried so far has gone on. */
  settle(): void {
    this.#goneMessages = this.#messages
    this.#goneBytes = this.#bytes
  }

  /** What was carried since did not, and nothing more will. */
  refuse(): void {
    this.#messages = this.#goneMessages
    this.#bytes = this.#goneBytes
    this.#isRefused = true
  }

  get hasAllGone(): boolean {
    return this.#bytes === this.#goneBytes && this.#messages === this.#goneMessages
  }

  /** It is time to say how far it has come. */
  isDue(now: number): boolean {
    if (this.#goneMessages === this.#toldMessages && this.#goneBytes === this.#toldBytes)
      return false
    return now - this.#toldAt >= PROGRESS_MS || this.#goneBytes - this.#toldBytes >= PROGRESS_BYTES
  }

  /** Says what has gone on. */
  tellGone(into: EventWriter, now: number): void {
    this.#toldAt = now
    this.#tell(into, COPY_BYTES, this.#goneMessages, this.#goneBytes)
    this.#toldMessages = this.#goneMessages
    this.#toldBytes = this.#goneBytes
  }

  /** The same where all goes on at once, if it is time to. */
  tellProgress(into: EventWriter, now: number): void {
    this.settle()
    if (this.isDue(now)) this.tellGone(into, now)
  }

  /** At its end: with the digest of all of it, unless that is not what went on. */
  tellEnd(into: EventWriter): void {
    const length = this.#isRefused ? COPY_BYTES : COPY_FINAL_BYTES
    const events = this.#tell(into, length, this.#messages, this.#bytes)
    if (this.#isRefused) return
    this.#hashGathered()
    const digest = this.#hash.digest()
    events.put(digest, 0, digest.length)
    // its numbers may be asked for once more; a connection that is idle then should not keep the room
    this.#gathered = NOTHING
  }

  #tell(into: EventWriter, length: number, messages: number, bytes: number): Events {
    const events = into.numbers(FROM_CLIENT.copyData, length)
    events.putUInt32(messages - this.#toldMessages)
    events.putDouble(bytes - this.#toldBytes)
    events.putUInt8(length === COPY_FINAL_BYTES ? 1 : 0)
    return events
  }

  #hashGathered(): void {
    if (this.#gatheredBytes > 0) this.#hash.update(this.#gathered.subarray(0, this.#gatheredBytes))
    this.#gatheredBytes = 0
  }
}
