import type { ZxcvbnResult } from '@zxcvbn-ts/core'
import { InvalidRequest } from './errors.ts'
import { hashPassword, PASSWORD_LEAST, PASSWORD_MOST } from './passwords.ts'

/** What is known of the person whose password it is to be, and so is no secret. */
export interface KnownOfPerson {
  readonly username: string
  readonly displayName?: string | undefined
  readonly email?: string | null | undefined
}

/** What a form says beside a field for a new password. */
export const PASSWORD_HINT = `At least ${PASSWORD_LEAST} characters. Four unrelated words do well; your own name does not.`

/** zxcvbn's fourth step of five: more than 10^8 guesses, what an attack on a stolen hash takes long for. */
const SCORE_LEAST = 3
/** Its time grows with the square of the length; what makes so long a text weak shows in its beginning. */
const LOOKED_AT = 64
/** Characters beside what is known: zxcvbn takes the same name three times over for three guesses. */
const UNKNOWN_LEAST = 8

/**
 * Hashes a password that somebody chose: the one door for every page, call and command that sets one.
 * Errors: `invalid_request`, with the sentence at the field `password`.
 */
export async function hashChosenPassword(password: string, known: KnownOfPerson): Promise<string> {
  const mistake = await findPasswordMistake(password, known)
  if (mistake !== undefined) throw new InvalidRequest({ password: mistake })
  return hashPassword(password)
}

/** What is wrong with a password and what to do about it, in a sentence or two; undefined: nothing. */
export async function findPasswordMistake(
  password: string,
  known: KnownOfPerson,
): Promise<string | undefined> {
  if (password.length < PASSWORD_LEAST) {
    return `Choose a password of at least ${PASSWORD_LEAST} characters.`
  }
  if (password.length > PASSWORD_MOST) {
    return `Choose a password of at most ${PASSWORD_MOST} characters.`
  }
  const words = wordsKnownOf(known)
  if (isMadeOf(words, password)) return easyToGuess('userInputs')
  const estimate = await openEstimator()
  const { score, feedback, sequence } = estimate(password.slice(0, LOOKED_AT), words)
  if (score >= SCORE_LEAST) return undefined
  return easyToGuess(sequence.some(isKnownWord) ? 'userInputs' : feedback.warning)
}

function isMadeOf(words: readonly string[], password: string): boolean {
  const text = password.toLowerCase()
  const rest = words.reduce((left, word) => left.replaceAll(word, ''), text)
  return rest !== text && rest.replaceAll(/[\s\p{P}]/gu, '').length < UNKNOWN_LEAST
}

function isKnownWord(match: ZxcvbnResult['sequence'][number]): boolean {
  return 'dictionaryName' in match && String(match.dictionaryName).startsWith('userInputs')
}

/** The whole of each, and its parts: somebody called Ada Lovelace will not be ada1815 either. */
function wordsKnownOf({ username, displayName = '', email }: KnownOfPerson): string[] {
  const whole = [username, displayName, email ?? '']
  const parts = whole.flatMap((text) => text.split(/[^\p{L}\p{N}]+/u))
  const words = [...whole, ...parts, 'daypass'].map((word) => word.toLowerCase())
  const long = [...new Set(words)].filter((word) => word.length >= KNOWN_WORD_LEAST)
  return long.sort((a, b) => b.length - a.length)
}

/** Shorter ones are in every text. */
const KNOWN_WORD_LEAST = 3

/** zxcvbn's own words for its warnings (its translationKeys), as ours. */
const WHY: Readonly<Record<string, string>> = {
  straightRow: 'it runs along a row of the keyboard',
  keyPattern: 'it is a pattern on the keyboard',
  simpleRepeat: 'it repeats one character',
  extendedRepeat: 'it repeats a few characters',
  sequences: 'it counts up or down, like abc or 123',
  recentYears: 'it is built around a year',
  dates: 'it is built around a date',
  topTen: 'it is among the ten most used passwords',
  topHundred: 'it is among the hundred most used passwords',
  common: 'it is on the lists of common passwords',
  similarToCommon: 'it is close to one on the lists of common passwords',
  userInputs: 'it is built on what is known of its owner or of this product',
}

function easyToGuess(warning: string | null): string {
  const why = (warning === null ? undefined : WHY[warning]) ?? 'it is made of a few common pieces'
  return `This password is easy to guess: ${why}. Choose another, such as four unrelated words.`
}

let estimator: Promise<Estimator> | undefined

type Estimator = (password: string, known: string[]) => ZxcvbnResult

/** Its word lists cost megabytes and time, which a portal in which nobody sets a password does not spend. */
function openEstimator(): Promise<Estimator> {
  estimator ??= loadEstimator()
  return estimator
}

async function loadEstimator(): Promise<Estimator> {
  const [core, common] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
  ])
  const zxcvbn = new core.ZxcvbnFactory({
    dictionary: common.dictionary,
    graphs: common.adjacencyGraphs,
  })
  return (password, known) => zxcvbn.check(password, known)
}
