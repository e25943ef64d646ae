import { copyExtended, copyIn, copyInBadData, copyInRefused, copyOut } from './pieces/copies.ts'
import {
  bindError,
  longValues,
  onlyDescribed,
  parseError,
  pipeline,
  pipelineWithError,
  portals,
  unnamed,
} from './pieces/extended.ts'
import type { Piece, Voice } from './pieces/piece.ts'
import {
  callsFunction,
  cursor,
  failedTransaction,
  nothing,
  preparedInSql,
  several,
  severalWithError,
  simple,
} from './pieces/queries.ts'

type Make = (voice: Voice) => Piece

/** Which kinds of traffic there are, and how often each one is chosen. */
const KINDS: readonly (readonly [weight: number, make: Make])[] = [
  [6, simple],
  [6, several],
  [3, severalWithError],
  [10, unnamed],
  [24, pipeline],
  [6, pipelineWithError],
  [3, parseError],
  [3, bindError],
  [5, portals],
  [2, onlyDescribed],
  [4, copyIn],
  [2, copyInRefused],
  [2, copyInBadData],
  [2, copyOut],
  [2, copyExtended],
  [3, preparedInSql],
  [2, callsFunction],
  [2, nothing],
  [3, failedTransaction],
  [2, cursor],
  [1, longValues],
]
const WEIGHT = KINDS.reduce((sum, [weight]) => sum + weight, 0)

/** What is said next, by chance. */
export function nextPiece(voice: Voice): Piece {
  let left = voice.dice.number() * WEIGHT
  for (const [weight, make] of KINDS) {
    left -= weight
    if (left < 0) return make(voice)
  }
  return simple(voice)
}

/** For a client that stops listening: a long pipeline with something slow in it. */
export function lastWords(voice: Voice): readonly Buffer[] {
  const says = pipeline(voice).says
  if (voice.dice.number() < 0.5) return says
  const bytes = Buffer.concat(says)
  // the last message is cut: the server never sees it whole
  return [bytes.subarray(0, bytes.length - 1 - Math.floor(voice.dice.number() * 30))]
}
