/** The first bytes of what redaction looks for, and what must follow; see CANDIDATE in redaction.ts. */
const WORDS = ['password', 'pgpass', 'postgres://', 'postgresql://', 'scram-sha-256$', 'md5'].map(
  (word) => Buffer.from(word),
)
const LOWER = 0x20
const QUOTE = 0x27
const BACKSLASH = 0x5c
const AMPERSAND = 0x26
const NEW_LINES: ReadonlySet<number> = new Set([0x0a, 0x0d])
/** Space, tab, form feed, vertical tab. */
const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0c, 0x0b])
const DASH = 0x2d

/** A bit for each first letter of a word, for the two signs that hide words, and for U&. */
const WORD_P = 1
const WORD_S = 2
const WORD_M = 4
const HIDES = 8
const UNICODE = 16
const ANY_WORD = WORD_P | WORD_S | WORD_M

/** What a byte may begin, and what the byte behind it allows: nearly all of a text ends at these two. */
const FIRST = bitsOf([
  ['pP', WORD_P],
  ['sS', WORD_S],
  ['mM', WORD_M],
  ["'\\", HIDES],
  ['uU', UNICODE],
])
const SECOND = bitsOf([
  ['aAgGoO', WORD_P],
  ['cC', WORD_S],
  ['dD', WORD_M],
  ['&', UNICODE],
]).map((bits) => bits | HIDES)

function bitsOf(letters: readonly (readonly [string, number])[]): Uint8Array {
  const bits = new Uint8Array(256)
  for (const [some, bit] of letters) for (const byte of Buffer.from(some)) bits[byte] = bit
  return bits
}

/**
 * A cheap look at a message with SQL, before anything is decoded: false where no redaction can find
 * anything in bytes[start] up to, not including, bytes[end]. Every client encoding of PostgreSQL writes
 * these characters as ASCII does, so that this holds for all of them.
 */
export function mayHoldSecret(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const first = FIRST[bytes[at] ?? 0] ?? 0
    if (first === 0) continue
    const signs = first & (SECOND[bytes[at + 1] ?? 0] ?? 0)
    if ((signs & ANY_WORD) !== 0 && beginsWord(bytes, at, end)) return true
    if ((signs & ~ANY_WORD) !== 0 && mayHideWords(bytes, at, end)) return true
  }
  return false
}

/** The same for values, where quotes and backslashes hide nothing. */
export function mayHoldSecretValue(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const first = FIRST[bytes[at] ?? 0] ?? 0
    if (first === 0) continue
    const signs = first & (SECOND[bytes[at + 1] ?? 0] ?? 0)
    if ((signs & ANY_WORD) !== 0 && beginsWord(bytes, at, end)) return true
  }
  return false
}

function beginsWord(bytes: Uint8Array, at: number, end: number): boolean {
  return WORDS.some((word) => at + word.length <= end && matches(bytes, at, word))
}

function matches(bytes: Uint8Array, at: number, word: Buffer): boolean {
  for (let index = 0; index < word.length; index += 1) {
    const byte = bytes[at + index] ?? 0
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | LOWER : byte
    if (lower !== word[index]) return false
  }
  return true
}

/** As MAY_HIDE in string-constants.ts: escapes, and a quote whose constant goes on in another line. */
function mayHideWords(bytes: Uint8Array, at: number, end: number): boolean {
  const byte = bytes[at] ?? 0
  if (byte === BACKSLASH) return true
  if (byte !== QUOTE) return bytes[at + 1] === AMPERSAND && at + 1 < end
  let next = at + 1
  while (next < end && BLANKS.has(bytes[next] ?? 0)) next += 1
  if (next >= end) return false
  const follows = bytes[next] ?? 0
  return NEW_LINES.has(follows) || (follows === DASH && bytes[next + 1] === DASH)
}
