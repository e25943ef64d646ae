import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { diskOf, type Disk } from './disk.ts'
import { EventSlab } from './event-slab.ts'
import type { EventKind } from './events.ts'
import { LiveConnections } from './live-connections.ts'
import { highestNumber, segmentName } from './segments.ts'
import { WrittenSegment } from './written-segment.ts'

/** For tests, it may bring stand-ins for the disk. */
export interface JournalOptions extends Partial<Disk> {
  readonly folder: string
  /** `strict`: a question is on disk before `commit` returns; `prompt`: with the kernel, which outlives us. */
  readonly recording: 'prompt' | 'strict'
  /** Whom the keys of the segments are sealed to. */
  readonly publicKey: Buffer
  readonly log: Log
  /**
   * Told once, where the disk has not kept what it was given: from then on every commit fails, and the
   * process must end. Called in the middle of a commit, so that it must wait with using the journal.
   */
  readonly unkept?: (error: JournalError) => void
}

/** Nothing can be recorded, so nothing may run. */
export class JournalError extends AppError {
  constructor(cause: unknown) {
    super('journal_failed', `The recording can't be written: ${sentenceOf(cause)}`, { cause })
  }
}

/** A segment that reaches this is followed by another. */
const SEGMENT_BYTES = 16 * 1024 * 1024
/** How long `prompt` lets the kernel keep what it was given, in milliseconds. */
const SYNC_MS = 50
const FOLDER_MODE = 0o700

/**
 * The recording on this machine's disk, between the wire and the store. Events are gathered in memory
 * and written together by `commit`, which must return before what they tell of goes on.
 */
export class Journal {
  /** This life of the proxy. */
  readonly life = randomUUID()
  /** For the worker that reads along: the number of the segment being written, and its whole bytes. */
  readonly progress = new Int32Array(new SharedArrayBuffer(8))
  /** Whoever tells of a connection's opening and end tells this, too. */
  readonly live = new LiveConnections()
  readonly isStrict: boolean
  readonly #options: JournalOptions
  readonly #disk: Disk
  readonly #timer: NodeJS.Timeout
  readonly #slab = new EventSlab()
  #connections = 0
  #next: number
  #bytesWritten = 0
  /** Undefined behind a failed write, up to the next one. */
  #segment: WrittenSegment | undefined
  /** The last write failed. */
  #isRefused = false
  /** What the kernel was given may not be on disk, and never get there. */
  #fault: JournalError | undefined

  /** Opens the folder, made if need be, and begins a segment behind those left there. */
  constructor(options: JournalOptions) {
    this.#options = options
    this.isStrict = options.recording === 'strict'
    this.#disk = diskOf(options)
    mkdirSync(options.folder, { recursive: true, mode: FOLDER_MODE })
    this.#next = highestNumber(options.folder) + 1
    this.#segment = this.#begin()
    this.#timer = setInterval(() => this.#tick(), SYNC_MS).unref()
  }

  /** A number for one more connection of this life. */
  nextConnection(): number {
    this.#connections += 1
    return this.#connections
  }

  /** Opens an event; `now` in milliseconds since 1970, one reading a chunk. */
  begin(connection: number, kind: EventKind, now: number): void {
    this.#slab.begin(connection, kind, now)
  }

  /** Copies bytes[start] up to, not including, bytes[end] into the open event. */
  put(bytes: Uint8Array, start: number, end: number): void {
    this.#slab.put(bytes, start, end)
  }

  /** The head of a message whose body is put behind it. */
  putHeader(type: number, bodyLength: number): void {
    this.#slab.putHeader(type, bodyLength)
  }

  putUInt8(value: number): void {
    this.#slab.putUInt8(value)
  }

  putUInt32(value: number): void {
    this.#slab.putUInt32(value)
  }

  putDouble(value: number): void {
    this.#slab.putDouble(value)
  }

  /** Closes the open event; one without anything in it is dropped. */
  end(): void {
    this.#slab.end()
  }

  /** Grows with every commit that went well: what was appended before may go on. */
  get commits(): number {
    return this.#slab.commits
  }

  /** Bytes that the next commit would write. */
  get pendingBytes(): number {
    return this.#slab.pendingBytes
  }

  /** Bytes that were put into files in this life. */
  get bytesWritten(): number {
    return this.#bytesWritten
  }

  /**
   * Writes what was appended as one group. Errors: JournalError; all of it is then kept for the next
   * commit, and none of what a client asks in it may go on before one succeeds. Where nobody `asks`, a
   * strict one leaves the wait for the disk to the next; `written` is told before it.
   */
  commit(asks = true, written?: () => void): void {
    // also with nothing to write: whoever asks is about to let something go on
    if (this.#fault) throw this.#fault
    if (this.#slab.pendingBytes === 0) this.#slab.clear()
    else this.#commit(asks, written)
  }

  /** Drops what clients asked and was not written: only for who refuses to let it go on. */
  forgetClients(): void {
    this.#slab.forgetClients()
  }

  /**
   * The same where nothing waits for it. When the disk has not kept what it was given, the answers and
   * ends that came since are worth a try in a new file: a life that ends like that should not lose more.
   */
  commitOrKeep(): void {
    try {
      if (this.#fault) this.forgetClients()
      if (this.#slab.pendingBytes > 0) this.#commit()
    } catch (error) {
      this.#options.log.error({ error: sentenceOf(error) }, 'an answer could not be recorded yet')
    }
  }

  /** Begins a new segment, so that the old one can be removed once shipped. */
  tidy(): void {
    if (this.#segment && !this.#fault) this.#rotate(this.#segment)
  }

  /** Writes what is left and lets go of the file. */
  close(): void {
    clearInterval(this.#timer)
    this.commitOrKeep()
    const segment = this.#segment
    this.#segment = undefined
    try {
      if (!this.#fault) segment?.syncNow()
    } catch (error) {
      this.#fail(error)
    }
    segment?.letGo()
  }

  #commit(asks = true, written?: () => void): void {
    try {
      this.#put(asks, written)
    } catch (error) {
      if (!this.#isRefused && !this.#fault) {
        this.#options.log.error({ error: sentenceOf(error) }, 'statements are refused')
      }
      this.#isRefused = true
      throw error
    }
    this.#slab.clear()
    if (this.#isRefused && !this.#fault) this.#options.log.info({}, 'statements are recorded again')
    this.#isRefused = false
  }

  #put(asks: boolean, written?: () => void): void {
    const segment = this.#current()
    const group = this.#slab.group(segment.checksum)
    try {
      segment.write(group)
    } catch (cause) {
      this.#takeBack(segment)
      throw new JournalError(cause)
    }
    written?.()
    // a segment is on disk before the next: what is missing at its end would be missed by nobody
    const isFull = segment.written + group.length >= SEGMENT_BYTES
    if (this.isStrict && !this.#fault && (asks || isFull)) this.#syncNow(segment)
    segment.keep(group.length)
    this.live.settle()
    this.#bytesWritten += group.length
    Atomics.store(this.progress, 1, segment.written)
    if (isFull) this.#rotate(segment)
  }

  #syncNow(segment: WrittenSegment): void {
    try {
      segment.syncNow()
    } catch (cause) {
      this.#takeBack(segment)
      throw this.#fail(cause)
    }
  }

  #current(): WrittenSegment {
    try {
      return (this.#segment ??= this.#begin())
    } catch (cause) {
      throw new JournalError(cause)
    }
  }

  /** Half a group must not be taken for one, nor its key stream be used again: the segment ends here. */
  #takeBack(segment: WrittenSegment): void {
    this.#segment = undefined
    try {
      segment.takeBack()
    } catch (error) {
      this.#options.log.error({ error: sentenceOf(error) }, 'half a group stayed in the journal')
    }
    segment.letGo()
  }

  #rotate(segment: WrittenSegment): void {
    try {
      this.#segment = this.#begin()
    } catch (error) {
      // the old segment is as good for now
      this.#options.log.error({ error: sentenceOf(error) }, 'no new journal segment')
      return
    }
    segment.letGo()
  }

  #begin(): WrittenSegment {
    const { folder, publicKey } = this.#options
    const number = this.#next
    // used up also where it fails: what may be left of the file must not stand in the way of all others
    this.#next += 1
    const segment = new WrittenSegment(join(folder, segmentName(number)), {
      life: this.life,
      publicKey,
      disk: this.#disk,
      first: (checksum) => this.live.group(checksum),
      unkept: (error) => void this.#fail(error),
    })
    this.#bytesWritten += segment.written
    // in this order: the worker never takes the new segment's bytes for the old one's
    Atomics.store(this.progress, 1, 0)
    Atomics.store(this.progress, 0, number)
    Atomics.store(this.progress, 1, segment.written)
    return segment
  }

  #tick(): void {
    if (this.#fault) return
    try {
      if (this.#slab.pendingBytes > 0) this.#commit()
    } catch (error) {
      // logged, and tried again: by the next turn, which then lets go on what waits, or by us
      if (!(error instanceof JournalError)) throw error
    }
    this.#segment?.sync()
  }

  /**
   * The kernel tells once that it lost something, and calls it clean from then on (fsync(2), "Errors"):
   * the sync that succeeds next would be a lie. So there is no way back, and no more writing to that file.
   */
  #fail(cause: unknown): JournalError {
    if (this.#fault) return this.#fault
    this.#fault = new JournalError(cause)
    this.#options.log.error({ error: sentenceOf(cause) }, 'the disk has not kept the journal')
    const segment = this.#segment
    this.#segment = undefined
    segment?.letGo()
    this.#options.unkept?.(this.#fault)
    return this.#fault
  }
}
