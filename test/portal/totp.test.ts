import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Secret } from 'otpauth'
import { readMfaSettings } from '../../portal/forms/mfa.ts'
import { openOwn, sealToSelf } from '../../portal/mfa/own-key.ts'
import { hashRecoveryCode, makeRecoveryCodes } from '../../portal/mfa/recovery-codes.ts'
import { findRelyingParty } from '../../portal/mfa/relying-party.ts'
import { findTotpStep, makeTotpSecret, totpUri } from '../../portal/mfa/totp.ts'
import { readConfig } from '../../config.ts'

/** RFC 6238, appendix B: its key, moments in seconds, and the last six digits of its codes. */
const KEY = Secret.fromUTF8('12345678901234567890').base32
const VECTORS = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
] as const

describe('codes of authenticator apps', () => {
  it('are those of RFC 6238, appendix B', () => {
    for (const [seconds, code] of VECTORS) {
      assert.equal(findTotpStep(KEY, code, seconds * 1000), Math.floor(seconds / 30))
    }
  })

  it('are taken one step early and late, and not two', () => {
    const step = Math.floor(1_234_567_890 / 30)
    const found = [-2, -1, 0, 1, 2].map((off) =>
      findTotpStep(KEY, '005924', (step + off) * 30_000 + 15_000),
    )
    assert.deepEqual(found, [undefined, step, step, step, undefined])
  })

  it('are six digits and nothing else', () => {
    for (const text of ['', '28708', '2870822', '28708a', ' 287082', '287082\n', '２８７０８２']) {
      assert.equal(findTotpStep(KEY, text, 59_000), undefined, JSON.stringify(text))
    }
  })

  it('come from 160 bits that an address hands to an app', () => {
    const secret = makeTotpSecret()
    assert.match(secret, /^[A-Z2-7]{32}$/)
    assert.notEqual(secret, makeTotpSecret())
    const uri = totpUri(secret, { username: 'mark', host: 'daypass.example' })
    assert.ok(uri.startsWith('otpauth://totp/Daypass:mark%40daypass.example?'), uri)
    assert.ok(uri.includes(`secret=${secret}`))
  })

  it('have a secret that opens for its own row and with its own key alone', () => {
    const configOf = () =>
      readConfig({
        DAYPASS_STORE_URL: 'postgres://portal@127.0.0.1/store',
        DAYPASS_MASTER_KEY: randomBytes(32).toString('base64'),
      })
    const config = configOf()
    const sealed = sealToSelf(config, 'SECRET', 'mfa_totp.sealed:1')
    assert.ok(!sealed.includes('SECRET'))
    assert.equal(openOwn(config, sealed, 'mfa_totp.sealed:1'), 'SECRET')
    assert.throws(() => openOwn(config, sealed, 'mfa_totp.sealed:2'), /can't be opened/)
    assert.throws(() => openOwn(configOf(), sealed, 'mfa_totp.sealed:1'), /can't be opened/)
  })
})

describe('recovery codes', () => {
  it('are ten, all different, and the same however they are typed', () => {
    const codes = makeRecoveryCodes()
    assert.equal(new Set(codes).size, 10)
    for (const code of codes) {
      assert.match(code, /^[a-km-np-z2-9]{4}(-[a-km-np-z2-9]{4}){3}$/)
      const typed = ` ${code.toUpperCase().replaceAll('-', ' ')}`
      assert.deepEqual(hashRecoveryCode(typed), hashRecoveryCode(code))
    }
    assert.equal(hashRecoveryCode('abcd-efgh-ijkm'), undefined)
    assert.equal(hashRecoveryCode('abcd-efgh-ijkm-npq0'), undefined)
  })
})

describe('passkeys are made for', () => {
  it('a name on https, and for this machine, as browsers have it', () => {
    const idOf = (url: string) => findRelyingParty(new URL(url))?.id
    assert.equal(idOf('https://daypass.example'), 'daypass.example')
    assert.equal(idOf('http://localhost:8080'), 'localhost')
    assert.equal(idOf('http://daypass.example'), undefined)
    assert.equal(idOf('https://192.0.2.1'), undefined)
    assert.equal(idOf('https://[2001:db8::1]'), undefined)
    assert.equal(
      findRelyingParty(new URL('https://daypass.example:8443'))?.origin,
      'https://daypass.example:8443',
    )
  })
})

describe('the form of trusted ranges', () => {
  const read = (trustedRanges: string) =>
    readMfaSettings({ requiredFor: 'nobody', trustedMode: 'skip', trustedRanges })

  it('takes ranges of both kinds, and single addresses, in any arrangement', () => {
    const reading = read('10.0.0.0/8, 192.0.2.7\n2001:db8::/32;::1')
    assert.ok(reading.ok)
    assert.deepEqual(reading.value.trustedRanges, [
      '10.0.0.0/8',
      '192.0.2.7',
      '2001:db8::/32',
      '::1',
    ])
  })

  it('says what is wrong with every other text', () => {
    const wrong = [
      '10.0.0.0/33',
      '10.0.0/8',
      '2001:db8::/129',
      'office',
      '10.0.0.0/8/8',
      '10.0.0.0/-1',
      '10.0.0.0/',
      'fe80::1%eth0',
      '::ffff:10.0.0.1',
      '0.0.0.0/0',
      '::/0',
      '010.0.0.1',
      "10.0.0.1';--",
    ]
    for (const range of wrong) {
      const reading = read(`192.0.2.0/24 ${range}`)
      assert.equal(reading.ok, false, range)
      assert.ok(reading.mistakes['trustedRanges'], range)
    }
  })
})
