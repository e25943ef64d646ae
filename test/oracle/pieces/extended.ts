import {
  bind,
  close,
  describeOf,
  execute,
  flush,
  parse,
  query,
  sync,
} from '../../proxy/conformance/frontend.ts'
import { piece, textOf, whole, type Piece, type Voice } from './piece.ts'
import { runPrepared } from './prepared.ts'

const LONG_TEXT = 70_000

/** Text values, NULL among them now and then. */
export function unnamed(voice: Voice): Piece {
  const values = [
    String(whole(voice, -9, 999)),
    textOf(voice),
    voice.dice.number() < 0.2 ? null : 'it\'s "so", $2',
  ]
  const sql = `select $1::int4, $2::text, $3::varchar ${voice.mark()}`
  return piece('unnamed', [parse(sql), bind({ values }), describeOf('P'), execute(), sync], 1)
}

/** Many executions before the first answer. */
export function pipeline(voice: Voice): Piece {
  const says: Buffer[] = []
  const count = whole(voice, 5, 40)
  for (let n = 0; n < count; n += 1) says.push(...runPrepared(voice))
  // several Syncs in one pipeline are several batches
  if (voice.dice.number() < 0.3) says.splice(2 * Math.floor(count / 2), 0, sync)
  return piece('pipeline', [...says, sync], count)
}

/** All behind the error is skipped up to the Sync. */
export function pipelineWithError(voice: Voice): Piece {
  const says: Buffer[] = []
  const count = whole(voice, 4, 12)
  const failing = whole(voice, 0, count - 1)
  for (let n = 0; n < count; n += 1) {
    if (n === failing) says.push(bind({ statement: 'part', values: ['0'] }), execute())
    else says.push(...runPrepared(voice))
  }
  return piece('pipeline, one fails', [...says, sync, ...runPrepared(voice), sync], failing + 2)
}

/** A Parse that fails between statements that do not. */
export function parseError(voice: Voice): Piece {
  const says = [
    ...runPrepared(voice),
    parse(`selekt ${voice.mark()}`),
    bind(),
    execute(),
    ...runPrepared(voice),
    sync,
  ]
  return piece('parse error', says, 1)
}

/** A value that does not fit its type. */
export function bindError(voice: Voice): Piece {
  const says = [
    parse(`select $1::int4 ${voice.mark()}`),
    bind({ values: ['not a number'] }),
    execute(),
    sync,
    ...runPrepared(voice),
    sync,
  ]
  return piece('bind error', says, 1)
}

/** Two portals, fetched piece by piece in turns. */
export function portals(voice: Voice): Piece {
  const [a, b] = [voice.mark(), voice.mark()]
  const says = [
    query(`begin ${a}`),
    parse(`select n from notes where id <= $1 order by id ${a}`, '', [23]),
    bind({ portal: 'a', values: ['7'] }),
    parse(`select n from notes where id <= $1 order by id ${b}`, '', [23]),
    bind({ portal: 'b', values: ['4'] }),
    execute('a', 3),
    execute('b', 3),
    execute('a', 3),
    flush,
    execute('b', 0),
    ...(voice.dice.number() < 0.5 ? [execute('a', 0)] : [close('P', 'a')]),
    sync,
    query(`commit ${b}`),
  ]
  return piece('portals', says, 4)
}

/** Prepared and described, and never run. */
export function onlyDescribed(voice: Voice): Piece {
  const says = [
    parse(`select n from notes ${voice.mark()}`),
    describeOf('S'),
    flush,
    close('S'),
    sync,
  ]
  return piece('only described', says, 0)
}

/** A value longer than what is kept of one. */
export function longValues(voice: Voice): Piece {
  const long = 'x'.repeat(whole(voice, 1, LONG_TEXT))
  const says = [bind({ statement: 'two', values: [long, '1'] }), execute(), sync]
  return piece('long values', says, 1)
}
