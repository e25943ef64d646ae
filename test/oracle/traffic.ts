import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
  describeOf,
  execute,
  flush,
  parse,
  query,
  sync,
} from '../proxy/conformance/frontend.ts'
import { functionCall } from '../support/wire-messages.ts'
import type { Random } from '../walk/random.ts'

/** What a client says in one go, and what it then waits for. */
export interface Piece {
  readonly name: string
  readonly says: readonly Buffer[]
  /** Answers that end it, each with how many: ReadyForQuery by default once. */
  readonly readies: number
  /** How many executions it asks for; a lower bound of what is recorded. */
  readonly executions: number
  /** Said once the server has asked for COPY data. */
  readonly copy?: readonly Buffer[]
}

/** Who says it: texts are marked, so that two of them are the same only where it is meant. */
export interface Voice {
  readonly client: number
  readonly dice: Random
  /** Different at each call. */
  mark(): string
}

/** Prepared once a connection and then run again and again. */
export const PREPARED: readonly {
  readonly name: string
  readonly sql: string
  readonly types: readonly number[]
}[] = [
  { name: 'one', sql: 'select body from notes where id = $1 /* one */', types: [20] },
  { name: 'two', sql: 'select $1::text as "a:b", $2::int4 /* two: */', types: [25, 23] },
  {
    name: 'put',
    sql: 'insert into notes (client, body, n) values ($1, $2, $3) returning id',
    types: [23, 25, 23],
  },
  { name: 'part', sql: 'select 100 / $1::int4 /* fails on 0 */', types: [23] },
]

/** int4div (pg_proc.dat). */
const INT4DIV = 154
const LONG_TEXT = 70_000

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

export function nextPiece(voice: Voice): Piece {
  let left = voice.dice.number() * WEIGHT
  for (const [weight, make] of KINDS) {
    left -= weight
    if (left < 0) return make(voice)
  }
  return simple(voice)
}

/** What a new connection says first. */
export function preparations(): Piece {
  const says = PREPARED.map(({ name, sql, types }) => parse(sql, name, types))
  return piece('prepare', [...says, sync], 0)
}

/** For a client that stops listening: a long pipeline with something slow in it. */
export function lastWords(voice: Voice): readonly Buffer[] {
  const says = pipeline(voice).says
  if (voice.dice.number() < 0.5) return says
  const bytes = Buffer.concat(says)
  // the last message is cut: the server never sees it whole
  return [bytes.subarray(0, bytes.length - 1 - Math.floor(voice.dice.number() * 30))]
}

/** Runs until it is canceled. */
export function sleeps(voice: Voice): Piece {
  return piece('sleeps', [query(`select pg_sleep(20) ${voice.mark()}`)], 1)
}

function piece(name: string, says: readonly Buffer[], executions: number): Piece {
  const readies = says.reduce(
    (sum, { 0: type }) => sum + (type === 0x53 || type === 0x51 || type === 0x46 ? 1 : 0),
    0,
  )
  return { name, says, readies, executions }
}

function simple(voice: Voice): Piece {
  const n = whole(voice, 1, 400)
  return piece(
    'simple',
    [query(`select body, n from notes where id <= ${n} limit 3 ${voice.mark()}`)],
    1,
  )
}

function several(voice: Voice): Piece {
  const mark = voice.mark()
  const sql = `insert into notes (client, body) values (${voice.client}, 'it''s; so'); select 1; update notes set n = n + 1 where id = ${whole(voice, 1, 400)} ${mark}`
  return piece('several', [query(sql)], 1)
}

function severalWithError(voice: Voice): Piece {
  return piece('several, one fails', [query(`select 1; select 1 / 0; select 3 ${voice.mark()}`)], 1)
}

function unnamed(voice: Voice): Piece {
  const values = [
    String(whole(voice, -9, 999)),
    textOf(voice),
    voice.dice.number() < 0.2 ? null : 'it\'s "so", $2',
  ]
  const sql = `select $1::int4, $2::text, $3::varchar ${voice.mark()}`
  return piece('unnamed', [parse(sql), bind({ values }), describeOf('P'), execute(), sync], 1)
}

function pipeline(voice: Voice): Piece {
  const says: Buffer[] = []
  const count = whole(voice, 5, 40)
  for (let n = 0; n < count; n += 1) says.push(...runPrepared(voice))
  // several Syncs in one pipeline are several batches
  if (voice.dice.number() < 0.3) says.splice(2 * Math.floor(count / 2), 0, sync)
  return piece('pipeline', [...says, sync], count)
}

function pipelineWithError(voice: Voice): Piece {
  const says: Buffer[] = []
  const count = whole(voice, 4, 12)
  const failing = whole(voice, 0, count - 1)
  for (let n = 0; n < count; n += 1) {
    if (n === failing) says.push(bind({ statement: 'part', values: ['0'] }), execute())
    else says.push(...runPrepared(voice))
  }
  return piece('pipeline, one fails', [...says, sync, ...runPrepared(voice), sync], failing + 2)
}

function parseError(voice: Voice): Piece {
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

function bindError(voice: Voice): Piece {
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

function portals(voice: Voice): Piece {
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

function onlyDescribed(voice: Voice): Piece {
  const says = [
    parse(`select n from notes ${voice.mark()}`),
    describeOf('S'),
    flush,
    close('S'),
    sync,
  ]
  return piece('only described', says, 0)
}

function copyIn(voice: Voice): Piece {
  const lines = Array.from(
    { length: whole(voice, 1, 30) },
    (_, n) => `${voice.client}\tline ${n}\t${n}\n`,
  )
  return {
    ...piece('copy in', [query(`copy notes (client, body, n) from stdin ${voice.mark()}`)], 1),
    copy: [...lines.map((line) => copyData(line)), copyDone],
  }
}

function copyInRefused(voice: Voice): Piece {
  return {
    ...piece('copy in, given up', [query(`copy notes (body) from stdin ${voice.mark()}`)], 1),
    copy: [copyData('a\n'), copyFail('the client has changed its mind')],
  }
}

function copyInBadData(voice: Voice): Piece {
  return {
    ...piece('copy in, bad data', [query(`copy notes (n) from stdin ${voice.mark()}`)], 1),
    copy: [copyData('1\nx\n2\n'), copyData('3\n'), copyDone],
  }
}

function copyOut(voice: Voice): Piece {
  const sql = `copy (select * from notes where id < 50) to stdout ${voice.mark()}; select 2`
  return piece('copy out', [query(sql)], 1)
}

function copyExtended(voice: Voice): Piece {
  const says = [
    parse(`copy notes (body) from stdin ${voice.mark()}`),
    bind(),
    execute(),
    copyData('extended\n'),
    copyDone,
    sync,
    ...runPrepared(voice),
    sync,
  ]
  return piece('copy in, extended', says, 2)
}

function preparedInSql(voice: Voice): Piece {
  const mark = voice.mark()
  const says = [
    query(`prepare mine (int) as select n from notes where id = $1 ${mark}`),
    query(`execute mine (${whole(voice, 1, 99)}) ${mark}`),
    bind({ statement: 'mine', values: ['17'] }),
    execute(),
    sync,
    query(`deallocate mine ${mark}`),
  ]
  return piece('prepare in SQL', says, 4)
}

function callsFunction(voice: Voice): Piece {
  return piece('function call', [functionCall(INT4DIV, '100', String(whole(voice, 0, 5)))], 1)
}

function nothing(voice: Voice): Piece {
  const says = [
    query(''),
    query(`/* nothing */ ${voice.mark()}`),
    parse(''),
    bind(),
    execute(),
    sync,
  ]
  return piece('nothing', says, 2)
}

function failedTransaction(voice: Voice): Piece {
  const mark = voice.mark()
  const says = [
    query(`begin ${mark}`),
    query(`select nothing_like_it ${mark}`),
    query(`select 'in vain' ${mark}`),
    bind({ statement: 'one', values: ['1'] }),
    execute(),
    sync,
    query(`rollback ${mark}`),
  ]
  return piece('failed transaction', says, 4)
}

function cursor(voice: Voice): Piece {
  const mark = voice.mark()
  const says = [
    query(`begin; declare c cursor for select n from notes order by id ${mark}`),
    ...(voice.dice.number() < 0.5 ? [query(`fetch 5 from c ${mark}`)] : [execute('c', 5), sync]),
    query(`close c; commit ${mark}`),
  ]
  return piece('cursor', says, 3)
}

function longValues(voice: Voice): Piece {
  const long = 'x'.repeat(whole(voice, 1, LONG_TEXT))
  const says = [bind({ statement: 'two', values: [long, '1'] }), execute(), sync]
  return piece('long values', says, 1)
}

/** One Bind and Execute of a prepared statement that does not fail, its numbers now and then in binary. */
function runPrepared(voice: Voice): readonly Buffer[] {
  const chance = voice.dice.number()
  if (chance < 0.5) {
    return [bind({ statement: 'one', values: [String(whole(voice, 1, 500))] }), execute()]
  }
  if (chance < 0.7) {
    const number = Buffer.alloc(4)
    number.writeInt32BE(whole(voice, -1000, 100_000))
    return [bind({ statement: 'two', formats: [0, 1], values: [textOf(voice), number] }), execute()]
  }
  if (chance < 0.8) {
    return [bind({ statement: 'part', values: [String(whole(voice, 1, 50))] }), execute()]
  }
  const values = [String(voice.client), textOf(voice), voice.dice.number() < 0.3 ? null : '3']
  return [bind({ statement: 'put', values }), execute()]
}

function textOf({ dice }: Voice): string {
  return dice.pick([
    '',
    'NULL',
    "it's",
    "', $2 = 'forged",
    'zwei\nZeilen',
    'Grüße, 你好',
    '\\x00',
    `n${Math.floor(dice.number() * 1e6)}`,
  ])
}

function whole({ dice }: Voice, least: number, most: number): number {
  return Math.floor(dice.between(least, most + 1))
}
