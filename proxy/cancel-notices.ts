import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { listen, notify, type Listening } from '../db/notices.ts'
import type { Store } from '../db/store.ts'
import { sentenceOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import type { Sought } from './cancel.ts'

export interface CancelNoticesDeps {
  readonly store: Store
  readonly log: Log
  /** Common to all proxies of a store: others who may write notices can't make up an answer. */
  readonly secret: Buffer
  /** True once it was delivered; false where the key is not one of ours. */
  readonly take: (sought: Sought) => Promise<boolean>
}

const SOUGHT = z.object({ id: z.string(), pid: z.number(), proof: z.string() })
/** `delivered` is the proof that a proxy says so. */
const DELIVERED = z.object({ id: z.string(), delivered: z.string() })
const NOTICE = z.union([DELIVERED, SOUGHT])

/** Looks for the owner of a cancel key among the proxies of other machines, by notices of the store. */
export class CancelNotices {
  readonly #deps: CancelNoticesDeps
  readonly #listening: Listening
  /** Requests of ours that nobody has answered, by their ids. */
  readonly #waiting = new Map<string, () => void>()

  constructor(deps: CancelNoticesDeps) {
    this.#deps = deps
    const heard = (what: string | undefined): void => {
      if (what !== undefined) void this.#hear(what)
    }
    this.#listening = listen(deps.store.url, 'daypass_cancels', { heard, log: deps.log })
  }

  /** True once the owner has delivered it, false at the signal: that nobody has it is never said. */
  async ask(sought: Sought, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false
    const { id } = sought
    const answered = new Promise<boolean>((resolve) => {
      this.#waiting.set(id, () => resolve(true))
      signal.addEventListener('abort', () => resolve(false))
    })
    try {
      await notify(this.#deps.store.db, 'daypass_cancels', JSON.stringify(sought))
      return await answered
    } finally {
      this.#waiting.delete(id)
    }
  }

  close(): Promise<void> {
    return this.#listening.close()
  }

  async #hear(text: string): Promise<void> {
    const notice = readNotice(text)
    if (notice === undefined) return
    const { id } = notice
    const answered = this.#waiting.get(id)
    if ('delivered' in notice) {
      if (answered && isSame(notice.delivered, this.#mark(id))) answered()
      return
    }
    // our own question comes back to us
    if (answered || !(await this.#deps.take(notice))) return
    const answer = JSON.stringify({ id, delivered: this.#mark(id) })
    await notify(this.#deps.store.db, 'daypass_cancels', answer).catch((error: unknown) => {
      this.#deps.log.warn({ error: sentenceOf(error) }, 'a cancel request could not be answered')
    })
  }

  #mark(id: string): string {
    return createHmac('sha256', this.#deps.secret).update(`delivered ${id}`).digest('base64url')
  }
}

/** Anyone with a login on the store may write to a channel. */
function readNotice(text: string): z.infer<typeof NOTICE> | undefined {
  try {
    return NOTICE.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

function isSame(given: string, known: string): boolean {
  return given.length === known.length && timingSafeEqual(Buffer.from(given), Buffer.from(known))
}
