import { createHash } from 'node:crypto'
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible'
import { AppError } from '../lib/errors.ts'
import { networkOf } from '../lib/network.ts'
import type { PortalDeps } from './deps.ts'
import { TooManyTries } from './errors.ts'

/** Tries with wrong secrets, counted so that guessing gets slow and nobody can be locked out. */
export interface Attempts {
  /**
   * Counts a try before its secret is looked at, so that many at once count as many. Errors:
   * `TooManyTries`, with `isFirst` the first time it is refused; `store_silent` where the store does
   * not count in time: then no secret is looked at.
   */
  begin(address: string, name: string): Promise<void>
  /** Takes the try back: the secret was right. */
  succeed(address: string, name: string): Promise<void>
}

const WINDOW_SECONDS = 300
/** Wrong secrets for one name from one address; another address is not held up by them. */
const TRIES_OF_A_NAME = 8
/** Wrong secrets for any names from one address, which may be a whole office. */
const TRIES_OF_AN_ADDRESS = 100
/** Counting takes a millisecond; shorter than a request may take, so that its own sentence is told. */
const COUNT_WITHIN_MS = 5_000

/**
 * Opens the counts of one kind of secret. The store keeps them: every portal counts together, and a
 * restart forgets none.
 */
export function openAttempts(
  { store, countTriesWithinMs = COUNT_WITHIN_MS }: PortalDeps,
  kind: 'sign-in' | 'token' | 'second factor' | 'forgotten password',
): Attempts {
  const options = {
    storeClient: store.db,
    storeType: 'knex',
    tableName: 'sign_in_tries',
    tableCreated: true,
    duration: WINDOW_SECONDS,
  }
  const byName = new RateLimiterPostgres({
    ...options,
    keyPrefix: `${kind} name`,
    points: TRIES_OF_A_NAME,
  })
  const byAddress = new RateLimiterPostgres({
    ...options,
    keyPrefix: `${kind} address`,
    points: TRIES_OF_AN_ADDRESS,
    // one of them tidies for both
    clearExpiredByTimeout: false,
  })
  const inTime = <T>(counting: Promise<T>): Promise<T> => within(countTriesWithinMs, counting)
  return {
    begin: async (address, name) => {
      const network = networkOf(address)
      await inTime(consume(byAddress, hashOf(network)))
      await inTime(consume(byName, hashOf(network, name)))
    },
    succeed: async (address, name) => {
      const network = networkOf(address)
      await inTime(byName.delete(hashOf(network, name)))
      await inTime(byAddress.reward(hashOf(network)))
    },
  }
}

/** Wrong codes of one person, counted wherever they come from. */
export interface CodeTries {
  /** Counts a try before its code is looked at. Errors: `TooManyTries`, `store_silent`. */
  begin(personId: string): Promise<void>
  /** Forgets the tries: the code was right. */
  succeed(personId: string): Promise<void>
}

/**
 * Six digits are found by trying, so whoever knows the password and has many addresses is slowed by
 * this. Nobody gets as far without the password, so no outsider holds anybody up.
 */
const CODES_OF_A_PERSON = 50
const CODES_WINDOW_SECONDS = 3_600

/** Opens the counts of codes beside those by address. */
export function openCodeTries({
  store,
  countTriesWithinMs = COUNT_WITHIN_MS,
}: PortalDeps): CodeTries {
  const limiter = new RateLimiterPostgres({
    storeClient: store.db,
    storeType: 'knex',
    tableName: 'sign_in_tries',
    tableCreated: true,
    keyPrefix: 'codes of a person',
    points: CODES_OF_A_PERSON,
    duration: CODES_WINDOW_SECONDS,
    clearExpiredByTimeout: false,
  })
  return {
    begin: (personId) => within(countTriesWithinMs, consume(limiter, hashOf(personId))),
    succeed: async (personId) => {
      await within(countTriesWithinMs, limiter.delete(hashOf(personId)))
    },
  }
}

/** What was typed as a name may be a password: the store learns neither. */
function hashOf(address: string, name?: string): string {
  const text = name === undefined ? address : `${address} ${name.toLowerCase()}`
  return createHash('sha256').update(text).digest('base64url')
}

async function consume(limiter: RateLimiterPostgres, key: string): Promise<void> {
  try {
    await limiter.consume(key)
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused
    const { msBeforeNext, consumedPoints } = refused
    throw new TooManyTries(Math.ceil(msBeforeNext / 1000), consumedPoints === limiter.points + 1)
  }
}

function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(silent()), milliseconds)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function silent(): AppError {
  return new AppError(
    'store_silent',
    'Daypass could not count this try, as its store does not answer, so nobody is let in. Try again soon.',
  )
}
