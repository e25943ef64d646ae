import { SQLSTATE } from './refusal.ts'

/** What can be quiet for too long. */
export interface Heard {
  /** True with nothing under way, neither a statement nor a transaction. */
  readonly isQuiet: boolean
  /** Grows with all that the client says. */
  readonly heard: number
  cut(sqlstate: string, sentence: string, why: string): void
}

interface Silence {
  readonly heard: number
  readonly at: number
}

/** PostgreSQL's own words where its idle_session_timeout has passed. */
const IDLE = 'terminating connection due to idle-session timeout'

/** Ends connections that have done nothing for too long, as PostgreSQL's idle_session_timeout does. */
export class Quiet {
  readonly #mostMs: number
  #since: ReadonlyMap<Heard, Silence> = new Map()

  /** 0: they may be quiet for ever. */
  constructor(mostMs: number) {
    this.#mostMs = mostMs
  }

  /** To be called every now and then with all that are there. */
  look(connections: Iterable<Heard>, now = performance.now()): void {
    if (this.#mostMs === 0) return
    const since = new Map<Heard, Silence>()
    for (const connection of connections) {
      const { isQuiet, heard } = connection
      if (!isQuiet) continue
      const before = this.#since.get(connection)
      const quiet = before?.heard === heard ? before : { heard, at: now }
      since.set(connection, quiet)
      if (now - quiet.at >= this.#mostMs) connection.cut(SQLSTATE.idleTimeout, IDLE, IDLE)
    }
    this.#since = since
  }
}
