import type { KeyObject } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { markDamaged, removeSegment } from './damage.ts'
import { SegmentFile } from './segment-file.ts'

export interface SegmentsOptions {
  readonly folder: string
  readonly privateKey: KeyObject
  /** See Journal. */
  readonly progress: Int32Array
  readonly log: Log
}

/** A place in the journal. */
export interface JournalPlace {
  readonly segment: number
  readonly at: number
}

/** A part of the journal that can't be read. */
export interface Damage {
  /** The path of its file. */
  readonly segment: string
  /** Where it begins there. */
  readonly at: number
  readonly bytes: number
}

/** Told of what is read, in order. */
export interface SegmentsReader {
  /** What follows was written in this life of the proxy. */
  readonly enter: (life: string) => void
  readonly take: (events: Buffer) => void
  /** Something that was written can't be read. */
  readonly lost: (damage: Damage) => void
}

const SEGMENT_NAME = /^([0-9]{12})\.journal$/
const ANY_SEGMENT = /^([0-9]{12})\.journal/

/** The name of a segment's file. */
export function segmentName(number: number): string {
  return `${number.toString().padStart(12, '0')}.journal`
}

/** The numbers of the segments in a folder, oldest first. */
export function segmentNumbers(folder: string): number[] {
  return readdirSync(folder)
    .flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

/** The highest number in a folder, also of a segment that is put out of the way; 0 without one. */
export function highestNumber(folder: string): number {
  const numbers = readdirSync(folder).map((name) => Number(ANY_SEGMENT.exec(name)?.[1] ?? 0))
  return Math.max(0, ...numbers)
}

/** The segments of a journal from the oldest on, read along with the one who writes them. */
export class Segments {
  readonly #options: SegmentsOptions
  #number: number
  #file: SegmentFile | undefined
  /** It was tried, and told of. */
  #isUnreadable = false
  #hasPassed: boolean
  /** Of the file, once the writer is past it. */
  #size: number | undefined
  #startAt: number

  /** Begins at a place, or at the first segment behind it. */
  constructor(options: SegmentsOptions, from: JournalPlace = { segment: 0, at: 0 }) {
    this.#options = options
    this.#number = from.segment
    this.#startAt = from.at
    if (!existsSync(this.#path(this.#number))) {
      // somebody may have removed files by hand, and then numbers begin anew
      this.#goTo(this.#nextNumber() ?? segmentNumbers(options.folder)[0] ?? from.segment)
    }
    this.#hasPassed = segmentNumbers(options.folder).some((number) => number < this.#number)
  }

  /** Where the next group will be read. */
  get place(): JournalPlace {
    return { segment: this.#number, at: this.#file?.at ?? this.#startAt }
  }

  /** Reads one group; false where nothing more was written. */
  read(reader: SegmentsReader): boolean {
    for (;;) {
      const written = this.#written()
      const file = (this.#file ??= this.#open(reader))
      if (file) {
        const limit = written ?? (this.#size ??= file.size)
        const events = file.next(limit)
        if (events) {
          reader.take(events)
          return true
        }
        if (file.at < limit) {
          this.#pass(file, limit, reader)
          continue
        }
      }
      const next = written === undefined ? this.#nextNumber() : undefined
      if (next === undefined) return false
      this.#goTo(next)
    }
  }

  /** Deletes what is in front of the place; a damaged file is only put out of the way. */
  removePassed(): void {
    for (const number of segmentNumbers(this.#options.folder)) {
      if (number >= this.#number) break
      removeSegment(this.#path(number))
    }
    this.#hasPassed = false
  }

  /** True where there may be a segment in front of the place. */
  get hasPassed(): boolean {
    return this.#hasPassed
  }

  /** Bytes that are written behind a place. */
  bytesBehind({ segment, at }: JournalPlace): number {
    const { folder } = this.#options
    let bytes = -at
    for (const number of segmentNumbers(folder)) {
      if (number >= segment) bytes += statSync(join(folder, segmentName(number))).size
    }
    return Math.max(0, bytes)
  }

  /** The segment being read holds what nobody can make sense of: it must not be deleted. */
  keepForLook(): void {
    markDamaged(this.#path(this.#number))
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
  }

  /** Bytes of this segment that the writer is done with; undefined for all, where it is past it. */
  #written(): number | undefined {
    const { progress } = this.#options
    const number = Atomics.load(progress, 0)
    if (number !== this.#number) return undefined
    const written = Atomics.load(progress, 1)
    // it may have begun another segment between the two looks
    return Atomics.load(progress, 0) === number ? written : undefined
  }

  #open(reader: SegmentsReader): SegmentFile | undefined {
    const { privateKey, log } = this.#options
    const path = this.#path(this.#number)
    try {
      if (this.#isUnreadable || !existsSync(path)) return undefined
      const file = SegmentFile.open(path, privateKey)
      reader.enter(file.life)
      if (this.#startAt > 0) file.seek(this.#startAt)
      return file
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      log.error({ segment: path, error: error.message }, "a file of the journal can't be opened")
      this.#isUnreadable = true
      markDamaged(path)
      reader.lost({ segment: path, at: 0, bytes: statSync(path).size })
      return undefined
    }
  }

  /** What can't be read: the tail that a crash tore, or damage in the middle, behind which it goes on. */
  #pass(file: SegmentFile, limit: number, reader: SegmentsReader): void {
    const { log } = this.#options
    const segment = this.#path(this.#number)
    const { at } = file
    if (file.pass(limit)) {
      log.error({ segment, bytes: file.at - at }, 'a part of the journal is damaged')
      markDamaged(segment)
      reader.lost({ segment, at, bytes: file.at - at })
    } else {
      log.warn({ segment, bytes: limit - at }, 'the end of a journal was torn')
    }
  }

  #nextNumber(): number | undefined {
    return segmentNumbers(this.#options.folder).find((number) => number > this.#number)
  }

  #goTo(number: number): void {
    this.close()
    this.#hasPassed = true
    this.#number = number
    this.#isUnreadable = false
    this.#size = undefined
    this.#startAt = 0
  }

  #path(number: number): string {
    return join(this.#options.folder, segmentName(number))
  }
}
