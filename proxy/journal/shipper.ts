import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { setImmediate as turnOfLoop, setTimeout as sleep } from 'node:timers/promises'
import type { StatementBatch } from '../../db/statement-batch.ts'
import type { ConnectionOfSession, StatementRow } from '../../db/statement-log.ts'
import { AppError, sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { publicBytesOf } from '../../lib/seal.ts'
import { Replay, type RunningStatement } from './replay.ts'
import type { Gaps, Hole } from './gaps.ts'
import { Segments, type Damage, type JournalPlace, type SegmentsReader } from './segments.ts'
import { readSnapshot, SNAPSHOT_NAME, writeSnapshot, type Snapshot } from './snapshot.ts'
import { ReadyStatements } from './ready-statements.ts'
import { StatementRows } from './statement-rows.ts'

export interface ShipperDeps {
  readonly folder: string
  readonly privateKey: KeyObject
  /** See Journal. */
  readonly progress: Int32Array
  readonly log: Log
  /** Puts a batch into the store, each row once. Errors: the store's; the batch is then tried again. */
  readonly deliver: (batch: StatementBatch) => Promise<void>
  /** Whether `alarm` is to be told of it. */
  readonly isAlarming?: (row: StatementRow) => boolean
  /** Told of such rows when they are in the store, at least once each; while it throws, nothing goes on. */
  readonly alarm?: (rows: readonly StatementRow[]) => Promise<void>
  /** Told of what is missing, with the rows that say so: it stores them. While it throws, nothing goes on. */
  readonly missing: (gaps: Gaps) => Promise<void>
  /** What is known of connections whose beginning is not: the highest number of each one's statements. */
  readonly highestNumbers: (
    connections: readonly ConnectionOfSession[],
  ) => Promise<ReadonlyMap<string, number>>
  /** Told where the segment being written could be followed by another: all in it is in the store. */
  readonly tidy?: () => void
}

/** How far the recording has come. */
export interface ShippingStats {
  /** Bytes in the journal that are not known to be in the store. */
  readonly waitingBytes: number
  /**
   * How long after its end the statement shipped last was in the store, in milliseconds; while some
   * wait, how long the oldest of them does.
   */
  readonly lagMs: number
  /** Statements put into the store, in how many batches, and how often the store did not take one. */
  readonly shipped: number
  readonly batches: number
  readonly failures: number
}

/** How long it looks away when there is nothing to read, in milliseconds. */
const PAUSE_MS = 50
/** How long a finished statement may wait for others to travel with. */
const GATHER_MS = 150
const LONGEST_PAUSE_MS = 2_000
/** How long the last batch may take when the proxy stops, in milliseconds. */
const FAREWELL_MS = 5_000
/** How long nothing was asked before a segment of this size is put aside, in milliseconds and bytes. */
const IDLE_MS = 1_000
const TIDY_BYTES = 64 * 1024
/** Groups read before the timers get their turn. */
const GROUPS_MOST = 2_000

/**
 * Carries statements from the journal to the store, oldest first, in batches. While the store is away
 * they wait on the disk; a batch that went twice is there once.
 */
export class Shipper {
  readonly #deps: ShipperDeps
  readonly #replay: Replay
  readonly #segments: Segments
  readonly #reader: SegmentsReader
  readonly #rows = new StatementRows()
  readonly #ready: ReadyStatements
  /** Rows that say where something is missing. */
  #gaps: StatementRow[] = []
  #holes: Hole[] = []
  /** Since when there was nothing to read; 0 while there is. */
  #idleSince = 0
  #stopping = false
  #running: Promise<void> | undefined
  /** In a row. */
  #failing = 0
  /** Up to here everything is in the store. */
  #done: JournalPlace
  #lagMs = 0
  #shipped = 0
  #batches = 0
  #failures = 0
  readonly #wake = new AbortController()

  /** Goes on where an earlier life got to. */
  constructor(deps: ShipperDeps) {
    this.#deps = deps
    this.#ready = new ReadyStatements(deps.isAlarming ?? (() => false))
    this.#replay = new Replay({
      finished: (statement, speaker) => this.#add(this.#rows.of(speaker, statement)),
      failed: (error) => this.#failed(error),
    })
    this.#reader = {
      enter: (life) => this.#replay.enter(life),
      take: (events) => this.#replay.take(events),
      lost: (damage) => this.#lost(damage),
    }
    const snapshot = this.#snapshot()
    this.#segments = new Segments(deps, snapshot)
    this.#done = this.#segments.place
    if (snapshot) this.#replay.restore(snapshot.life, snapshot.now, snapshot.connections)
  }

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
      if (this.#failing > 0) await sleep(PAUSE_MS)
    }
    this.#segments.close()
    return this.#failing === 0 && !this.#hasReady && this.#replay.isQuiet
  }

  /** What has run for longer than so many milliseconds. */
  running(longerThan: number): RunningStatement[] {
    return this.#replay.running(Date.now(), longerThan)
  }

  get stats(): ShippingStats {
    return {
      waitingBytes: this.#segments.bytesBehind(this.#done),
      lagMs: this.#lag,
      shipped: this.#shipped,
      batches: this.#batches,
      failures: this.#failures,
    }
  }

  get #lag(): number {
    return this.#ready.count > 0 ? Math.max(0, Date.now() - this.#ready.firstEnd) : this.#lagMs
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const done = await this.#step()
      if (done === 'more') await turnOfLoop()
      else await this.#pause()
    }
  }

  async #pause(): Promise<void> {
    const wait = Math.min(PAUSE_MS * 2 ** this.#failing, LONGEST_PAUSE_MS)
    try {
      await sleep(wait, undefined, { signal: this.#wake.signal })
    } catch {
      // woken to stop
    }
  }

  /** Reads some and ships a batch: `more` where there is more at once, `failed` where it must wait. */
  async #step(): Promise<'more' | 'idle' | 'failed'> {
    try {
      const hasMore = this.#read()
      const { unnumbered } = this.#replay
      if (unnumbered.length > 0)
        this.#replay.goOnBehind(await this.#deps.highestNumbers(unnumbered))
      if (this.#isDue(hasMore)) await this.#ship()
      this.#failing = 0
      this.#checkpoint()
      return hasMore || (this.#stopping && this.#hasReady) ? 'more' : 'idle'
    } catch (error) {
      this.#failures += 1
      if (this.#failing === 0) {
        this.#deps.log.warn({ error: sentenceOf(error) }, 'statements wait in the journal')
      }
      this.#failing = Math.min(this.#failing + 1, 10)
      return 'failed'
    }
  }

  /** Takes groups off the journal up to a full batch; false where there are no more. */
  #read(): boolean {
    for (let groups = 0; groups < GROUPS_MOST; groups += 1) {
      if (this.#ready.isFull || this.#replay.unnumbered.length > 0) return true
      if (!this.#segments.read(this.#reader)) return false
      this.#idleSince = 0
    }
    return true
  }

  get #hasReady(): boolean {
    return this.#ready.count > 0 || this.#gaps.length > 0 || this.#holes.length > 0
  }

  #isDue(hasMore: boolean): boolean {
    if (this.#gaps.length > 0 || this.#holes.length > 0) return true
    if (this.#ready.count === 0) return false
    if (this.#ready.isFull || this.#stopping) return true
    return !(hasMore && this.#failing > 0) && Date.now() - this.#ready.since >= GATHER_MS
  }

  #add(row: StatementRow): void {
    if (row.kind === 'gap') this.#gaps.push(row)
    else this.#ready.add(row)
  }

  /** Whose it was, other than those that are open, nobody can say. */
  #lost(damage: Damage): void {
    this.#holes.push({ ...damage, since: this.#replay.now })
    this.#replay.lost()
  }

  #failed(error: unknown): void {
    const { segment, at } = this.#segments.place
    this.#deps.log.error({ error: sentenceOf(error), segment, at }, "an event can't be read")
    this.#segments.keepForLook()
  }

  async #ship(): Promise<void> {
    if (this.#ready.count > 0) await this.#shipReady()
    if (!this.#hasReady) return
    await this.#deps.missing({ rows: this.#gaps, holes: this.#holes })
    this.#gaps = []
    this.#holes = []
  }

  async #shipReady(): Promise<void> {
    const { batch, alarming } = this.#ready
    await this.#deps.deliver(batch)
    if (alarming.length > 0) await this.#deps.alarm?.(alarming)
    this.#shipped += this.#ready.count
    this.#batches += 1
    this.#ready.clear()
    this.#lagMs = Math.max(0, Date.now() - this.#ready.lastEnd)
  }

  /** Everything read so far is in the store: what is in front of this place can go. */
  #checkpoint(): void {
    if (this.#hasReady) return
    this.#done = this.#segments.place
    if (this.#segments.hasPassed) {
      this.#keep(this.#segments.place)
      this.#segments.removePassed()
    } else this.#tidy()
  }

  /** Shipped statements should not stay on the disk for as long as nobody asks anything. */
  #tidy(): void {
    const now = Date.now()
    if (this.#idleSince === 0) this.#idleSince = now
    if (now - this.#idleSince < IDLE_MS || this.#segments.place.at < TIDY_BYTES) return
    this.#idleSince = now
    this.#deps.tidy?.()
  }

  #keep({ segment, at }: JournalPlace): void {
    const { folder, privateKey } = this.#deps
    const { life = '', now, open } = this.#replay
    writeSnapshot(folder, publicBytesOf(privateKey), { life, segment, at, now, connections: open })
  }

  #snapshot(): Snapshot | undefined {
    const { folder, privateKey, log } = this.#deps
    try {
      return readSnapshot(folder, privateKey)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      log.error({ error: error.message }, "what was open before can't be read")
      this.#holes.push({ segment: join(folder, SNAPSHOT_NAME), at: 0, bytes: 0, since: 0 })
      return undefined
    }
  }
}
