import { networkOf } from '../lib/network.ts'

/** Failed logins are counted within a minute, in milliseconds. */
const WINDOW_MS = 60_000
/** Names and networks that are remembered; beyond it the oldest is forgotten. */
const KEPT_MOST = 20_000
/** PostgreSQL's NAMEDATALEN, less the NUL: what is longer is cut before it is kept. */
const LONGEST_NAME = 63
/** Wrong secrets for one name, from one address and from everywhere, that are answered at once. */
const OF_A_PAIR = 5
const OF_A_NAME = 100
/** How long the answer to a wrong secret is held back then, in milliseconds. */
const HELD_BACK_MS = 1_000
/** An address that failed too often waits so much longer for each failure beyond, up to the most. */
const STEP_MS = 100
const DOOR_MOST_MS = 2_000

interface Count {
  failures: number
  readonly endsAt: number
}

/**
 * Makes guessing slow. Nothing here refuses anybody: a right secret opens from every address, at most
 * a little later where the same address guessed, so no outsider can lock its owner out.
 */
export class LoginFailures {
  readonly #ofAnAddress: number
  readonly #now: () => number
  /** Whose last failure is longest ago comes first. */
  readonly #counts = new Map<string, Count>()

  /** `ofAnAddress`: failures a minute before an address, or a network of IPv6, is slowed. */
  constructor(ofAnAddress: number, now = () => performance.now()) {
    this.#ofAnAddress = ofAnAddress
    this.#now = now
  }

  /** Names and networks that are remembered. */
  get size(): number {
    return this.#counts.size
  }

  /** How long somebody from there waits before being asked for a secret, in milliseconds. */
  waitAtTheDoor(address: string): number {
    this.#forget()
    const beyond = this.#count(networkOf(address)) - this.#ofAnAddress
    return beyond <= 0 ? 0 : Math.min(DOOR_MOST_MS, STEP_MS * beyond)
  }

  /** Notes a wrong secret; returns how long its answer is held back, in milliseconds. */
  note(address: string, name: string): number {
    this.#forget()
    const network = networkOf(address)
    // a copy: a slice would keep the whole name in memory
    const kept = Buffer.from(name).toString('latin1', 0, LONGEST_NAME)
    this.#add(network)
    const ofThePair = this.#add(`${network} ${kept}`)
    const ofTheName = this.#add(` ${kept}`)
    return ofThePair > OF_A_PAIR || ofTheName > OF_A_NAME ? HELD_BACK_MS : 0
  }

  #add(key: string): number {
    const now = this.#now()
    const failures = this.#count(key) + 1
    const endsAt = failures === 1 ? now + WINDOW_MS : (this.#counts.get(key)?.endsAt ?? now)
    // behind all others: who goes on guessing is not the one forgotten
    this.#counts.delete(key)
    this.#counts.set(key, { failures, endsAt })
    const [oldest] = this.#counts.keys()
    if (this.#counts.size > KEPT_MOST && oldest !== undefined) this.#counts.delete(oldest)
    return failures
  }

  /** Nobody's window outlasts a minute of peace, so those that are over come to stand in front. */
  #forget(): void {
    const now = this.#now()
    for (const [key, { endsAt }] of this.#counts) {
      if (endsAt > now) return
      this.#counts.delete(key)
    }
  }

  #count(key: string): number {
    const count = this.#counts.get(key)
    return count === undefined || count.endsAt <= this.#now() ? 0 : count.failures
  }
}
