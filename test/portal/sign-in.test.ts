import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import request from 'supertest'
import { getRow, rows } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { createApp } from '../../portal/app.ts'
import {
  configFor,
  openPortal,
  PASSWORD,
  type Browser,
  type TestPortal,
} from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('signing in', () => {
  let world: World
  let portal: TestPortal

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  it('lets in who knows the password, and records it', async () => {
    const browser = portal.browser()
    const answer = await browser.post('/sign-in', { username: 'mark', password: PASSWORD })
    assert.equal(answer.status, 303)
    assert.equal(answer.get('location'), '/')
    assert.equal((await browser.get('/sessions')).status, 200)
    const [record] = await lastRecords('auth.login')
    assert.equal(record?.actor_name, 'mark')
    assert.equal(record.outcome, 'ok')
    const cookie = browser.cookie().split('=')[1] ?? ''
    assert.ok(record.sign_in_id !== null && !cookie.includes(record.sign_in_id))
  })

  it('answers alike for a wrong password and a name nobody has, and records both', async () => {
    const answers = []
    for (const username of ['mark', 'nobody.here']) {
      const browser = portal.browser()
      const answer = await browser.post('/sign-in', { username, password: 'wrong horse battery' })
      assert.equal(answer.status, 401)
      const said = answer.text.replaceAll(username, 'NAME')
      answers.push(said.replace(/name="_csrf" value="[^"]+"|nonce="[^"]+"/g, ''))
      const [record] = await lastRecords('auth.login_failed')
      assert.equal(record?.actor_name, username)
      assert.equal(record.outcome, 'refused')
    }
    assert.equal(answers[0], answers[1])
  })

  it('checks the name that it counts and records, however often it was sent', async () => {
    const elsewhere = new URLSearchParams({ username: 'mark', password: PASSWORD }).toString()
    const fields = { username: ['somebody', 'else'], password: ['a', 'b'] }
    const answer = await portal.browser().post(`/sign-in?${elsewhere}`, fields)
    assert.equal(answer.status, 401)
    const [record] = await lastRecords('auth.login_failed')
    assert.equal(record?.actor_name, 'somebody')
  })

  it('does not bring a cookie back that was replaced while its request was under way', async () => {
    const john = await portal.signedIn('john')
    const old = john.cookie()
    const [, token = ''] =
      /name="_csrf" value="([^"]+)"/.exec((await john.get('/history')).text) ?? []
    const slow = await beginPost('/account/sign-ins/termination', old)
    const password = 'quite another horse battery'
    const fields = { currentPassword: PASSWORD, password, passwordAgain: password }
    const changed = await john.post('/account/password', fields, '/account/password')
    assert.equal(changed.status, 303, changed.text)
    assert.equal(await slow.finish(new URLSearchParams({ _csrf: token }).toString()), 303)
    assert.equal((await john.get('/history')).status, 200)
    const stolen = await request(portal.app).get('/history').set('cookie', old)
    assert.equal(stolen.get('location')?.split('?')[0], '/sign-in')
    await rows(
      world.owner.db,
      `update people
          set password_hash = (select password_hash from people where username = 'mark')
        where username = 'john'`,
    )
  })

  /** A post whose head is sent, and whose body is not. */
  async function beginPost(path: string, cookie: string) {
    const server = portal.app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const sent = httpRequest({ host: '127.0.0.1', port: address.port, path, method: 'POST' })
    sent.setHeader('cookie', cookie)
    sent.setHeader('content-type', 'application/x-www-form-urlencoded')
    sent.setHeader('sec-fetch-site', 'same-origin')
    const answered = once(sent, 'response')
    sent.flushHeaders()
    // time to find the cookie's row; if it takes longer, there is nothing to bring back
    await sleep(500)
    return {
      finish: async (body: string): Promise<number | undefined> => {
        sent.end(body)
        const [answer] = (await answered) as [IncomingMessage]
        answer.resume()
        server.close()
        return answer.statusCode
      },
    }
  }

  it('keeps the name that was typed, and shows it as text', async () => {
    const answer = await portal
      .browser()
      .post('/sign-in', { username: '"><script>x</script>', password: 'whatever it was' })
    assert.equal(answer.status, 401)
    assert.ok(!answer.text.includes('<script>x'))
    assert.match(answer.text, /&#34;&gt;&lt;script&gt;x/)
  })

  it('gives a new cookie at sign-in, so that a planted one is worth nothing', async () => {
    const browser = portal.browser()
    await browser.get('/sign-in')
    const planted = browser.cookie()
    await browser.post('/sign-in', { username: 'mark', password: PASSWORD })
    assert.notEqual(browser.cookie(), planted)
    const answer = await portal.browser().get('/sessions').set('cookie', planted)
    assert.equal(answer.status, 303)
    assert.equal(answer.get('location'), '/sign-in?next=%2Fsessions')
  })

  it('kills the sign-in in the store at sign-out, whoever kept the cookie', async () => {
    const browser = await portal.signedIn('mark')
    const kept = browser.cookie()
    const answer = await browser.post('/sign-out', {}, '/sessions')
    assert.equal(answer.status, 303)
    assert.equal((await portal.browser().get('/sessions').set('cookie', kept)).status, 303)
    const [record] = await lastRecords('auth.logout')
    assert.equal(record?.actor_name, 'mark')
  })

  it('ends the sign-ins of a disabled person at their next request', async () => {
    const browser = await portal.signedIn('john')
    assert.equal((await browser.get('/sessions')).status, 200)
    await rows(world.owner.db, `update people set disabled_at = now() where username = 'john'`)
    try {
      assert.equal((await browser.get('/sessions')).get('location'), '/sign-in?next=%2Fsessions')
      const again = await portal
        .browser()
        .post('/sign-in', { username: 'john', password: PASSWORD })
      assert.equal(again.status, 401)
    } finally {
      await rows(world.owner.db, `update people set disabled_at = null where username = 'john'`)
    }
  })

  describe('between a right password and the rest that is asked', () => {
    const asked = (flag: boolean) =>
      rows(
        world.owner.db,
        `update people set must_change_password = :flag where username = 'john'`,
        { flag },
      )
    before(() => asked(true))
    after(() => asked(false))

    const begin = async () => {
      const browser = portal.browser()
      await browser.get('/sign-in')
      const planted = browser.cookie()
      const answer = await browser.post('/sign-in', { username: 'john', password: PASSWORD })
      assert.equal(answer.get('location'), '/sign-in/password')
      assert.notEqual(browser.cookie(), planted)
      const thief = await portal.browser().get('/sign-in/password').set('cookie', planted)
      assert.equal(thief.status, 303)
      return browser
    }

    const isSentBack = async (browser: Browser): Promise<boolean> =>
      /^\/sign-in(\?|$)/.test((await browser.get('/sign-in/password')).get('location') ?? '')

    it('nobody is signed in, and nothing says so', async () => {
      const before = await countOf('auth.login')
      const browser = await begin()
      assert.match((await browser.get('/sessions')).get('location') ?? '', /^\/sign-in/)
      assert.equal((await browser.get('/sign-in/password')).status, 200)
      assert.deepEqual(await countOf('auth.login'), before)
    })

    it('ten minutes are enough', async () => {
      const browser = await begin()
      await rows(
        world.owner.db,
        `update sign_in_cookies
            set sess = jsonb_set(sess::jsonb, '{pending,since}',
                                 to_jsonb((sess #>> '{pending,since}')::bigint - 601000))::json
          where sess #>> '{pending,personId}' = :id`,
        { id: world.people.john.id },
      )
      assert.ok(await isSentBack(browser))
    })

    it('a lock and another password end it', async () => {
      const [locked, changed] = [await begin(), await begin()]
      const set = (change: string) =>
        rows(world.owner.db, `update people set ${change} where username = 'john'`)
      await set('disabled_at = now()')
      assert.ok(await isSentBack(locked))
      await set('disabled_at = null, password_changed_at = now()')
      assert.ok(await isSentBack(changed))
    })
  })

  it('goes where it was asked to, within this site only', async () => {
    const cases = [
      ['/approvals?x=1', '/approvals?x=1'],
      ['//evil.example', '/'],
      ['/\\evil.example', '/'],
      ['/\t/evil.example', '/'],
      ['https://evil.example', '/'],
      ['/..//evil.example', '/'],
      ['/sign-in/password', '/'],
      ['/sign-in?next=/sign-in', '/'],
      ['javascript:alert(1)', '/'],
    ] as const
    for (const [next, expected] of cases) {
      const browser = portal.browser()
      const page = await browser.get(`/sign-in?next=${encodeURIComponent(next)}`)
      assert.match(page.text, new RegExp(`name="next" value="${expected.replace('?', '\\?')}"`))
      const answer = await browser.post('/sign-in', { username: 'mark', password: PASSWORD, next })
      assert.equal(answer.get('location'), expected, next)
    }
  })

  it('refuses a post without its token, or from another site', async () => {
    const body = `username=mark&password=${encodeURIComponent(PASSWORD)}`
    const without = await portal
      .browser()
      .raw('post', '/sign-in')
      .set('sec-fetch-site', 'same-origin')
      .send(body)
    assert.equal(without.status, 403)

    const browser = portal.browser()
    const page = await browser.get('/sign-in')
    const [, token] = /name="_csrf" value="([^"]+)"/.exec(page.text) ?? []
    const posted = `${body}&_csrf=${token ?? ''}`
    const foreign = [
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
      { 'sec-fetch-site': 'same-site', origin: 'https://sibling.example' },
      { origin: 'null' },
      { origin: 'https://evil.example' },
      {},
    ]
    for (const headers of foreign) {
      const answer = await browser.raw('post', '/sign-in').set(headers).send(posted)
      assert.equal(answer.status, 403, JSON.stringify(headers))
      assert.match(answer.text, /another site/)
    }
    const own = { origin: 'http://127.0.0.1:8080' }
    assert.equal((await browser.raw('post', '/sign-in').set(own).send(posted)).status, 303)
  })

  it('keeps nothing of strangers who ask for pages that are not there', async () => {
    const answer = await portal.browser().get('/wp-login.php')
    assert.equal(answer.status, 404)
    assert.equal(answer.get('set-cookie'), undefined)
  })

  it('slows down guessing at one name, while the same address may use another', async () => {
    const other = await openPortal(world)
    try {
      const guess = () =>
        other.browser().post('/sign-in', { username: 'audrey', password: 'a guess that is wrong' })
      const failed = async () => Number((await countOf('auth.login_failed')).count)
      const before = await failed()
      for (let count = 0; count < 8; count += 1) assert.equal((await guess()).status, 401)
      const refused = await guess()
      assert.equal((await guess()).status, 429)
      // each wrong password is a record, and once that guessing goes on
      assert.equal(await failed(), before + 9)
      assert.equal(refused.status, 429)
      assert.ok(Number(refused.get('retry-after')) > 0)
      const right = { username: 'audrey', password: PASSWORD }
      assert.equal((await other.browser().post('/sign-in', right)).status, 429)
      assert.equal(
        (await portal.browser().post('/sign-in', right)).status,
        429,
        'portals count together',
      )
      assert.equal((await signInFrom('192.0.2.9', right)).status, 303, 'nobody locks others out')
      const mark = { username: 'mark', password: PASSWORD }
      assert.equal((await other.browser().post('/sign-in', mark)).status, 303)
    } finally {
      await other.close()
    }
  })

  it('lets nobody in while the store does not count tries, and says so', async () => {
    const shutdown = new Shutdown(silentLog)
    const deps = { config: configFor(world), store: world.portal, log: silentLog, shutdown }
    const app = createApp({ ...deps, countTriesWithinMs: 200 })
    const page = await request(app).get('/sign-in')
    const [, token = ''] = /name="_csrf" value="([^"]+)"/.exec(page.text) ?? []
    const signIn = () =>
      request(app)
        .post('/sign-in')
        .set('cookie', (page.get('set-cookie') ?? [''])[0] ?? '')
        .set('sec-fetch-site', 'same-origin')
        .send(
          new URLSearchParams({ _csrf: token, username: 'mark', password: PASSWORD }).toString(),
        )
    try {
      await world.owner.change(async (tx) => {
        await rows(tx, 'lock table sign_in_tries in access exclusive mode')
        const refused = await signIn()
        assert.equal(refused.status, 503)
        assert.match(refused.text, /could not count this try.*nobody is let in/)
      })
      assert.equal((await signIn()).status, 303)
    } finally {
      await shutdown.close()
    }
  })

  it('marks its cookie HttpOnly, and __Host- Secure on https alone', async () => {
    const plain = (await portal.browser().get('/sign-in')).get('set-cookie')?.[0] ?? ''
    assert.match(plain, /^daypass=.*; Path=\/;.* HttpOnly; SameSite=Lax$/)

    const settings = {
      DAYPASS_PUBLIC_URL: 'https://daypass.example',
      DAYPASS_TRUST_PROXY: 'loopback',
    }
    const secure = await openPortal(world, settings)
    try {
      const answer = await secure.browser().get('/sign-in').set('x-forwarded-proto', 'https')
      const cookie = answer.get('set-cookie')?.[0] ?? ''
      assert.match(cookie, /^__Host-daypass=.*; Path=\/;.* HttpOnly; Secure; SameSite=Lax$/)
      assert.ok(!/domain=/i.test(cookie))
      assert.match(answer.get('strict-transport-security') ?? '', /max-age=\d+/)
    } finally {
      await secure.close()
    }
  })

  it('keeps a record of each wrong token, and one that guessing goes on', async () => {
    const other = await openPortal(world)
    try {
      const call = () =>
        request(other.app)
          .get('/api/v1/me')
          .auth(`daypass_${'x'.repeat(32)}`, { type: 'bearer' })
      const before = Number((await countOf('auth.login_failed')).count)
      for (let count = 0; count < 8; count += 1) assert.equal((await call()).status, 401)
      assert.equal((await call()).status, 429)
      assert.equal((await call()).status, 429)
      assert.equal(Number((await countOf('auth.login_failed')).count), before + 9)
      const [last] = await lastRecords('auth.login_failed')
      assert.deepEqual([last?.actor_name, last?.outcome], ['unknown token', 'refused'])
    } finally {
      await other.close()
    }
  })

  /** Signs in through a reverse proxy that says where the request came from. */
  async function signInFrom(address: string, fields: Record<string, string>) {
    const behind = await openPortal(world, { DAYPASS_TRUST_PROXY: 'loopback' })
    try {
      const from = { 'x-forwarded-for': address }
      const page = await request(behind.app).get('/sign-in').set(from)
      const [, token = ''] = /name="_csrf" value="([^"]+)"/.exec(page.text) ?? []
      return await request(behind.app)
        .post('/sign-in')
        .set({ ...from, cookie: (page.get('set-cookie') ?? [''])[0] ?? '' })
        .set('sec-fetch-site', 'same-origin')
        .send(new URLSearchParams({ _csrf: token, ...fields }).toString())
    } finally {
      await behind.close()
    }
  }

  function countOf(action: string) {
    return getRow<{ count: string }>(
      world.owner.db,
      'select count(*) as count from records where action = :action',
      { action },
    )
  }

  async function lastRecords(action: string) {
    return rows<{ actor_name: string; outcome: string; sign_in_id: string | null }>(
      world.owner.db,
      `select actor_name, outcome, sign_in_id from records where action = :action order by at desc, seq desc limit 3`,
      { action },
    )
  }
})
