import { truncate } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRowFault } from '../../db/row-faults.ts'
import { appendStatements, type StatementRow } from '../../db/statement-log.ts'
import type { Db } from '../../db/store.ts'
import { sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { Journal, Segment } from './journal.ts'
import { bareRow, rowOf } from './entries.ts'
import type { JournalEntry, StartedEntry } from './entries.ts'
import { nextEntry, readAt } from './segment-reader.ts'

export interface ShipperDeps {
  readonly journal: Journal
  readonly db: Db
  readonly log: Log
  /** Told of what is in the store, at least once each; while it throws, nothing goes on. */
  readonly shipped?: (batch: readonly StatementRow[]) => Promise<void>
}

/** How long a finished statement may wait for others to travel with, in milliseconds. */
const PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2_000
/** What one insert carries. */
const BATCH_ROWS = 2_000
const BATCH_BYTES = 4 * 1024 * 1024
/** How long the last batch may take when the proxy stops, in milliseconds. */
const FAREWELL_MS = 5_000

interface Open {
  readonly entry: StartedEntry
  readonly segment: Segment
}

interface Ready {
  readonly row: StatementRow
  /** What it takes in memory, roughly, in bytes. */
  readonly weight: number
  /** Where its entries stand: those segments stay until it is in the store. */
  readonly segments: readonly Segment[]
}

/**
 * Carries finished statements from the journal to the store, oldest first, in batches. While the
 * store is away they wait on the disk; a batch that went twice is there once.
 */
export class Shipper {
  readonly #deps: ShipperDeps
  /** Started and not finished, by connection and number. */
  readonly #open = new Map<string, Open>()
  /** How many statements still need a segment. */
  readonly #needed = new Map<Segment, number>()
  #ready: Ready[] = []
  #readyBytes = 0
  /** The segment being read, and where the next entry in it begins. */
  #reading: Segment | undefined
  #at = 0
  #stopping = false
  #running: Promise<void> | undefined
  #failures = 0
  readonly #wake = new AbortController()

  constructor(deps: ShipperDeps) {
    this.#deps = deps
  }

  /** Begins with what an earlier life left. */
  start(): void {
    this.#running = this.#run()
  }

  /**
   * Ships what is finished, if the store lets us within the deadline; the rest waits on the disk.
   * True where nothing has to wait.
   */
  async stop(): Promise<boolean> {
    this.#stopping = true
    this.#wake.abort()
    await this.#running
    const deadline = Date.now() + FAREWELL_MS
    while (Date.now() < deadline && (await this.#step()) !== 'idle') {
      if (this.#failures > 0) await sleep(PAUSE_MS)
    }
    this.#removeShipped()
    return this.#failures === 0 && this.#open.size === 0 && this.#ready.length === 0
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const done = await this.#step()
      if (done !== 'more') await this.#pause()
    }
  }

  async #pause(): Promise<void> {
    const wait = Math.min(PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS)
    try {
      await sleep(wait, undefined, { signal: this.#wake.signal })
    } catch {
      // woken to stop
    }
  }

  /** Reads some and ships a batch: `more` where there is more at once, `failed` where it must wait. */
  async #step(): Promise<'more' | 'idle' | 'failed'> {
    try {
      const isFull = this.#ready.length >= BATCH_ROWS || this.#readyBytes >= BATCH_BYTES
      const read = isFull || (await this.#read())
      if (this.#ready.length > 0) await this.#ship()
      this.#failures = 0
      this.#removeShipped()
      return read || this.#ready.length > 0 ? 'more' : 'idle'
    } catch (error) {
      if (this.#failures === 0) {
        this.#deps.log.warn({ error: sentenceOf(error) }, 'statements wait in the journal')
      }
      this.#failures = Math.min(this.#failures + 1, 10)
      return 'failed'
    }
  }

  /** Takes the next entries off the journal; false where there are none. */
  async #read(): Promise<boolean> {
    const segment = this.#nextSegment()
    if (segment === undefined) return false
    const { entries, taken } = await readAt(segment, this.#at)
    for (const entry of entries) this.#take(entry, segment)
    this.#at += taken
    if (taken === 0) await this.#pass(segment)
    return true
  }

  /** The segment with bytes to read; passing from the past to the present settles what is open. */
  #nextSegment(): Segment | undefined {
    const { segments } = this.#deps.journal
    this.#reading ??= segments[0]
    while (this.#reading && this.#at >= this.#reading.written) {
      const next = this.#reading.sealed ? segments[segments.indexOf(this.#reading) + 1] : undefined
      if (next === undefined) return undefined
      if (this.#reading.recovered && !next.recovered) this.#giveUpOpen()
      this.#reading = next
      this.#at = 0
    }
    return this.#reading
  }

  #take(entry: JournalEntry, segment: Segment): void {
    if (entry.kind === 'started') {
      const key = `${entry.connection} ${entry.statement.number}`
      const twice = this.#open.get(key)
      if (twice !== undefined) this.#need(twice.segment, -1)
      this.#open.set(key, { entry, segment })
      this.#need(segment, 1)
      return
    }
    const key = `${entry.connection} ${entry.number}`
    const started = this.#open.get(key)
    // its start was in a segment that is gone, so it was shipped before
    if (started === undefined) return
    this.#open.delete(key)
    this.#need(segment, 1)
    this.#add(rowOf(started.entry, entry.answer), [started.segment, segment])
  }

  /** The process that waited for these answers is gone. */
  #giveUpOpen(): void {
    for (const { entry, segment } of this.#open.values()) {
      this.#add(rowOf(entry), [segment])
    }
    this.#open.clear()
  }

  #add(row: StatementRow, segments: readonly Segment[]): void {
    const weight = row.text.length + row.values.reduce((sum, value) => sum + lengthOf(value), 0)
    this.#ready.push({ row, weight, segments })
    this.#readyBytes += weight
  }

  /** What can't be read: the tail that a crash tore, or damage in the middle, behind which it goes on. */
  async #pass(segment: Segment): Promise<void> {
    const { log } = this.#deps
    const { path } = segment
    const next = await nextEntry(segment, this.#at)
    if (next !== undefined) {
      log.error({ segment: path, bytes: next - this.#at }, 'a part of the journal is damaged')
      segment.damaged = true
      this.#at = next
      return
    }
    log.warn({ segment: path, bytes: segment.written - this.#at }, 'the end of a journal was torn')
    await truncate(path, this.#at)
    segment.written = this.#at
  }

  async #ship(): Promise<void> {
    const batch = firstBatch(this.#ready)
    const shipped = batch.map(({ row }) => row)
    await this.#append(shipped)
    await this.#deps.shipped?.(shipped)
    this.#ready = this.#ready.slice(batch.length)
    for (const { segments, weight } of batch) {
      this.#readyBytes -= weight
      for (const segment of segments) this.#need(segment, -1)
    }
  }

  /** A row that the store can't hold must not keep all others waiting: halves find it. */
  async #append(batch: readonly StatementRow[]): Promise<void> {
    if (await this.#isAppended(batch)) return
    const [row] = batch
    if (batch.length === 1 && row !== undefined) {
      await this.#appendBare(row)
      return
    }
    const half = Math.ceil(batch.length / 2)
    await this.#append(batch.slice(0, half))
    await this.#append(batch.slice(half))
  }

  /** That it ran is the least that must be said; where even that can't be, a person must look. */
  async #appendBare(row: StatementRow): Promise<void> {
    const { journal, log } = this.#deps
    const place = { connection: row.connectionId, number: row.number }
    log.error(place, 'a statement could not be stored as it was')
    journal.setAside(row)
    if (await this.#isAppended([bareRow(row)])) return
    log.error(place, 'a statement is in no recording, only in the journal folder, set aside')
  }

  /** False where one of these rows is at fault; any other failure is the store's, and thrown. */
  async #isAppended(batch: readonly StatementRow[]): Promise<boolean> {
    try {
      await appendStatements(this.#deps.db, batch)
      return true
    } catch (error) {
      if (isRowFault(error)) return false
      throw error
    }
  }

  #need(segment: Segment, change: number): void {
    this.#needed.set(segment, (this.#needed.get(segment) ?? 0) + change)
  }

  #removeShipped(): void {
    const { journal } = this.#deps
    const done = journal.segments.filter((segment) => segment.sealed && this.#isDone(segment))
    for (const segment of done) {
      journal.remove(segment)
      this.#needed.delete(segment)
    }
    if (this.#open.size === 0 && this.#ready.length === 0) journal.tidy()
  }

  /** Read to its end and beyond, and nothing in it is still on its way. */
  #isDone(segment: Segment): boolean {
    const { segments } = this.#deps.journal
    const isPassed = this.#reading && segments.indexOf(segment) < segments.indexOf(this.#reading)
    return isPassed === true && (this.#needed.get(segment) ?? 0) === 0
  }
}

function firstBatch(ready: readonly Ready[]): readonly Ready[] {
  let bytes = 0
  const end = ready.findIndex(({ weight }, index) => {
    bytes += weight
    return index > 0 && (index >= BATCH_ROWS || bytes > BATCH_BYTES)
  })
  return end === -1 ? ready : ready.slice(0, end)
}

function lengthOf(value: StatementRow['values'][number]): number {
  if (value === null) return 0
  return typeof value === 'string' ? value.length : value.text.length
}
