/** A connection that its owner may go on using, and may have to replace. */
export interface Keepable {
  /** False where it broke, or its server stopped answering. */
  isAlive(): Promise<boolean>
  close(): Promise<void>
}

interface Kept<C extends Keepable> {
  readonly connection: C
  /** What it was dialled with. */
  readonly address: string
  readonly timer: NodeJS.Timeout
}

/** What comes in a row finds the connection there. */
const IDLE_MS = 5_000

/**
 * Keeps the last connection of each lane for some seconds after its work, because dialling costs
 * more than a grant. In a lane there is one work at a time, so nobody else uses it meanwhile.
 */
export class KeptConnections<C extends Keepable> {
  readonly #kept = new Map<string, Kept<C>>()
  #closed = false

  /**
   * Runs work over the connection kept in a lane, or one dialled now, and keeps it afterwards unless
   * the work failed. One to another address, or that doesn't answer, is closed first.
   */
  async use<T>(
    lane: string,
    { address, dial }: { readonly address: string; readonly dial: () => Promise<C> },
    work: (connection: C) => Promise<T>,
  ): Promise<T> {
    const connection = (await this.#take(lane, address)) ?? (await dial())
    try {
      const result = await work(connection)
      if (this.#closed) await connection.close()
      else this.#keep(lane, address, connection)
      return result
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  /** Closes what a lane keeps: before other work there dials by itself. */
  async drop(lane: string): Promise<void> {
    await this.#pick(lane)?.connection.close()
  }

  /** Closes them all; from now on nothing is kept. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#kept.keys()].map((lane) => this.drop(lane)))
  }

  async #take(lane: string, address: string): Promise<C | undefined> {
    const kept = this.#pick(lane)
    if (kept === undefined) return undefined
    if (kept.address === address && (await kept.connection.isAlive())) return kept.connection
    await kept.connection.close()
    return undefined
  }

  #pick(lane: string): Kept<C> | undefined {
    const kept = this.#kept.get(lane)
    clearTimeout(kept?.timer)
    this.#kept.delete(lane)
    return kept
  }

  #keep(lane: string, address: string, connection: C): void {
    // a close that fails has closed all the same: nobody uses it any more
    const timer = setTimeout(() => void this.drop(lane).catch(() => undefined), IDLE_MS)
    this.#kept.set(lane, { connection, address, timer: timer.unref() })
  }
}
