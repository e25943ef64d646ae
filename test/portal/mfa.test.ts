import assert from 'node:assert/strict'
import { rows } from '../../db/store.ts'
import { pageRoutes } from '../../portal/routes.ts'
import { openAttempts } from '../../portal/attempts.ts'
import { openSignIns } from '../../portal/sign-in.ts'
import { GUARDED } from '../../portal/mfa/guarded.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import {
  configFor,
  openPortal,
  PASSWORD,
  type Browser,
  type TestPortal,
} from '../support/portal.ts'
import { addApp, codeOf, passTime, setPolicy, wrongCodeFor } from '../support/second-factors.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

const OWN = '/account/mfa'
const DOOR = '/sign-in/mfa'

describe('second factors', () => {
  let world: World
  let portal: TestPortal
  let secret = ''
  let codes: readonly string[] = []

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world, { DAYPASS_TRUST_PROXY: 'loopback' })
  })
  after(async () => {
    await portal.close()
    await world.close()
  })
  beforeEach(() => passTime(world))

  it('an app counts from its first right code on, which ends the cookie from before', async () => {
    const john = await portal.signedIn('john')
    await john.post(`${OWN}/totp`, {}, OWN)
    const wrong = await john.post(`${OWN}/totp/confirmation`, { code: '12' }, OWN)
    assert.equal(wrong.status, 422)
    assert.match(wrong.text, /code does not fit/)
    assert.equal((await tellStanding('john')).get('location'), '/', 'it does not count yet')
    const before = john.cookie()
    const added = await addApp(john)
    secret = added.secret
    codes = added.codes
    assert.equal(codes.length, 10)
    assert.equal((await portal.browser().get('/sessions').set('cookie', before)).status, 303)
    assert.equal((await john.get('/sessions')).status, 200)
    const again = await john.get(OWN)
    assert.ok(!again.text.includes(secret) && !codes.some((code) => again.text.includes(code)))
    assert.equal((await john.get(`${OWN}/totp`)).get('location'), OWN)
    assert.deepEqual(await actionsOf('mfa.factor_added', 'mfa.recovery_codes_made'), [
      'mfa.factor_added john',
      'mfa.recovery_codes_made john',
    ])
  })

  it('keeps neither secret nor codes readable', async () => {
    const kept = await rows<{ text: string }>(
      world.owner.db,
      `select cast(t as text) as text from mfa_totp t
        union all select cast(c as text) from mfa_recovery_codes c
        union all select cast(r as text) from records r
        union all select cast(s as text) from sign_in_cookies s`,
    )
    const all = kept.map(({ text }) => text).join('\n')
    for (const canary of [secret, ...codes, ...codes.map((code) => code.replaceAll('-', ''))]) {
      assert.ok(!all.includes(canary))
      assert.ok(!all.includes(Buffer.from(canary).toString('hex')))
    }
  })

  it('no page is open between the password and the code', async () => {
    const browser = await startSignIn('john', '/approvals')
    const pages = ['/', '/sessions', '/approvals', '/account', OWN, '/step-up', '/users', '/x']
    for (const path of pages) {
      const answer = await browser.get(path)
      assert.deepEqual([path, answer.status, answer.get('location')], [path, 303, DOOR])
    }
    const posted = await browser.post('/sessions', { dataSource: 'shop' }, DOOR)
    assert.equal(posted.get('location'), DOOR)
    assert.equal((await browser.get(DOOR)).status, 200)
    const wrong = await browser.post(DOOR, { code: wrongCodeFor(secret) }, DOOR)
    assert.equal(wrong.status, 401)
    const [record] = await lastRecords('auth.mfa_failed')
    assert.equal(record?.actor, 'john')
    const pending = browser.cookie()
    const right = await browser.post(DOOR, { code: codeOf(secret) }, DOOR)
    assert.deepEqual([right.status, right.get('location')], [303, '/approvals'])
    assert.equal((await browser.get('/approvals')).status, 200)
    assert.notEqual(browser.cookie(), pending, 'the cookie is another one')
    const old = await portal.browser().get('/approvals').set('cookie', pending)
    assert.equal(old.status, 303)
    const [login] = await lastRecords('auth.login')
    assert.equal(login?.details['second_factor'], 'totp')
  })

  it('a code lets in once, also where two browsers bring it at once', async () => {
    const browsers = [await startSignIn('john'), await startSignIn('john')]
    const code = codeOf(secret)
    const answers = await Promise.all(browsers.map((each) => each.post(DOOR, { code }, DOOR)))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 401])
  })

  it('a recovery code lets in once', async () => {
    const [code = ''] = codes
    const typed = code.toUpperCase().replaceAll('-', ' ')
    const first = await startSignIn('john')
    assert.equal((await first.post(DOOR, { code: typed }, DOOR)).status, 303)
    assert.match((await first.get(OWN)).text, /9 of 10 are left/)
    const second = await startSignIn('john')
    assert.equal((await second.post(DOOR, { code }, DOOR)).status, 401)
  })

  it('what no authenticator signed lets nobody in', async () => {
    const browser = await startSignIn('john')
    const bytes = 'AAAA'
    const response = { clientDataJSON: bytes, authenticatorData: bytes, signature: bytes }
    const passkey = JSON.stringify({ id: bytes, rawId: bytes, type: 'public-key', response })
    for (const text of ['{}', 'x', passkey]) {
      assert.equal((await browser.post(DOOR, { passkey: text }, DOOR)).status, 401)
    }
  })

  it('guessing gets slow, is told, and holds up nobody elsewhere', async () => {
    const browser = await startSignIn('john')
    await rows(world.owner.db, 'delete from sign_in_tries')
    const guess = async (code: string, from: string) =>
      (
        await browser
          .raw('post', DOOR)
          .set({ 'sec-fetch-site': 'same-origin', 'x-forwarded-for': from })
          .send(new URLSearchParams({ code, _csrf: await tokenOn(browser, DOOR) }).toString())
      ).status
    const wrong = wrongCodeFor(secret)
    const before = (await lastRecords('auth.mfa_failed')).length
    const answers: number[] = []
    for (let tried = 0; tried < 10; tried += 1) answers.push(await guess(wrong, '203.0.113.5'))
    assert.deepEqual(answers, [...Array<number>(8).fill(401), 429, 429])
    assert.equal((await lastRecords('auth.mfa_failed')).length, before + 9)
    assert.equal(await guess(codeOf(secret), '203.0.113.5'), 429)
    assert.equal(await guess(codeOf(secret), '198.51.100.7'), 303, 'john himself, elsewhere')
    await rows(world.owner.db, 'delete from sign_in_tries')
  })

  it('guessing from many addresses gets slow, too, for codes', async () => {
    const browser = await startSignIn('john')
    await rows(world.owner.db, 'delete from sign_in_tries')
    const token = await tokenOn(browser, DOOR)
    const guess = async (code: string, from: string) =>
      (
        await browser
          .raw('post', DOOR)
          .set({ 'sec-fetch-site': 'same-origin', 'x-forwarded-for': from })
          .send(new URLSearchParams({ code, _csrf: token }).toString())
      ).status
    const wrong = wrongCodeFor(secret)
    const addresses = Array.from({ length: 50 }, (_, host) => `2001:db8:${String(host + 1)}::1`)
    const answers = await Promise.all(addresses.map((from) => guess(wrong, from)))
    assert.deepEqual([...new Set(answers)], [401])
    assert.equal(await guess(codeOf(secret), '2001:db8:ff::1'), 429)
    await rows(world.owner.db, 'delete from sign_in_tries')
    assert.equal(await guess(codeOf(secret), '2001:db8:ff::1'), 303)
  })

  it('a stolen cookie neither adds nor removes a factor, nor makes a token', async () => {
    const john = await signInWithCode('john')
    await rows(world.owner.db, 'update sign_ins set second_factor_at = null')
    const own = ['totp', 'totp/removal', 'passkeys', 'passkeys/challenge', 'recovery-codes']
    for (const path of [...own.map((each) => `${OWN}/${each}`), '/account/tokens']) {
      const answer = await john.post(path, {}, OWN)
      assert.deepEqual([path, answer.get('location')], [path, '/step-up'])
    }
    assert.match((await john.get(OWN)).text, /Change to another app/)
  })

  it('deciding asks again where it is to: nothing is done before, and what was typed comes back', async () => {
    await setPolicy(world, { stepUp: ['approve', 'terminate', 'download'] })
    const john = await signInWithCode('john')
    await rows(
      world.owner.db,
      `update sign_ins set second_factor_at = now() - interval '11 minutes'`,
    )
    const id = await askAsMark()
    const item = `/sessions/${id}`
    const asked = await john.post(`${item}/denial`, { reason: 'not on a Friday' }, item)
    assert.equal(asked.get('location'), '/step-up')
    assert.equal(await stateOf(id), 'CREATED')
    assert.equal(
      (await john.get(`${item}/denial`)).get('location'),
      item,
      'by GET nothing is decided',
    )
    const before = john.cookie()
    await passTime(world)
    const stepped = await john.post('/step-up', { code: codeOf(secret) }, '/step-up')
    assert.equal(stepped.get('location'), item)
    assert.equal(await stateOf(id), 'CREATED')
    assert.equal((await portal.browser().get(item).set('cookie', before)).status, 303)
    assert.match((await john.get(item)).text, /value="not on a Friday"|>not on a Friday</)
    const denied = await john.post(`${item}/denial`, { reason: 'not on a Friday' }, item)
    assert.equal(denied.get('location'), '/approvals')
    assert.equal(await stateOf(id), 'DENIED')
    const [record] = await lastRecords('auth.stepped_up')
    assert.equal(record?.actor, 'john')
  })

  it('whoever has none is led to add one before they decide, and API tokens are not asked', async () => {
    const admin = await portal.signedIn('admin')
    const id = await askAsMark()
    const item = `/sessions/${id}`
    const ended = await admin.post(`${item}/termination`, { reason: 'x' }, item)
    assert.equal(ended.get('location'), OWN)
    assert.match((await admin.get(OWN)).text, /takes a second factor, and you have none/)
    assert.equal(await stateOf(id), 'CREATED')
    const audrey = await portal.signedIn('audrey')
    assert.equal((await audrey.get('/audit/download?format=csv&q=x')).get('location'), OWN)
    assert.equal((await portal.api('audrey').get('/audit/download')).status, 200)
    const ending = await portal.api('admin').post(`${item}/termination`, { reason: 'x' })
    assert.equal(ending.status, 200)
    await setPolicy(world, {})
  })

  it('every route behind a second factor is a route', async () => {
    const shutdown = new Shutdown(silentLog)
    const deps = { config: configFor(world), store: world.portal, log: silentLog, shutdown }
    const signIns = openSignIns(deps)
    const all = pageRoutes({ ...deps, signIns, attempts: openAttempts(deps, 'sign-in') })
    await shutdown.close()
    const names = all.map(({ method, path }) => `${method} ${path}`)
    assert.deepEqual(
      Object.keys(GUARDED).filter((name) => !names.includes(name)),
      [],
    )
  })

  it('who must have one and has none adds one before anything else', async () => {
    await setPolicy(world, { requiredFor: 'everyone' })
    const mark = await portal.signedIn('mark')
    for (const path of ['/', '/sessions', '/account', '/history', '/sign-ins']) {
      assert.deepEqual([path, (await mark.get(path)).get('location')], [path, OWN])
    }
    const asked = await mark.post('/sessions', {}, OWN)
    assert.equal(asked.get('location'), OWN)
    assert.match((await mark.get(OWN)).text, /asks you for a second factor/)
    assert.equal((await portal.api('mark').get('/sessions')).status, 200)
    await addApp(mark)
    assert.equal((await mark.get('/sessions')).status, 200)
    await setPolicy(world, {})
  })

  it('from trusted addresses no code is asked for, or nobody else comes in at all', async () => {
    await setPolicy(world, { ranges: ['127.0.0.0/8'] })
    assert.equal((await tellStanding('john')).get('location'), '/')
    await setPolicy(world, { ranges: ['10.0.0.0/8'] })
    assert.equal((await tellStanding('john')).get('location'), DOOR)
    await setPolicy(world, { ranges: ['10.0.0.0/8'], mode: 'only' })
    const outside = await tellStanding('audrey')
    assert.equal(outside.status, 403)
    assert.match(outside.text, /from its own addresses alone/)
    const [record] = await lastRecords('auth.login_failed')
    assert.equal(record?.actor, 'audrey')
    await setPolicy(world, { ranges: ['10.0.0.0/8', '127.0.0.1/32'], mode: 'only' })
    assert.equal((await tellStanding('john')).get('location'), DOOR, 'inside is not a factor here')
    assert.equal((await tellStanding('audrey')).get('location'), '/')
    await setPolicy(world, {})
  })

  it('an admin sets what is asked, and cannot shut themselves out', async () => {
    const admin = await portal.signedIn('admin')
    const form = {
      requiredFor: 'admins',
      stepUp: ['approve', 'download'],
      totp: 'yes',
      trustedRanges: '10.0.0.0/8',
      trustedMode: 'only',
    }
    const refused = await admin.post('/settings/mfa', form, '/settings/mfa')
    assert.equal(refused.status, 422)
    assert.match(refused.text, /shut yourself out/)
    const byToken = await portal.api('admin').post('/settings/mfa', {
      trustedRanges: ['10.0.0.0/8'],
      trustedMode: 'only',
    })
    assert.equal(byToken.status, 422)
    const wider = { ...form, requiredFor: 'nobody', trustedRanges: '10.1.2.3/8 127.0.0.0/8' }
    const saved = await admin.post('/settings/mfa', wider, '/settings/mfa')
    assert.equal(saved.status, 303)
    assert.deepEqual((await portal.api('admin').get('/settings/mfa')).body, {
      requiredFor: 'nobody',
      stepUp: ['approve', 'download'],
      totp: true,
      trustedRanges: ['10.0.0.0/8', '127.0.0.0/8'],
      trustedMode: 'only',
    })
    const narrowed = await portal.api('admin').post('/settings/mfa', { trustedMode: 'skip' })
    assert.equal(narrowed.status, 200)
    assert.equal((await portal.api('mark').get('/settings/mfa')).status, 403)
    await setPolicy(world, {})
  })

  it('an admin takes away what somebody lost, with a reason, and nobody their own', async () => {
    const admin = await portal.signedIn('admin')
    const page = `/users/${world.people.john.id}/mfa`
    assert.match((await admin.get(page)).text, /Recovery codes left/)
    const without = await admin.post(`${page}/reset`, { reason: ' ' }, page)
    assert.equal(without.status, 422)
    const listed = await portal.api('admin').get('/settings/mfa/users')
    const { users } = listed.body as { users: { username: string }[] }
    const has = users.find(({ username }) => username === 'john')
    assert.deepEqual(has, { username: 'john', totp: true, passkeys: [], recoveryCodesLeft: 9 })
    const reset = await admin.post(`${page}/reset`, { reason: 'lost phone' }, page)
    assert.equal(reset.get('location'), `/users/${world.people.john.id}`)
    assert.equal((await tellStanding('john')).get('location'), '/')
    assert.deepEqual(await actionsOf('mfa.reset'), ['mfa.reset admin'])
    const own = `/users/${world.people.admin.id}/mfa/reset`
    assert.equal((await portal.api('admin').post(own, { reason: 'x' })).status, 403)
  })

  /** What follows on a right password. */
  async function tellStanding(username: Name) {
    return portal.browser().post('/sign-in', { username, password: PASSWORD })
  }

  async function startSignIn(username: Name, next = '/'): Promise<Browser> {
    const browser = portal.browser()
    const answer = await browser.post('/sign-in', { username, password: PASSWORD, next })
    assert.equal(answer.get('location'), DOOR, answer.text)
    return browser
  }

  async function signInWithCode(username: Name): Promise<Browser> {
    const browser = await startSignIn(username)
    const answer = await browser.post(DOOR, { code: codeOf(secret) }, DOOR)
    assert.equal(answer.status, 303, answer.text)
    return browser
  }

  async function tokenOn(browser: Browser, path: string): Promise<string> {
    const [, token] = /name="_csrf" value="([^"]+)"/.exec((await browser.get(path)).text) ?? []
    return token ?? assert.fail(`no token on ${path}`)
  }

  async function askAsMark(): Promise<string> {
    const asked = { dataSource: 'shop', roles: ['role1'], minutes: 5, justification: 'ticket 7' }
    const answer = await portal.api('mark').post('/sessions', asked)
    const { id } = answer.body as { id?: unknown }
    return typeof id === 'string' ? id : assert.fail(answer.text)
  }

  async function stateOf(id: string): Promise<unknown> {
    const { state } = (await portal.api('mark').get(`/sessions/${id}`)).body as { state?: unknown }
    return state
  }

  async function lastRecords(action: string) {
    return rows<{ actor: string; details: Record<string, string> }>(
      world.owner.db,
      `select actor_name as actor, coalesce(cast(body as jsonb) -> 'details', '{}') as details
         from records
        where action = :action
        order by at desc, seq desc`,
      { action },
    )
  }

  async function actionsOf(...actions: string[]): Promise<string[]> {
    const found = await rows<{ said: string }>(
      world.owner.db,
      `select distinct action || ' ' || actor_name as said
         from records
        where action = any (cast(:actions as text[]))
        order by said`,
      { actions },
    )
    return found.map(({ said }) => said)
  }
})
