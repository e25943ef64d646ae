import {
  bind,
  copyData,
  copyDone,
  copyFail,
  execute,
  parse,
  query,
  sync,
} from '../../proxy/conformance/frontend.ts'
import { piece, whole, type Piece, type Voice } from './piece.ts'
import { runPrepared } from './prepared.ts'

/** Lines that all fit. */
export function copyIn(voice: Voice): Piece {
  const lines = Array.from(
    { length: whole(voice, 1, 30) },
    (_, n) => `${voice.client}\tline ${n}\t${n}\n`,
  )
  return {
    ...piece('copy in', [query(`copy notes (client, body, n) from stdin ${voice.mark()}`)], 1),
    copy: [...lines.map((line) => copyData(line)), copyDone],
  }
}

/** The client gives it up. */
export function copyInRefused(voice: Voice): Piece {
  return {
    ...piece('copy in, given up', [query(`copy notes (body) from stdin ${voice.mark()}`)], 1),
    copy: [copyData('a\n'), copyFail('the client has changed its mind')],
  }
}

/** The server refuses a line. */
export function copyInBadData(voice: Voice): Piece {
  return {
    ...piece('copy in, bad data', [query(`copy notes (n) from stdin ${voice.mark()}`)], 1),
    copy: [copyData('1\nx\n2\n'), copyData('3\n'), copyDone],
  }
}

/** Rows that come as COPY data, and a statement behind it. */
export function copyOut(voice: Voice): Piece {
  const sql = `copy (select * from notes where id < 50) to stdout ${voice.mark()}; select 2`
  return piece('copy out', [query(sql)], 1)
}

/** The data is sent before the server has asked for it. */
export function copyExtended(voice: Voice): Piece {
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
