import assert from 'node:assert/strict'
import { int16, int32 } from '../../../support/wire-messages.ts'
import { packetOf, query, startupPacket, terminate } from '../frontend.ts'
import { fieldsOf } from '../raw-client.ts'
import { logIn } from '../scram-login.ts'
import { said, SOURCE_FIELDS, type TwoSides } from '../two-sides.ts'

const V3 = int16(3, 0)

/** Traps 3, 4, 8 and 9: everything before the login. */
export function startUpCases(sides: () => TwoSides): void {
  describe('start-up', () => {
    it('[3] closes on impossible lengths; the proxy says why', async () => {
      for (const length of [0, 4, 7, -1, 10_005, 0x7fffffff]) {
        const [direct, proxied] = await sides().both(async (client) => {
          client.say(int32(length), V3, Buffer.from('user\0x\0\0'))
          await client.ended()
        })
        assert.equal(direct.types, '.', String(length))
        assert.equal(proxied.types, 'E.', String(length))
        assert.equal(fieldsOf(proxied.heard[0] ?? assert.fail())['C'], '08P01')
      }
    })

    it('[3] takes a packet of 10,004 bytes, the longest', async () => {
      const { login } = sides()
      const { types } = await sides().sameFromStart(async (client) => {
        const plain = startupPacket([
          ['user', login.user],
          ['database', login.database],
        ])
        const filler = 10_004 - plain.length - 'application_name'.length - 2
        const parameters = [['application_name', 'x'.repeat(filler)]] as const
        await logIn(client, { ...login, parameters })
      })
      assert.match(types, /^RRRR.*KZ$/)
    })

    for (const [what, body] of [
      ['no terminator', 'user\0x\0'],
      ['a name without a value', 'user\0'],
      ['bytes behind its terminator', 'user\0x\0\0more'],
      ['no end at all', 'user'],
      ['nothing', ''],
      ['no user', 'database\0x\0\0'],
      ['an empty user', 'user\0\0\0'],
    ] as const) {
      it(`[3] answers alike to a packet with ${what}`, async () => {
        const { types } = await sides().sameButSource(async (client) => {
          client.say(packetOf(V3, Buffer.from(body)))
          await client.ended()
        })
        assert.equal(types, 'E.')
      })
    }

    it('[3] waits for the other half of a packet', async () => {
      const { login } = sides()
      const { types } = await sides().sameFromStart(async (client) => {
        const whole = startupPacket([
          ['user', login.user],
          ['database', login.database],
        ])
        client.say(whole.subarray(0, 9))
        await new Promise((resolve) => setTimeout(resolve, 30))
        client.say(whole.subarray(9))
        await client.until('R')
      })
      assert.equal(types, 'R')
    })

    for (const [major, minor] of [
      [2, 0],
      [1, 0],
      [4, 0],
      [1234, 5681],
    ] as const) {
      it(`[4] refuses protocol ${String(major)}.${String(minor)} in the server’s words`, async () => {
        const [direct, proxied] = await sides().both(async (client) => {
          client.say(startupPacket([['user', 'x']], { major, minor }))
          await client.ended()
        })
        assert.equal(proxied.types, direct.types)
        // an older server supports less; the proxy speaks 3.2 whatever is behind it
        const words = ({ heard }: typeof direct) =>
          said(heard[0] ?? assert.fail(), SOURCE_FIELDS).replace(
            /supports 3\.0 to 3\.\d/,
            'supports it',
          )
        assert.equal(words(proxied), words(direct))
        assert.match(words(proxied), /unsupported frontend protocol .*supports it/)
      })
    }

    it('[4] speaks 3.2 with a cancel key of 32 bytes', async () => {
      const { login, major } = sides()
      const [direct, proxied] = await sides().both((client) =>
        logIn(client, { ...login, minor: 2 }),
      )
      const keyOf = ({ heard }: typeof direct) =>
        heard.find(({ type }) => type === 'K')?.body.length
      assert.equal(keyOf(proxied), 36)
      assert.doesNotMatch(proxied.types, /v/)
      if (major < 18) assert.match(direct.types, /^v/)
      else assert.equal(keyOf(direct), 36)
    })

    it('[4] negotiates 3.9999 and _pq_ options down as the server does', async () => {
      const { login, major } = sides()
      const parameters = [
        ['_pq_.test_protocol_negotiation', ''],
        ['application_name', 'x'],
        ['_pq_.second', '1'],
      ] as const
      for (const minor of [0, 2, 9999]) {
        const script = (client: Parameters<typeof logIn>[0]) =>
          logIn(client, { ...login, minor, parameters })
        if (major >= 18) {
          const { types } = await sides().sameFromStart(script)
          assert.match(types, /^vRRRR/)
          continue
        }
        const [direct, proxied] = await sides().both(script)
        const [theirs, ours] = [direct, proxied].map(({ heard }) => heard[0]?.body)
        // the version differs on older servers; the count and the names do not
        assert.deepEqual(ours?.subarray(4), theirs?.subarray(4))
        assert.equal(ours?.readInt32BE(0), 0x00030000 + Math.min(minor, 2))
      }
    })

    it('[8] makes start-up parameters and options the defaults of the session', async () => {
      const parameters = [
        ['options', '-c work_mem=7MB -c search_path=public,pg_catalog --statement-timeout=9s'],
        ['DateStyle', 'German'],
        ['application_name', 'ledger'],
        ['extra_float_digits', '2'],
        ['TimeZone', 'Asia/Tokyo'],
      ] as const
      const names = 'work_mem search_path statement_timeout datestyle application_name timezone'
      const { types } = await sides().same(
        async (client) => {
          for (const name of names.split(' ')) {
            client.say(query(`set ${name} to default; reset ${name}; show ${name}`))
            await client.until('Z')
          }
          client.say(query('reset all; show work_mem'))
          await client.until('Z')
        },
        { parameters },
      )
      assert.equal(types.replaceAll('S', ''), `${'CCTDCZ'.repeat(6)}CTDCZ`)
    })

    it('[8] reports the same settings at login, in the same order and bytes', async () => {
      const { login } = sides()
      const parameters = [
        ['client_encoding', 'LATIN1'],
        ['application_name', Buffer.from('caf\xe9', 'latin1')],
        ['DateStyle', 'SQL, DMY'],
      ] as const
      const { types } = await sides().sameFromStart((client) =>
        logIn(client, { ...login, parameters }),
      )
      assert.match(types, /^RRRRS+KZ$/)
    })

    it('[8] serves clients of every encoding, also of those that nobody reads', async () => {
      for (const encoding of ['LATIN10', 'JOHAB', 'SHIFT_JIS_2004', 'EUC_TW', 'SQL_ASCII']) {
        const { types } = await sides().same(
          async (client) => {
            client.say(query('show client_encoding'))
            await client.until('Z')
          },
          { parameters: [['client_encoding', encoding]] },
        )
        assert.equal(types, 'TDCZ', encoding)
      }
    })

    it('[8] hands the server’s notices of the login on whole, between its statuses', async () => {
      const { world, login } = sides()
      await world.onShop(
        `update pg_database set datcollversion = 'old' where datname = '${world.database}'`,
      )
      const { heard } = await sides().sameFromStart((client) => logIn(client, login))
      await world.onShop(
        `update pg_database set datcollversion = null where datname = '${world.database}'`,
      )
      const notice = heard.find(({ type }) => type === 'N') ?? assert.fail('no notice came')
      assert.equal(fieldsOf(notice)['S'], 'WARNING')
      assert.ok(fieldsOf(notice)['R'])
    })

    it('[8] hands on what a login trigger says behind the cancel key', async function () {
      const { world, login, major } = sides()
      if (major < 17) return
      await world.onShop(
        `create function hail() returns event_trigger language plpgsql as
         $$ begin raise notice 'welcome' using detail = 'a detail', hint = 'a hint'; end $$`,
        'create event trigger hail on login execute function hail()',
      )
      const { types } = await sides().sameFromStart((client) => logIn(client, login))
      await world.onShop('drop event trigger hail', 'drop function hail')
      assert.match(types, /KNZ$/)
    })

    for (const [what, name, value, sqlstate] of [
      ['an encoding nobody knows', 'client_encoding', 'KLINGON', '22023'],
      ['a setting nobody knows', 'no_such_setting', '1', '42704'],
      ['a bad value', 'work_mem', 'a lot', '22023'],
      ['a setting that only superusers have', 'log_statement', 'all', '42501'],
      ['bad options', 'options', '-Z', '42601'],
    ] as const) {
      it(`[8] ends a login with ${what} in the server’s words`, async () => {
        const { login } = sides()
        const script = async (client: Parameters<typeof logIn>[0]) => {
          await assert.rejects(logIn(client, { ...login, parameters: [[name, value]] }))
          await client.ended()
        }
        const [direct, proxied] = await sides().both(script)
        const errors = [direct, proxied].map(({ heard }) => heard.find(({ type }) => type === 'E'))
        assert.deepEqual(errors[1], errors[0])
        assert.equal(fieldsOf(errors[0] ?? assert.fail())['C'], sqlstate)
      })
    }

    it('[9] takes a missing database for the session’s own; a server takes the user’s name', async () => {
      const { login } = sides()
      const script = async (client: Parameters<typeof logIn>[0], side: { name: string }) => {
        const entering = logIn(client, { ...login, database: login.user })
        if (side.name === 'direct') await assert.rejects(entering, /does not exist/)
        else await entering
      }
      await sides().both(script)
    })

    it('[9] refuses a replication connection, which a server gives to whoever may', async () => {
      const { login } = sides()
      for (const value of ['true', 'database', '1', 'on']) {
        const client = sides().connect(sides().proxied, { parameters: [['replication', value]] })
        await assert.rejects(client, /C0A000/)
      }
      await sides().same(
        async (client) => {
          client.say(query('select 1'))
          await client.until('Z')
        },
        { ...login, parameters: [['replication', 'false']] },
      )
    })

    it('[7] wants the login before anything else', async () => {
      const { login } = sides()
      for (const early of [query('select 1'), terminate, Buffer.from('Zxxxx')]) {
        const [direct, proxied] = await sides().both(async (client) => {
          client.say(
            startupPacket([
              ['user', login.user],
              ['database', login.database],
            ]),
          )
          await client.until('R')
          client.say(early)
          await client.ended()
        })
        assert.match(proxied.types, /^RE?\.$/)
        assert.ok(proxied.types.length >= direct.types.length)
      }
    })
  })
}
