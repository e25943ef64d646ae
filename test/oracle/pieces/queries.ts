import { bind, execute, parse, query, sync } from '../../proxy/conformance/frontend.ts'
import { functionCall } from '../../support/wire-messages.ts'
import { piece, whole, type Piece, type Voice } from './piece.ts'

/** int4div (pg_proc.dat). */
const INT4DIV = 154

/** One statement that answers with a few rows. */
export function simple(voice: Voice): Piece {
  const n = whole(voice, 1, 400)
  return piece(
    'simple',
    [query(`select body, n from notes where id <= ${n} limit 3 ${voice.mark()}`)],
    1,
  )
}

/** A Query of several statements, with a semicolon that ends none. */
export function several(voice: Voice): Piece {
  const mark = voice.mark()
  const sql = `insert into notes (client, body) values (${voice.client}, 'it''s; so'); select 1; update notes set n = n + 1 where id = ${whole(voice, 1, 400)} ${mark}`
  return piece('several', [query(sql)], 1)
}

/** The third is never run. */
export function severalWithError(voice: Voice): Piece {
  return piece('several, one fails', [query(`select 1; select 1 / 0; select 3 ${voice.mark()}`)], 1)
}

/** SQL's own PREPARE, run from SQL and by the protocol. */
export function preparedInSql(voice: Voice): Piece {
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

/** Fails when it divides by 0. */
export function callsFunction(voice: Voice): Piece {
  return piece('function call', [functionCall(INT4DIV, '100', String(whole(voice, 0, 5)))], 1)
}

/** Texts without a statement. */
export function nothing(voice: Voice): Piece {
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

/** All behind the error is refused up to the rollback. */
export function failedTransaction(voice: Voice): Piece {
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

/** SQL's own DECLARE, fetched from SQL or by the protocol. */
export function cursor(voice: Voice): Piece {
  const mark = voice.mark()
  const says = [
    query(`begin; declare c cursor for select n from notes order by id ${mark}`),
    ...(voice.dice.number() < 0.5 ? [query(`fetch 5 from c ${mark}`)] : [execute('c', 5), sync]),
    query(`close c; commit ${mark}`),
  ]
  return piece('cursor', says, 3)
}

/** Runs until it is canceled. */
export function sleeps(voice: Voice): Piece {
  return piece('sleeps', [query(`select pg_sleep(20) ${voice.mark()}`)], 1)
}
