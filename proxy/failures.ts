/** Failed logins are counted within a minute, in milliseconds. */
const WINDOW_MS = 60_000
/** Names and addresses that are remembered; beyond it the oldest is forgotten. */
const KEPT_MOST = 20_000
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
  readonly #counts = new Map<string, Count>()

  /** `ofAnAddress`: failures a minute before an address is slowed. */
  constructor(ofAnAddress: number) {
    this.#ofAnAddress = ofAnAddress
  }

  /** How long somebody from there waits before being asked for a secret, in milliseconds. */
  waitAtTheDoor(address: string): number {
    const beyond = this.#count(address) - this.#ofAnAddress
    return beyond <= 0 ? 0 : Math.min(DOOR_MOST_MS, STEP_MS * beyond)
  }

  /** Notes a wrong secret; returns how long its answer is held back, in milliseconds. */
  note(address: string, name: string): number {
    this.#add(address)
    const ofThePair = this.#add(`${address} ${name}`)
    const ofTheName = this.#add(` ${name}`)
    return ofThePair > OF_A_PAIR || ofTheName > OF_A_NAME ? HELD_BACK_MS : 0
  }

  #add(key: string): number {
    const now = performance.now()
    const failures = this.#count(key) + 1
    const endsAt = failures === 1 ? now + WINDOW_MS : (this.#counts.get(key)?.endsAt ?? now)
    // behind all others: who goes on guessing is not the one forgotten
    this.#counts.delete(key)
    this.#counts.set(key, { failures, endsAt })
    const [oldest] = this.#counts.keys()
    if (this.#counts.size > KEPT_MOST && oldest !== undefined) this.#counts.delete(oldest)
    return failures
  }

  #count(key: string): number {
    const count = this.#counts.get(key)
    return count === undefined || count.endsAt <= performance.now() ? 0 : count.failures
  }
}
