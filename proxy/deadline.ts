import { expired, findEndings, findMovedEnds, type MovedEnd } from '../broker/sessions/endings.ts'
import type { Gate } from '../broker/sessions/gate.ts'
import { listen, type Listening } from '../db/notices.ts'
import type { Store } from '../db/store.ts'
import { sentenceOf } from '../lib/errors.ts'
import type { SessionId } from '../lib/ids.ts'
import type { Log } from '../lib/log.ts'

/** What can be told to a connection from outside. */
export interface Watched {
  /** Ends it; the sentence says who and why. */
  cut(sentence: string): void
  /** False while it is busy: try again. */
  warn(sentence: string): boolean
}

/** Notices get lost, so what is over is also looked for this often, in milliseconds. */
const POLL_MS = 1_000
const MINUTE_MS = 60_000
/** Warnings before the end, in minutes, the earliest first. */
const WARNINGS = [10, 1]

interface Watch {
  readonly id: SessionId
  readonly connection: Watched
  /** As the store has it, in milliseconds since 1970; null where it is not known. */
  end: number | null
  /** By this process's own steady clock, so that it holds while the store is away. */
  endsAt: number
  /** Minutes before the end that are still to be announced. */
  warnings: readonly number[]
}

/** Cuts connections when their session ends, whoever ended it and whether or not the store is there. */
export class Deadlines {
  readonly #store: Store
  readonly #log: Log
  readonly #watches = new Set<Watch>()
  readonly #listening: Listening
  readonly #timer: NodeJS.Timeout
  #polling = false
  /** Something was heard while a poll was under way, which may have looked too early. */
  #isStale = false

  constructor(store: Store, log: Log) {
    this.#store = store
    this.#log = log
    this.#listening = listen(store.url, 'daypass_ends', { heard: () => void this.#poll(), log })
    this.#timer = setInterval(() => this.#tick(), POLL_MS)
  }

  /** Watches over a connection until the returned function is called. */
  watch({ id, end, now, readAt }: Gate, connection: Watched): () => void {
    const left = end === null ? Number.POSITIVE_INFINITY : end.diff(now).toMillis()
    const warnings = warningsWithin(left)
    // counted from when the store was asked: the login on the data source took its time since
    const endsAt = readAt + left
    const watch: Watch = { id, connection, end: end?.toMillis() ?? null, endsAt, warnings }
    this.#watches.add(watch)
    return () => this.#watches.delete(watch)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#listening.close()
  }

  #tick(): void {
    const now = performance.now()
    for (const watch of [...this.#watches]) {
      if (watch.endsAt <= now) this.#cut(watch, expired(watch.id))
      else warnInTime(watch, watch.endsAt - now)
    }
    void this.#poll()
  }

  async #poll(): Promise<void> {
    this.#isStale = true
    if (this.#polling) return
    this.#polling = true
    try {
      while (this.#isStale && this.#watches.size > 0) {
        this.#isStale = false
        await this.#look()
      }
    } catch (error) {
      this.#log.warn({ error: sentenceOf(error) }, 'session ends could not be looked up')
    } finally {
      this.#polling = false
    }
  }

  async #look(): Promise<void> {
    const { db } = this.#store
    const ids = [...new Set([...this.#watches].map(({ id }) => id))]
    const over = new Map((await findEndings(db, ids)).map(({ id, sentence }) => [id, sentence]))
    const moved = new Map((await findMovedEnds(db, ids)).map((end) => [end.id, end]))
    for (const watch of [...this.#watches]) {
      const sentence = over.get(watch.id)
      if (sentence === undefined) moveEnd(watch, moved.get(watch.id))
      else this.#cut(watch, sentence)
    }
  }

  #cut(watch: Watch, sentence: string): void {
    this.#watches.delete(watch)
    watch.connection.cut(sentence)
  }
}

/** A session that begins inside a warning's time has been told its end a moment ago. */
function warningsWithin(left: number): readonly number[] {
  return WARNINGS.filter((minutes) => minutes * MINUTE_MS < left)
}

/** An extended session ends later than its connections were told; they are warned of the new end anew. */
function moveEnd(watch: Watch, moved: MovedEnd | undefined): void {
  if (moved === undefined || moved.end.toMillis() === watch.end) return
  const left = moved.end.diff(moved.now).toMillis()
  watch.end = moved.end.toMillis()
  watch.endsAt = moved.readAt + left
  watch.warnings = warningsWithin(left)
}

/** Of several warnings that are due by now only the last is worth saying. */
function warnInTime(watch: Watch, left: number): void {
  const due = watch.warnings.filter((minutes) => left <= minutes * MINUTE_MS).at(-1)
  if (due === undefined) return
  const inTime = due === 1 ? 'in a minute' : `in ${String(due)} minutes`
  if (!watch.connection.warn(`session ${watch.id} ends ${inTime}`)) return
  watch.warnings = watch.warnings.filter((minutes) => minutes < due)
}
