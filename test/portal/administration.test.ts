import assert from 'node:assert/strict'
import { rows } from '../../db/store.ts'
import { openPortal, PASSWORD, type Browser, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

const PAGES = ['/data-sources', '/roles', '/users', '/data-sources/new', '/roles/new', '/users/new']

describe('the pages of administration', () => {
  let world: World
  let portal: TestPortal
  let admin: Browser

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
    admin = await portal.signedIn('admin')
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  it('exist for administrators alone', async () => {
    const id = world.people.john.id
    for (const page of [...PAGES, `/users/${id}`])
      assert.equal((await admin.get(page)).status, 200, page)
    for (const name of ['mark', 'audrey'] as const) {
      const browser = await portal.signedIn(name)
      for (const page of [...PAGES, `/users/${id}`]) {
        assert.equal((await browser.get(page)).status, 404, page)
      }
      const posts = ['/data-sources', '/roles', '/users', `/users/${id}/lock`, `/users/${id}/flags`]
      for (const path of posts) {
        assert.equal((await browser.post(path, { flags: 'admin' }, '/sessions')).status, 404, path)
      }
      assert.ok(!/href="\/users"/.test((await browser.get('/sessions')).text))
    }
    assert.equal((await portal.browser().get('/users')).get('location'), '/sign-in?next=%2Fusers')
  })

  it('add a data source whose password is sealed and never shown again', async () => {
    const url = 'postgresql://broker:s3cret-canary@127.0.0.1:5433/ledger'
    const fields = { name: '', url, databases: 'ledger, archive', tls: 'disable' }
    const refused = await admin.post('/data-sources', fields, '/data-sources/new')
    assert.equal(refused.status, 422)
    assert.match(refused.text, /id="name-error"/)
    assert.match(refused.text, /value="ledger, archive"/)
    assert.ok(!refused.text.includes('canary'))
    const made = await admin.post(
      '/data-sources',
      { ...fields, name: 'ledger' },
      '/data-sources/new',
    )
    assert.equal(made.get('location'), '/data-sources')
    const list = await admin.get('/data-sources')
    assert.match(list.text, /127\.0\.0\.1:5433/)
    assert.match(list.text, /ledger was added\. ledger can&#39;t be reached/)
    assert.ok(!list.text.includes('canary'))
    assert.ok(!(await admin.get('/data-sources')).text.includes('ledger was added'))
  })

  it('test the admin login of a data source when it is added', async () => {
    const fields = {
      name: 'shop again',
      url: world.shop.adminUrl,
      databases: world.shop.database,
      tls: 'disable',
    }
    const made = await admin.post('/data-sources', fields, '/data-sources/new')
    assert.equal(made.status, 303, made.text)
    assert.match((await admin.get('/data-sources')).text, /found nothing to mend/)
    const records = await rows<{ outcome: string }>(
      world.owner.db,
      `select outcome from records where action = 'data_source.tested' order by at, seq`,
    )
    assert.deepEqual(
      records.map(({ outcome }) => outcome),
      ['failed', 'ok'],
    )
  })

  it('add a role with approvers ticked, which become its group', async () => {
    const fields = {
      dataSource: 'shop',
      name: 'auditing',
      databaseRole: 'orders_reader',
      approvers: ['john', 'audrey'],
      approvalsNeeded: '3',
    }
    const refused = await admin.post('/roles', fields, '/roles/new')
    assert.equal(refused.status, 422)
    assert.match(refused.text, /takes 3 approvers, and the role has 2/)
    assert.match(refused.text, /id="approvers-john"[^>]*checked/)
    const made = await admin.post('/roles', { ...fields, approvalsNeeded: '2' }, '/roles/new')
    assert.equal(made.status, 303, made.text)
    assert.match((await admin.get('/roles')).text, /auditing[\s\S]*audrey, john/)
  })

  it('add a user who can sign in, with a password of twelve characters or more', async () => {
    const fields = {
      username: 'eve',
      displayName: 'Eve',
      password: 'short',
      flags: ['portal', 'audit'],
    }
    const refused = await admin.post('/users', fields, '/users/new')
    assert.equal(refused.status, 422)
    assert.match(refused.text, /at least 12 characters/)
    assert.match(refused.text, /id="flags-audit"[^>]*checked/)
    assert.ok(!refused.text.includes('value="short"'))
    const made = await admin.post('/users', { ...fields, password: PASSWORD }, '/users/new')
    assert.equal(made.status, 303, made.text)
    const eve = portal.browser()
    assert.equal((await eve.post('/sign-in', { username: 'eve', password: PASSWORD })).status, 303)
    assert.equal((await eve.get('/audit')).status, 200)
  })

  it('lock and unlock a person, and change flags, each with a record', async () => {
    const { id } = world.people.john
    const john = await portal.signedIn('john')
    await admin.post(`/users/${id}/lock`, {}, `/users/${id}`)
    assert.equal((await john.get('/sessions')).status, 303)
    assert.equal((await portal.api('john').get('/me')).status, 401)
    assert.match((await admin.get('/users?status=locked')).text, /john/)
    await admin.post(`/users/${id}/unlock`, {}, `/users/${id}`)
    assert.equal((await portal.api('john').get('/me')).status, 200)
    const flags = ['portal', 'audit']
    await admin.post(`/users/${id}/flags`, { flags }, `/users/${id}`)
    assert.equal((await (await portal.signedIn('john')).get('/audit')).status, 200)
    const records = await rows<{ action: string; actor_name: string }>(
      world.owner.db,
      `select action, actor_name from records where action in ('user.locked', 'user.unlocked', 'user.role_changed') order by at, seq`,
    )
    assert.deepEqual(
      records.map(({ action, actor_name }) => `${actor_name} ${action}`),
      ['admin user.locked', 'admin user.unlocked', 'admin user.role_changed'],
    )
    const own = await admin.post(`/users/${world.people.admin.id}/lock`, {}, '/users')
    assert.equal(own.status, 403)
  })

  it('say at the field what the store would not keep', async () => {
    const role = { dataSource: 'shop', databaseRole: 'orders_reader', approvalsNeeded: '0' }
    const user = { username: 'long.name', password: 'a long enough password' }
    const source = { name: 'zero', url: 'postgres://u:p@127.0.0.1:0/x', tls: 'disable' }
    for (const [path, fields, error] of [
      ['/roles', { ...role, name: 'x'.repeat(64) }, /id="name-error">[^<]*at most 63/],
      ['/users', { ...user, displayName: 'x'.repeat(201) }, /id="displayName-error">[^<]*200/],
      ['/data-sources', source, /id="url-error">[^<]*from 1 to 65535/],
    ] as const) {
      const answer = await admin.post(path, fields, `${path}/new`)
      assert.equal(answer.status, 422, path)
      assert.match(answer.text, error)
    }
  })

  it('keep Read only ticked and its privilege when another flag is changed', async () => {
    const fields = { displayName: 'Ida', password: 'a long enough password' }
    const read = async (): Promise<string | undefined> =>
      (
        await rows<{ privilege: string }>(
          world.owner.db,
          `select management_privilege as privilege from people where username = 'ida'`,
        )
      )[0]?.privilege
    const all = { ...fields, username: 'ida', flags: 'portal', managementPrivilege: 'read_only' }
    const path = (await admin.post('/users', all, '/users/new')).get('location') ?? ''
    assert.equal(await read(), 'read_only')
    const page = await admin.get(path)
    assert.match(page.text, /id="managementPrivilege-read_only"[^>]*checked/)
    const ticked = [...page.text.matchAll(/id="flags-(\w+)"[^>]*\schecked/g)]
    const flags = [...ticked.map(([, flag = '']) => flag), 'audit']
    const [, managementPrivilege = ''] =
      /id="managementPrivilege-(\w+)"[^>]*\schecked/.exec(page.text) ?? []
    await admin.post(`${path}/flags`, { flags, managementPrivilege }, path)
    assert.equal(await read(), 'read_only')
  })

  it('tell when people last signed in', async () => {
    await portal.signedIn('mark')
    const page = await admin.get(`/users/${world.people.mark.id}`)
    assert.match(page.text, /Last sign-in<\/dt><dd>\s*<span class="both"><time datetime="\d{4}-/)
  })

  it('stay when sessions are switched off, and nothing else does', async () => {
    const off = await openPortal(world, { DAYPASS_PORTAL_MODE: 'false' })
    try {
      const browser = await off.signedIn('admin')
      assert.equal((await browser.get('/')).get('location'), '/data-sources')
      for (const page of PAGES) assert.equal((await browser.get(page)).status, 200, page)
      for (const page of [
        '/sessions',
        '/sessions/new',
        '/sessions/1',
        '/approvals',
        '/history',
        '/audit',
      ]) {
        assert.equal((await browser.get(page)).status, 404, page)
        assert.equal((await off.api('audrey').get(page)).status, 404, page)
      }
      assert.equal((await off.api('mark').post('/sessions', {})).status, 404)
      assert.ok(!/href="\/sessions"/.test((await browser.get('/users')).text))
      assert.equal((await off.browser().get('/healthz')).status, 200)
    } finally {
      await off.close()
    }
  })
})
