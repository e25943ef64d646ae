/** What repeats itself is told once in this time, in milliseconds. */
const QUIET_MS = 10_000
/** Different things that one address is listened to for at a time, and all addresses together. */
const KINDS_OF_AN_ADDRESS = 8
const KINDS_MOST = 256
const OTHERS = 'others'

/** Writes one record of something that happened so often since it was last told. */
export type Tell = (attempts: number) => void

interface Kind {
  readonly address: string
  untold: number
  tell: Tell
}

/**
 * Keeps refusals from filling the log: the first of a kind is told at once, more of it together every
 * ten seconds. An address that invents kinds has them counted as one, and so has everybody at last:
 * who knocks from elsewhere is seen all the same.
 */
export class Repeats {
  readonly #kinds = new Map<string, Kind>()
  readonly #ofAddress = new Map<string, number>()
  readonly #timers = new Set<NodeJS.Timeout>()

  /** Something happened; of those that are told together, the last one tells. */
  note(address: string, kind: string, tell: Tell): void {
    const key = this.#keyOf(address, kind)
    const known = this.#kinds.get(key)
    if (known) {
      known.untold += 1
      known.tell = tell
      return
    }
    this.#kinds.set(key, { address, untold: 0, tell })
    this.#ofAddress.set(address, (this.#ofAddress.get(address) ?? 0) + 1)
    this.#tellLater(key)
    tell(1)
  }

  /** Tells at once what was not told yet. */
  flush(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    for (const kind of this.#kinds.values()) tellWhatIsUntold(kind)
    this.#kinds.clear()
    this.#ofAddress.clear()
  }

  #keyOf(address: string, kind: string): string {
    const key = `${address} ${kind}`
    if (this.#kinds.has(key)) return key
    if (this.#kinds.size >= KINDS_MOST) return OTHERS
    const isInventive = (this.#ofAddress.get(address) ?? 0) >= KINDS_OF_AN_ADDRESS
    return isInventive ? `${address} ${OTHERS}` : key
  }

  #tellLater(key: string): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      const kind = this.#kinds.get(key)
      if (!kind) return
      if (tellWhatIsUntold(kind)) this.#tellLater(key)
      else this.#forget(key, kind)
    }, QUIET_MS).unref()
    this.#timers.add(timer)
  }

  #forget(key: string, { address }: Kind): void {
    this.#kinds.delete(key)
    const left = (this.#ofAddress.get(address) ?? 1) - 1
    if (left > 0) this.#ofAddress.set(address, left)
    else this.#ofAddress.delete(address)
  }
}

function tellWhatIsUntold(kind: Kind): boolean {
  const { untold, tell } = kind
  if (untold === 0) return false
  kind.untold = 0
  tell(untold)
  return true
}
