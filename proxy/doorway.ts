import { networkOf } from '../lib/network.ts'
import { Refusal, SQLSTATE } from './refusal.ts'

export interface DoorwayLimits {
  readonly handshakes: number
  readonly handshakesPerAddress: number
}

/** Somebody who is logging in. */
export interface Entrant {
  /** Whoever has shown a secret keeps its place. */
  readonly hasProven: boolean
  refuse(refusal: Refusal): void
}

/** There is no place for somebody, or somebody else needs it more. */
export class TooBusy extends Refusal {
  constructor(sentence: string) {
    super(SQLSTATE.tooManyConnections, sentence)
  }
}

interface Place {
  readonly entrant: Entrant
  readonly network: string
  readonly since: number
}

/** A network that guesses wrong may hold so few places; elsewhere the right secret finds room. */
const SLOWED_MOST = 16
/** Who has proven nothing for so long gives way to its neighbours too: a tenth is enough. In milliseconds. */
const TIME_ENOUGH_MS = 5_000

/**
 * Who is logging in: so many in all, and so many from one network. Silence costs an outsider nothing,
 * so it must not keep others out: where all places are taken, those lose one who hold most.
 */
export class Doorway {
  readonly #limits: DoorwayLimits
  readonly #now: () => number
  /** The oldest first. */
  readonly #byNetwork = new Map<string, Set<Place>>()
  #inside = 0

  constructor(limits: DoorwayLimits, now = () => performance.now()) {
    this.#limits = limits
    this.#now = now
  }

  /** Takes a place, and returns what gives it back; TooBusy where there is none to be had. */
  enter(
    { address, isSlowed }: { readonly address: string; readonly isSlowed: boolean },
    entrant: Entrant,
  ): (() => void) | TooBusy {
    const { handshakes, handshakesPerAddress } = this.#limits
    const network = networkOf(address)
    const most = isSlowed ? Math.min(SLOWED_MOST, handshakesPerAddress) : handshakesPerAddress
    if (this.#from(network).size >= most && !this.#sendAway(this.#slowestOf(network))) {
      return new TooBusy('too many connections from this address are logging in at once')
    }
    if (this.#inside >= handshakes && !this.#sendAway(this.#mostInTheWayOf(network))) {
      return new TooBusy('too many connections are logging in at once')
    }
    const place = { entrant, network, since: this.#now() }
    this.#byNetwork.set(network, this.#from(network).add(place))
    this.#inside += 1
    return () => this.#free(place)
  }

  #from(network: string): Set<Place> {
    return this.#byNetwork.get(network) ?? new Set()
  }

  /** Neighbours are alike: who is young may be about to prove a secret, as the newcomer may. */
  #slowestOf(network: string): Place | undefined {
    const { oldest } = unproven(this.#from(network))
    return oldest && this.#now() - oldest.since >= TIME_ENOUGH_MS ? oldest : undefined
  }

  /** The oldest of the network that holds most, and more than this one does. */
  #mostInTheWayOf(network: string): Place | undefined {
    let [most, found]: [number, Place | undefined] = [
      unproven(this.#from(network)).count,
      undefined,
    ]
    for (const places of this.#byNetwork.values()) {
      const { count, oldest } = unproven(places)
      if (!oldest || count < most || (count === most && !(found && oldest.since < found.since))) {
        continue
      }
      most = count
      found = oldest
    }
    return found ?? this.#slowestOf(network)
  }

  #sendAway(place: Place | undefined): boolean {
    if (!place) return false
    this.#free(place)
    place.entrant.refuse(new TooBusy('others needed this place before a secret was proven'))
    return true
  }

  #free(place: Place): void {
    const places = this.#from(place.network)
    if (!places.delete(place)) return
    this.#inside -= 1
    if (places.size === 0) this.#byNetwork.delete(place.network)
  }
}

function unproven(places: Iterable<Place>): {
  readonly count: number
  readonly oldest: Place | undefined
} {
  let [count, oldest]: [number, Place | undefined] = [0, undefined]
  for (const place of places) {
    if (place.entrant.hasProven) continue
    count += 1
    oldest ??= place
  }
  return { count, oldest }
}
