import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { TooManyTries } from './errors.ts'

/** Tries with wrong secrets, counted so that guessing gets slow and nobody can be locked out. */
export interface Attempts {
  /**
   * Counts a try before its secret is looked at, so that many at once count as many. Errors:
   * `TooManyTries`, with `isFirst` the first time it is refused.
   */
  begin(address: string, name: string): Promise<void>
  /** Takes the try back: the secret was right. */
  succeed(address: string, name: string): Promise<void>
}

const WINDOW_SECONDS = 300
/** Wrong passwords for one name from one address; another address is not held up by them. */
const TRIES_OF_A_NAME = 8
/** Wrong secrets for any names from one address, which may be a whole office. */
const TRIES_OF_AN_ADDRESS = 100

/** Opens the counts of one portal process. */
export function openAttempts(): Attempts {
  const options = { duration: WINDOW_SECONDS }
  const byName = new RateLimiterMemory({ ...options, keyPrefix: 'name', points: TRIES_OF_A_NAME })
  const byAddress = new RateLimiterMemory({
    ...options,
    keyPrefix: 'address',
    points: TRIES_OF_AN_ADDRESS,
  })
  const key = (address: string, name: string): string => `${address} ${name.toLowerCase()}`
  return {
    begin: async (address, name) => {
      await consume(byAddress, address)
      await consume(byName, key(address, name))
    },
    succeed: async (address, name) => {
      await byName.delete(key(address, name))
      await byAddress.reward(address)
    },
  }
}

async function consume(limiter: RateLimiterMemory, key: string): Promise<void> {
  try {
    await limiter.consume(key)
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused
    const { msBeforeNext, consumedPoints } = refused
    throw new TooManyTries(Math.ceil(msBeforeNext / 1000), consumedPoints === limiter.points + 1)
  }
}
