import assert from 'node:assert/strict'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { createPerson, findAnyPerson, type Person } from '../../db/people.ts'
import { keepTimeZone } from '../../db/settings.ts'
import { rows } from '../../db/store.ts'
import { changeUserIn } from '../../portal/administration/user-changes.ts'
import { openPortal, PASSWORD, type Browser, type TestPortal } from '../support/portal.ts'
import { look } from '../support/broker.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('the Users tab', () => {
  let world: World
  let portal: TestPortal
  let admin: Browser
  let eve: Person

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    eve = await world.portal.change((tx) =>
      createPerson(tx, world.origins.admin, {
        username: 'eve',
        displayName: 'Eve',
        email: 'eve@example.com',
        passwordHash: null,
        portalUser: true,
        auditUser: false,
        managementPrivilege: 'none',
      }),
    )
    portal = await openPortal(world)
    admin = await portal.signedIn('admin')
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  const now = async (id: string): Promise<Person> => {
    const person = await findAnyPerson(world.owner.db, { kind: 'part', part: 'operator' }, id)
    assert.ok(person)
    return person
  }
  const told = async (id: string): Promise<readonly string[]> => {
    const found = await rows<{ action: string }>(
      world.owner.db,
      `select action from records
        where cast(body as jsonb)->'subject'->>'id' = :id and action like 'user.%'
        order by at, seq`,
      { id },
    )
    return found.map(({ action }) => action)
  }
  const page = (id: string): string => `/users/${id}`
  const flashed = async (): Promise<string> => {
    const { text } = await admin.get('/users')
    return /data-flash[^>]*>([^<]*)</.exec(text)?.[1] ?? ''
  }
  const account = {
    username: 'eve',
    displayName: 'Eve',
    email: 'eve@example.com',
    expiresAt: '',
  }

  it('changes what an account is called and when it ends, in the zone that is shown', async () => {
    const wrong = {
      username: 'Not A Name',
      displayName: '',
      email: 'nowhere',
      expiresAt: '2020-01-01',
    }
    const refused = await admin.post(page(eve.id), wrong, page(eve.id))
    assert.equal(refused.status, 422)
    for (const field of ['username', 'displayName', 'email']) {
      assert.match(refused.text, new RegExp(`id="${field}-error"`), field)
    }
    assert.match(refused.text, /value="2020-01-01"/)
    const late = await admin.post(
      page(eve.id),
      { ...account, expiresAt: '2020-01-01' },
      page(eve.id),
    )
    assert.equal(late.status, 422)
    assert.match(late.text, /id="expiresAt-error">Choose an expiration date in the future/)
    const taken = await admin.post(page(eve.id), { ...account, username: 'mark' }, page(eve.id))
    assert.match(taken.text, /id="username-error">This name is taken/)
    assert.deepEqual(await told(eve.id), ['user.created'])

    await keepTimeZone(world.owner.db, 'Europe/Warsaw')
    const fields = { username: 'EVA', displayName: 'Eva', email: '', expiresAt: '2099-07-01' }
    const made = await admin.post(page(eve.id), fields, page(eve.id))
    assert.equal(made.status, 303, made.text)
    assert.deepEqual(await told(eve.id), [
      'user.created',
      'user.username_changed',
      'user.name_changed',
      'user.email_changed',
      'user.expiration_changed',
    ])
    assert.equal((await now(eve.id)).expiresAt?.toISO(), '2099-07-01T21:59:59.999Z')
    const again = await admin.get(page(eve.id))
    assert.match(again.text, /name="expiresAt"[^>]*value="2099-07-01"/)
    assert.equal((await admin.post(page(eve.id), fields, page(eve.id))).status, 303)
    assert.equal((await told(eve.id)).length, 5)
    await admin.post(page(eve.id), account, page(eve.id))
    assert.equal((await now(eve.id)).expiresAt, null)
  })

  it('takes an exact time where the clock shows one twice', async () => {
    const twice = await admin.post(
      page(eve.id),
      { ...account, expiresAt: '2099-10-25 02:30' },
      page(eve.id),
    )
    assert.equal(twice.status, 422)
    assert.match(twice.text, /comes twice in Europe\/Warsaw: write 2099-10-25 02:30\+02:00 or/)
    const expiresAt = '2099-10-25 02:30+01:00'
    const made = await admin.post(page(eve.id), { ...account, expiresAt }, page(eve.id))
    assert.equal(made.status, 303)
    assert.equal((await now(eve.id)).expiresAt?.toISO(), '2099-10-25T01:30:00.000Z')
    const shown = await admin.get(page(eve.id))
    assert.match(shown.text, /name="expiresAt"[^>]*value="2099-10-25 02:30\+01:00"/)
    await admin.post(page(eve.id), account, page(eve.id))
  })

  it('ticks flags and groups, and nobody their own', async () => {
    const ticked = { flags: ['portal', 'audit', 'end_sign_ins'], managementPrivilege: 'read_only' }
    await admin.post(`${page(eve.id)}/flags`, ticked, page(eve.id))
    const { portalUser, auditUser, mayEndSignIns, managementPrivilege } = await now(eve.id)
    assert.deepEqual(
      { portalUser, auditUser, mayEndSignIns, managementPrivilege },
      { portalUser: true, auditUser: true, mayEndSignIns: true, managementPrivilege: 'read_only' },
    )
    await admin.post(`${page(eve.id)}/flags`, { flags: ['portal'] }, page(eve.id))
    const { text } = await admin.get(page(eve.id))
    const version = /name="policyVersion" value="(\d+)"/.exec(text)?.[1] ?? ''
    const johns = world.roles.role1.approverGroup?.id ?? ''
    const fields = { policyVersion: version, groups: [johns] }
    await admin.post(`${page(eve.id)}/groups`, fields, page(eve.id))
    assert.match(
      (await admin.get(page(eve.id))).text,
      /<dt>Groups<\/dt><dd>\s*<span class="tag">johns</,
    )
    await admin.post(`${page(eve.id)}/groups`, { ...fields, groups: [] }, page(eve.id))
    assert.match(await flashed(), /changed the policy meanwhile/)
    const own = page(world.people.admin.id)
    assert.match((await admin.get(own)).text, /changed by another admin/)
    assert.ok(!/name="(flags|groups|expiresAt)"/.test((await admin.get(own)).text))
    for (const door of ['flags', 'groups', 'lock', 'disable', 'deletion']) {
      const posted = { ...ticked, ...fields, reason: 'odd', confirmation: 'admin' }
      const answer = await admin.post(`${own}/${door}`, posted, own)
      assert.equal(answer.status, 403, door)
    }
    const mine = { username: 'admin', displayName: 'Ada', email: '', expiresAt: '2099-01-01' }
    assert.equal((await admin.post(own, mine, own)).status, 403)
    assert.equal((await admin.post(own, { ...mine, expiresAt: '' }, own)).status, 303)
    assert.equal((await now(world.people.admin.id)).displayName, 'Ada')
    const refusals = await rows(
      world.owner.db,
      `select seq from records where action = 'access.refused' and actor_name = 'admin'`,
    )
    assert.equal(refusals.length, 6)
  })

  it('disables with a reason, which ends tokens and cancels what waits', async () => {
    const { mark } = world.people
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role1'],
      justification: 'ticket 7',
    })
    const browser = await portal.signedIn('mark')
    await admin.post(`${page(mark.id)}/disable`, { reason: ' ' }, page(mark.id))
    assert.match(await flashed(), /Say why/)
    assert.equal((await browser.get('/sessions')).status, 200)
    await admin.post(`${page(mark.id)}/disable`, { reason: 'left' }, page(mark.id))
    assert.equal((await browser.get('/sessions')).status, 303)
    assert.equal((await portal.api('mark').get('/me')).status, 401)
    assert.equal((await look(world, id)).state, 'CANCELED')
    await admin.post(`${page(mark.id)}/enable`, {}, page(mark.id))
    assert.ok(await portal.signedIn('mark'))
    assert.equal((await portal.api('mark').get('/me')).status, 401)
    assert.deepEqual((await told(mark.id)).slice(1), ['user.disabled', 'user.enabled'])
  })

  it('deletes by the name that is typed, and finds who was deleted for Audit Users alone', async () => {
    const path = `${page(eve.id)}/deletion`
    assert.match((await admin.get(path)).text, /They leave johns/)
    const refused = await admin.post(path, { confirmation: 'mark' }, path)
    assert.equal(refused.status, 422)
    assert.match(refused.text, /id="confirmation-error">Type eve, the username/)
    const made = await admin.post(path, { confirmation: 'EVE', reason: 'gone' }, path)
    assert.equal(made.get('location'), '/users')
    assert.equal((await now(eve.id)).outAs, 'deleted')
    assert.equal((await admin.get(page(eve.id))).status, 404)
    const listed = async (browser: Browser): Promise<boolean> =>
      (await browser.get('/users?status=deleted')).text.includes(page(eve.id))
    assert.equal(await listed(admin), false)
    await rows(world.owner.db, `update people set audit_user = true where username = 'admin'`)
    assert.equal(await listed(admin), true)
    assert.match((await admin.get(page(eve.id))).text, /data-state="disabled">deleted</)
    assert.equal((await admin.post(path, { confirmation: 'eve' }, '/users')).status, 404)
    const again = { username: 'eve', displayName: 'Eve II', password: PASSWORD, flags: 'portal' }
    assert.equal((await admin.post('/users', again, '/users/new')).status, 303)
  })

  it('searches, counts, goes by pages of 200, and says which duties belong apart', async () => {
    await rows(
      world.owner.db,
      `insert into people (organization_id, username, display_name)
       select organization_id, 'many' || to_char(n, 'FM000'), 'One of <many>'
         from people, generate_series(1, 201) n
        where username = 'admin'`,
    )
    const first = await admin.get('/users?q=of%20%3Cmany')
    assert.equal(first.text.match(/data-user-id/g)?.length, 200)
    assert.match(first.text, /Users 1 to 200 of 201/)
    assert.match(first.text, /rel="next" href="\/users\?q=of\+%3Cmany&amp;page=2"/)
    const second = await admin.get('/users?q=of+%3Cmany&page=2')
    assert.equal(second.text.match(/data-user-id/g)?.length, 1)
    assert.match((await admin.get('/users?q=nobody-at-all')).text, /Nobody found/)
    const list = await admin.get('/users?q=john')
    assert.match(list.text, /john is the only approver of [^<]*role1/)
    const duties = await admin.get('/users/duties')
    assert.match(duties.text, /admin is an admin and an Audit User/)
    assert.match((await admin.get(page(world.people.john.id))).text, /john is the only approver of/)
  })

  it('asks behind the locks whether who changes others is still an admin', async () => {
    const bob = await world.portal.change((tx) =>
      createPerson(tx, world.origins.admin, {
        username: 'bob',
        displayName: 'Bob',
        passwordHash: null,
        portalUser: true,
        auditUser: false,
        managementPrivilege: 'admin',
      }),
    )
    const visit = { scope: { ...world.scopes.admin, person: bob }, origin: world.origins.admin }
    await rows(
      world.owner.db,
      `update people set management_privilege = 'none' where username = 'bob'`,
    )
    const promote = (person: Person) =>
      world.portal.change((tx) =>
        changeUserIn(tx, visit, { person, change: { managementPrivilege: 'admin' } }),
      )
    await assert.rejects(promote(bob), { code: 'own_account' })
    await assert.rejects(promote(world.people.john), { code: 'not_entitled' })
    assert.equal((await now(bob.id)).managementPrivilege, 'none')
    assert.equal((await now(world.people.john.id)).managementPrivilege, 'none')
  })

  it('has its twins in the API, with the same rules', async () => {
    const api = portal.api('admin')
    const { john } = world.people
    const at = `/users/${john.id}`
    const changed = await api.post(at, {
      displayName: 'John R.',
      expiresAt: '2099-01-01T00:00:00Z',
    })
    assert.equal(changed.status, 200, changed.text)
    const body = changed.body as Readonly<Record<string, unknown>>
    assert.equal(body['displayName'], 'John R.')
    assert.equal(body['expiresAt'], '2099-01-01T00:00:00.000Z')
    assert.deepEqual(body['groups'], ['johns'])
    assert.equal((await api.post(at, { expiresAt: '2020-01-01T00:00:00Z' })).status, 422)
    assert.equal((await api.post(`${at}/disable`, {})).status, 422)
    assert.equal((await api.post(`${at}/lock`, { reason: 'odd' })).status, 200)
    const locked = await api.get('/users?status=locked&q=JOHN')
    assert.equal((locked.body as { users: readonly unknown[] }).users.length, 1)
    assert.equal((await api.post(`${at}/unlock`, {})).status, 200)
    assert.equal((await api.post(`${at}/groups`, { groups: ['nobodies'] })).status, 422)
    assert.equal((await api.post(`${at}/groups`, { groups: ['johns', 'admins'] })).status, 200)
    const own = await api.post(`/users/${world.people.admin.id}`, { auditUser: false })
    assert.deepEqual([own.status, (own.body as { code: string }).code], [403, 'own_account'])
    const bare = await api.post(`${at}/deletion`, { confirmation: 'mark' })
    assert.equal(bare.status, 422)
    const deleted = await api.post(`${at}/deletion`, { confirmation: 'john' })
    assert.equal((deleted.body as { status: string }).status, 'deleted')
    assert.equal((await portal.api('mark').get('/users')).status, 401)
    assert.equal((await api.get('/users?status=odd')).status, 422)
    const duties = await api.get('/users/duties')
    assert.match(duties.text, /"admin_and_auditor"/)
  })
})
