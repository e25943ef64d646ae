import { bind, execute, parse, sync } from '../../proxy/conformance/frontend.ts'
import { piece, textOf, whole, type Piece, type Voice } from './piece.ts'

/** Prepared once a connection and then run again and again. */
const PREPARED: readonly {
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

/** What a new connection says first. */
export function preparations(): Piece {
  const says = PREPARED.map(({ name, sql, types }) => parse(sql, name, types))
  return piece('prepare', [...says, sync], 0)
}

/** One Bind and Execute of a prepared statement that does not fail, its numbers now and then in binary. */
export function runPrepared(voice: Voice): readonly Buffer[] {
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
