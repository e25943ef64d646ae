import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A test that looks at the date must not have two of them: no file of tests begins in the last minute
 * of a day of UTC, and no test in its last 20 seconds. Once a day, a run waits for that long.
 */
const LONGEST_FILE_MS = 60_000
const LONGEST_TEST_MS = 20_000
const DAY_MS = 86_400_000
/** The store's clock may be a little behind ours. */
const PAST_MS = 500

/** What mocha does before every file and every test, wherever they are. */
export const mochaHooks = {
  beforeAll(this: Mocha.Context): Promise<void> {
    return outwait(this, LONGEST_FILE_MS)
  },
  beforeEach(this: Mocha.Context): Promise<void> {
    return outwait(this, LONGEST_TEST_MS)
  },
}

async function outwait(context: Mocha.Context, longestMs: number): Promise<void> {
  const leftMs = DAY_MS - (Date.now() % DAY_MS)
  if (leftMs > longestMs) return
  context.timeout(2 * longestMs)
  await sleep(leftMs + PAST_MS)
}
