import { z } from 'zod'
import { sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'

/** One end of a channel between two processes: a process itself, or a worker of the cluster. */
export interface ChannelEnd {
  send(message: object): void
  onMessage(heard: (message: unknown) => void): void
}

/** Says what JSON can carry. */
type Answer = (about: unknown) => unknown

/** An owner may need a moment for what it is asked, in milliseconds. */
const ANSWER_MS = 2_000
const MESSAGE = z.union([
  z.object({ ask: z.string(), number: z.number(), about: z.unknown() }),
  z.object({ answerTo: z.number(), is: z.unknown() }),
])

/** Questions and answers between two processes that share a channel. */
export class Line {
  readonly #end: ChannelEnd
  readonly #log: Log
  readonly #answers = new Map<string, Answer>()
  readonly #waiting = new Map<number, (answer: unknown) => void>()
  #asked = 0

  constructor(end: ChannelEnd, log: Log) {
    this.#end = end
    this.#log = log
    end.onMessage((message) => this.#hear(message))
  }

  /** How we answer a question of the other side's; one that we don't know is answered with null. */
  answer(what: string, answer: Answer): void {
    this.#answers.set(what, answer)
  }

  /** The other side's answer; undefined where there is none in time. */
  async ask(what: string, about: unknown = null): Promise<unknown> {
    this.#asked += 1
    const number = this.#asked
    const answer = new Promise<unknown>((resolve) => {
      this.#waiting.set(number, resolve)
      setTimeout(() => resolve(undefined), ANSWER_MS).unref()
    })
    this.#end.send({ ask: what, number, about })
    try {
      return await answer
    } finally {
      this.#waiting.delete(number)
    }
  }

  #hear(message: unknown): void {
    const said = MESSAGE.safeParse(message).data
    if (said === undefined) return
    if ('ask' in said) void this.#reply(said)
    else this.#waiting.get(said.answerTo)?.(said.is)
  }

  async #reply({ ask, number, about }: { ask: string; number: number; about?: unknown }) {
    try {
      const is = await this.#answers.get(ask)?.(about)
      this.#end.send({ answerTo: number, is: is ?? null })
    } catch (error) {
      this.#log.error({ ask, error: sentenceOf(error) }, 'a sibling could not be answered')
      this.#end.send({ answerTo: number, is: null })
    }
  }
}
