import assert from 'node:assert/strict'
import request from 'supertest'
import { rows } from '../../db/store.ts'
import { createToken } from '../../db/tokens.ts'
import { OPERATIONS } from '../../portal/api/openapi.ts'
import { openMetrics } from '../../portal/api/metrics.ts'
import { apiRoutes, publicApiRoutes } from '../../portal/routes.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { silentLog } from '../../lib/log.ts'
import { makeBroker } from '../support/broker.ts'
import { configFor, openPortal, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
const ASKED = { dataSource: 'shop', roles: ['role1'], minutes: 30, justification: 'ticket 7' }

interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly errors: { field: string; message: string }[]
}

describe('the JSON API', () => {
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

  it('makes a session as the contract says it, to the member', async () => {
    const answer = await portal.api('mark').post('/sessions', ASKED)
    assert.equal(answer.status, 201)
    assert.match(answer.get('location') ?? '', /^\/api\/v1\/sessions\/\d+$/)
    assert.match(answer.get('content-type') ?? '', /^application\/json/)
    const { id, uuid, start, end, createdAt, diesAt, policyVersion, ...rest } = bodyOf(answer)
    assert.ok(Number.isInteger(policyVersion))
    assert.match(String(id), /^\d+$/)
    assert.match(String(uuid), /^[0-9a-f-]{36}$/)
    for (const at of [start, end, createdAt, diesAt]) assert.match(String(at), ISO)
    assert.equal(Date.parse(String(end)) - Date.parse(String(start)), 30 * 60_000)
    assert.deepEqual(rest, {
      state: 'CREATED',
      dataSource: 'shop',
      requester: 'mark',
      roles: [{ name: 'role1', state: 'PENDING', needed: 1, approvals: [] }],
      username: null,
      minutes: null,
      justification: 'ticket 7',
      grantedAt: null,
      endedAt: null,
      endReason: null,
      removedAt: null,
      removal: { state: 'none', detail: null },
      waitingFor: null,
    })
    const approved = await portal
      .api('john')
      .post(`/sessions/${String(id)}/approval`, { comment: 'go' })
    assert.equal(approved.status, 200)
    const [role] = bodyOf(approved)['roles'] as { approvals: Record<string, string>[] }[]
    assert.deepEqual(Object.keys(role?.approvals[0] ?? {}), ['by', 'at', 'comment'])
    assert.equal(role?.approvals[0]?.['by'], 'john')
    assert.equal(bodyOf(approved)['state'], 'APPROVED')
  })

  it('hands a credential to the requester of a granted session, a new one each time', async () => {
    const mark = portal.api('mark')
    const { id } = bodyOf(await mark.post('/sessions', { ...ASKED, roles: ['role2'] }))
    const path = `/sessions/${String(id)}/credential`
    expectProblem(await mark.post(path, {}), 409, 'session_not_granted')
    await makeBroker(world).tick()
    const [first, second] = [await mark.post(path, {}), await mark.post(path, {})]
    assert.equal(first.get('cache-control'), 'no-store')
    const made = bodyOf(first)
    assert.deepEqual(Object.keys(made).sort(), [
      'database',
      'host',
      'password',
      'port',
      'psql',
      'url',
      'username',
    ])
    assert.equal(made['host'], '127.0.0.1')
    assert.equal(made['port'], 6432)
    assert.equal(made['database'], world.shop.database)
    const url = new URL(String(made['url']))
    assert.equal(url.username, made['username'])
    assert.equal(url.password, made['password'])
    assert.notEqual(bodyOf(second)['password'], made['password'])
    expectProblem(await portal.api('john').post(path, {}), 404, 'not_found')
    expectProblem(await portal.api('admin').post(path, {}), 404, 'not_found')
  })

  it('lists by state and by mine, newest first, a page at a time', async () => {
    const mark = portal.api('mark')
    const ids = []
    for (let count = 0; count < 3; count += 1) {
      ids.unshift(bodyOf(await mark.post('/sessions', ASKED))['id'])
    }
    await portal.api('john').post('/sessions', { ...ASKED, roles: ['role2'] })
    const page = bodyOf(await mark.get('/sessions?state=CREATED&mine=true'))
    const listed = (page['sessions'] as { id: string; state: string }[]).map(({ id }) => id)
    assert.deepEqual(listed.slice(0, 3), ids)
    assert.equal(page['next'], null)
    const older = bodyOf(await mark.get(`/sessions?state=created,denied&cursor=${String(ids[0])}`))
    assert.deepEqual((older['sessions'] as { id: string }[])[0]?.id, ids[1])
    const all = bodyOf(await portal.api('admin').get('/sessions'))['sessions'] as {
      requester: string
    }[]
    assert.deepEqual([...new Set(all.map(({ requester }) => requester))].sort(), ['john', 'mark'])
    expectProblem(await mark.get('/sessions?state=OPEN'), 422, 'invalid_request', ['state'])
    expectProblem(await mark.get('/sessions?mine=maybe'), 422, 'invalid_request', ['mine'])
    expectProblem(await mark.get('/sessions?cursor=x'), 422, 'invalid_request', ['cursor'])
  })

  it('answers each bad input with a problem that names the field', async () => {
    const mark = portal.api('mark')
    const cases: [object, string[]][] = [
      [{}, ['dataSource', 'roles']],
      [{ ...ASKED, roles: 'role1' }, ['roles']],
      [{ ...ASKED, roles: [] }, ['roles']],
      [{ ...ASKED, roles: ['nothing'] }, ['roles']],
      [{ ...ASKED, roles: ['role1', 'role1'] }, ['roles']],
      [{ ...ASKED, dataSource: 'nowhere' }, ['dataSource']],
      [{ ...ASKED, minutes: 'soon' }, ['minutes']],
      [{ ...ASKED, minutes: -1 }, ['minutes']],
      [{ ...ASKED, minutes: 61 }, ['minutes']],
      [{ ...ASKED, minutes: 0.01 }, ['minutes']],
      [{ ...ASKED, fromApproval: true, minutes: 1.5 }, ['minutes']],
      [{ ...ASKED, minutes: undefined, end: '2020-01-01T00:00:00Z' }, ['end']],
      [{ ...ASKED, start: '2027-01-01 10:00' }, ['start']],
      [{ ...ASKED, start: '2020-01-01T00:00:00Z' }, ['start']],
      [{ ...ASKED, justification: '' }, ['justification']],
      [{ ...ASKED, justification: 'x'.repeat(2001) }, ['justification']],
      [{ ...ASKED, justification: 'a\u0000b' }, ['justification']],
      [{ ...ASKED, requester: 'admin' }, ['requester']],
    ]
    for (const [body, fields] of cases) {
      expectProblem(await mark.post('/sessions', body), 422, 'invalid_request', fields)
    }
    const { id } = bodyOf(await mark.post('/sessions', ASKED))
    const path = `/sessions/${String(id)}`
    const john = portal.api('john')
    expectProblem(await john.post(`${path}/denial`, {}), 422, 'reason_required', ['reason'])
    expectProblem(
      await portal.api('admin').post(`${path}/termination`, {}),
      422,
      'reason_required',
      ['reason'],
    )
    expectProblem(await mark.post(`${path}/approval`, {}), 403, 'own_request')
    expectProblem(await portal.api('admin').post(`${path}/approval`, {}), 403, 'not_entitled')
    expectProblem(await mark.post(`${path}/approval`, { by: 'john' }), 422, 'invalid_request', [
      'by',
    ])
    await john.post(`${path}/approval`, {})
    expectProblem(await john.post(`${path}/denial`, { reason: 'late' }), 409, 'already_decided')
  })

  it('answers malformed, unknown and oversized requests with problems too', async () => {
    const { app } = portal
    expectProblem(await request(app).get('/api/v1/me'), 401, 'not_signed_in')
    expectProblem(
      await request(app).get('/api/v1/me').auth('daypass_wrong', { type: 'bearer' }),
      401,
      'token_not_valid',
    )
    const signedIn = await portal.signedIn('admin')
    expectProblem(await signedIn.get('/api/v1/me'), 401, 'not_signed_in')
    const mark = portal.api('mark')
    expectProblem(await mark.get('/nothing'), 404, 'not_found')
    expectProblem(await mark.post('/sessions/1/nothing', {}), 404, 'not_found')
    expectProblem(await mark.get('/sessions/%zz'), 400, 'malformed_request')
    const { token } = await world.portal.change((tx) =>
      createToken(tx, world.origins.mark, { person: world.people.mark, name: 'by hand' }),
    )
    const raw = (text: string, type = 'application/json') =>
      request(app)
        .post('/api/v1/sessions')
        .auth(token, { type: 'bearer' })
        .set('content-type', type)
        .send(text)
    expectProblem(await raw('{"dataSource":'), 400, 'malformed_request')
    expectProblem(await raw('[1]'), 400, 'malformed_request')
    expectProblem(await raw('{}', 'text/plain'), 415, 'media_type_unknown')
    expectProblem(
      await raw(JSON.stringify({ ...ASKED, justification: 'x'.repeat(300_000) })),
      413,
      'too_large',
    )
    const answer = await request(app).get('/api/v1/me')
    assert.equal(answer.get('www-authenticate'), 'Bearer realm="Daypass"')
  })

  it("hides another's session behind the answer for none", async () => {
    const { id } = bodyOf(
      await portal.api('john').post('/sessions', { ...ASKED, roles: ['role2'] }),
    )
    const mark = portal.api('mark')
    const none = bodyOf(await mark.get('/sessions/999999')) as unknown as Problem
    for (const path of [`/sessions/${String(id)}`, `/sessions/${String(id)}/statements`]) {
      const answer = await mark.get(path)
      expectProblem(answer, 404, 'not_found')
      assert.equal((answer.body as Problem).detail, none.detail)
    }
    for (const verb of ['approval', 'denial', 'cancellation', 'termination', 'credential']) {
      const body = verb === 'denial' || verb === 'termination' ? { reason: 'x' } : {}
      expectProblem(await mark.post(`/sessions/${String(id)}/${verb}`, body), 404, 'not_found')
    }
  })

  it('ends an own session, and any session for an admin', async () => {
    const mark = portal.api('mark')
    const first = bodyOf(await mark.post('/sessions', ASKED))['id']
    const canceled = bodyOf(
      await mark.post(`/sessions/${String(first)}/cancellation`, { reason: 'done' }),
    )
    assert.equal(canceled['state'], 'CANCELED')
    assert.match(String(canceled['endedAt']), ISO)
    const second = bodyOf(await mark.post('/sessions', ASKED))['id']
    const path = `/sessions/${String(second)}/termination`
    expectProblem(await mark.post(path, { reason: 'x' }), 403, 'not_entitled')
    const ended = bodyOf(await portal.api('admin').post(path, { reason: 'drill' }))
    assert.equal(ended['state'], 'TERMINATED')
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

  it('refuses what administration can not keep, a sentence a field', async () => {
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
  })
})

function bodyOf(answer: request.Response): Record<string, unknown> {
  return answer.body as Record<string, unknown>
}

function expectProblem(
  answer: request.Response,
  status: number,
  code: string,
  fields: readonly string[] = [],
): void {
  assert.equal(answer.status, status, answer.text)
  assert.match(answer.get('content-type') ?? '', /^application\/problem\+json/)
  assert.equal(answer.get('cache-control'), 'no-store')
  const problem = JSON.parse(answer.text) as Problem
  assert.equal(problem.code, code)
  assert.equal(problem.status, status)
  assert.ok(problem.title.length > 0 && problem.detail.length > 0)
  assert.deepEqual(problem.errors.map(({ field }) => field).sort(), [...fields].sort(), answer.text)
}
