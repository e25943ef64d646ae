type Work = () => Promise<void>

/** Which of the two lanes of a data source. */
export type LaneKind = 'removal' | 'other'

/** The name of a data source's lane. */
export function laneOf(kind: LaneKind, dataSourceId: string): string {
  return `${kind} ${dataSourceId}`
}

/**
 * One thing at a time in each lane, lanes beside each other. A data source has two: one for
 * removals, so that they never wait behind anything, and one for the rest.
 */
export class Lanes {
  readonly #waiting = new Map<string, Map<string, Work>>()
  readonly #running = new Map<string, Promise<void>>()
  #closed = false

  /** Queues work; the same name does not wait twice in a lane. Work reports its own failures. */
  start(lane: string, name: string, work: Work): void {
    if (this.#closed) return
    const waiting = this.#waiting.get(lane) ?? new Map<string, Work>()
    waiting.set(name, work)
    this.#waiting.set(lane, waiting)
    if (!this.#running.has(lane)) this.#running.set(lane, this.#drain(lane, waiting))
  }

  /** True while work so named waits in a lane for what runs there. */
  isWaiting(lane: string, name: string): boolean {
    return this.#waiting.get(lane)?.has(name) ?? false
  }

  /** Resolves once every lane has run empty. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values())
  }

  /** Lets what runs come to its end and starts nothing new. */
  async close(): Promise<void> {
    this.#closed = true
    for (const waiting of this.#waiting.values()) waiting.clear()
    await this.idle()
  }

  async #drain(lane: string, waiting: Map<string, Work>): Promise<void> {
    try {
      for (const [name, work] of waiting) {
        waiting.delete(name)
        await work()
      }
    } finally {
      this.#running.delete(lane)
    }
  }
}
