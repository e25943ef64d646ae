import type { SqlToken } from './sql-tokens.ts'

/** The words before a secret: `password '...'` of roles, OPTIONS (password '...', sslpassword '...'). */
const SECRET_WORD = /^(?:ssl)?password$/i
const ROLE_TEXT = /\b(?:alter|create)\s+(?:role|user)\b/i
/** A text that ends where the secret is to be added, or has a place of format() for it. */
const PLACE_FOR_SECRET = /\bpassword\s*(?:'*%|'*\s*$)/i

/** Follows the tokens of a text and knows where a secret stands. */
export class SecretPlaces {
  #statement: 'any' | 'verb' | 'role' = 'any'
  #secretNext = false
  #secretsFollow = false

  /**
   * True where a token is the secret. A name in double quotes is one where a role's password belongs:
   * the database refuses it, but the record keeps what was typed.
   */
  isSecret(token: SqlToken, first: string | undefined): boolean {
    if (token.kind === 'string') return this.#secretNext || this.#secretsFollow
    return first === '"' && this.#secretNext && this.#statement === 'role'
  }

  /** Goes on behind a token that begins with this character. */
  pass(token: SqlToken, first: string | undefined): void {
    // a comment or a space between the word and its secret changes nothing
    if (token.kind === 'word') this.#passWord(token.word.toLowerCase())
    else if (token.kind === 'other') this.#passOther(first)
  }

  /** Goes on behind a constant that says this: what it is put together with may be the secret. */
  passContent(content: string): void {
    if (PLACE_FOR_SECRET.test(content) && ROLE_TEXT.test(content)) this.#secretsFollow = true
  }

  #passWord(word: string): void {
    this.#secretNext = SECRET_WORD.test(word)
    if (word === 'create' || word === 'alter') this.#statement = 'verb'
    else if (this.#statement === 'verb')
      this.#statement = word === 'role' || word === 'user' ? 'role' : 'any'
    else if (word === 'mapping') this.#statement = 'any'
  }

  #passOther(first: string | undefined): void {
    // `password = 'x'` is a condition, but in a role's statement it is a password typed wrongly
    if (this.#statement !== 'role' || first === ';') this.#secretNext = false
    if (first !== ';') return
    this.#statement = 'any'
    this.#secretsFollow = false
  }
}
