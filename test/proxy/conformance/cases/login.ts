import assert from 'node:assert/strict'
import { int32, message } from '../../../support/wire-messages.ts'
import { query, startupPacket } from '../frontend.ts'
import { fieldsOf, type RawClient } from '../raw-client.ts'
import { authentication, initial, logIn, NONCE, proven } from '../scram-login.ts'
import type { TwoSides } from '../two-sides.ts'

const BARE = `n=,r=${NONCE}`

/** Traps 5, 6 and 7: the SCRAM exchange. */
export function loginCases(sides: () => TwoSides): void {
  describe('login', () => {
    async function offered(client: RawClient): Promise<void> {
      const { user, database } = sides().login
      client.say(
        startupPacket([
          ['user', user],
          ['database', database],
        ]),
      )
      await authentication(client, 10)
    }

    async function challenged(client: RawClient): Promise<string> {
      await offered(client)
      client.say(initial('SCRAM-SHA-256', `n,,${BARE}`))
      return (await authentication(client, 11)).toString()
    }

    function finalOf(challenge: string): string {
      const { secret } = sides().login
      return proven({ secret, bare: BARE, challenge, gs2: Buffer.from('n,,') })
    }

    const FIRSTS: readonly (readonly [what: string, packet: Buffer, sqlstate: string])[] = [
      ['an unknown mechanism', initial('PLAIN', `n,,${BARE}`), '08P01'],
      [
        'PLUS without TLS',
        initial('SCRAM-SHA-256-PLUS', `p=tls-server-end-point,,${BARE}`),
        '08P01',
      ],
      ['a mechanism without its end', message('p', 'SCRAM-SHA-256'), '08P01'],
      ['no length', message('p', 'SCRAM-SHA-256\0'), '08P01'],
      ['a length beyond the message', initial('SCRAM-SHA-256', `n,,${BARE}`, 500), '08P01'],
      ['a length of -2', initial('SCRAM-SHA-256', `n,,${BARE}`, -2), '08P01'],
      ['a length short of the message', initial('SCRAM-SHA-256', `n,,${BARE}`, 4), '08P01'],
      ['a length of -1 and data', initial('SCRAM-SHA-256', `n,,${BARE}`, -1), '08P01'],
      ['no data', initial('SCRAM-SHA-256', ''), '08P01'],
      ['a NUL inside', initial('SCRAM-SHA-256', `n,,n=\0,r=${NONCE}`), '08P01'],
      ['an authorization name', initial('SCRAM-SHA-256', `n,a=admin,${BARE}`), '0A000'],
      ['another attribute there', initial('SCRAM-SHA-256', `n,b=admin,${BARE}`), '08P01'],
      ['a channel bound without PLUS', initial('SCRAM-SHA-256', `p=tls-unique,,${BARE}`), '08P01'],
      ['an unknown flag', initial('SCRAM-SHA-256', `x,,${BARE}`), '08P01'],
      ['a flag that is not ASCII', initial('SCRAM-SHA-256', Buffer.from([0xe9])), '08P01'],
      ['a flag and no comma', initial('SCRAM-SHA-256', 'nn'), '08P01'],
      ['a flag and nothing', initial('SCRAM-SHA-256', 'n'), '08P01'],
      ['nothing behind the header', initial('SCRAM-SHA-256', 'n,,'), '08P01'],
      ['an extension it must know', initial('SCRAM-SHA-256', `n,,m=ext,${BARE}`), '0A000'],
      ['the nonce before the name', initial('SCRAM-SHA-256', `n,,r=${NONCE},n=`), '08P01'],
      ['a name without a value', initial('SCRAM-SHA-256', `n,,n,r=${NONCE}`), '08P01'],
      ['no nonce', initial('SCRAM-SHA-256', 'n,,n='), '08P01'],
      ['a nonce of spaces', initial('SCRAM-SHA-256', 'n,,n=,r= '), '08P01'],
      ['an extension that is none', initial('SCRAM-SHA-256', `n,,${BARE},!=1`), '08P01'],
      ['an extension without a value', initial('SCRAM-SHA-256', `n,,${BARE},x`), '08P01'],
      ['another type of message', message('Q', 'select 1\0'), '08P01'],
      ['a password', message('p', 'secret\0'), '08P01'],
    ]
    for (const [what, packet, sqlstate] of FIRSTS) {
      it(`[5] answers alike to a first message with ${what}`, async () => {
        const { heard } = await sides().sameButSource(async (client) => {
          await offered(client)
          client.say(packet)
          await client.ended()
        })
        assert.equal(fieldsOf(heard.at(-2) ?? assert.fail())['C'], sqlstate)
      })
    }

    for (const [what, packet] of [
      ['an empty nonce', initial('SCRAM-SHA-256', 'n,,n=,r=')],
      ['a name', initial('SCRAM-SHA-256', `n,,n=somebody,r=${NONCE}`)],
      [
        'a name that is not UTF-8',
        initial('SCRAM-SHA-256', Buffer.from(`n,,n=\xe9,r=${NONCE}`, 'latin1')),
      ],
      ['an extension', initial('SCRAM-SHA-256', `n,,${BARE},x=1`)],
      ['y, where nothing could be bound', initial('SCRAM-SHA-256', `y,,${BARE}`)],
    ] as const) {
      it(`[5] takes a first message with ${what}`, async () => {
        const [direct, proxied] = await sides().both(async (client) => {
          await offered(client)
          client.say(packet)
          await authentication(client, 11)
        })
        assert.equal(proxied.types, direct.types)
      })
    }

    it('[7] takes what a client says before it was asked, in one packet with what is due', async () => {
      const { user, database } = sides().login
      const { types } = await sides().sameFromStart(async (client) => {
        const parameters = [
          ['user', user],
          ['database', database],
        ] as const
        client.say(startupPacket(parameters), initial('SCRAM-SHA-256', `n,,${BARE}`))
        await authentication(client, 10)
        const challenge = (await authentication(client, 11)).toString()
        client.say(message('p', finalOf(challenge)), query('select 1'), query('select 2'))
        await client.until('Z', 3)
      })
      assert.match(types, /^RRRR.*KZTDCZTDCZ$/)
    })

    it('[11] takes a login one byte at a time', async () => {
      const { user, database } = sides().login
      const parameters = [
        ['user', user],
        ['database', database],
      ] as const
      const { types } = await sides().sameFromStart(async (client) => {
        const spell = async (packet: Buffer): Promise<void> => {
          for (const byte of packet) {
            client.say(Buffer.of(byte))
            await new Promise((resolve) => setImmediate(resolve))
          }
        }
        await spell(startupPacket(parameters))
        await authentication(client, 10)
        await spell(initial('SCRAM-SHA-256', `n,,${BARE}`))
        const challenge = (await authentication(client, 11)).toString()
        await spell(message('p', finalOf(challenge)))
        await client.until('Z')
      })
      assert.match(types, /^RRRR.*KZ$/)
    })

    it('[5] asks for the first message of a client that only chose a mechanism', async () => {
      const { types } = await sides().sameFromStart(async (client) => {
        await offered(client)
        client.say(initial('SCRAM-SHA-256', '', -1))
        assert.equal((await authentication(client, 11)).length, 0)
        client.say(message('p', `n,,${BARE}`))
        const challenge = (await authentication(client, 11)).toString()
        client.say(message('p', finalOf(challenge)))
        await client.until('Z')
      })
      assert.match(types, /^RRRRR.*KZ$/)
    })

    const FINALS: readonly (readonly [
      what: string,
      spoil: (final: string) => string,
      sqlstate: string,
    ])[] = [
      ['nothing', () => '', '08P01'],
      ['a NUL inside', (final) => `${final}\0`, '08P01'],
      ['another header', (final) => final.replace('c=biws', 'c=eSws'), '08P01'],
      [
        'a bound channel',
        (final) => final.replace('c=biws', 'c=cD10bHMtc2VydmVyLWVuZC1wb2ludCws'),
        '08P01',
      ],
      ['no header', (final) => final.replace('c=biws,', ''), '08P01'],
      ['another nonce', (final) => final.replace(/r=[^,]*/, `r=${NONCE}`), '08P01'],
      ['no nonce', (final) => final.replace(/r=[^,]*,/, ''), '08P01'],
      ['no proof', (final) => final.replace(/,p=.*/, ''), '08P01'],
      ['a short proof', (final) => final.replace(/,p=.*/, ',p=AAAA'), '08P01'],
      ['a proof that is not base64', (final) => final.replace(/,p=.*/, ',p=!!!!'), '08P01'],
      ['more behind the proof', (final) => `${final},x=1`, '08P01'],
      ['a wrong proof', (final) => final.replace(/,p=.*/, `,p=${'A'.repeat(43)}=`), '28P01'],
      ['an extension in the middle', (final) => final.replace(',p=', ',x=1,p='), '28P01'],
    ]
    for (const [what, spoil, sqlstate] of FINALS) {
      it(`[5] answers alike to a last message with ${what}`, async () => {
        const { heard } = await sides().sameButSource(async (client) => {
          const challenge = await challenged(client)
          client.say(message('p', spoil(finalOf(challenge))))
          await client.ended()
        })
        assert.equal(fieldsOf(heard.at(-2) ?? assert.fail())['C'], sqlstate)
      })
    }

    it('[5] does not wait for the rest of a message that is too long', async () => {
      const [direct, proxied] = await sides().both(async (client) => {
        await offered(client)
        client.say(Buffer.concat([Buffer.from('p'), int32(0x7fffffff)]))
        await client.ended()
      })
      assert.equal(direct.types, 'RE.')
      assert.equal(proxied.types, 'RE.')
    })

    it('[6] gives a wrong secret and an unknown name the same answers, byte for byte', async () => {
      const { login } = sides()
      const attempt = (user: string) => async (client: RawClient) => {
        await assert.rejects(logIn(client, { ...login, user, secret: 'wrong' }), /C28P01/)
        await client.ended()
      }
      const known = await sides().sameButSource(attempt(login.user))
      const stranger = login.user.replace('dp_mark', 'dp_nobd')
      const unknown = await sides().both(attempt(stranger))
      assert.equal(unknown[1].types, known.types)
      const [ours, theirs] = [known.heard, unknown[1].heard].map((heard) =>
        fieldsOf(heard.at(-2) ?? assert.fail()),
      )
      assert.equal(ours?.['M'], theirs?.['M']?.replace(stranger, login.user))
    })
  })
}
