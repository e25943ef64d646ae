import type { Side } from './side.ts'
import type { Passage } from './turns.ts'

/** One direction: what the far side does not take at once, the near side waits for. */
export class Way implements Passage {
  readonly asks: boolean
  arrivedAt = 0
  readonly #from: Side
  readonly #to: Side
  readonly #refused: ((error: unknown) => void) | undefined

  /** With `refused` it carries questions, which must be in the journal before they go on. */
  constructor(from: Side, to: Side, refused?: (error: unknown) => void) {
    this.asks = refused !== undefined
    this.#from = from
    this.#to = to
    this.#refused = refused
  }

  forward(bytes: Buffer, start: number, end: number): void {
    if (!this.#to.write(bytes, start, end)) this.#from.pause()
  }

  refuse(error: unknown): void {
    this.#refused?.(error)
  }
}
