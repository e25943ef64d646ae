import { WireError } from '../errors.ts'

/** A nonce is printable ASCII without a comma (RFC 5802 section 7). */
const PRINTABLE = /^[\x21-\x2b\x2d-\x7e]*$/
const LETTER = /^[A-Za-z]$/
const SHOWN = /^[\x21-\x7e]$/

/**
 * Reads one SCRAM message from its beginning: `r=abc,s=def` is r, then s. Values may hold `=`, never
 * a comma. What is wrong is said in PostgreSQL's own words: a WireError with a detail.
 */
export class ScramReader {
  readonly #message: string
  #at = 0

  constructor(message: string) {
    this.#message = message
  }

  get at(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#message.length
  }

  /** The next character; empty at the end. */
  get next(): string {
    return this.#message.charAt(this.#at)
  }

  /** All from here on. */
  get rest(): string {
    return this.#message.slice(this.#at)
  }

  skip(): void {
    this.#at += 1
  }

  /** The value of the attribute that must come next. */
  value(name: string): string {
    if (this.next !== name) {
      throw malformed(`Expected attribute "${name}" but found "${shownCharacter(this.next)}".`)
    }
    return this.#valueOf(name)
  }

  /** Whichever attribute comes next. */
  any(): [name: string, value: string] {
    const name = this.next
    if (name === '') throw malformed('Attribute expected, but found end of string.')
    if (!LETTER.test(name)) {
      const found = shownCharacter(name)
      throw malformed(`Attribute expected, but found invalid character "${found}".`)
    }
    return [name, this.#valueOf(name)]
  }

  #valueOf(name: string): string {
    if (this.#message.charAt(this.#at + 1) !== '=') {
      throw malformed(`Expected character "=" for attribute "${name}".`)
    }
    const start = this.#at + 2
    const comma = this.#message.indexOf(',', start)
    const end = comma === -1 ? this.#message.length : comma
    this.#at = comma === -1 ? end : end + 1
    return this.#message.slice(start, end)
  }
}

/** The values of the attributes that a message must begin with, in this order. */
export function expectAttributes(message: string, names: readonly string[]): string[] {
  const reader = new ScramReader(message)
  const values = names.map((name) => reader.value(name))
  while (!reader.isAtEnd) reader.any()
  return values
}

export function isNonce(text: string): boolean {
  return PRINTABLE.test(text)
}

/** A character as PostgreSQL shows one in an error; NUL where the message is over. */
export function shownCharacter(character: string): string {
  if (SHOWN.test(character)) return `'${character}'`
  const code = character === '' ? 0 : character.charCodeAt(0)
  return `0x${code.toString(16).padStart(2, '0')}`
}

/** What PostgreSQL says of every SCRAM message that it cannot read. */
export function malformed(detail: string): WireError {
  return new WireError('malformed SCRAM message', undefined, detail)
}
