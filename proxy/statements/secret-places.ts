import type { SqlToken } from '../../lib/sql-tokens.ts'

/** The words before a secret: `password '...'` of roles, OPTIONS (password '...', sslpassword '...'). */
const SECRET_WORD = /^(?:ssl)?password$/i
const ROLE_TEXT = /\b(?:alter|create)\s+(?:role|user|group|server)\b/i
/** A connection URL that is put together behind this, or by format(). */
const URL_PLACE = /postgres(?:ql)?:\/\/[^\s:@/]*:(?:$|%(?:[0-9]+\$)?[sL])/i
/**
 * libpq's `key=value` form begins with a key, and in a command of a shell it stands in quotes or behind an
 * option's `=`; code that mentions a password does not look so.
 */
export const KEYWORD_FORM = /(?:^|["'=])\s*\w+\s*=/
const PASSWORD = 'password'
const SPACE = /\s/
const WORD_CHARACTER = /\w/
/** Between the word and a secret without quotes; or what may stand there instead of one. */
const NO_SECRET: ReadonlySet<string | undefined> = new Set(['=', ':', '(', ')', ',', ';'])
const BEFORE_SECRET: ReadonlySet<string | undefined> = new Set(['=', ':', '('])

/** How far a statement was read: the words that begin it, and for a role also its name. */
type Statement = 'any' | 'verb' | 'role' | 'named role' | 'mapping' | 'options'

const AFTER_VERB: Readonly<Record<string, Statement>> = {
  role: 'role',
  user: 'role',
  group: 'role',
  server: 'mapping',
}

/** Follows the tokens of a text and knows where a secret stands. */
export class SecretPlaces {
  #statement: Statement = 'any'
  #secretNext = false
  /** Also one that someone forgot to put in quotes. */
  #bareNext = false
  /** In the middle of such a one: up to the next blank. */
  #isBare = false
  #secretsFollow = false

  /** Inside a secret without quotes, of which earlier tokens were a part. */
  get goesOn(): boolean {
    return this.#isBare
  }

  /**
   * True where a token is the secret. Without quotes, or in double ones, the database refuses it, but the
   * record keeps what was typed.
   */
  isSecret(token: SqlToken, first: string | undefined): boolean {
    if (token.kind === 'blank') return false
    if (this.#isBare) return first !== ';'
    if (token.kind === 'string') return this.#secretNext || this.#secretsFollow
    if (first === '"' && this.#secretNext && this.#isOfRole) return true
    const isNull = token.kind === 'word' && token.word.toLowerCase() === 'null'
    return this.#bareNext && !isNull && !NO_SECRET.has(first)
  }

  /** Goes on behind a token that begins with this character. */
  pass(token: SqlToken, first: string | undefined): void {
    this.#isBare = (this.#isBare || token.kind !== 'string') && this.isSecret(token, first)
    if (this.#isBare) this.#secretNext = false
    // a comment or a space between the word and its secret changes nothing
    if (token.kind === 'blank') return
    this.#bareNext &&= token.kind === 'other' && BEFORE_SECRET.has(first)
    if (token.kind === 'word' && !this.#isBare) this.#passWord(token.word.toLowerCase())
    else if (token.kind === 'other') this.#passOther(first)
  }

  /** Goes on behind a constant that says this: what it is put together with may be the secret. */
  passContent(content: string): void {
    const isPlace =
      hasPlaceForSecret(content) && (ROLE_TEXT.test(content) || KEYWORD_FORM.test(content))
    if (isPlace || URL_PLACE.test(content)) this.#secretsFollow = true
  }

  get #isOfRole(): boolean {
    return this.#statement === 'role' || this.#statement === 'named role'
  }

  #passWord(word: string): void {
    this.#secretNext = SECRET_WORD.test(word)
    this.#bareNext =
      this.#secretNext && (this.#statement === 'named role' || this.#statement === 'options')
    if (word === 'create' || word === 'alter') this.#statement = 'verb'
    else if (this.#statement === 'verb') this.#statement = AFTER_VERB[word] ?? 'any'
    else if (this.#statement === 'role') this.#statement = word === 'mapping' ? word : 'named role'
    else if (this.#statement === 'mapping' && word === 'options') this.#statement = word
  }

  #passOther(first: string | undefined): void {
    // `password = 'x'` is a condition, but in a role's statement it is a password typed wrongly
    if (!this.#isOfRole || first === ';') this.#secretNext = false
    if (first !== ';') return
    this.#statement = 'any'
    this.#secretsFollow = false
  }
}

/**
 * A text that ends where the secret is to be added, or has a place of format() for it. Walks back from
 * either: a pattern that looks for the word first takes the square of the spaces behind it.
 */
function hasPlaceForSecret(content: string): boolean {
  if (isBehindPassword(content, content.trimEnd().length)) return true
  for (let at = content.indexOf('%'); at !== -1; at = content.indexOf('%', at + 1)) {
    if (isBehindPassword(content, at)) return true
  }
  return false
}

function isBehindPassword(content: string, end: number): boolean {
  let at = end
  while (at > 0 && content[at - 1] === "'") at -= 1
  at = behindWord(content, at)
  if (content[at - 1] === '=') at = behindWord(content, at - 1)
  const start = at - PASSWORD.length
  if (start < 0 || content.slice(start, at).toLowerCase() !== PASSWORD) return false
  return start === 0 || !WORD_CHARACTER.test(content[start - 1] ?? '')
}

function behindWord(content: string, end: number): number {
  let at = end
  while (at > 0 && SPACE.test(content[at - 1] ?? '')) at -= 1
  return at
}
