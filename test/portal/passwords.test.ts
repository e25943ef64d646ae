import assert from 'node:assert/strict'
import request from 'supertest'
import { announceMail } from '../../db/mail-service.ts'
import { findRow, getRow, openStore, rows } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { createApp } from '../../portal/app.ts'
import { until } from '../support/broker.ts'
import {
  configFor,
  openPortal,
  PASSWORD,
  type Browser,
  type TestPortal,
} from '../support/portal.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

const CHOSEN = 'violet-anchor-27-meadow'
const ANOTHER = 'tulip-cabin-orbit-mango'
const PAIR = { password: CHOSEN, passwordAgain: CHOSEN }

describe('passwords', () => {
  let world: World
  let portal: TestPortal
  let admin: Browser

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
    await rows(world.owner.db, `update people set email = username || '@example.com'`)
    admin = await portal.signedIn('admin')
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  beforeEach(async () => {
    await announceMail(world.broker.db, false)
    await rows(world.owner.db, `delete from password_links`)
    await rows(world.owner.db, `delete from mails`)
  })

  describe('a link of an admin', () => {
    it('is shown once where no mail goes, and sets a password once', async () => {
      const url = await linkFor('john')
      const old = await portal.signedIn('john')
      const visitor = portal.browser()

      const opened = await visitor.get(url)
      assert.equal(opened.get('referrer-policy'), 'no-referrer')
      assert.deepEqual([opened.status, opened.get('location')], [303, '/password/new'])
      const form = await visitor.get('/password/new')
      assert.match(form.text, /For <strong>john<\/strong>/)
      assert.ok(!form.text.includes(secretIn(url)))
      const answer = await visitor.post('/password/new', PAIR, '/password/new')
      assert.deepEqual([answer.status, answer.get('location')], [303, '/sign-in'])
      assert.match((await visitor.get('/sign-in')).text, /password of john is set/)

      assert.equal((await old.get('/history')).status, 303, 'the sign-in of before has ended')
      assert.equal(await signIn('john', PASSWORD), 401)
      assert.equal(await signIn('john', CHOSEN), 303)
      assert.deepEqual(await lastRecord('user.password_changed'), {
        actor: 'john',
        subject: 'john',
        details: { way: 'link', must_change: 'false -> false' },
      })
      assert.equal((await portal.browser().get(url)).status, 404, 'it was used')
    })

    it('is not used up by being opened, nor by a password that is refused', async () => {
      const url = await linkFor('john')
      for (let count = 0; count < 3; count += 1) {
        assert.equal((await portal.browser().get(url)).status, 303)
      }
      const visitor = portal.browser()
      await visitor.get(url)
      const cases = [
        [{ password: 'john john john', passwordAgain: 'john john john' }, /known of its owner/],
        [{ password: CHOSEN, passwordAgain: ANOTHER }, /type the same twice/],
        [{ password: 'short', passwordAgain: 'short' }, /at least 12/],
      ] as const
      for (const [fields, sentence] of cases) {
        const refused = await visitor.post('/password/new', fields, '/password/new')
        assert.equal(refused.status, 422)
        assert.match(refused.text, sentence)
        assert.ok(!refused.text.includes(fields.password))
      }
      assert.equal((await visitor.post('/password/new', PAIR, '/password/new')).status, 303)
    })

    it('answers alike whether it was used, replaced, is over, or never was', async () => {
      const used = await linkFor('john')
      const replaced = await linkFor('john')
      await use(used, CHOSEN)
      const over = await linkFor('john')
      await rows(
        world.owner.db,
        `update password_links set expires_at = now() - interval '1 s' where used_at is null`,
      )
      const locked = await linkFor('mark')
      await rows(world.owner.db, `update people set disabled_at = now() where username = 'mark'`)
      try {
        const unknown = `/password/link?secret=${'x'.repeat(43)}`
        const none = '/password/link'
        const said = []
        for (const url of [used, replaced, over, locked, unknown, none]) {
          const { status, text } = await portal.browser().get(url)
          assert.equal(status, 404, url)
          said.push(text.replaceAll(/nonce="[^"]+"/g, ''))
        }
        assert.equal(new Set(said).size, 1)
        assert.match(said[0] ?? '', /ask an admin/)
      } finally {
        await rows(world.owner.db, `update people set disabled_at = null where username = 'mark'`)
      }
    })

    it('ends between its form and its post, when another was quicker', async () => {
      const url = await linkFor('john')
      const [one, two] = [portal.browser(), portal.browser()]
      await one.get(url)
      await two.get(url)
      const tokens = [await one.get('/password/new'), await two.get('/password/new')]
      assert.deepEqual(
        tokens.map(({ status }) => status),
        [200, 200],
      )
      const answers = await Promise.all([
        one.post('/password/new', PAIR),
        two.post('/password/new', { password: ANOTHER, passwordAgain: ANOTHER }),
      ])
      assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 404])
    })

    it('is an invitation for who has no password, and goes by letter where letters go', async () => {
      await announceMail(world.broker.db, true)
      const made = await portal
        .api('admin')
        .post('/users', { username: 'nina', email: 'nina@example.com' })
      const { id } = made.body as { id: string }
      const answer = await portal.api('admin').post(`/users/${id}/password-link`, {})
      assert.equal(answer.status, 201)
      const { expiresAt, ...link } = answer.body as { expiresAt: string }
      assert.deepEqual(link, { purpose: 'invitation', mailed: true, url: null })
      const days = (Date.parse(expiresAt) - Date.now()) / 86_400_000
      assert.ok(days > 6.9 && days < 7.1)
      const [mail] = await rows<{ kind: string; sealed: Buffer | null }>(
        world.owner.db,
        `select kind, sealed from mails where person_id = :id`,
        { id },
      )
      assert.equal(mail?.kind, 'password_link')
      assert.ok(mail.sealed !== null && mail.sealed.length > 60)
    })

    it('is offered at once for a user who was added without a password', async () => {
      const fields = { username: 'oskar', flags: 'portal' }
      const answer = await admin.post('/users', fields, '/users/new')
      assert.equal(answer.status, 303, answer.text)
      const page = await admin.get(answer.get('location') ?? '')
      assert.match(page.text, /oskar was added without a password/)
      assert.match(page.text, /Show invitation/)
    })

    it('leaves its secret in no log, also where the store is away', async () => {
      const said: unknown[] = []
      const note = (...facts: unknown[]) => said.push(facts)
      const log = { debug: note, info: note, warn: note, error: note }
      const shutdown = new Shutdown(silentLog)
      const store = openStore('postgres://nobody@127.0.0.1:1/none')
      const app = createApp({ config: configFor(world), store, log, shutdown })
      const answer = await request(app).get(`/password/link?secret=${'q'.repeat(43)}`)
      await shutdown.close()
      await store.close()
      assert.equal(answer.status, 503)
      assert.match(JSON.stringify(said), /password\/link/)
      assert.ok(!JSON.stringify(said).includes('qqqqq'))
    })

    it('is made for others alone, by admins alone, in their organization', async () => {
      const own = `/users/${world.people.admin.id}/password-link`
      assert.equal((await admin.post(own, {}, '/account')).status, 403)
      assert.equal((await portal.api('admin').post(own, {})).status, 403)
      const johns = `/users/${world.people.john.id}/password-link`
      assert.equal((await portal.api('audrey').post(johns, {})).status, 403)
      const nobodys = `/users/${crypto.randomUUID()}/password-link`
      assert.equal((await portal.api('admin').post(nobodys, {})).status, 404)
      assert.equal(await countLinks(), 0)
    })
  })

  describe('a password that an admin sets', () => {
    it('has to be changed at the next sign-in unless the admin says otherwise', async () => {
      const before = await portal.signedIn('mark')
      const { id } = world.people.mark
      const page = await admin.get(`/users/${id}/password`)
      assert.match(page.text, /id="mustChange-yes"\s+value="yes"\s+checked/)
      const fields = { password: CHOSEN, mustChange: 'yes' }
      const set = await admin.post(`/users/${id}/password`, fields, `/users/${id}/password`)
      assert.deepEqual([set.status, set.get('location')], [303, `/users/${id}`])
      assert.deepEqual(await lastRecord('user.password_changed'), {
        actor: 'admin',
        subject: 'mark',
        details: { way: 'by an admin', must_change: 'false -> true' },
      })
      assert.equal((await before.get('/history')).status, 303)
      assert.equal((await portal.api('mark').get('/me')).status, 200, 'tokens go on working')

      const browser = portal.browser()
      const first = await browser.post('/sign-in', {
        username: 'mark',
        password: CHOSEN,
        next: '/history',
      })
      assert.equal(first.get('location'), '/sign-in/password')
      assert.equal((await browser.get('/history')).get('location'), '/sign-in/password')
      const same = await browser.post('/sign-in/password', PAIR, '/sign-in/password')
      assert.equal(same.status, 422)
      assert.match(same.text, /another password/)
      const another = { password: ANOTHER, passwordAgain: ANOTHER }
      const done = await browser.post('/sign-in/password', another, '/sign-in/password')
      assert.deepEqual([done.status, done.get('location')], [303, '/history'])
      assert.equal((await browser.get('/history')).status, 200)
      assert.equal(await signIn('mark', CHOSEN), 401)
    })

    it('is not changed by who has not passed the second factor', async () => {
      const { id } = world.people.audrey
      await portal.api('admin').post(`/users/${id}/password`, { password: CHOSEN })
      await rows(
        world.owner.db,
        `insert into mfa_totp (id, organization_id, person_id, sealed, confirmed_at, last_step)
         select gen_random_uuid(), organization_id, id, 'x', now(), 0 from people where id = :id`,
        { id },
      )
      const browser = portal.browser()
      const first = await browser.post('/sign-in', { username: 'audrey', password: CHOSEN })
      assert.equal(first.get('location'), '/sign-in/mfa')
      const pair = { password: ANOTHER, passwordAgain: ANOTHER }
      const tried = await browser.post('/sign-in/password', pair, '/sign-in/mfa')
      assert.deepEqual([tried.status, tried.get('location')], [303, '/sign-in'])
      assert.equal(await signIn('audrey', CHOSEN), 303, 'the password is what it was')
      await rows(world.owner.db, `delete from mfa_totp`)
      const back = { password: PASSWORD, mustChange: false }
      await portal.api('admin').post(`/users/${id}/password`, back)
    })

    it('is looked at like any other, by page and API', async () => {
      const { id } = world.people.mark
      const weak = { password: 'mark mark mark' }
      assert.equal(
        (await admin.post(`/users/${id}/password`, weak, `/users/${id}/password`)).status,
        422,
      )
      const answer = await portal.api('admin').post(`/users/${id}/password`, weak)
      assert.equal(answer.status, 422)
      assert.match(answer.text, /known of its owner/)
      const made = { username: 'olga', password: 'olga olga olga' }
      assert.equal((await portal.api('admin').post('/users', made)).status, 422)
      const good = await portal.api('admin').post(`/users/${id}/password`, { password: CHOSEN })
      assert.deepEqual(
        [good.status, (good.body as { mustChange: boolean }).mustChange],
        [200, true],
      )
    })
  })

  describe("somebody's own password", () => {
    beforeEach(async () => {
      await portal
        .api('admin')
        .post(`/users/${world.people.john.id}/password`, { password: CHOSEN, mustChange: false })
    })

    it('is changed by who says the current one: this sign-in goes on under a new cookie', async () => {
      const [here, there] = [await signedIn('john', CHOSEN), await signedIn('john', CHOSEN)]
      await linkFor('john')
      const cookie = here.cookie()
      const fields = { currentPassword: CHOSEN, password: ANOTHER, passwordAgain: ANOTHER }
      const answer = await here.post('/account/password', fields, '/account/password')
      assert.deepEqual([answer.status, answer.get('location')], [303, '/account'])
      assert.equal((await here.get('/account')).status, 200)
      assert.notEqual(here.cookie(), cookie)
      assert.equal((await portal.browser().get('/account').set('cookie', cookie)).status, 303)
      assert.equal((await there.get('/account')).status, 303)
      assert.equal(await countLinks(), 0, 'open links have ended')
      assert.equal(await signIn('john', ANOTHER), 303)
    })

    it('counts wrong current ones like wrong sign-ins', async () => {
      const here = await signedIn('john', CHOSEN)
      const fields = {
        currentPassword: 'not the one I have',
        password: ANOTHER,
        passwordAgain: ANOTHER,
      }
      const before = await countRecords('auth.login_failed')
      const wrong = await here.post('/account/password', fields, '/account/password')
      assert.equal(wrong.status, 422)
      assert.match(wrong.text, /not your current password/)
      for (let count = 1; count < 8; count += 1) {
        await portal
          .api('john')
          .post('/account/password', { currentPassword: 'x', password: ANOTHER })
      }
      const late = await here.post(
        '/account/password',
        { ...fields, currentPassword: CHOSEN },
        '/account/password',
      )
      assert.equal(late.status, 429)
      assert.ok(Number(late.get('retry-after')) > 0)
      assert.equal(await countRecords('auth.login_failed'), before + 9)
      assert.equal(await signIn('john', CHOSEN), 429, 'the counts are one')
      await rows(world.owner.db, `delete from sign_in_tries`)
    })

    it('is asked for wherever one goes once it has to be changed, and tokens are not', async () => {
      const here = await signedIn('john', CHOSEN)
      await rows(
        world.owner.db,
        `update people set must_change_password = true where username = 'john'`,
      )
      for (const path of ['/', '/sessions', '/account', '/history', '/nothing-here']) {
        const answer = await here.get(path)
        assert.deepEqual([answer.status, answer.get('location')], [303, '/account/password'], path)
      }
      const posted = await here.post('/sessions', {}, '/account/password')
      assert.equal(posted.get('location'), '/account/password')
      assert.equal((await portal.api('john').get('/sessions')).status, 200)
      const fields = { currentPassword: CHOSEN, password: ANOTHER, passwordAgain: ANOTHER }
      await here.post('/account/password', fields, '/account/password')
      assert.equal((await here.get('/history')).status, 200)
    })

    it('shows a profile with flags, groups and when the password was changed', async () => {
      const { text } = await (await portal.signedIn('audrey')).get('/account')
      assert.match(text, /audrey@example\.com/)
      assert.match(text, /Audit User/)
      assert.match(text, /href="\/account\/password"/)
      assert.match(text, /<a href="\/account"/)
    })
  })

  describe('a forgotten password', () => {
    it('says to ask an admin where no mail goes', async () => {
      const page = await portal.browser().get('/password/forgotten')
      assert.match(page.text, /Ask an admin/)
      assert.ok(!page.text.includes('<form class="form"'))
      assert.match((await portal.browser().get('/sign-in')).text, /href="\/password\/forgotten"/)
    })

    it('answers the same for everyone, and writes to who has the name or the address', async () => {
      await announceMail(world.broker.db, true)
      const answers = []
      for (const name of ['john', 'JOHN@example.com', 'nobody.here', 'x'.repeat(400)]) {
        const answer = await forget(name)
        answers.push([answer.status, answer.get('location'), answer.text])
      }
      assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1)
      await until('two letters', async () => (await countMails()) === 2)
      assert.deepEqual(await lastRecord('user.password_link_made'), {
        actor: 'system (forgotten password)',
        subject: 'john',
        details: { purpose: 'reset', handed: 'mailed' },
      })
    })

    it('writes three letters an hour to a person, and none to who may not sign in', async () => {
      await announceMail(world.broker.db, true)
      await rows(world.owner.db, `update people set disabled_at = now() where username = 'mark'`)
      await forget('mark')
      for (let count = 0; count < 5; count += 1) await forget('john')
      // work begins in the order of the answers: when the last has written, the others have
      await forget('audrey')
      await until('a letter to audrey', async () => (await mailsTo('audrey')) === 1)
      await until('three letters to john', async () => (await mailsTo('john')) === 3)
      // a fourth would have come before this one
      await forget('audrey')
      await until('another to audrey', async () => (await mailsTo('audrey')) === 2)
      assert.equal(await mailsTo('john'), 3)
      assert.equal(await mailsTo('mark'), 0)
      await rows(world.owner.db, `update people set disabled_at = null where username = 'mark'`)
    })

    it('is limited for one name from one address, without holding up its sign-in', async () => {
      await announceMail(world.broker.db, true)
      await rows(world.owner.db, `delete from sign_in_tries`)
      for (let count = 0; count < 8; count += 1) assert.equal((await forget('rita')).status, 303)
      const late = await forget('rita')
      assert.equal(late.status, 429)
      assert.equal((await forget('admin')).status, 303)
      assert.equal(await signIn('rita', 'whatever it was'), 401)
    })
  })

  /** The link that an admin is shown, as a path. */
  async function linkFor(name: Name): Promise<string> {
    const page = `/users/${world.people[name].id}/password`
    const answer = await admin.post(`${page}-link`, {}, page)
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.get('cache-control'), 'no-store')
    const [, url] = /id="password-link">([^<]+)</.exec(answer.text) ?? []
    assert.ok(url, 'no link shown')
    const { pathname, search } = new URL(url)
    return pathname + search
  }

  async function use(url: string, password: string): Promise<void> {
    const visitor = portal.browser()
    await visitor.get(url)
    const fields = { password, passwordAgain: password }
    assert.equal((await visitor.post('/password/new', fields, '/password/new')).status, 303)
  }

  function forget(name: string): Promise<request.Response> {
    return portal.browser().post('/password/forgotten', { name }, '/sign-in')
  }

  async function signIn(username: string, password: string): Promise<number> {
    return (await portal.browser().post('/sign-in', { username, password })).status
  }

  async function signedIn(username: string, password: string): Promise<Browser> {
    const browser = portal.browser()
    assert.equal((await browser.post('/sign-in', { username, password })).status, 303)
    return browser
  }

  const countLinks = () => count(`select count(*) from password_links where used_at is null`)
  const countMails = () => count(`select count(*) from mails`)
  const countRecords = (action: string) =>
    count(`select count(*) from records where action = :action`, { action })
  const mailsTo = (username: string) =>
    count(
      `select count(*) from mails m join people p on p.id = m.person_id where p.username = :username`,
      { username },
    )

  async function count(sql: string, bindings = {}): Promise<number> {
    return Number((await getRow<{ count: string }>(world.owner.db, sql, bindings)).count)
  }

  async function lastRecord(action: string) {
    const row = await findRow<{ body: string }>(
      world.owner.db,
      `select body from records where action = :action order by at desc, seq desc limit 1`,
      { action },
    )
    const { actor, subject, details } = JSON.parse(row?.body ?? '{}') as {
      actor: { name: string }
      subject: { name: string }
      details: Record<string, string>
    }
    // when a link ends differs from time to time
    const said = Object.entries(details).filter(([name]) => name !== 'expires_at')
    return { actor: actor.name, subject: subject.name, details: Object.fromEntries(said) }
  }
})

function secretIn(url: string): string {
  return new URL(url, 'http://local.invalid').searchParams.get('secret') ?? ''
}
