import { open, truncate } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { appendStatements, type StatementRow } from '../db/statement-log.ts'
import type { Db } from '../db/store.ts'
import { sentenceOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import type { Journal, Segment } from './journal.ts'
import { readEntries, rowOf } from './journal-entries.ts'
import type { JournalEntry, ReadEntries, StartedEntry } from './journal-entries.ts'

export interface ShipperDeps {
  readonly journal: Journal
  readonly db: Db
  readonly log: Log
}

/** How long a finished statement may wait for others to travel with, in milliseconds. */
const PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2_000
/** What one insert carries. */
const BATCH_ROWS = 2_000
const BATCH_BYTES = 4 * 1024 * 1024
/** What is read off the journal at once; one entry may be larger, and is then read whole. */
const READ_BYTES = 1024 * 1024
/** How long the last batch may take when the proxy stops, in milliseconds. */
const FAREWELL_MS = 5_000
/** SQLSTATE classes that say "this row", not "this store": data exception, constraint violation. */
const ROW_FAULT = /^(?:22|23)/

interface Open {
  readonly entry: StartedEntry
  readonly segment: Segment
}

interface Ready {
  readonly row: StatementRow
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
      const read = this.#ready.length >= BATCH_ROWS ? true : await this.#read()
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
    if (taken === 0) await this.#cut(segment)
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
    const row = rowOf(started.entry, entry.answer)
    this.#ready.push({ row, segments: [started.segment, segment] })
  }

  /** The process that waited for these answers is gone. */
  #giveUpOpen(): void {
    for (const { entry, segment } of this.#open.values()) {
      this.#ready.push({ row: rowOf(entry), segments: [segment] })
    }
    this.#open.clear()
  }

  /** What can't be read any more ends a segment: the tail that a crash tore. */
  async #cut(segment: Segment): Promise<void> {
    const lost = segment.written - this.#at
    this.#deps.log.warn({ segment: segment.path, bytes: lost }, 'the end of a journal was torn')
    await truncate(segment.path, this.#at)
    segment.written = this.#at
  }

  async #ship(): Promise<void> {
    const batch = firstBatch(this.#ready)
    await this.#append(batch.map(({ row }) => row))
    this.#ready = this.#ready.slice(batch.length)
    for (const { segments } of batch) for (const segment of segments) this.#need(segment, -1)
  }

  /** A row that the store can't hold must not keep all others waiting: it goes without its texts. */
  async #append(batch: readonly StatementRow[]): Promise<void> {
    try {
      await appendStatements(this.#deps.db, batch)
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || !ROW_FAULT.test(error.code ?? '')) throw error
      const [row] = batch
      if (batch.length > 1) {
        for (const one of batch) await this.#append([one])
      } else if (row !== undefined && row.text !== UNSTORABLE) {
        this.#deps.log.error({ connection: row.connectionId, number: row.number }, UNSTORABLE)
        await this.#append([{ ...row, text: UNSTORABLE, values: [], message: null, tag: null }])
      } else throw error
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

const UNSTORABLE = '[this statement could not be stored as it was]'

function firstBatch(ready: readonly Ready[]): readonly Ready[] {
  let bytes = 0
  const end = ready.findIndex(({ row }, index) => {
    bytes += row.text.length + row.values.reduce((sum, value) => sum + lengthOf(value), 0)
    return index > 0 && (index >= BATCH_ROWS || bytes > BATCH_BYTES)
  })
  return end === -1 ? ready : ready.slice(0, end)
}

function lengthOf(value: StatementRow['values'][number]): number {
  if (value === null) return 0
  return typeof value === 'string' ? value.length : value.text.length
}

/** Entries of a segment from one place on; none only where what is there is broken or torn. */
async function readAt(segment: Segment, at: number): Promise<ReadEntries> {
  const file = await open(segment.path, 'r')
  try {
    for (let most = READ_BYTES; ; most *= 4) {
      const bytes = Buffer.alloc(Math.min(most, segment.written - at))
      const { bytesRead } = await file.read(bytes, 0, bytes.length, at)
      const read = readEntries(bytes.subarray(0, bytesRead))
      const isAll = bytesRead === 0 || at + bytesRead >= segment.written
      if (read.taken > 0 || read.broken || isAll) return read
    }
  } finally {
    await file.close()
  }
}
