import assert from 'node:assert/strict'
import { checkDue } from '../../broker/preflight/checks.ts'
import { goOn } from '../../broker/scheduling/steps.ts'
import { rows } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { derivePartKey, openingKey } from '../../lib/seal.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

describe('tests of data sources and roles, in the portal', () => {
  let world: World
  let portal: TestPortal
  let admin: Browser

  before(async () => {
    world = await makeWorld()
    portal = await openPortal(world)
    admin = await portal.signedIn('admin')
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  it('wait on a page that looks again by itself, until a broker has made them', async () => {
    const asked = await admin.post(
      `/data-sources/${world.dataSource.id}/check`,
      {},
      '/data-sources',
    )
    const href = asked.get('location') ?? ''
    const waiting = await admin.get(href)
    await runChecks()
    const ended = await admin.get(href)
    const list = await admin.get('/data-sources')

    assert.equal(asked.status, 303, asked.text)
    assert.match(href, /^\/checks\/[0-9a-f-]{36}$/)
    assert.equal(waiting.get('refresh'), '2')
    assert.match(waiting.text, />waiting</)
    assert.equal(ended.get('refresh'), undefined)
    assert.match(ended.text, /<span class="state" data-state="ok">ok<\/span> \S+ may create roles/)
    assert.match(ended.text, /<pre>grant select on pg_hba_file_rules to/)
    assert.match(list.text, new RegExp(`href="${href}"`))
    assert.match(list.text, />in order</)
  })

  it('are one however often they are asked for before one has begun', async () => {
    const ask = async (path: string) => {
      const answer = await portal.api('admin').post(path, {})
      return (answer.body as { id: string }).id
    }
    const role = `/roles/${world.roles.role1.id}/check`
    const ids = [await ask('/data-sources/shop/check'), await ask('/data-sources/shop/check')]
    const others = [await ask(role), await ask(role)]
    await runChecks()
    const later = await ask('/data-sources/shop/check')
    await runChecks()

    assert.equal(new Set([...ids, ...others]).size, 2)
    assert.notEqual(later, ids[0])
  })

  it('say when no broker picks them up', async () => {
    const answer = await portal.api('admin').post('/data-sources/shop/check', {})
    const { id } = answer.body as { id: string }
    await rows(
      world.owner.db,
      `update data_source_checks set asked_at = asked_at - interval '16 seconds' where id = :id`,
      { id },
    )
    const seen = await portal.api('admin').get(`/checks/${id}`)
    const page = await admin.get(`/checks/${id}`)
    await runChecks()
    const ended = await portal.api('admin').get(`/checks/${id}`)

    assert.equal(answer.status, 202)
    assert.equal(fieldOf(answer.body, 'endedAt'), null)
    assert.equal(fieldOf(answer.body, 'message'), null)
    assert.match(String(fieldOf(seen.body, 'message')), /^No broker has picked this up/)
    assert.match(page.text, /No broker has picked this up/)
    assert.equal(fieldOf(ended.body, 'ok'), true)
    assert.equal(fieldOf(ended.body, 'message'), null)
  })

  it('are there for nobody of another organization and nobody without the right', async () => {
    const made = await portal.api('admin').post(`/roles/${world.roles.role1.id}/check`, {})
    const { id } = made.body as { id: string }
    const none = '00000000-0000-4000-8000-000000000000'

    assert.equal((await portal.api('mark').get(`/checks/${id}`)).status, 403)
    assert.equal((await portal.api('admin').get(`/checks/${none}`)).status, 404)
    assert.equal((await portal.api('admin').post(`/roles/${none}/check`, {})).status, 404)
    assert.equal((await portal.api('admin').post('/data-sources/none/check', {})).status, 404)
    assert.equal((await portal.api('admin').get('/checks/1')).status, 404)
    await runChecks()
  })

  it('show approvers what is dangerous, and what a test after the approval found', async () => {
    const asked = { dataSource: 'shop', roles: ['role1'], minutes: 5, justification: 'ticket 7' }
    const created = await portal.api('mark').post('/sessions', asked)
    const { id } = created.body as { id: string }
    await runOn(world.shop.superuserUrl, 'alter role orders_reader bypassrls')
    await portal.api('admin').post(`/roles/${world.roles.role1.id}/check`, {})
    await runChecks()
    const john = await portal.signedIn('john')
    const approvals = await john.get('/approvals')
    const refused = await portal.api('mark').post('/sessions', asked)
    await portal.api('john').post(`/sessions/${id}/approval`, {})
    await runChecks()
    const page = await john.get(`/sessions/${id}`)
    const roles = await admin.get('/roles')
    await runOn(world.shop.superuserUrl, 'alter role orders_reader nobypassrls')

    assert.match(approvals.text, /dangerous: passes row security/)
    assert.equal(refused.status, 422)
    assert.match(refused.text, /role1 is too powerful to lend \(passes row security\)/)
    assert.match(page.text, /Testing role1: orders_reader is too powerful to lend: passes row/)
    assert.match(roles.text, /<span class="state" data-state="refused">danger<\/span>/)
  })

  it('are asked for when a data source is registered and when a role is defined', async () => {
    const name = 'shop again'
    await portal.api('admin').post('/data-sources', {
      name,
      url: world.shop.adminUrl,
      tls: 'disable',
    })
    const role = { name: 'reader', dataSource: name, databaseRole: 'customers_reader' }
    const made = await portal.api('admin').post('/roles', { ...role, approvalsNeeded: 0 })
    const found = await rows(
      world.owner.db,
      `select c.cause, c.asked_by as "askedBy", r.name as role
         from data_source_checks c
         join data_sources d on d.id = c.data_source_id
         left join roles r on r.id = c.role_id
        where d.name = :name
        order by c.asked_at`,
      { name },
    )

    assert.equal(made.status, 201, made.text)
    assert.deepEqual(found, [
      { cause: 'registration', askedBy: 'admin', role: null },
      { cause: 'registration', askedBy: 'admin', role: 'reader' },
    ])
  })

  function runChecks(): Promise<void> {
    const key = openingKey(derivePartKey(world.masterKey, 'broker'))
    const deps = { store: world.broker, key, log: silentLog, reached: goOn }
    return checkDue(deps, world.dataSource.id)
  }
})

function fieldOf(body: unknown, name: string): unknown {
  assert.ok(typeof body === 'object' && body !== null)
  return new Map(Object.entries(body)).get(name)
}
