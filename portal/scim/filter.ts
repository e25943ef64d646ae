import { ScimError } from './errors.ts'
import { attributeName, isExtension } from './urns.ts'

/** What an attribute is held against. */
export type FilterValue = string | boolean | number | null

/** One `attribute eq value`; conditions stand together by `and`. */
export interface Condition {
  /** In small letters, without the core schema: `username`, `emails.value`. */
  readonly attribute: string
  /** What the value of a list must be beside: `emails[type eq "work"].value`. */
  readonly within: readonly Condition[]
  readonly value: FilterValue
}

/** Where a change goes, or what is held against a value. */
export interface AttributePath {
  readonly attribute: string
  readonly within: readonly Condition[]
  readonly sub: string | undefined
}

/** Far beyond what a directory asks; it bounds how deep brackets can stand in each other. */
const LONGEST = 2000

/** RFC 7644, figure 1: brackets, JSON strings, and words (names, operators, numbers). */
const TOKEN = /\s*(?:([[\]()])|("(?:[^"\\\u0000-\u001f]|\\.)*")|([^\s[\]()"]+))/y
const NAME = /^[a-z$][a-z0-9$_.:-]*$/i
const SUB = /^\.([a-z$][a-z0-9$_-]*)$/i

/** Reads a filter of `eq` and `and`, brackets allowed. Errors: `invalidFilter` for every other one. */
export function parseFilter(text: string): readonly Condition[] {
  const reader = new TokenReader(text, (why) => new ScimError(400, why, 'invalidFilter'))
  const conditions = readAll(reader)
  reader.expectEnd()
  return conditions
}

/** Reads the path of a PATCH: `name.givenName`, `members[value eq "..."]`. Errors: `invalidPath`. */
export function parsePath(text: string): AttributePath {
  const reader = new TokenReader(text, (why) => new ScimError(400, why, 'invalidPath'))
  const path = readPath(reader)
  reader.expectEnd()
  return path
}

function readAll(reader: TokenReader): Condition[] {
  const conditions = readOne(reader)
  while (reader.takeWord('and')) conditions.push(...readOne(reader))
  return conditions
}

function readOne(reader: TokenReader): Condition[] {
  if (reader.take('(')) {
    const conditions = readAll(reader)
    reader.expect(')')
    return conditions
  }
  const { attribute, sub, within } = readPath(reader)
  if (!reader.takeWord('eq')) throw reader.fault()
  const value = reader.takeValue()
  return [{ attribute: sub === undefined ? attribute : `${attribute}.${sub}`, within, value }]
}

function readPath(reader: TokenReader): AttributePath {
  const attribute = reader.takeName()
  if (!reader.take('[')) return splitName(attribute)
  const within = readAll(reader)
  reader.expect(']')
  return { attribute, within, sub: reader.takeSub() }
}

/** The versions in the names of other schemas hold dots that part nothing. */
function splitName(name: string): AttributePath {
  const [attribute = name, ...rest] = isExtension(name) ? [name] : name.split('.')
  return { attribute, within: [], sub: rest.length === 0 ? undefined : rest.join('.') }
}

class TokenReader {
  readonly #tokens: readonly string[]
  readonly #refuse: (sentence: string) => ScimError
  #next = 0

  constructor(text: string, refuse: (sentence: string) => ScimError) {
    this.#refuse = refuse
    if (text.length > LONGEST) throw refuse(`Write at most ${LONGEST} characters here.`)
    this.#tokens = this.#split(text)
  }

  /** Steps over a bracket, if it is there. */
  take(bracket: '(' | ')' | '[' | ']'): boolean {
    if (this.#tokens[this.#next] !== bracket) return false
    this.#next += 1
    return true
  }

  expect(bracket: ')' | ']'): void {
    if (!this.take(bracket)) throw this.fault()
  }

  expectEnd(): void {
    if (this.#next < this.#tokens.length) throw this.fault()
  }

  /** Steps over an operator, which is the same in any case. */
  takeWord(word: 'and' | 'eq'): boolean {
    if (this.#tokens[this.#next]?.toLowerCase() !== word) return false
    this.#next += 1
    return true
  }

  takeName(): string {
    const token = this.#tokens[this.#next] ?? ''
    if (!NAME.test(token)) throw this.fault()
    this.#next += 1
    return attributeName(token)
  }

  /** What stands behind a closing bracket: `.value`. */
  takeSub(): string | undefined {
    const [, sub] = SUB.exec(this.#tokens[this.#next] ?? '') ?? []
    if (sub !== undefined) this.#next += 1
    return sub?.toLowerCase()
  }

  takeValue(): FilterValue {
    const token = this.#tokens[this.#next] ?? ''
    let value: unknown
    try {
      value = JSON.parse(token)
    } catch {
      throw this.fault()
    }
    if (!isFilterValue(value)) throw this.fault()
    this.#next += 1
    return value
  }

  fault(): ScimError {
    const token = this.#tokens[this.#next]
    const place = token === undefined ? 'at its end' : `at ${JSON.stringify(token)}`
    return this.#refuse(
      `This can't be read ${place}: Daypass reads comparisons by eq, put together by and, such as userName eq "ann".`,
    )
  }

  #split(text: string): string[] {
    const tokens: string[] = []
    const pattern = new RegExp(TOKEN)
    const end = text.trimEnd().length
    while (pattern.lastIndex < end) {
      const [, bracket, quoted, word] = pattern.exec(text) ?? []
      const token = bracket ?? quoted ?? word
      if (token === undefined) throw this.#refuse('A quoted text has no end here.')
      tokens.push(token)
    }
    return tokens
  }
}

function isFilterValue(value: unknown): value is FilterValue {
  return value === null || ['string', 'boolean', 'number'].includes(typeof value)
}
