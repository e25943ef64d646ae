import { KEYWORD_FORM, SecretPlaces } from './secret-places.ts'
import { nextToken, type SqlDialect, type SqlToken } from '../../lib/sql-tokens.ts'
import { contentAs, contentOf, mayHideWords, type StringToken } from '../../lib/string-constants.ts'

/** What stands where a secret stood. */
export const REDACTED = '[redacted]'

/** Nothing below can match in a text without one of these; most texts end here. */
const CANDIDATE = /password|postgres(?:ql)?:\/\/|SCRAM-SHA-256\$|md5[0-9a-f]{32}/i
/** A secret in libpq's `key=value` form: quoted, or up to a space, with backslash escapes. */
const KEYWORD_SECRET = /(password\s*=\s*)(?:'(?:[^'\\]|\\[^])*'?|(?:[^\s\\]|\\[^])+)/gi
/**
 * A secret inside a connection URL, if an @ ends it; without one it is a port, and read past. Some write an
 * @ in it as it is: then the last one in front of the host is its end.
 */
const URL_SECRET = /(postgres(?:ql)?:\/\/[^\s:@/]*:)([^\s@]*(?:@[^\s@/?'"]*(?=@))*)(@?)/gi
/** libpq's variable, as a shell reads it, wherever it stands. */
const ENVIRONMENT_SECRET = /(pgpassword=)(?:'[^']*'?|"[^"]*"?|(?:[^\s\\]|\\[^])+)/gi
/** libpq takes it among the parameters of a URL too. */
const URL_PARAMETER = /([?&](?:ssl)?password=)[^&\s']*/gi
/** libpq's password file, by its name or by the variable that names it: a text with it may write a line of it. */
const PASSWORD_FILE = /pgpass(?!word)/i
/** The secret of such a line, host:port:database:user:secret, up to a space or a quote; what may repeat has an end. */
const FILE_SECRET = /(:(?:[0-9]{1,5}|\*):[^\s:'"]{1,63}:[^\s:'"]{1,63}:)(?:[^\s\\'"]|\\[^])+/g
/** The same in a comment, whose end it leaves. */
const COMMENTED_SECRET =
  /(:(?:[0-9]{1,5}|\*):[^\s:'"]{1,63}:[^\s:'"]{1,63}:)(?:[^\s\\'"*]|\\[^]|\*(?!\/))+/g
/** What psql's \password sends: not the secret, but enough to guess at it offline. */
const VERIFIER = /SCRAM-SHA-256\$[^\s']+|\bmd5[0-9a-f]{32}\b/g
/** With a sign of a secret in it; most blanks are a space. */
const SHORTEST_COMMENT = '--password'.length
/** SQL in strings in strings: beyond this a constant that could hold a secret is redacted whole. */
const DEEPEST = 3

/**
 * An SQL text without the passwords in it: of CREATE and ALTER ROLE and USER, of the OPTIONS of servers
 * and user mappings, of connection strings and of libpq's password file, in every form of string constant,
 * also inside DO bodies and other quoted SQL. One pass over the text; the same string comes back when nothing was found.
 */
export function redactSql(text: string, dialect: SqlDialect): string {
  if (!mayHold(text)) return text
  return redactTokens(text, { dialect, depth: 0, hasFile: PASSWORD_FILE.test(text) })
}

/** A value without the passwords in it, if it is a connection string or a line of libpq's password file. */
export function redactValue(value: string): string {
  return redactIn(value, PASSWORD_FILE.test(value))
}

function redactIn(value: string, hasFile: boolean): string {
  const lines = hasFile ? value.replace(FILE_SECRET, `$1${REDACTED}`) : value
  return CANDIDATE.test(lines) ? redactStrings(lines) : lines
}

function redactStrings(value: string): string {
  const set = value.replace(ENVIRONMENT_SECRET, `$1${REDACTED}`)
  const kept = KEYWORD_FORM.test(set) ? set.replace(KEYWORD_SECRET, `$1${REDACTED}`) : set
  return kept
    .replace(URL_SECRET, (found: string, before: string, _secret: string, mark: string) =>
      mark === '' ? found : `${before}${REDACTED}@`,
    )
    .replace(URL_PARAMETER, `$1${REDACTED}`)
    .replace(VERIFIER, REDACTED)
}

function mayHold(text: string): boolean {
  return CANDIDATE.test(text) || PASSWORD_FILE.test(text) || mayHideWords(text)
}

interface Place {
  readonly dialect: SqlDialect
  readonly depth: number
  /** The whole text names a password file: its lines may stand in another constant. */
  readonly hasFile: boolean
}

function redactTokens(text: string, place: Place): string {
  const parts: string[] = []
  let copied = 0
  const places = new SecretPlaces()
  for (let at = 0; at < text.length;) {
    const token = nextToken(text, at, place.dialect)
    const redacted = redactToken(text, { token, at, places }, place)
    if (redacted !== undefined) {
      parts.push(text.slice(copied, at), redacted)
      copied = token.end
    }
    places.pass(token, text[at])
    at = token.end
  }
  return copied === 0 ? text : parts.join('') + text.slice(copied)
}

interface Here {
  readonly token: SqlToken
  readonly at: number
  readonly places: SecretPlaces
}

function redactToken(text: string, here: Here, place: Place): string | undefined {
  const { token, at, places } = here
  if (places.isSecret(token, text[at])) return places.goesOn ? '' : `'${REDACTED}'`
  if (token.kind === 'blank') return redactBlank(text.slice(at, token.end), place)
  if (token.kind !== 'string') return undefined
  const content = contentOf(token)
  places.passContent(content)
  return redactConstant(text, { token, content }, place)
}

/**
 * A comment, or spaces: nobody runs it, and what it says of a secret is in no form that could be read.
 * Of one with a sign of a secret only what stands before the sign is kept. It ends where it ended, so
 * that what is behind it stays what it is.
 */
function redactBlank(blank: string, { hasFile }: Place): string | undefined {
  const text = hasFile ? blank.replace(COMMENTED_SECRET, `$1${REDACTED}`) : blank
  const sign = text.length < SHORTEST_COMMENT ? null : CANDIDATE.exec(text)
  if (!sign) return text === blank ? undefined : text
  const isWord = sign[0].toLowerCase() === 'password'
  const kept = text.slice(0, sign.index + (isWord ? sign[0].length : 0))
  const behind = text.slice(kept.length).replace(/\*\/$/, '')
  if (isWord && behind.trim() === '') return text === blank ? undefined : text
  const isLine = text.startsWith('--')
  return `${kept} ${REDACTED}${isLine ? '' : ' */'.repeat(openComments(kept))}`
}

function openComments(text: string): number {
  let open = 0
  for (const [mark] of text.matchAll(/\/\*|\*\//g)) open += mark === '/*' ? 1 : -1
  return open
}

/** The constant with redacted content; undefined when there was nothing to redact. */
function redactConstant(
  text: string,
  { token, content }: { token: StringToken; content: string },
  place: Place,
): string | undefined {
  const hasLine = place.hasFile && content.search(FILE_SECRET) !== -1
  if (!hasLine && !mayHold(content)) return undefined
  if (place.depth === DEEPEST) return `'${REDACTED}'`

  const inner = redactTokens(content, { ...place, depth: place.depth + 1 })
  const redacted = redactIn(inner, place.hasFile || PASSWORD_FILE.test(content))
  if (redacted === content) return undefined
  const encoded = contentAs(redacted, token)
  return (
    text.slice(token.start, token.contentStart) + encoded + text.slice(token.contentEnd, token.end)
  )
}
