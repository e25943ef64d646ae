import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Session } from '../../db/sessions.ts'
import { seconds } from '../support/oracles-ends.ts'
import { runOn } from '../support/world.ts'
import type { Bench } from './bench.ts'
import { upstreamSecretOf } from './secrets.ts'

/** Somebody who tries to log in to the data source as a session user, again and again. */
interface Door {
  /** Tells the data source that the login ends in so many milliseconds, as it would know from the grant. */
  closesAt(inMs: number): Promise<void>
  /** Stops trying; an error where somebody came in after the end, whatever hung. Returns how often it was tried since. */
  shut(): Promise<number>
}

const PAUSE_MS = 200

/** With the proxy's own secret, past the proxy: nothing but the data source is in the way. */
export async function watchDoor(bench: Bench, session: Session): Promise<Door> {
  const { world } = bench
  const url = new URL(world.shop.superuserUrl)
  url.username = session.username ?? ''
  url.password = await upstreamSecretOf(world, session.id)
  assert.equal(await tryDoor(url.href), true, 'the door was never open: nothing would be shown')
  const over = new AbortController()
  let end = Infinity
  let latest = 0
  let tries = 0
  const trying = (async () => {
    while (!over.signal.aborted) {
      const begun = performance.now()
      if (await tryDoor(url.href)) latest = begun
      if (begun > end) tries += 1
      await sleep(PAUSE_MS)
    }
  })()
  bench.onClose(async () => {
    over.abort()
    await trying
  })
  return {
    closesAt: async (inMs) => {
      const validUntil = `do $$ begin
           execute format('alter role %I valid until %L', '${session.username ?? ''}',
                          clock_timestamp() + interval '${String(inMs)} milliseconds');
         end $$`
      // a broker that alters the same role at the same moment: "tuple concurrently updated"
      await runOn(world.shop.superuserUrl, validUntil).catch(() =>
        runOn(world.shop.superuserUrl, validUntil),
      )
      end = performance.now() + inMs
    },
    shut: async () => {
      over.abort()
      await trying
      assert.ok(latest <= end, `I2: a login ${seconds(latest - end)} after the end`)
      assert.ok(tries > 0, 'nobody tried after the end: nothing was shown')
      return tries
    },
  }
}

async function tryDoor(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
