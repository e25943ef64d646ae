import { isIPv6 } from 'node:net'
import { RateLimiterMemory } from 'rate-limiter-flexible'

/** How often somebody may be looked for within a second. */
export interface Allowance {
  readonly perAddress: number
  readonly all: number
}

const SECOND = 1
const EVERYBODY = 'all'
/** Whoever has one address of IPv6 has a network of so many groups. */
const NETWORK_GROUPS = 4

/** Keeps guesses at cancel keys from becoming work: for others' processes, and for the store. */
export class GuessLimit {
  readonly #perAddress: RateLimiterMemory
  readonly #all: RateLimiterMemory

  constructor({ perAddress, all }: Allowance) {
    this.#perAddress = new RateLimiterMemory({ points: perAddress, duration: SECOND })
    this.#all = new RateLimiterMemory({ points: all, duration: SECOND })
  }

  /** False where it was too often; one address can't use up what everybody shares. */
  async allows(address: string): Promise<boolean> {
    return (
      (await consumes(this.#perAddress, networkOf(address))) &&
      (await consumes(this.#all, EVERYBODY))
    )
  }
}

async function consumes(limiter: RateLimiterMemory, key: string): Promise<boolean> {
  const { consumedPoints } = await limiter.penalty(key, 1)
  return consumedPoints <= limiter.points
}

function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':')
  const zeros = tail === undefined ? [] : Array<string>(NETWORK_GROUPS).fill('0')
  return [...groups, ...zeros].slice(0, NETWORK_GROUPS).join(':')
}
