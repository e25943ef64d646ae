/** An address that guesses wrong may hold so few places; elsewhere the right secret finds room. */
const SLOWED_MOST = 16

export interface DoorwayLimits {
  readonly handshakes: number
  readonly handshakesPerAddress: number
}

/** Who is logging in: so many in all, and so many from one address. */
export class Doorway {
  readonly #limits: DoorwayLimits
  readonly #byAddress = new Map<string, number>()
  #inside = 0

  constructor(limits: DoorwayLimits) {
    this.#limits = limits
  }

  /** Takes a place; a sentence where there is none. */
  enter(address: string, isSlowed: boolean): string | undefined {
    const { handshakes, handshakesPerAddress } = this.#limits
    const from = this.#byAddress.get(address) ?? 0
    const most = isSlowed ? Math.min(SLOWED_MOST, handshakesPerAddress) : handshakesPerAddress
    if (this.#inside >= handshakes) return 'too many connections are logging in at once'
    if (from >= most) return 'too many connections from this address are logging in at once'
    this.#inside += 1
    this.#byAddress.set(address, from + 1)
    return undefined
  }

  /** Gives a place back. */
  leave(address: string): void {
    this.#inside -= 1
    const from = (this.#byAddress.get(address) ?? 1) - 1
    if (from > 0) this.#byAddress.set(address, from)
    else this.#byAddress.delete(address)
  }
}
