/** Names remembered at once; one more, and every statement is held to have a secret. */
const NAMES_MOST = 100
/** NAMEDATALEN - 1: PostgreSQL tells prepared statements apart by so many bytes. */
const NAME_BYTES = 63
/** These read alike in every encoding. */
const PLAIN = /^[\x20-\x7e]*$/

/** The prepared statements of a connection that had a secret in them: what they run, errors may quote. */
export class SecretNames {
  readonly #names = new Set<string>()
  /** Given to others while something was outstanding. */
  readonly #replaced = new Set<string>()
  #holdsAll = false

  get isEmpty(): boolean {
    return this.#names.size === 0
  }

  /** There are more than can be told apart: from now on all have one. */
  get holdsAll(): boolean {
    return this.#holdsAll
  }

  keep(name: string): void {
    const key = keyOf(name)
    if (this.#names.size >= NAMES_MOST || !PLAIN.test(key)) this.keepAll()
    else this.#names.add(key)
    this.#replaced.delete(key)
  }

  keepAll(): void {
    this.#holdsAll = true
    this.#names.clear()
  }

  /** A statement without a secret was sent under the name; whether it came to be is not known yet. */
  replace(name: string): void {
    const key = keyOf(name)
    if (this.#names.has(key)) this.#replaced.add(key)
  }

  holds(name: string): boolean {
    return this.#holdsAll || this.#names.has(keyOf(name))
  }

  /** Everything sent has been answered, with an error among it or without. */
  settle(hasFailed: boolean): void {
    if (!hasFailed) for (const key of this.#replaced) this.#names.delete(key)
    this.#replaced.clear()
  }
}

function keyOf(name: string): string {
  return name.slice(0, NAME_BYTES)
}
