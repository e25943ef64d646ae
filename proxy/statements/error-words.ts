import { REDACTED, redactValue } from './redaction.ts'

/**
 * SQLSTATEs, or classes of them, whose words name what the database or the client knows by a name, and
 * quote neither the text nor a value.
 */
const NAMES_ONLY =
  /^(?:08P01|23|25|40|53|54|55|57|22001|22012|26000|2BP01|34000|3D000|3F000|42501|42704|42710|42P0[1356])/
/** Its own words are known without those of the text behind them. */
const SYNTAX_ERROR = '42601'

/**
 * What is kept of the words of an error. Where a secret was taken out of what it is about they may quote
 * it, or a piece of it that no form gives away: only words that surely don't are kept then.
 */
export function errorWords(
  { sqlstate, message }: { readonly sqlstate: string; readonly message: string },
  isAboutSecret: boolean,
): string {
  if (!isAboutSecret || NAMES_ONLY.test(sqlstate)) return redactValue(message)
  return sqlstate === SYNTAX_ERROR ? 'syntax error' : REDACTED
}
