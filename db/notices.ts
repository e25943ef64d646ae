import pg from 'pg'
import { sentenceOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { rows, type Db } from './store.ts'

/**
 * `daypass_work`: the broker has something to do; `daypass_ends`: proxies must cut a session;
 * `daypass_cancels`: a proxy looks for the one that gave a cancel key out.
 */
export type Channel = 'daypass_work' | 'daypass_ends' | 'daypass_cancels'

/** A wait that grows to this before the listener dials again, in milliseconds. */
const LONGEST_PAUSE_MS = 5_000
const FIRST_PAUSE_MS = 100
const CONNECT_DEADLINE_MS = 5_000

/**
 * Tells whoever listens that something is new: of a session, or, to brokers, what there is to do and
 * where. Ticks and polls would find it anyway.
 */
export async function notify(db: Db, channel: Channel, what: string): Promise<void> {
  await notifyAll(db, channel, [what])
}

/** As notify, of several. */
export async function notifyAll(db: Db, channel: Channel, whats: readonly string[]): Promise<void> {
  if (whats.length === 0) return
  await rows(db, `select pg_notify(:channel, what) from unnest(cast(:whats as text[])) as what`, {
    channel,
    whats,
  })
}

export interface Listening {
  close(): Promise<void>
}

/**
 * Calls `heard` with the words of every notice on a channel, and once with undefined after
 * each (re)connect, because notices sent meanwhile are lost. Never gives up dialling.
 */
export function listen(
  url: string,
  channel: Channel,
  { heard, log }: { heard: (what: string | undefined) => void; log: Log },
): Listening {
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let pause = FIRST_PAUSE_MS

  const dialLater = (error: unknown): void => {
    client?.removeAllListeners()
    client?.on('error', () => undefined)
    client = undefined
    if (closed) return
    log.warn({ channel, error: sentenceOf(error) }, 'listening interrupted; dialling again')
    timer = setTimeout(() => void dial(), pause)
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
  }

  const dial = async (): Promise<void> => {
    const dialled = new pg.Client({
      connectionString: url,
      application_name: `daypass ${channel}`,
      connectionTimeoutMillis: CONNECT_DEADLINE_MS,
      keepAlive: true,
    })
    client = dialled
    dialled.on('notification', ({ payload }) => heard(payload))
    try {
      await dialled.connect()
      // only now: a refused connect has said so itself
      dialled.once('error', dialLater)
      dialled.once('end', () => {
        if (client === dialled) dialLater(new Error('the store closed the connection'))
      })
      await dialled.query(`listen ${channel}`)
      pause = FIRST_PAUSE_MS
      heard(undefined)
    } catch (error) {
      void dialled.end().catch(() => undefined)
      dialLater(error)
    }
  }

  void dial()
  return {
    close: async () => {
      closed = true
      clearTimeout(timer)
      const ending = client
      client = undefined
      await ending?.end()
    },
  }
}
