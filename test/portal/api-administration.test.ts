import assert from 'node:assert/strict'
import request from 'supertest'
import { rows } from '../../db/store.ts'
import { OPERATIONS } from '../../portal/api/openapi.ts'
import { openMetrics } from '../../portal/api/metrics.ts'
import { apiRoutes, publicApiRoutes } from '../../portal/api/routes.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { silentLog } from '../../lib/log.ts'
import { configFor, openPortal, type TestPortal } from '../support/portal.ts'
import { bodyOf, expectProblem } from '../support/problem.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('the JSON API of administration, and about itself', () => {
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

  it('lets admins alone add data sources, roles, groups and users', async () => {
    const admin = portal.api('admin')
    const source = {
      name: 'ledger',
      url: 'postgresql://broker:s3cret-canary@127.0.0.1:5433/ledger',
      tls: 'disable',
      databases: ['ledger', 'archive'],
    }
    const user = { username: 'eve', password: 'a long enough password', auditUser: true }
    const group = { name: 'ledger owners', members: ['john', 'eve'] }
    const role = {
      dataSource: 'ledger',
      name: 'reader',
      databaseRole: 'ledger_reader',
      group: group.name,
    }
    const bodies: [string, object][] = [
      ['/data-sources', source],
      ['/users', user],
      ['/groups', group],
      ['/roles', role],
    ]
    for (const name of ['mark', 'audrey'] as const) {
      for (const [path, body] of bodies) {
        expectProblem(await portal.api(name).post(path, body), 403, 'not_entitled')
      }
    }
    for (const [path, body] of bodies) {
      const answer = await admin.post(path, body)
      assert.equal(answer.status, 201, answer.text)
      assert.ok(!/canary|long enough|argon2/.test(answer.text))
      expectProblem(await admin.post(path, body), 422, 'invalid_request', [
        path === '/users' ? 'username' : 'name',
      ])
    }
    const kept = bodyOf(await admin.get('/roles'))['roles'] as {
      name: string
      approvers: string[]
    }[]
    assert.deepEqual(kept.find(({ name }) => name === 'reader')?.approvers, ['eve', 'john'])
    const [{ sealed } = { sealed: Buffer.alloc(0) }] = await rows<{ sealed: Buffer }>(
      world.owner.db,
      `select admin_sealed as sealed from data_sources where name = 'ledger'`,
    )
    assert.ok(sealed.length > 80 && !sealed.includes('canary'))
    const dump = await rows<{ text: string }>(
      world.owner.db,
      `select r.body || coalesce(p.payload::text, '') as text from records r left join record_payloads p using (at, seq)`,
    )
    assert.ok(dump.every(({ text }) => !/canary|long enough|argon2/.test(text)))
  })

  it("refuses what administration can't keep, a sentence a field", async () => {
    const admin = portal.api('admin')
    const source = { name: 'x', url: 'postgresql://u:p@db.example/x' }
    const role = { dataSource: 'shop', name: 'r', databaseRole: 'r' }
    const cases: [string, object, string][] = [
      ['/data-sources', { ...source, url: 'mysql://u:p@h/x' }, 'url'],
      ['/data-sources', { ...source, url: 'postgresql://h/x' }, 'url'],
      ['/data-sources', { ...source, url: 'postgresql://u:%zz@h%zz/x' }, 'url'],
      ['/data-sources', { ...source, tls: 'disable' }, 'tls'],
      ['/data-sources', { ...source, tls: 'maybe' }, 'tls'],
      ['/data-sources', { ...source, name: '<b>' }, 'name'],
      ['/data-sources', { ...source, justificationPattern: '(' }, 'justificationPattern'],
      ['/data-sources', { ...source, databases: ['a'], defaultDatabase: 'b' }, 'defaultDatabase'],
      ['/roles', { ...role, dataSource: 'nowhere' }, 'dataSource'],
      ['/roles', { ...role, approvalsNeeded: 1 }, 'approvalsNeeded'],
      ['/roles', { ...role, approvalsNeeded: 0, defaultMinutes: 90 }, 'defaultMinutes'],
      ['/roles', { ...role, group: 'nobody' }, 'group'],
      ['/roles', { ...role, approvers: ['nobody'] }, 'approvers'],
      ['/groups', { name: 'g', members: ['nobody'] }, 'members'],
      ['/users', { username: 'Ann' }, 'username'],
      ['/users', { username: 'ann', password: 'short' }, 'password'],
      ['/users', { username: 'ann', email: 'ann' }, 'email'],
      ['/users', { username: 'ann', managementPrivilege: 'root' }, 'managementPrivilege'],
    ]
    for (const [path, body, field] of cases) {
      expectProblem(await admin.post(path, body), 422, 'invalid_request', [field])
    }
  })

  it('shows administrators how a data source is reached, and others only what to ask for', async () => {
    const keys = async (name: 'mark' | 'admin') => {
      const found = bodyOf(await portal.api(name).get('/data-sources'))['dataSources'] as object[]
      return Object.keys(found[0] ?? {})
    }
    assert.deepEqual(await keys('mark'), [
      'id',
      'name',
      'databases',
      'defaultDatabase',
      'disabledAt',
    ])
    assert.ok((await keys('admin')).includes('host'))
    expectProblem(await portal.api('mark').get('/users'), 403, 'not_entitled')
    assert.equal(bodyOf(await portal.api('mark').get('/me'))['username'], 'mark')
  })

  it('answers health without a token and numbers with one', async () => {
    const { app } = portal
    assert.equal((await request(app).get('/healthz')).status, 200)
    assert.deepEqual((await request(app).get('/readyz')).body, { status: 'ready' })
    expectProblem(await portal.api('mark').get('/metrics'), 403, 'not_entitled')
    const metrics = await portal.api('admin').get('/metrics')
    assert.match(metrics.text, /daypass_up 1/)
    assert.match(metrics.text, /daypass_sessions\{state="CREATED"\} \d+/)
    assert.match(metrics.text, /daypass_http_requests_total\{method="GET",status="200"\} \d+/)
  })

  it('documents every route, and no route that is not there', async () => {
    const shutdown = new Shutdown(silentLog)
    const deps = { config: configFor(world), store: world.portal, log: silentLog, shutdown }
    const mounted = [...publicApiRoutes(), ...apiRoutes({ ...deps, metrics: openMetrics(deps) })]
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
      .sort()
    const documented = Object.entries(OPERATIONS)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`))
      .sort()
    assert.deepEqual(documented, mounted)
    const document = bodyOf(await request(portal.app).get('/api/v1/openapi.json'))
    assert.equal(document['openapi'], '3.1.0')
    const references = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)]
    const { schemas } = document['components'] as { schemas: Record<string, object> }
    for (const [, name] of references) assert.ok(name !== undefined && name in schemas, name)
    assert.ok(references.length > 20)
    const paths = document['paths'] as Record<string, { get: { responses: object } }>
    const answers = Object.keys(paths['/audit/download']?.get.responses ?? {})
    assert.deepEqual(answers, ['200', '401', '404', '422', '429', '503'])
  })
})
