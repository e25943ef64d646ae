/** What may be held back for long. */
export interface HoldsBack {
  /** The server takes no more: nothing is read from the client, so its end would not be seen. */
  readonly isHeldBack: boolean
  /** Grows with all that the client says. */
  readonly heard: number
  /** Asks the client whether it is there. */
  probe(): void
}

interface Hold {
  readonly heard: number
  readonly looks: number
}

/** Looks in a row at which nothing has moved, before the client is asked, and then until it is again. */
const FIRST_LOOKS = 3
const NEXT_LOOKS = 10

/**
 * Finds clients that are gone while a server takes nothing from them, as in a COPY into a table that
 * is locked: their last bytes fill all buffers, and no FIN comes through behind them.
 */
export class HeldBack {
  #holds: ReadonlyMap<HoldsBack, Hold> = new Map()

  /** To be called every now and then with all that are there. */
  look(connections: Iterable<HoldsBack>): void {
    const holds = new Map<HoldsBack, Hold>()
    for (const connection of connections) {
      if (!connection.isHeldBack) continue
      const { heard } = connection
      const before = this.#holds.get(connection)
      const looks = before?.heard === heard ? before.looks + 1 : 1
      holds.set(connection, { heard, looks })
      if (isDue(looks)) connection.probe()
    }
    this.#holds = holds
  }
}

/** Two in a row: who is gone answers the first with a reset, which shows when the second is written. */
function isDue(looks: number): boolean {
  return looks >= FIRST_LOOKS && (looks - FIRST_LOOKS) % NEXT_LOOKS < 2
}
