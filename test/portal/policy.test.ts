import assert from 'node:assert/strict'
import type request from 'supertest'
import { createPerson, type Person } from '../../db/people.ts'
import { rows } from '../../db/store.ts'
import { createToken } from '../../db/tokens.ts'
import { fieldsIn } from '../support/form-fields.ts'
import { openPortal, PASSWORD, type Browser, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

type Body = Record<string, unknown>

describe('the policy in the portal', () => {
  let world: World
  let portal: TestPortal
  let admin: Browser
  let ada: Browser
  let rolePage: string

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    await world.portal.change((tx) => createPerson(tx, world.origins.admin, ADA))
    portal = await openPortal(world)
    admin = await portal.signedIn('admin')
    ada = portal.browser()
    const signIn = await ada.post('/sign-in', { username: 'ada', password: PASSWORD })
    assert.equal(signIn.status, 303)
    rolePage = `/roles/${world.roles.role1.id}/policy`
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  it('reads as one table, with what lint says on top and the versions below', async () => {
    const { text } = await admin.get('/policy')
    assert.match(text, /data-policy-version="\d+"/)
    assert.match(text, /data-severity="warning">[\s\S]*?role1 of shop takes 1 approval/)
    assert.match(text, new RegExp(`href="${rolePage}">Change the role`))
    assert.match(text, /orders_reader[\s\S]*johns[\s\S]*john/)
    assert.match(text, /none, approved at once/)
    assert.match(text, /href="\/policy\/versions\/2">Version 2/)
    const audrey = await (await portal.signedIn('audrey')).get('/policy')
    assert.equal(audrey.status, 200)
    assert.ok(!audrey.text.includes(rolePage), 'an auditor reads, and is shown no way to change')
  })

  it('changes a role by its form, which comes back with what it was given', async () => {
    const form = await admin.get(rolePage)
    assert.match(form.text, /lends? <code>orders_reader/i)
    const fields = { ...fieldsIn(form.text), description: 'reads orders', maximumMinutes: '20' }
    const refused = await admin.post(rolePage, fields, rolePage)
    assert.equal(refused.status, 422)
    assert.match(refused.text, /id="defaultMinutes-error">[^<]*within the maximum/)
    assert.match(refused.text, /name="maximumMinutes"[\s\S]*?value="20"/)
    const powerful = { ...fields, maximumMinutes: '60', dangerous: 'yes' }
    const alone = await admin.post(rolePage, powerful, rolePage)
    assert.match(alone.text, /id="approvalsNeeded-error">[^<]*at least 2/)
    const made = await admin.post(rolePage, { ...fields, maximumMinutes: '60' }, rolePage)
    assert.equal(made.get('location'), rolePage)
    const after = await admin.get(rolePage)
    assert.match(after.text, /value="reads orders"/)
    assert.match(after.text, /Saved\./)
  })

  it('answers 409 to a form made from an older policy, and shows things as they stand', async () => {
    const fields = fieldsIn((await admin.get(rolePage)).text)
    const theirs = { ...fieldsIn((await ada.get(rolePage)).text), defaultMinutes: '12' }
    assert.equal((await ada.post(rolePage, theirs, rolePage)).status, 303)
    const late = await admin.post(rolePage, { ...fields, defaultMinutes: '13' }, rolePage)
    assert.equal(late.status, 409)
    assert.match(late.text, /ada changed the policy meanwhile/)
    assert.match(late.text, /name="defaultMinutes"[\s\S]*?value="12"/)
    const again = { ...fieldsIn(late.text), defaultMinutes: '13' }
    assert.equal((await admin.post(rolePage, again, rolePage)).status, 303)
    const versionless = await admin.post(rolePage, { ...again, policyVersion: '' }, rolePage)
    assert.equal(versionless.status, 422)
    const body = { defaultMinutes: 14, policyVersion: 1 }
    const stale = await portal.api('admin').post(rolePage, body)
    assert.equal(stale.status, 409)
    assert.equal((stale.body as Body)['code'], 'state_changed')
  })

  it('puts a role without approval before a second admin, on the page and by the API', async () => {
    const fields = { ...fieldsIn((await admin.get(rolePage)).text), approvalsNeeded: '0' }
    assert.equal((await admin.post(rolePage, fields, rolePage)).status, 303)
    const mine = await admin.get(rolePage)
    assert.match(mine.text, /Waits for a second admin[\s\S]*approvals needed 1 → 0/)
    const [, id = ''] = /\/policy\/proposals\/([0-9a-f-]+)\/withdrawal/.exec(mine.text) ?? []
    assert.ok(!mine.text.includes(`${id}/approval`))
    const own = await portal.api('admin').post(`/policy/proposals/${id}/approval`, {})
    assert.equal(own.status, 403)
    assert.equal((own.body as Body)['code'], 'own_request')
    const ownPage = await admin.post(`/policy/proposals/${id}/approval`, {}, '/policy')
    assert.equal(ownPage.status, 403)
    assert.equal(await needed(), 1)
    const theirs = await ada.get('/policy')
    assert.match(theirs.text, new RegExp(`${id}/approval`))
    const applied = await ada.post(`/policy/proposals/${id}/approval`, {}, '/policy')
    assert.equal(applied.get('location'), '/policy')
    assert.equal(await needed(), 0)
    const twice = await ada.post(`/policy/proposals/${id}/approval`, {}, '/policy')
    assert.equal(twice.status, 409)
    const back = await portal.api('admin').post(rolePage, { approvalsNeeded: 1 })
    assert.equal((back.body as Body)['approvalsNeeded'], 1)
    assert.equal((back.body as Body)['proposal'], null)
    const proposed = await portal.api('admin').post(rolePage, { approvalsNeeded: 0 })
    const { proposal, approvalsNeeded } = proposed.body as {
      proposal: Body
      approvalsNeeded: number
    }
    assert.equal(approvalsNeeded, 1)
    const path = `/policy/proposals/${String(proposal['id'])}`
    assert.equal((await (await adaApi())(`${path}/withdrawal`)).status, 403)
    const withdrawn = await portal.api('admin').post(`${path}/withdrawal`, {})
    assert.equal((withdrawn.body as Body)['outcome'], 'withdrawn')
  })

  it('refuses a new role that walks around the approvals of another', async () => {
    const fields = { dataSource: 'shop', name: 'shortcut', databaseRole: 'orders_reader' }
    const around = { ...fields, approvalsNeeded: '0' }
    const refused = await admin.post('/roles', around, '/roles/new')
    assert.equal(refused.status, 422)
    assert.match(refused.text, /id="approvalsNeeded-error">[^<]*a way around/)
    await rows(world.owner.db, `update roles set disabled_at = now() where name = 'role1'`)
    assert.equal(
      (await admin.post('/roles', around, '/roles/new')).status,
      422,
      'shelved counts too',
    )
    await rows(world.owner.db, `update roles set disabled_at = null where name = 'role1'`)
    const free = { ...around, name: 'other', databaseRole: 'some_other' }
    assert.equal((await admin.post('/roles', free, '/roles/new')).status, 303)
  })

  it('knows the server under its other names, and roles that reach past every grant', async () => {
    for (const [name, host] of [
      ['by name', 'LocalHost.'],
      ['by socket', '/run/postgresql'],
    ] as const) {
      await rows(
        world.owner.db,
        `insert into data_sources (organization_id, name, host, port, databases, default_database, admin_sealed)
         select organization_id, :name, :host, port, databases, default_database, admin_sealed
           from data_sources where name = 'shop'`,
        { name, host },
      )
      const alias = { dataSource: name, name: 'alias', databaseRole: 'orders_reader' }
      const refused = await admin.post('/roles', { ...alias, approvalsNeeded: '0' }, '/roles/new')
      assert.match(refused.text, /id="approvalsNeeded-error">[^<]*role1 of shop lends/, host)
    }
    const all = { dataSource: 'shop', name: 'all', databaseRole: 'pg_write_all_data' }
    const past = await admin.post('/roles', { ...all, approvalsNeeded: '0' }, '/roles/new')
    assert.match(past.text, /id="approvalsNeeded-error">[^<]*reaches past every grant/)
    await rows(world.owner.db, `delete from data_sources where name like 'by %'`)
  })

  it('shows what each version changed, and stands on the session that was asked under it', async () => {
    await portal.api('admin').post(rolePage, { description: 'seen in a version' })
    const asked = { dataSource: 'shop', roles: ['role1'], justification: 'ticket 7' }
    const session = (await portal.api('mark').post('/sessions', asked)).body as Body
    const policy = (await portal.api('audrey').get('/policy')).body as Body
    assert.equal(session['policyVersion'], policy['version'])
    const number = String(policy['version'])
    const own = await (await portal.signedIn('mark')).get(`/sessions/${String(session['id'])}`)
    assert.match(own.text, new RegExp(`asked under policy version ${number}`))
    assert.ok(!own.text.includes('/policy/versions'))
    const audrey = await portal.signedIn('audrey')
    const seen = await audrey.get(`/sessions/${String(session['id'])}`)
    assert.match(seen.text, new RegExp(`href="/policy/versions/${number}"`))
    const page = await audrey.get(`/policy/versions/${number}`)
    assert.match(page.text, /role role1 of shop[\s\S]*<ins>seen in a version<\/ins>/)
    assert.match(page.text, /This version is in force/)
    assert.equal((await audrey.get(`/policy/versions/${Number(number) + 1}`)).status, 404)
    const kept = await portal.api('audrey').get(`/policy/versions/${number}`)
    assert.match(kept.text, /seen in a version/)
  })

  async function needed(): Promise<number | undefined> {
    const [role] = await rows<{ needed: number }>(
      world.owner.db,
      `select approvals_needed as needed from roles where name = 'role1'`,
    )
    return role?.needed
  }

  async function adaApi(): Promise<(path: string) => request.Test> {
    const [person] = await rows<Person>(
      world.owner.db,
      `select id, username, organization_id as "organizationId" from people where username = 'ada'`,
    )
    assert.ok(person)
    const { token } = await world.portal.change((tx) =>
      createToken(tx, world.origins.admin, { person, name: 'test' }),
    )
    return (path) =>
      portal.browser().raw('post', `/api/v1${path}`).auth(token, { type: 'bearer' }).send()
  }
})

const ADA = {
  username: 'ada',
  displayName: 'Ada',
  passwordHash: null,
  portalUser: true,
  auditUser: false,
  managementPrivilege: 'admin',
} as const
