import { RateLimiterMemory } from 'rate-limiter-flexible'
import { networkOf } from '../lib/network.ts'

/** How often somebody may be looked for within a second. */
export interface Allowance {
  readonly perAddress: number
  readonly all: number
}

const SECOND = 1
const EVERYBODY = 'all'

/** Keeps guesses at cancel keys from becoming work: for others' processes, and for the store. */
export class GuessLimit {
  readonly #perAddress: RateLimiterMemory
  readonly #all: RateLimiterMemory

  constructor({ perAddress, all }: Allowance) {
    this.#perAddress = new RateLimiterMemory({ points: perAddress, duration: SECOND })
    this.#all = new RateLimiterMemory({ points: all, duration: SECOND })
  }

  /** True until one more would be too often for this address; counts nothing. */
  async isOpenTo(address: string): Promise<boolean> {
    const so = await this.#perAddress.get(networkOf(address))
    return (so?.consumedPoints ?? 0) < this.#perAddress.points
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
