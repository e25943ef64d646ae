import { EVENT, EVENT_HEAD_BYTES, type OpenedBody } from './events.ts'
import type { FinishedStatement, StartedStatement } from '../pairing/record.ts'
import { startedOf } from '../pairing/execution.ts'
import { StatementTracker, type TrackerState } from '../pairing/tracker.ts'

/** Whose statements these are. */
export type Speaker = Pick<OpenedBody, 'id' | 'session' | 'organization'>

/** A connection that has not ended, as it is kept over a restart. */
export interface KeptConnection {
  /** Its number within the life of the proxy that wrote it. */
  readonly index: number
  readonly speaker: Speaker
  readonly state: TrackerState
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
}

/** Makes statements of what the journal holds: feeds each connection's events to its tracker. */
export class Replay {
  readonly #finished: (statement: FinishedStatement, speaker: Speaker) => void
  readonly #connections = new Map<number, Connection>()
  #life: string | undefined

  constructor(finished: (statement: FinishedStatement, speaker: Speaker) => void) {
    this.#finished = finished
  }

  /** Goes on with what was open at a place in the journal. */
  restore(life: string, connections: readonly KeptConnection[]): void {
    this.#life = life
    for (const { index, speaker, state } of connections) this.#open(index, speaker, state)
  }

  /** What is open between two groups, as it is until the next one. */
  get open(): KeptConnection[] {
    return [...this.#connections].map(([index, { speaker, tracker }]) => ({
      index,
      speaker,
      state: tracker.state,
    }))
  }

  /** No connection is open. */
  get isQuiet(): boolean {
    return this.#connections.size === 0
  }

  get life(): string | undefined {
    return this.#life
  }

  /** What follows was written in this life; nobody waits any more for what was open in another. */
  enter(life: string): void {
    if (this.#life !== life) this.#endAll()
    this.#life = life
  }

  /** Some events are lost: what they told of each connection is not known. */
  break(): void {
    for (const { tracker } of this.#connections.values()) tracker.end('unknown')
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

  #take(bytes: Buffer, { kind, index, now, start, end }: EventAt): void {
    if (kind === EVENT.opened) {
      const { statuses, ...speaker } = openedIn(bytes, start, end)
      const { tracker } = this.#open(index, speaker)
      for (const [name, value] of statuses) tracker.parameterStatus(name, value)
      return
    }
    // opened in a part of the journal that could not be read
    const tracker = this.#connections.get(index)?.tracker
    if (!tracker) return
    tracker.tick(now)
    if (kind === EVENT.client) tracker.client(bytes, start, end)
    else if (kind === EVENT.server) tracker.server(bytes, start, end)
    else if (kind === EVENT.closed) {
      tracker.end('aborted')
      this.#connections.delete(index)
    }
  }

  #open(index: number, speaker: Speaker, state?: TrackerState): Connection {
    const sink = {
      finished: (statement: FinishedStatement) => this.#finished(statement, speaker),
    }
    const connection = { speaker, tracker: new StatementTracker(sink, state) }
    this.#connections.set(index, connection)
    return connection
  }

  #endAll(): void {
    this.break()
    this.#connections.clear()
  }
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
