import assert from 'node:assert/strict'
import {
  bind,
  cancelRequest,
  copyData,
  copyDone,
  copyFail,
  execute,
  extended,
  flush,
  packetOf,
  parse,
  query,
  startupPacket,
  sync,
} from '../frontend.ts'
import { int32 } from '../../../support/wire-messages.ts'
import type { RawClient } from '../raw-client.ts'
import type { TwoSides } from '../two-sides.ts'

const COPY_IN = query('copy goods (name) from stdin')
const CLEAR = query('delete from goods')

/** Traps 22 and 23: COPY in all ways. */
export function copyCases(sides: () => TwoSides): void {
  describe('COPY', () => {
    function alike(
      what: string,
      script: (client: RawClient) => Promise<void>,
      types: RegExp,
    ): void {
      it(what, async () => {
        const heard = await sides().same(async (client) => {
          await script(client)
          client.say(CLEAR)
          await client.until('Z')
        })
        assert.match(heard.types, types)
      })
    }
    const rounds =
      (...said: readonly (readonly Buffer[])[]) =>
      async (client: RawClient): Promise<void> => {
        for (const packets of said) {
          client.say(...packets)
          await client.until('Z')
        }
      }

    alike(
      '[22] in, cut at odd places',
      rounds(
        [
          COPY_IN,
          copyData('ap'),
          copyData('ple\np'),
          copyData(''),
          copyData('ear'),
          copyData('\n'),
          copyDone,
        ],
        [query('select name from goods order by 1')],
      ),
      /^GCZTD\*CZCZ$/,
    )
    alike(
      '[22] in, given up by the client',
      rounds([COPY_IN, copyData('a\n'), copyFail('changed my mind')]),
      /^GEZCZ$/,
    )
    alike(
      '[22] in, refused by the server in mid-stream, the rest ignored',
      rounds(
        [
          query('copy goods (id) from stdin'),
          copyData('1\n2\nno number\n'),
          copyData('3\n'),
          copyDone,
        ],
        [query('select count(*) from goods')],
      ),
      /^GEZTDCZCZ$/,
    )
    it('[22] in, with a Query in the middle: the server gives the connection up', async () => {
      const { types } = await sides().same(async (client) => {
        client.say(COPY_IN, copyData('a\n'), query('select 1'))
        await client.ended()
      })
      assert.equal(types, 'GEE.')
    })

    alike(
      '[22] in, with Sync and Flush in the middle, which mean nothing there',
      rounds([COPY_IN, sync, copyData('a\n'), flush, sync, copyData('b\n'), copyDone]),
      /^GCZCZ$/,
    )
    alike(
      '[22] in by the extended protocol, with its Sync behind the end',
      rounds([
        parse('copy goods (name) from stdin'),
        bind(),
        execute(),
        copyData('a\n'),
        copyDone,
        sync,
      ]),
      /^12GCZCZ$/,
    )
    alike(
      '[22] in by the extended protocol, with its Sync too early',
      rounds([
        parse('copy goods (name) from stdin'),
        bind(),
        execute(),
        sync,
        copyData('a\n'),
        copyDone,
        sync,
      ]),
      /^12GCZCZ$/,
    )
    alike(
      '[22] in by the extended protocol, failed, and statements behind it',
      rounds([
        parse('copy goods (name) from stdin'),
        bind(),
        execute(),
        copyFail('no'),
        extended('select 1'),
        sync,
      ]),
      /^12GEZCZ$/,
    )
    alike(
      '[22] in, between other statements of one Query',
      rounds([
        query('select 1; copy goods (name) from stdin; select 2; copy goods (name) from stdin'),
        copyData('a\n'),
        copyDone,
        copyData('b\n'),
        copyDone,
      ]),
      /^TDCGCTDCGCZCZ$/,
    )
    alike(
      '[22] in, binary, and refused for its header',
      rounds([
        query('copy goods (name) from stdin (format binary)'),
        copyData('PGCOPY\n\xff\r\n\0 no'),
        copyDone,
      ]),
      /^GEZCZ$/,
    )
    alike(
      '[22] out, in text, CSV and binary',
      rounds(
        [query('copy (select generate_series(1, 500)) to stdout')],
        [query(`copy (select 'a,b', null) to stdout (format csv, header)`)],
        [query('copy (select 1, true) to stdout (format binary)')],
        [extended('copy (select 1) to stdout'), sync],
      ),
      /^Hd\*cCZHd\*cCZHd\*cCZ12nHdcCZCZ$/,
    )
    alike(
      '[22] out, failing in the middle',
      rounds(
        [query('copy (select 1 / (3 - n) from generate_series(1, 5) n) to stdout')],
        [query('select 1')],
      ),
      /^Hd\*EZTDCZCZ$/,
    )
    alike(
      '[22] data that nobody asked for',
      rounds([copyData('stray\n'), copyDone, copyFail('stray'), query('select 1')]),
      /^TDCZCZ$/,
    )
    alike(
      '[23] data that looks like a CancelRequest, a StartupMessage and an SSLRequest',
      rounds(
        [
          COPY_IN,
          copyData(cancelRequest(1, Buffer.from('keyy'))),
          copyData(Buffer.concat([packetOf(int32(80877103)), Buffer.from('\n')]).subarray(4)),
          copyDone,
        ],
        [COPY_IN, copyData(startupPacket([['user', 'x']]).subarray(4)), copyDone],
        [
          query(`copy goods (name) from stdin encoding 'latin1'`),
          copyData(Buffer.concat([int32(0x04d2162e), Buffer.from('\n')])),
          copyDone,
        ],
      ),
      /Z$/,
    )
    alike(
      '[22] over many round trips',
      async (client) => {
        client.say(COPY_IN)
        await client.until('G')
        for (let line = 0; line < 20; line += 1) {
          client.say(copyData(`line ${String(line)}\n`))
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
        client.say(copyDone)
        await client.until('Z')
      },
      /^GCZCZ$/,
    )
  })
}
