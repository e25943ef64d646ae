import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { AppError, sentenceOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { encodeEntry, type JournalEntry } from './journal-entries.ts'

export interface JournalOptions {
  readonly folder: string
  /** `strict`: on disk before `flush` returns; `prompt`: with the kernel, which outlives us. */
  readonly recording: 'prompt' | 'strict'
  readonly log: Log
  /** For tests: stands in for the disk. */
  readonly write?: typeof writeSync
}

/** One file of the journal. */
export interface Segment {
  readonly path: string
  /** Left by an earlier life of this proxy: its end may be torn. */
  readonly recovered: boolean
  /** Whole entries up to here. */
  written: number
  /** Nothing will be added any more. */
  sealed: boolean
}

/** Nothing can be recorded, so nothing may run. */
export class JournalError extends AppError {
  constructor(cause: unknown) {
    super('journal_failed', `The recording can't be written: ${sentenceOf(cause)}`, { cause })
  }
}

/** A segment that reaches this is followed by another. */
const SEGMENT_BYTES = 16 * 1024 * 1024
/** An idle one is put aside from this on, so that shipped statements don't stay on the disk. */
const TIDY_BYTES = 64 * 1024
/** How long `prompt` lets the kernel keep what it was given, in milliseconds. */
const SYNC_MS = 50
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700
const SEGMENT_NAME = /^[0-9]{12}\.journal$/

/**
 * The recording on this machine's disk, between the wire and the store. Entries are gathered by
 * `append` and written together by `flush`, which must return before what they tell of goes on.
 */
export class Journal {
  /** Oldest first; the last one is being written. */
  readonly segments: Segment[]
  readonly #options: JournalOptions
  readonly #write: typeof writeSync
  readonly #timer: NodeJS.Timeout
  #fd: number
  #next: number
  #pending: Buffer[] = []
  #isDirty = false
  #syncing = false

  /** Opens the folder, made if need be, and begins a segment behind those left there. */
  constructor(options: JournalOptions) {
    this.#options = options
    this.#write = options.write ?? writeSync
    mkdirSync(options.folder, { recursive: true, mode: FOLDER_MODE })
    const left = readdirSync(options.folder)
      .filter((name) => SEGMENT_NAME.test(name))
      .sort()
    this.segments = left.map((name) => {
      const path = join(options.folder, name)
      return { path, recovered: true, written: statSync(path).size, sealed: true }
    })
    this.#next = Number(left.at(-1)?.slice(0, 12) ?? 0) + 1
    this.#fd = this.#begin()
    this.#timer = setInterval(() => this.#sync(), SYNC_MS).unref()
  }

  append(entry: JournalEntry): void {
    this.#pending.push(encodeEntry(entry))
  }

  /** Writes what was appended. Errors: JournalError; what was appended is then forgotten. */
  flush(): void {
    if (this.#pending.length === 0) return
    const pending = this.#pending
    this.#pending = []
    this.#put(pending)
  }

  /** The same for what happened already: kept for the next flush where the disk refuses it now. */
  flushOrKeep(): void {
    const pending = this.#pending
    try {
      this.flush()
    } catch (error) {
      this.#pending = pending
      this.#options.log.error({ error: sentenceOf(error) }, 'an answer could not be recorded yet')
    }
  }

  /** Seals the segment being written if it is worth it, so that it can be removed once shipped. */
  tidy(): void {
    if (this.#current.written > TIDY_BYTES) this.#rotate()
  }

  /** Deletes a sealed segment. */
  remove(segment: Segment): void {
    this.segments.splice(this.segments.indexOf(segment), 1)
    unlinkSync(segment.path)
  }

  /** Writes what is left and lets go of the file. */
  close(): void {
    clearInterval(this.#timer)
    this.flushOrKeep()
    fdatasyncSync(this.#fd)
    closeSync(this.#fd)
    this.#current.sealed = true
  }

  get #current(): Segment {
    const last = this.segments.at(-1)
    if (last === undefined) throw new Error('the journal has no segment')
    return last
  }

  #put(entries: readonly Buffer[]): void {
    const bytes = entries.length === 1 ? entries[0] : undefined
    const whole = bytes ?? Buffer.concat(entries)
    const segment = this.#current
    try {
      for (let at = 0; at < whole.length;) {
        at += this.#write(this.#fd, whole, at, whole.length - at, segment.written + at)
      }
      if (this.#options.recording === 'strict') fdatasyncSync(this.#fd)
    } catch (cause) {
      this.#takeBack(segment)
      throw new JournalError(cause)
    }
    segment.written += whole.length
    this.#isDirty = true
    if (segment.written >= SEGMENT_BYTES) this.#rotate()
  }

  /** Half an entry must not stand in front of the next one. */
  #takeBack(segment: Segment): void {
    try {
      ftruncateSync(this.#fd, segment.written)
    } catch (error) {
      // the next entry is written over it: its place is counted, not taken from the file's length
      this.#options.log.error({ error: sentenceOf(error) }, 'half an entry stayed in the journal')
    }
  }

  #rotate(): void {
    const previous = this.#fd
    const segment = this.#current
    try {
      this.#fd = this.#begin()
    } catch (error) {
      // the old segment is as good for now
      this.#options.log.error({ error: sentenceOf(error) }, 'no new journal segment')
      return
    }
    segment.sealed = true
    fdatasync(previous, () => closeSync(previous))
  }

  #begin(): number {
    const path = join(this.#options.folder, `${this.#next.toString().padStart(12, '0')}.journal`)
    const fd = openSync(path, 'wx', FILE_MODE)
    this.#next += 1
    this.segments.push({ path, recovered: false, written: 0, sealed: false })
    return fd
  }

  #sync(): void {
    if (!this.#isDirty || this.#syncing) return
    this.#isDirty = false
    this.#syncing = true
    fdatasync(this.#fd, (error) => {
      this.#syncing = false
      // EBADF: the segment was sealed meanwhile, and synced on its way out
      if (error !== null && error.code !== 'EBADF') {
        this.#options.log.error({ error: sentenceOf(error) }, 'the journal could not be synced')
      }
    })
  }
}
