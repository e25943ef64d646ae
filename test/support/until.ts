import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again and again until there is an answer, and fails when it takes too long. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  within = 30_000,
): Promise<T> {
  const deadline = Date.now() + within
  for (;;) {
    const found = await probe()
    if (found !== undefined && found !== false) return found
    assert.ok(Date.now() < deadline, `${what}: not within ${String(within)} ms`)
    await sleep(100)
  }
}
