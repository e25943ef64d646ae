import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { makeFirstAdmin, makeSetupLink } from '../../db/first-admin.ts'
import { getDefaultOrganization, type Person } from '../../db/people.ts'
import { systemOrigin } from '../../db/scope.ts'
import { findRow, getRow, rows, type Transaction } from '../../db/store.ts'
import { until } from '../support/broker.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

const GRACE = {
  username: 'grace',
  displayName: 'Grace',
  email: 'grace@example.com',
  password: 'violet-anchor-27-meadow',
  passwordAgain: 'violet-anchor-27-meadow',
}

describe('the first admin', () => {
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
  beforeEach(async () => {
    const { db } = world.owner
    await rows(db, `update people set management_privilege = 'none'`)
    await rows(db, `delete from password_links`)
  })

  it('is made by the setup link, is signed in, and may do everything an admin does', async () => {
    const browser = await opened(await secretOfLink())
    assert.match((await browser.get('/setup')).text, /Make the first admin/)
    const answer = await browser.post('/setup', GRACE, '/setup')
    assert.deepEqual([answer.status, answer.get('location')], [303, '/'])
    const account = await browser.get('/account')
    for (const flag of ['Admin', 'Audit User']) assert.match(account.text, new RegExp(flag))
    assert.equal((await browser.get('/users/new')).status, 200)

    const record = await findRow<{ body: string }>(
      world.owner.db,
      `select body from records where action = 'user.created' order by at desc, seq desc limit 1`,
    )
    const {
      actor,
      subject,
      client_ip: ip,
    } = JSON.parse(record?.body ?? '{}') as Record<string, unknown>
    assert.deepEqual(actor, { type: 'system', id: 'setup', name: 'system (setup)' })
    assert.equal((subject as { name: string }).name, 'grace')
    assert.ok(ip)
  })

  it('is told at the fields what to mend, and the link stays good', async () => {
    const browser = await opened(await secretOfLink())
    const wrong = { ...GRACE, username: 'Not a name', email: 'nowhere', passwordAgain: 'other' }
    const answer = await browser.post('/setup', wrong, '/setup')
    assert.equal(answer.status, 422)
    for (const field of ['username', 'email', 'passwordAgain']) {
      assert.match(answer.text, new RegExp(`id="${field}-error"`))
    }
    const taken = await browser.post('/setup', { ...GRACE, username: 'mark' }, '/setup')
    assert.equal(taken.status, 422)
    assert.match(taken.text, /taken/)
    const good = await browser.post('/setup', { ...GRACE, username: 'hopper' }, '/setup')
    assert.equal(good.status, 303)
  })

  it('is one, however many open their links at once', async () => {
    const secret = await secretOfLink()
    const browsers = await Promise.all([secret, secret, secret].map(opened))
    const answers = await Promise.all(
      browsers.map((browser, n) =>
        browser.post('/setup', { ...GRACE, username: `racer${n}` }, '/setup'),
      ),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 404, 404])
    const { count } = await getRow<{ count: string }>(
      world.owner.db,
      `select count(*) from people where management_privilege = 'admin'`,
    )
    assert.equal(count, '1')
  })

  it('is one, though a second link is used before the first admin is there for all to see', async () => {
    const links = [await layLink(), await layLink()]
    const organization = await getDefaultOrganization(world.portal.db)
    const origin = systemOrigin(organization, crypto.randomUUID(), 'system (setup)')
    const use = (tx: Transaction, n: 0 | 1) => {
      const admin = {
        username: `twin${n}`,
        displayName: 'Twin',
        email: undefined,
        passwordHash: '-',
      }
      return makeFirstAdmin(tx, origin, { linkId: links[n] ?? '', admin })
    }
    let second: Promise<Person | undefined> | undefined
    const first = await world.portal.change(async (tx) => {
      const made = await use(tx, 0)
      second = world.portal.change((other) => use(other, 1))
      await Promise.race([second, until('the second waits', isSomebodyWaiting)])
      return made
    })
    assert.equal(first?.username, 'twin0')
    assert.equal(await second, undefined)
  })

  it('makes every setup link worth nothing, and a new link ends the one before', async () => {
    const [first, second] = [await secretOfLink(), await secretOfLink()]
    assert.equal((await portal.browser().get(`/password/link?secret=${first}`)).status, 404)
    const browser = await opened(second)
    await rows(
      world.owner.db,
      `update people set management_privilege = 'admin' where username = 'admin'`,
    )
    assert.equal((await portal.browser().get(`/password/link?secret=${second}`)).status, 404)
    assert.equal((await browser.get('/setup')).status, 404)
    assert.equal((await browser.post('/setup', GRACE, '/sign-in')).status, 404)
    assert.equal(await makeLink(), undefined)
  })

  it('is made with a setup link alone, not with a link of somebody', async () => {
    const browser = portal.browser()
    assert.equal((await browser.get('/setup')).status, 404)
    assert.equal((await browser.post('/setup', GRACE, '/sign-in')).status, 404)
    const setup = await opened(await secretOfLink())
    assert.equal((await setup.get('/password/new')).status, 404)
  })

  async function opened(secret: string): Promise<Browser> {
    const browser = portal.browser()
    const answer = await browser.get(`/password/link?secret=${secret}`)
    assert.deepEqual([answer.status, answer.get('location')], [303, '/setup'])
    return browser
  }

  function makeLink() {
    return world.owner.change(async (tx) => {
      const organization = await getDefaultOrganization(tx)
      return makeSetupLink(tx, systemOrigin(organization, crypto.randomUUID(), 'operator'))
    })
  }

  /** As two operators at once would have made them: a link that ends no other. */
  async function layLink(): Promise<string> {
    const { id } = await getRow<{ id: string }>(
      world.owner.db,
      `insert into password_links (organization_id, purpose, hash, expires_at)
       select id, 'setup', :hash, now() + interval '1 day'
         from organizations
    returning id`,
      { hash: randomBytes(32) },
    )
    return id
  }

  async function isSomebodyWaiting(): Promise<boolean> {
    const { waiting } = await getRow<{ waiting: boolean }>(
      world.owner.db,
      `select exists(select from pg_locks where locktype = 'advisory' and not granted) as waiting`,
    )
    return waiting
  }

  async function secretOfLink(): Promise<string> {
    const link = await makeLink()
    assert.ok(link)
    return link.secret
  }
})
