import { randomUUID, type Cipher } from 'node:crypto'
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { AppError, sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { EventSlab } from './event-slab.ts'
import type { EventKind } from './events.ts'
import { encodeSegmentHead, keyStream, makeSegmentKey } from './segment-head.ts'

export interface JournalOptions {
  readonly folder: string
  /** `strict`: on disk before `commit` returns; `prompt`: with the kernel, which outlives us. */
  readonly recording: 'prompt' | 'strict'
  /** Whom the keys of the segments are sealed to. */
  readonly publicKey: Buffer
  readonly log: Log
  /** For tests: stand in for the disk. */
  readonly write?: typeof writeSync
  readonly syncNow?: typeof fdatasyncSync
  readonly sync?: (fd: number, done: (error: NodeJS.ErrnoException | null) => void) => void
}

/** Nothing can be recorded, so nothing may run. */
export class JournalError extends AppError {
  constructor(cause: unknown) {
    super('journal_failed', `The recording can't be written: ${sentenceOf(cause)}`, { cause })
  }
}

/** The file being written. */
interface Segment {
  readonly fd: number
  readonly cipher: Cipher
  /** Whole groups up to here. */
  written: number
  isDirty: boolean
}

/** A segment that reaches this is followed by another. */
const SEGMENT_BYTES = 16 * 1024 * 1024
/** How long `prompt` lets the kernel keep what it was given, in milliseconds. */
const SYNC_MS = 50
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700
const SEGMENT_NAME = /^([0-9]{12})\.journal/

/**
 * The recording on this machine's disk, between the wire and the store. Events are gathered in memory
 * and written together by `commit`, which must return before what they tell of goes on.
 */
export class Journal {
  /** This life of the proxy. */
  readonly life = randomUUID()
  /** For the worker that reads along: the number of the segment being written, and its whole bytes. */
  readonly progress = new Int32Array(new SharedArrayBuffer(8))
  readonly #options: JournalOptions
  readonly #write: typeof writeSync
  readonly #syncNow: typeof fdatasyncSync
  readonly #fdatasync: NonNullable<JournalOptions['sync']>
  readonly #timer: NodeJS.Timeout
  readonly #slab = new EventSlab()
  #connections = 0
  #next: number
  /** Undefined behind a failed write, up to the next one. */
  #segment: Segment | undefined
  #syncing = false
  /** What the kernel was given may not reach the disk. */
  #fault: Error | undefined

  /** Opens the folder, made if need be, and begins a segment behind those left there. */
  constructor(options: JournalOptions) {
    this.#options = options
    this.#write = options.write ?? writeSync
    this.#syncNow = options.syncNow ?? fdatasyncSync
    this.#fdatasync = options.sync ?? fdatasync
    mkdirSync(options.folder, { recursive: true, mode: FOLDER_MODE })
    const left = readdirSync(options.folder).map((name) =>
      Number(SEGMENT_NAME.exec(name)?.[1] ?? 0),
    )
    this.#next = Math.max(0, ...left) + 1
    this.#segment = this.#begin()
    this.#timer = setInterval(() => this.#sync(), SYNC_MS).unref()
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

  /** Bytes that the next commit would write. */
  get pendingBytes(): number {
    return this.#slab.pendingBytes
  }

  /**
   * Writes what was appended as one group. Errors: JournalError; what clients asked is then forgotten,
   * because it must not go on; answers tell of what did happen, and are kept for the next commit.
   */
  commit(): void {
    if (this.#slab.pendingBytes === 0) return
    try {
      if (this.#fault) throw new JournalError(this.#fault)
      this.#put(this.#slab.group(crc32))
    } catch (error) {
      this.#slab.forgetClients()
      throw error
    }
    this.#slab.clear()
  }

  /** The same where nothing waits for it. */
  commitOrKeep(): void {
    try {
      this.commit()
    } catch (error) {
      this.#options.log.error({ error: sentenceOf(error) }, 'an answer could not be recorded yet')
    }
  }

  /** Begins a new segment, so that the old one can be removed once shipped. */
  tidy(): void {
    if (this.#segment) this.#rotate(this.#segment)
  }

  /** Writes what is left and lets go of the file. */
  close(): void {
    clearInterval(this.#timer)
    this.commitOrKeep()
    if (!this.#segment) return
    fdatasyncSync(this.#segment.fd)
    closeSync(this.#segment.fd)
    this.#segment = undefined
  }

  #put(group: Buffer): void {
    const segment = this.#current()
    try {
      this.#writeAll(segment.fd, segment.cipher.update(group), segment.written)
      if (this.#options.recording === 'strict') this.#syncNow(segment.fd)
    } catch (cause) {
      this.#takeBack(segment)
      throw new JournalError(cause)
    }
    segment.written += group.length
    segment.isDirty = true
    Atomics.store(this.progress, 1, segment.written)
    if (segment.written >= SEGMENT_BYTES) this.#rotate(segment)
  }

  #current(): Segment {
    try {
      this.#segment ??= this.#begin()
      return this.#segment
    } catch (cause) {
      throw new JournalError(cause)
    }
  }

  #writeAll(fd: number, bytes: Buffer, position: number): void {
    for (let at = 0; at < bytes.length;) {
      at += this.#write(fd, bytes, at, bytes.length - at, position + at)
    }
  }

  /**
   * Half a group must not be taken for one, and its part of the key stream must not be used for other
   * bytes: the segment ends here.
   */
  #takeBack(segment: Segment): void {
    this.#segment = undefined
    try {
      ftruncateSync(segment.fd, segment.written)
    } catch (error) {
      this.#options.log.error({ error: sentenceOf(error) }, 'half a group stayed in the journal')
    }
    this.#letGo(segment)
  }

  #rotate(segment: Segment): void {
    try {
      this.#segment = this.#begin()
    } catch (error) {
      // the old segment is as good for now
      this.#options.log.error({ error: sentenceOf(error) }, 'no new journal segment')
      return
    }
    this.#letGo(segment)
  }

  #letGo({ fd }: Segment): void {
    this.#fdatasync(fd, (error) => {
      closeSync(fd)
      if (error !== null) this.#noteFault(error)
    })
  }

  #begin(): Segment {
    const number = this.#next
    const path = join(this.#options.folder, `${number.toString().padStart(12, '0')}.journal`)
    const key = makeSegmentKey()
    const head = encodeSegmentHead(this.#options.publicKey, { life: this.life, key })
    const fd = openSync(path, 'wx', FILE_MODE)
    try {
      this.#writeAll(fd, head, 0)
    } catch (error) {
      closeSync(fd)
      unlinkSync(path)
      throw error
    }
    this.#next += 1
    // in this order: the worker never takes the new segment's bytes for the old one's
    Atomics.store(this.progress, 1, 0)
    Atomics.store(this.progress, 0, number)
    Atomics.store(this.progress, 1, head.length)
    return { fd, cipher: keyStream(key, 0), written: head.length, isDirty: true }
  }

  /** What the disk refused; that it did was logged then. */
  #retry(again: () => void): void {
    try {
      again()
    } catch (error) {
      if (!(error instanceof JournalError)) throw error
    }
  }

  #sync(): void {
    this.#retry(() => this.commit())
    // only a sync heals a fault, and it needs a file
    if (this.#fault) this.#retry(() => this.#current())
    const segment = this.#segment
    const isDue = segment?.isDirty === true || this.#fault !== undefined
    if (!segment || !isDue || this.#syncing) return
    segment.isDirty = false
    this.#syncing = true
    this.#fdatasync(segment.fd, (error) => {
      this.#syncing = false
      if (error === null) this.#fault = undefined
      // EBADF: the segment was let go of meanwhile, and synced on its way out
      else if (error.code !== 'EBADF') this.#noteFault(error)
    })
  }

  /** Fails closed until a sync succeeds again. */
  #noteFault(error: Error): void {
    if (this.#fault === undefined) {
      this.#options.log.error({ error: sentenceOf(error) }, 'the journal could not be synced')
    }
    this.#fault = error
  }
}
