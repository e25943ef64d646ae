/**
 * How long to wait before each question, in milliseconds; the last goes on. A short answer is spared
 * all of them. One that is gone answers the first with a reset, which shows when the second is written.
 */
const WAITS_MS: readonly number[] = [50, 10, 40, 100]
const LAST_WAIT_MS = 250

/** Asks a client that stopped sending, over and over, whether it still listens. */
export class Probing {
  readonly #ask: () => void
  #timer: NodeJS.Timeout | undefined
  #asked = 0
  #isOver = false

  constructor(ask: () => void) {
    this.#ask = ask
  }

  /** True once it has begun. */
  get hasBegun(): boolean {
    return this.#timer !== undefined
  }

  start(): void {
    if (!this.hasBegun) this.#wait()
  }

  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  #wait(): void {
    this.#timer = setTimeout(() => {
      this.#asked += 1
      this.#ask()
      if (!this.#isOver) this.#wait()
    }, WAITS_MS[this.#asked] ?? LAST_WAIT_MS)
  }
}
