import assert from 'node:assert/strict'
import type { Person } from '../../db/person.ts'
import { createPerson } from '../../db/people.ts'
import {
  deletePerson,
  disablePerson,
  enablePerson,
  lockPerson,
  unlockPerson,
} from '../../db/person-changes.ts'
import { changeFlags } from '../../db/person-flags.ts'
import { setPassword } from '../../db/passwords.ts'
import { rows } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { keepHostName } from '../../portal/host-name.ts'
import {
  configFor,
  openPortal,
  PASSWORD,
  type Browser,
  type TestPortal,
} from '../support/portal.ts'
import { until } from '../support/until.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

const HELEN = { username: 'helen', displayName: '<b>Helen</b> Desk' }

describe('the page of sign-ins', () => {
  let world: World
  let portal: TestPortal
  let helen: Person

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    helen = await add(HELEN.username, HELEN.displayName)
    await change(helen, { mayEndSignIns: true })
    portal = await openPortal(world)
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  it('shows who is signed in today, the open ones marked, with role and time', async () => {
    const mark = await portal.signedIn('mark')
    const left = await portal.signedIn('mark')
    await left.post('/sign-out', {}, '/sessions')
    const page = await (await portal.signedIn('audrey')).get('/sign-ins')
    assert.equal(page.status, 200)
    const [active, ended] = [await idOf(mark), await lastEnded('mark')]
    assert.match(page.text, new RegExp(`data-sign-in-id="${active}" data-active="true"`))
    assert.match(page.text, new RegExp(`data-sign-in-id="${ended}" data-active="false"`))
    assert.ok(page.text.indexOf(active) < page.text.indexOf(ended))
    assert.match(page.text, /<span class="tag">Portal User<\/span>/)
    assert.match(page.text, /<span class="tag">Audit User<\/span>/)
    assert.match(page.text, /Signed in <time/)
    assert.match(page.text, /signed out/)
  })

  it('finds people by their names, on a day or in a range, and says where there is nobody', async () => {
    const audrey = await portal.signedIn('audrey')
    const found = async (query: string) => {
      const page = await audrey.get(`/sign-ins?${query}`)
      return [page.status, /data-sign-in-id/.test(page.text)] as const
    }
    assert.deepEqual(await found('q=audr'), [200, true])
    assert.deepEqual(await found('q=nobody+here'), [200, false])
    assert.deepEqual(await found('day=2001-01-01'), [200, false])
    assert.deepEqual(await found('since=2001-01-01T00:00&until=2001-02-01T00:00'), [200, false])
    assert.deepEqual(await found('since=2001-01-01T00:00'), [200, true])
    assert.deepEqual(await found('day=2001-02-30'), [422, true])
    assert.deepEqual(await found('since=2002-01-01T00:00&until=2001-01-01T00:00'), [422, true])
    assert.deepEqual(await found('zone=Nowhere%2FLand'), [422, true])
    assert.deepEqual(await found('after=x'), [422, true])
  })

  it('shows one: from where, with what, and all that was done in it, each leading to its record', async () => {
    const mark = await portal.signedIn('mark')
    await mark.raw('get', '/sessions').set('user-agent', 'irrelevant')
    await ask(mark, 'invoices of <script>May</script>')
    const id = await idOf(mark)
    const audrey = await portal.signedIn('audrey')
    const page = await audrey.get(`/sign-ins/${id}`)
    assert.equal(page.status, 200)
    assert.match(page.text, /<dt>IP address<\/dt>\s*<dd>(::ffff:)?127\.0\.0\.1<\/dd>/)
    assert.match(page.text, /<dt>Method<\/dt>\s*<dd>Password<\/dd>/)
    assert.match(page.text, /session\.created/)
    assert.ok(!page.text.includes('<script>May'))
    const [, record] =
      /<a href="(\/audit\/[0-9a-f-]+\?zone=central)" data-open>/.exec(page.text) ?? []
    assert.equal((await audrey.get(record ?? '')).status, 200)

    const rowsOf = (text: string) => [...text.matchAll(/data-record-id=/g)].length
    const some = await audrey.get(`/sign-ins/${id}?op=session.created`)
    assert.equal(rowsOf(some.text), 1)
    assert.match((await audrey.get(`/sign-ins/${id}?op=nothing+of+it`)).text, /stands in no record/)
    assert.match((await audrey.get(`/sign-ins/${id}?op=${'x'.repeat(201)}`)).text, /at most 200/)
  })

  it('tells what was done to Audit Users alone', async () => {
    const id = await idOf(await portal.signedIn('mark'))
    for (const browser of [await portal.signedIn('admin'), await openHelen()]) {
      const page = await browser.get(`/sign-ins/${id}`)
      assert.equal(page.status, 200)
      assert.ok(!page.text.includes('auth.login'))
      assert.match(page.text, /which Audit Users read/)
    }
  })

  it('terminates one, with a reason, and lets the others of the same person live', async () => {
    const [one, other] = [await portal.signedIn('mark'), await portal.signedIn('mark')]
    const id = await idOf(one)
    const desk = await openHelen()
    const terminate = (reason: string) =>
      desk.post(`/sign-ins/${id}/termination`, { reason }, `/sign-ins/${id}`)
    assert.equal((await terminate(' ')).status, 422)
    assert.equal((await one.get('/sessions')).status, 200)
    assert.equal((await terminate('left open')).get('location'), `/sign-ins/${id}`)
    assert.equal((await one.get('/sessions')).status, 303)
    assert.equal((await other.get('/sessions')).status, 200)
    const page = await desk.get(`/sign-ins/${id}`)
    assert.match(page.text, /This sign-in of mark has ended/)
    assert.match(page.text, /terminated by &lt;b&gt;Helen&lt;\/b&gt; Desk/)
    assert.match(page.text, /<dt>Reason<\/dt>\s*<dd>left open<\/dd>/)
    assert.equal((await terminate('again')).status, 409)
    assert.equal((await desk.get(`/sign-ins/${id}/termination`)).get('location'), `/sign-ins/${id}`)
  })

  it('terminates all and locks, and an admin lets in again in the Users tab', async () => {
    const [one, other] = [await portal.signedIn('john'), await portal.signedIn('john')]
    const id = await idOf(one)
    const desk = await openHelen()
    const fields = { reason: 'a stolen laptop', lock: 'true' }
    assert.equal(
      (await desk.post(`/sign-ins/${id}/termination`, fields, `/sign-ins/${id}`)).status,
      303,
    )
    for (const browser of [one, other]) assert.equal((await browser.get('/sessions')).status, 303)
    const credentials = { username: 'john', password: PASSWORD }
    assert.equal((await portal.browser().post('/sign-in', credentials)).status, 401)

    const told = await rows<{ action: string; reason: string }>(
      world.owner.db,
      `select r.action, p.payload #>> '{reason,value}' as reason
         from records r join record_payloads p using (at, seq)
        where p.payload #>> '{reason,value}' = 'a stolen laptop' order by r.at, r.seq`,
    )
    assert.deepEqual(
      told.map(({ action }) => action),
      [
        'user.locked',
        'auth.locked',
        'auth.sign_in_terminated',
        'token.deleted',
        'auth.sign_in_terminated',
        'token.deleted',
      ],
    )
    const { john } = world.people
    const admin = await portal.signedIn('admin')
    assert.match(
      (await admin.get(`/sign-ins/${id}`)).text,
      new RegExp(`href="/users/${john.id}">Unlock`),
    )
    assert.equal(
      (await admin.post(`/users/${john.id}/unlock`, {}, `/users/${john.id}`)).status,
      303,
    )
    assert.equal((await one.get('/sessions')).status, 303, 'a cookie from before stays dead')
    assert.equal((await portal.browser().post('/sign-in', credentials)).status, 303)
  })

  it('ends neither the own sign-in, nor one of an admin by who is none, nor without the privilege', async () => {
    const desk = await openHelen()
    const own = await idOf(desk)
    const again = await idOf(await openHelen())
    const admins = await portal.signedIn('admin')
    const theirs = await idOf(admins)
    const marks = await idOf(await portal.signedIn('mark'))
    const end = async (browser: Browser, id: string, more = {}) =>
      (await browser.post(`/sign-ins/${id}/termination`, { reason: 'x', ...more }, '/sessions'))
        .status
    assert.equal(await end(desk, own), 403)
    assert.equal(await end(desk, again, { lock: 'true' }), 403, 'nobody locks themselves')
    assert.equal(await end(desk, theirs), 403)
    assert.equal(await end(desk, theirs, { lock: 'true' }), 403)
    assert.equal(await end(await portal.signedIn('audrey'), marks), 404)
    assert.equal(await end(await portal.signedIn('mark'), marks), 404)
    assert.equal((await admins.get('/sessions')).status, 200)
    const buttons = async (browser: Browser, id: string) =>
      /\/termination"/.test((await browser.get(`/sign-ins/${id}`)).text)
    assert.equal(await buttons(desk, own), false)
    assert.equal(await buttons(desk, theirs), false)
    assert.equal(await buttons(desk, marks), true)
    assert.match((await desk.get(`/sign-ins/${theirs}`)).text, /by admins alone/)
    assert.equal(await end(desk, again), 303, 'one of their own elsewhere')
  })

  it('shows everybody their own, to end what they do not use', async () => {
    const [here, there, elsewhere] = [await open('mark'), await open('mark'), await open('mark')]
    const page = await here.get('/account/sign-ins')
    const shownIds = [...page.text.matchAll(/data-sign-in-id="([^"]+)"/g)].map(([, id]) => id)
    for (const one of [here, there, elsewhere]) assert.ok(shownIds.includes(await idOf(one)))
    const end = async (browser: Browser) =>
      (await here.post(`/account/sign-ins/${await idOf(browser)}/termination`, {}, '/account'))
        .status
    assert.equal(await end(here), 403, 'the one in use')
    assert.equal(await end(await openHelen()), 404, "somebody else's")
    assert.equal(await end(there), 303)
    assert.equal((await there.get('/sessions')).status, 303)
    assert.equal((await elsewhere.get('/sessions')).status, 200)
    assert.equal((await here.post('/account/sign-ins/termination', {}, '/account')).status, 303)
    assert.equal((await elsewhere.get('/sessions')).status, 303)
    assert.equal((await here.get('/sessions')).status, 200)
    assert.match((await here.get('/account/sign-ins')).text, /this one/)

    const ended = await portal.api('mark').post('/account/sign-ins/termination', {})
    assert.deepEqual(ended.body, { ended: 1 })
    const left = await portal.api('mark').get('/account/sign-ins')
    assert.deepEqual((left.body as { signIns: unknown[] }).signIns, [])
  })

  it('has its twins in the API', async () => {
    const browser = await portal.signedIn('mark')
    const id = await idOf(browser)
    const list = await portal.api('audrey').get('/sign-ins?q=mark')
    const listed = list.body as { signIns: { id: string; active: boolean }[]; next: unknown }
    assert.equal(list.status, 200)
    assert.equal(listed.signIns[0]?.active, true)
    assert.ok(listed.signIns.some((one) => one.id === id))
    assert.equal((await portal.api('audrey').get('/sign-ins?day=x')).status, 422)
    const done = await portal.api('audrey').get(`/sign-ins/${id}/records?q=token`)
    const { records } = done.body as { records: { action: string }[] }
    assert.deepEqual(
      records.map(({ action }) => action),
      ['token.created'],
    )

    const path = `/sign-ins/${id}/termination`
    assert.equal((await portal.api('admin').post(path, {})).status, 422)
    assert.equal((await portal.api('admin').post(path, { reason: 'x', lock: 'yes' })).status, 422)
    const ended = await portal.api('admin').post(path, { reason: 'left open' })
    const { endedAs, endedBy, endReason } = ended.body as Record<string, unknown>
    assert.deepEqual([endedAs, endedBy, endReason], ['terminated', 'admin', 'left open'])
    assert.equal((await browser.get('/sessions')).status, 303)
    assert.equal((await portal.api('admin').post(path, { reason: 'x' })).status, 409)
    assert.equal((await portal.api('admin').get('/sign-ins/no-id')).status, 404)
  })

  it('keeps the name of an address once a name server has said it, and waits for none', async () => {
    const shutdown = new Shutdown(silentLog)
    const deps = { config: configFor(world), store: world.portal, log: silentLog, shutdown }
    const id = await idOf(await portal.signedIn('mark'))
    const found = { id, address: '192.0.2.7' }
    const asked: string[] = []
    keepHostName({ ...deps, findHostName: () => new Promise(() => undefined) }, found)
    keepHostName({ ...deps, findHostName: () => Promise.reject(new Error('SERVFAIL')) }, found)
    const findHostName = (address: string): Promise<string> => {
      asked.push(address)
      return Promise.resolve('desk-7.example')
    }
    keepHostName({ ...deps, findHostName }, found)
    await until('the name is kept', async () => {
      const answer = await portal.api('audrey').get(`/sign-ins/${id}`)
      return (answer.body as { host: unknown }).host === 'desk-7.example'
    })
    assert.deepEqual(asked, ['192.0.2.7'])
  })

  const ENDS: readonly (readonly [string, (person: Person) => Promise<unknown>, boolean])[] = [
    ['locked', (person) => put(lockPerson, person), true],
    ['disabled', (person) => put(disablePerson, person), true],
    ['deleted', (person) => put(deletePerson, person), false],
    ['no Portal User any more', (person) => change(person, { portalUser: false }), true],
    ['given another password', (person) => giveNewPassword(person), true],
  ]
  for (const [number, [name, end, comesBack]] of ENDS.entries()) {
    it(`leaves a stolen cookie dead once its person was ${name}, for good`, async () => {
      const person = await add(`victim${String(number)}`, 'Victim')
      await givePassword(person)
      const browser = await open(person.username)
      assert.equal((await browser.get('/sessions')).status, 200)
      await end(person)
      assert.equal((await browser.get('/sessions')).status, 303)
      if (!comesBack) return
      await put(unlockPerson, person)
      await put(enablePerson, person)
      await change(person, { portalUser: true })
      assert.equal((await browser.get('/sessions')).status, 303)
      assert.equal((await (await open(person.username)).get('/sessions')).status, 200)
    })
  }

  async function open(username: string): Promise<Browser> {
    const browser = portal.browser()
    const answer = await browser.post('/sign-in', { username, password: PASSWORD })
    assert.equal(answer.status, 303, username)
    return browser
  }

  function openHelen(): Promise<Browser> {
    return open(HELEN.username)
  }

  /** The newest sign-in of whoever sits at a browser, which has just begun. */
  async function idOf(browser: Browser): Promise<string> {
    const sid = decodeURIComponent(browser.cookie().split('=')[1] ?? '')
      .split('.')[0]
      ?.slice(2)
    const [row] = await rows<{ id: string }>(
      world.owner.db,
      `select sess #>> '{signInId}' as id from sign_in_cookies where sid = :sid`,
      { sid },
    )
    assert.ok(row)
    return row.id
  }

  async function lastEnded(name: Name): Promise<string> {
    const [row] = await rows<{ id: string }>(
      world.owner.db,
      `select id from sign_ins where person_id = :id and ended_as = 'signed_out' order by ended_at desc limit 1`,
      { id: world.people[name].id },
    )
    return row?.id ?? ''
  }

  async function ask(browser: Browser, justification: string): Promise<void> {
    const asked = { dataSource: 'shop', roles: ['role1'], minutes: '5', justification }
    const answer = await browser.post('/sessions', asked, '/sessions/new')
    assert.equal(answer.status, 303, answer.text)
  }

  function put(work: typeof lockPerson, { id }: Pick<Person, 'id'>): Promise<boolean> {
    return world.portal.change((tx) => work(tx, world.origins.admin, id, 'test'))
  }

  function change(
    person: Person,
    flags: Parameters<typeof changeFlags>[2]['flags'],
  ): Promise<boolean> {
    return world.portal.change((tx) => changeFlags(tx, world.origins.admin, { person, flags }))
  }

  async function givePassword({ id }: Person): Promise<void> {
    await rows(
      world.owner.db,
      `update people set password_hash = (select password_hash from people where username = 'mark')
        where id = :id`,
      { id },
    )
  }

  async function giveNewPassword(person: Person): Promise<void> {
    const [kept] = await rows<{ hash: string }>(
      world.owner.db,
      `select password_hash as hash from people where username = 'mark'`,
    )
    const fresh = { passwordHash: kept?.hash ?? '', way: 'by an admin', mustChange: false } as const
    await world.portal.change((tx) => setPassword(tx, world.origins.admin, { ...fresh, person }))
  }

  function add(username: string, displayName: string): Promise<Person> {
    return world.owner.change((tx) =>
      createPerson(tx, world.origins.admin, {
        username,
        displayName,
        passwordHash: null,
        portalUser: true,
        auditUser: false,
        managementPrivilege: 'none',
      }),
    )
  }
})
