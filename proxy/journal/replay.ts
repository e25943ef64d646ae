import { EVENT, EVENT_HEAD_BYTES, type LiveBody, type OpenedBody } from './events.ts'
import type { HeldTogether } from '../pairing/ledger.ts'
import type { FinishedStatement, StartedStatement } from '../pairing/record.ts'
import { startedOf } from '../pairing/execution.ts'
import { emptyTracker, StatementTracker, type TrackerState } from '../pairing/tracker.ts'

/** Whose statements these are. */
export type Speaker = Pick<OpenedBody, 'id' | 'session' | 'organization'>

/** A connection that has not ended, as it is kept over a restart. */
export interface KeptConnection {
  /** Its number within the life of the proxy that wrote it. */
  readonly index: number
  readonly speaker: Speaker
  /** Of its newest record. */
  readonly number: number
  /** Undefined where another version kept it: this one can't read it. */
  readonly state: TrackerState | undefined
  readonly isStrange: boolean
}

/** A statement that the server works on. */
export interface RunningStatement extends StartedStatement {
  readonly speaker: Speaker
  /** So far. */
  readonly rows: number
  readonly bytes: number
}

interface Connection {
  readonly speaker: Speaker
  readonly tracker: StatementTracker
  /** What told of its opening was not read, or is still to come. */
  isStrange: boolean
}

export interface ReplaySink {
  finished(statement: FinishedStatement, speaker: Speaker): void
  /** An event could not be read, which is a fault of ours: a gap for its connection. */
  failed(error: unknown): void
}

/** What stands in a recording where a part of it is missing. */
const MISSING = {
  damaged: '[a part of the recording is missing here: it was damaged on the disk of the proxy]',
  failed: '[a part of the recording is missing here: the proxy failed to read it]',
  opening: '[the recording up to here is missing: it was damaged on the disk of the proxy]',
  kept: '[what ran here is not known: another version of the proxy had kept it]',
} as const

/** What all connections may hold for the ends of their batches, in bytes, roughly; one alone has less. */
const HELD_TOGETHER_MOST = 128 * 1024 * 1024
/** Some room is made at once, so that it is not made for every statement. */
const ENOUGH_ROOM = 3 / 4

/** Makes statements of what the journal holds: feeds each connection's events to its tracker. */
export class Replay {
  readonly #sink: ReplaySink
  readonly #held: HeldTogether = { bytes: 0 }
  readonly #heldMost: number
  readonly #connections = new Map<number, Connection>()
  /** Strange ones that may have records in the store from before. */
  #unnumbered: Connection[] = []
  #life: string | undefined
  #now = 0

  constructor(sink: ReplaySink, heldMost = HELD_TOGETHER_MOST) {
    this.#sink = sink
    this.#heldMost = heldMost
  }

  /** Goes on with what was open at a place in the journal, and at that moment. */
  restore(life: string, now: number, connections: readonly KeptConnection[]): void {
    this.#life = life
    this.#now = now
    for (const { index, speaker, number, state, isStrange } of connections) {
      const connection = this.#open(index, speaker, state ?? trackerFrom(number))
      connection.isStrange = isStrange
      if (!state) this.#lose(connection, MISSING.kept)
    }
  }

  /** What is open between two groups, as it is until the next one. */
  get open(): KeptConnection[] {
    return [...this.#connections].map(([index, { speaker, tracker, isStrange }]) => ({
      index,
      speaker,
      number: tracker.state.ledger.number,
      state: tracker.state,
      isStrange,
    }))
  }

  /** No connection is open. */
  get isQuiet(): boolean {
    return this.#connections.size === 0
  }

  get life(): string | undefined {
    return this.#life
  }

  /** The time of the newest event, in milliseconds since 1970. */
  get now(): number {
    return this.#now
  }

  /** Connections of which others must know how many records they have, before anything else is read. */
  get unnumbered(): readonly Speaker[] {
    return this.#unnumbered.map(({ speaker }) => speaker)
  }

  /** Their records go on behind these; behind none where they have none. */
  goOnBehind(highest: ReadonlyMap<string, number>): void {
    for (const { speaker, tracker } of this.#unnumbered) {
      tracker.state.ledger.number = highest.get(speaker.id) ?? 0
    }
    this.#unnumbered = []
  }

  /** What follows was written in this life; nobody waits any more for what was open in another. */
  enter(life: string): void {
    if (this.#life !== life) this.#endAll()
    this.#life = life
  }

  /** Some events are lost: what they told of each connection is not known. */
  lost(): void {
    for (const connection of this.#connections.values()) this.#lose(connection, MISSING.damaged)
  }

  /** The events of one group. */
  take(events: Buffer): void {
    for (let at = 0; at < events.length;) {
      const start = at + EVENT_HEAD_BYTES
      const end = start + events.readUInt32BE(at)
      const index = events.readUInt32BE(at + 4)
      const now = events.readDoubleBE(at + 12)
      this.#take(events, { kind: events[at + 8] ?? 0, index, now, start, end })
      at = end
    }
  }

  /** What has run for longer than so many milliseconds. */
  running(now: number, longerThan: number): RunningStatement[] {
    const found: RunningStatement[] = []
    for (const { speaker, tracker } of this.#connections.values()) {
      const { running } = tracker
      if (!running || now - running.place.startedAt < longerThan) continue
      const { rows, bytes, copy } = running
      found.push({ ...startedOf(running), speaker, rows, bytes: copy?.bytes ?? bytes })
    }
    return found
  }

  /** An event that is none must not keep what is behind it, of everybody, from being read. */
  #take(bytes: Buffer, event: EventAt): void {
    try {
      this.#event(bytes, event)
      if (this.#held.bytes > this.#heldMost) this.#makeRoom()
    } catch (error) {
      this.#sink.failed(error)
      this.#fail(event.index)
    }
  }

  /**
   * Those that hold most don't wait any more: the newest of each waits on, unless that is too much with so
   * many. Counted anew: one that failed may have left its share.
   */
  #makeRoom(): void {
    const trackers = [...this.#connections.values()].map(({ tracker }) => tracker)
    trackers.sort((one, other) => other.heldBytes - one.heldBytes)
    this.#held.bytes = trackers.reduce((sum, { heldBytes }) => sum + heldBytes, 0)
    for (const kept of [1, 0] as const) {
      for (const tracker of trackers) {
        if (this.#held.bytes <= this.#heldMost * ENOUGH_ROOM) return
        tracker.releaseHeld(kept)
      }
    }
  }

  #event(bytes: Buffer, { kind, index, now, start, end }: EventAt): void {
    this.#now = now
    if (kind === EVENT.opened) this.#opened(index, openedIn(bytes, start, end))
    else if (kind === EVENT.live) this.#live(liveIn(bytes, start, end))
    const connection = this.#connections.get(index)
    // opened in a part of the journal that could not be read
    if (!connection) return
    const { tracker } = connection
    tracker.tick(now)
    if (connection.isStrange) this.#lose(connection, MISSING.opening)
    if (kind === EVENT.client || kind === EVENT.tally) tracker.client(bytes, start, end)
    else if (kind === EVENT.server) tracker.server(bytes, start, end)
    else if (kind === EVENT.closed) {
      tracker.end('aborted')
      this.#connections.delete(index)
    }
  }

  #opened(index: number, { statuses, ...speaker }: OpenedBody): Connection {
    const connection = this.#open(index, speaker)
    for (const [name, value] of statuses) connection.tracker.parameterStatus(name, value)
    return connection
  }

  /** Whom a gap has hidden comes to light, and who has ended in it. */
  #live({ connections }: LiveBody): void {
    const live = new Map(connections)
    for (const [index, connection] of this.#connections) {
      if (live.has(index)) continue
      this.#end(connection)
      this.#connections.delete(index)
    }
    for (const [index, opened] of live) {
      // it may only have come in front of its `opened`: what it says first will tell
      if (this.#connections.has(index)) continue
      const connection = this.#opened(index, opened)
      connection.isStrange = true
      this.#unnumbered.push(connection)
    }
  }

  #open(index: number, speaker: Speaker, state?: TrackerState): Connection {
    const sink = {
      finished: (statement: FinishedStatement) => this.#sink.finished(statement, speaker),
    }
    const tracker = new StatementTracker(sink, state, this.#held)
    const connection = { speaker, tracker, isStrange: false }
    this.#connections.set(index, connection)
    return connection
  }

  #lose(connection: Connection, text: string): void {
    connection.isStrange = false
    connection.tracker.tick(this.#now)
    connection.tracker.lost(text)
  }

  /** What is known of it may be half of what it should be: nothing of it but its number stays. */
  #fail(index: number): void {
    const failed = this.#connections.get(index)
    if (!failed) return
    const { ledger } = failed.tracker.state
    try {
      failed.tracker.end('unknown')
    } catch (error) {
      this.#sink.failed(error)
    }
    const connection = this.#open(index, failed.speaker, trackerFrom(ledger.number))
    connection.tracker.parameterStatus('client_encoding', ledger.encoding)
    this.#lose(connection, MISSING.failed)
  }

  /** Nobody saw how. */
  #end(connection: Connection): void {
    if (connection.isStrange) this.#lose(connection, MISSING.opening)
    connection.tracker.end('unknown')
  }

  #endAll(): void {
    for (const connection of this.#connections.values()) this.#end(connection)
    this.#connections.clear()
  }
}

/** Of a connection of which only the number of its newest record is known. */
function trackerFrom(number: number): TrackerState {
  const state = emptyTracker()
  state.ledger.number = number
  return state
}

interface EventAt {
  readonly start: number
  readonly end: number
  readonly kind: number
  readonly index: number
  readonly now: number
}

/** The relay wrote it, and a checksum guards it. */
function openedIn(bytes: Buffer, start: number, end: number): OpenedBody {
  return JSON.parse(bytes.toString('utf8', start, end)) as OpenedBody
}

/** As `openedIn`. */
function liveIn(bytes: Buffer, start: number, end: number): LiveBody {
  return JSON.parse(bytes.toString('utf8', start, end)) as LiveBody
}
