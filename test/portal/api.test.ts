import assert from 'node:assert/strict'
import request from 'supertest'
import { createToken } from '../../db/tokens.ts'
import { makeBroker } from '../support/broker.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { bodyOf, expectProblem, type Problem } from '../support/problem.ts'
import { makeWorld, type World } from '../support/world.ts'

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
const ASKED = { dataSource: 'shop', roles: ['role1'], minutes: 30, justification: 'ticket 7' }

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
      hiddenAt: null,
      removal: { state: 'none', detail: null, login: null },
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
    const statements = `/sessions/${String(ids[0])}/statements`
    assert.equal((await mark.get(statements)).status, 200)
    for (const cursor of ['zz', Buffer.from('2026-11-23 x 1 1').toString('base64url')]) {
      const answer = await mark.get(`${statements}?cursor=${cursor}`)
      expectProblem(answer, 422, 'invalid_request', ['cursor'])
    }
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
})
