import { nextToken } from './sql-tokens.ts'
import type { SqlDialect, StringToken } from './sql-tokens.ts'

/** What stands where a secret stood. */
export const REDACTED = '[redacted]'

/** Nothing below can match in a text without one of these; most texts end here. */
const CANDIDATE = /password|postgres(?:ql)?:\/\/|SCRAM-SHA-256\$/i
/** The words before a secret: `password '...'` of roles, OPTIONS (password '...', sslpassword '...'). */
const SECRET_WORD = /^(?:ssl)?password$/i
/** libpq's `key=value` form begins with a key; code that mentions a password does not. */
const KEYWORD_FORM = /^\s*\w+\s*=/
/** A secret in that form: quoted, or up to a space, with backslash escapes. */
const KEYWORD_SECRET = /(password\s*=\s*)(?:'(?:[^'\\]|\\[^])*'?|(?:[^\s\\]|\\[^])+)/gi
/** A secret inside a connection URL. The bounds keep a hostile text from costing more than its length. */
const URL_SECRET = /(postgres(?:ql)?:\/\/[^\s:@/]{0,256}:)[^\s@]{0,1024}@/gi
/** What psql's \password sends: not the secret, but enough to guess at it offline. */
const VERIFIER = /SCRAM-SHA-256\$[^\s']+/g
/** SQL in strings in strings: beyond this a constant that could hold a secret is redacted whole. */
const DEEPEST = 3

/**
 * An SQL text without the passwords in it: of CREATE and ALTER ROLE and USER, of the OPTIONS of servers
 * and user mappings, and of connection strings, in every form of string constant, also inside DO bodies
 * and other quoted SQL. One pass over the text; the same string comes back when nothing was found.
 */
export function redactSql(text: string, dialect: SqlDialect): string {
  return CANDIDATE.test(text) ? redactTokens(text, { dialect, depth: 0 }) : text
}

/** A value without the passwords in it, if it is a connection string. */
export function redactValue(value: string): string {
  if (!CANDIDATE.test(value)) return value
  const kept = KEYWORD_FORM.test(value) ? value.replace(KEYWORD_SECRET, `$1${REDACTED}`) : value
  return kept.replace(URL_SECRET, `$1${REDACTED}@`).replace(VERIFIER, REDACTED)
}

interface Place {
  readonly dialect: SqlDialect
  readonly depth: number
}

function redactTokens(text: string, place: Place): string {
  const parts: string[] = []
  let copied = 0
  let secretNext = false
  let at = 0
  while (at < text.length) {
    const token = nextToken(text, at, place.dialect)
    if (token.kind === 'string') {
      const constant = secretNext ? `'${REDACTED}'` : redactConstant(text, token, place)
      if (constant !== undefined) {
        parts.push(text.slice(copied, at), constant)
        copied = token.end
      }
    }
    // a comment or a space between the word and its secret changes nothing; 'a'<newline>'b' is one
    if (token.kind === 'word') secretNext = SECRET_WORD.test(token.word)
    if (token.kind === 'other') secretNext = false
    at = token.end
  }
  return copied === 0 ? text : parts.join('') + text.slice(copied)
}

/** The constant with redacted content; undefined when there was nothing to redact. */
function redactConstant(text: string, token: StringToken, place: Place): string | undefined {
  const raw = text.slice(token.contentStart, token.contentEnd)
  if (!CANDIDATE.test(raw)) return undefined
  if (place.depth === DEEPEST) return `'${REDACTED}'`

  const content = token.quoted ? raw.replaceAll("''", "'").replaceAll("\\'", "'") : raw
  const inner = redactTokens(content, { ...place, depth: place.depth + 1 })
  const redacted = inner === content ? redactValue(content) : inner
  if (redacted === content) return undefined
  const encoded = token.quoted ? redacted.replaceAll("'", "''") : redacted
  return (
    text.slice(token.start, token.contentStart) + encoded + text.slice(token.contentEnd, token.end)
  )
}
