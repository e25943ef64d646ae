import {
  appendFileSync,
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { AppError, sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { encodeEntry, type JournalEntry } from './entries.ts'

export interface JournalOptions {
  readonly folder: string
  /** `strict`: on disk before `flush` returns; `prompt`: with the kernel, which outlives us. */
  readonly recording: 'prompt' | 'strict'
  readonly log: Log
  /** For tests: stands in for the disk. */
  readonly write?: typeof writeSync
  readonly sync?: (fd: number, done: (error: NodeJS.ErrnoException | null) => void) => void
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
  /** Something in its middle can't be read: the file is kept for whoever wants to know. */
  damaged: boolean
}

/** An entry on its way to the disk. */
interface Pending {
  readonly bytes: Buffer
  /** Tells how a statement ended that is in the journal already. */
  readonly isAnswer: boolean
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
const REFUSED_NAME = 'statements.refused'
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
  readonly #fdatasync: NonNullable<JournalOptions['sync']>
  readonly #timer: NodeJS.Timeout
  #fd: number
  #next: number
  #pending: Pending[] = []
  #isDirty = false
  #syncing = false
  /** What the kernel was given may not reach the disk. */
  #fault: Error | undefined

  /** Opens the folder, made if need be, and begins a segment behind those left there. */
  constructor(options: JournalOptions) {
    this.#options = options
    this.#write = options.write ?? writeSync
    this.#fdatasync = options.sync ?? fdatasync
    mkdirSync(options.folder, { recursive: true, mode: FOLDER_MODE })
    const left = readdirSync(options.folder)
      .filter((name) => SEGMENT_NAME.test(name))
      .sort()
    this.segments = left.map((name) => {
      const path = join(options.folder, name)
      return { path, recovered: true, written: statSync(path).size, sealed: true, damaged: false }
    })
    this.#next = Number(left.at(-1)?.slice(0, 12) ?? 0) + 1
    this.#fd = this.#begin()
    this.#timer = setInterval(() => this.#sync(), SYNC_MS).unref()
  }

  append(entry: JournalEntry): void {
    this.#pending.push({ bytes: encodeEntry(entry), isAnswer: entry.kind === 'finished' })
  }

  /**
   * Writes what was appended. Errors: JournalError; questions among it are then forgotten, because they
   * must not go on; answers tell of what did happen, and are kept for the next flush.
   */
  flush(): void {
    if (this.#pending.length === 0) return
    const pending = this.#pending
    this.#pending = []
    try {
      if (this.#fault) throw new JournalError(this.#fault)
      this.#put(pending.map(({ bytes }) => bytes))
    } catch (error) {
      this.#pending = pending.filter(({ isAnswer }) => isAnswer)
      throw error
    }
  }

  /** The same where nothing waits for it. */
  flushOrKeep(): void {
    try {
      this.flush()
    } catch (error) {
      this.#options.log.error({ error: sentenceOf(error) }, 'an answer could not be recorded yet')
    }
  }

  /** Seals the segment being written if it is worth it, so that it can be removed once shipped. */
  tidy(): void {
    if (this.#current.written > TIDY_BYTES) this.#rotate()
  }

  /** Deletes a sealed segment; a damaged one is only put out of the way. */
  remove(segment: Segment): void {
    this.segments.splice(this.segments.indexOf(segment), 1)
    if (segment.damaged) renameSync(segment.path, `${segment.path}.damaged`)
    else unlinkSync(segment.path)
  }

  /** Keeps what the store will never take, for a person to look at: one line of JSON each. */
  setAside(row: object): void {
    const path = join(this.#options.folder, REFUSED_NAME)
    appendFileSync(path, `${JSON.stringify(row)}\n`, { mode: FILE_MODE })
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
    this.#fdatasync(previous, (error) => {
      closeSync(previous)
      if (error !== null) this.#noteFault(error)
    })
  }

  #begin(): number {
    const path = join(this.#options.folder, `${this.#next.toString().padStart(12, '0')}.journal`)
    const fd = openSync(path, 'wx', FILE_MODE)
    this.#next += 1
    this.segments.push({ path, recovered: false, written: 0, sealed: false, damaged: false })
    return fd
  }

  /** Answers that the disk refused; that it did was logged then. */
  #retry(): void {
    try {
      this.flush()
    } catch (error) {
      if (!(error instanceof JournalError)) throw error
    }
  }

  #sync(): void {
    this.#retry()
    const isDue = this.#isDirty || this.#fault !== undefined
    if (!isDue || this.#syncing) return
    this.#isDirty = false
    this.#syncing = true
    this.#fdatasync(this.#fd, (error) => {
      this.#syncing = false
      if (error === null) this.#fault = undefined
      // EBADF: the segment was sealed meanwhile, and synced on its way out
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
