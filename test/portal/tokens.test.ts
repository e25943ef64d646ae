import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import request from 'supertest'
import { getOrganization } from '../../db/people.ts'
import { findRow, rows } from '../../db/store.ts'
import { createToken, TOKEN_SCOPES, type NewToken, type TokenScope } from '../../db/tokens.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { openMetrics } from '../../portal/api/metrics.ts'
import { apiRoutes } from '../../portal/api/routes.ts'
import { ROUTE_SCOPES } from '../../portal/api/scopes.ts'
import { configFor, openPortal, type TestPortal } from '../support/portal.ts'
import { bodyOf, expectProblem } from '../support/problem.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

describe('tokens of the API', () => {
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

  it('have a scope for every route, and routes for every scope', () => {
    const shutdown = new Shutdown(silentLog)
    const deps = { config: configFor(world), store: world.portal, log: silentLog, shutdown }
    const routes = apiRoutes({ ...deps, metrics: openMetrics(deps) })
    assert.deepEqual(
      routes.map(({ method, path }) => `${method} ${path}`).sort(),
      Object.keys(ROUTE_SCOPES).sort(),
    )
    const used = new Set(Object.values(ROUTE_SCOPES).flat())
    assert.deepEqual([...used].sort(), [...TOKEN_SCOPES].sort())
  })

  for (const scope of TOKEN_SCOPES) {
    it(`open with ${scope} alone what that is for, and nothing else`, async () => {
      await giveEverything('admin')
      try {
        const { token } = await make({ person: world.people.admin, scopes: [scope] })
        for (const [route, opening] of Object.entries(FAMILIES)) {
          const answer = await call(route, token)
          assert.notEqual(answer.status, 401, route)
          const isOpen = bodyOf(answer)['code'] !== 'scope_missing'
          assert.equal(isOpen, opening.includes(scope), `${route}: ${answer.text.slice(0, 200)}`)
        }
      } finally {
        await takeEverything('admin')
      }
    })
  }

  it('say which scope is missing, as RFC 6750 has it, and it is a record', async () => {
    const { token } = await make({ person: world.people.john, scopes: ['request'] })
    const answer = await call('post /sessions/:id/approval', token)
    expectProblem(answer, 403, 'scope_missing')
    assert.match(answer.get('www-authenticate') ?? '', /error="insufficient_scope"/)
    const refused = await lastRecord('access.refused')
    assert.deepEqual([refused?.actor, refused?.details['code']], ['john', 'scope_missing'])
  })

  it('narrow their person: flags that the scopes leave out are none', async () => {
    await giveEverything('admin')
    try {
      const flagsWith = async (scopes: readonly TokenScope[]) => {
        const { token } = await make({ person: world.people.admin, scopes })
        const me = bodyOf(await call('get /me', token))
        assert.deepEqual(me['scopes'], scopes)
        return [me['auditUser'], me['managementPrivilege']]
      }
      assert.deepEqual(await flagsWith(['request']), [false, 'none'])
      assert.deepEqual(await flagsWith(['audit']), [true, 'read_only'])
      assert.deepEqual(await flagsWith(['admin']), [false, 'admin'])
      assert.deepEqual(await flagsWith(TOKEN_SCOPES), [true, 'admin'])
    } finally {
      await takeEverything('admin')
    }
    const asked = { dataSource: 'shop', roles: ['role1'], minutes: 5, justification: 'ticket 8' }
    const { id } = bodyOf(await portal.api('mark').post('/sessions', asked))
    const narrow = await make({ person: world.people.admin, scopes: ['request'] })
    const path = `/api/v1/sessions/${String(id)}`
    assert.equal((await get(path, narrow.token)).status, 404, 'an admin would see it')
    const whole = await make({ person: world.people.admin })
    assert.equal((await get(path, whole.token)).status, 200)
  })

  it('that have expired are told so, and are a record as wrong ones are', async () => {
    const { id, token } = await make({ person: world.people.mark, days: 1 })
    assert.equal((await call('get /me', token)).status, 200)
    await rows(
      world.owner.db,
      `update tokens set expires_at = now() - interval '1 s' where id = :id`,
      { id },
    )
    const answer = await call('get /me', token)
    expectProblem(answer, 401, 'token_expired')
    assert.match(answer.get('www-authenticate') ?? '', /error="invalid_token"/)
    assert.equal((await lastRecord('auth.login_failed'))?.actor, 'mark')
  })

  it('are shown once, with an end chosen or of 90 days', async () => {
    const made = await portal.api('mark').post('/tokens', { name: 'ci', scopes: ['request'] })
    assert.equal(made.status, 201, made.text)
    assert.equal(made.get('cache-control'), 'no-store')
    const { id, token, expiresAt } = bodyOf(made)
    assert.ok(typeof token === 'string' && typeof expiresAt === 'string')
    const days = (Date.parse(expiresAt) - Date.now()) / 86_400_000
    assert.ok(days > 89.9 && days < 90.1, expiresAt)

    const listed = await portal.api('mark').get('/tokens')
    assert.ok(listed.text.includes(String(id)) && !listed.text.includes(token))
    assert.equal((await call('get /me', token)).status, 200)
    for (const expiresInDays of [0, 366, 1.5]) {
      const asked = { name: 'ci', scopes: ['request'], expiresInDays }
      expectProblem(await portal.api('mark').post('/tokens', asked), 422, 'invalid_request', [
        'expiresInDays',
      ])
    }
    expectProblem(
      await portal.api('mark').post('/tokens', { name: 'ci', scopes: [] }),
      422,
      'invalid_request',
      ['scopes'],
    )
  })

  it('make none that may do more than themselves or works longer', async () => {
    const { token } = await make({ person: world.people.mark, scopes: ['admin'], days: 10 })
    const ask = (body: object) =>
      request(portal.app).post('/api/v1/tokens').auth(token, { type: 'bearer' }).send(body)
    const wider = await ask({ name: 'x', scopes: ['admin', 'approve'], expiresInDays: 5 })
    expectProblem(wider, 422, 'invalid_request', ['scopes'])
    const longer = await ask({ name: 'x', scopes: ['admin'], expiresInDays: 11 })
    expectProblem(longer, 422, 'invalid_request', ['expiresInDays'])
    assert.equal((await ask({ name: 'x', scopes: ['admin'], expiresInDays: 5 })).status, 201)
  })

  it('are ended by their owner or an admin; to others, and elsewhere, they are not there', async () => {
    const { id, token } = await make({ person: world.people.mark })
    const end = `/tokens/${id}/deletion`
    for (const who of ['john', 'audrey'] as const) {
      expectProblem(await portal.api(who).post(end, {}), 404, 'not_found')
    }
    const elsewhere = await addElsewhere()
    expectProblem(
      await portal.api('admin').post(`/tokens/${elsewhere}/deletion`, {}),
      404,
      'not_found',
    )
    const ended = await portal.api('admin').post(end, { reason: 'left behind in a repository' })
    assert.deepEqual([bodyOf(ended)['state'], bodyOf(ended)['endedBy']], ['ended', 'admin'])
    expectProblem(await call('get /me', token), 401, 'token_not_valid')
    const record = await lastRecord('token.deleted')
    assert.deepEqual([record?.actor, record?.details['username']], ['admin', 'mark'])
  })

  it('of the time before scopes may do all and never expire, as an operator’s do', async () => {
    const { token, expiresAt } = await make({ person: world.people.mark })
    assert.equal(expiresAt, null)
    const me = bodyOf(await call('get /me', token))
    assert.deepEqual([me['scopes'], me['tokenExpiresAt']], [TOKEN_SCOPES, null])
  })

  const make = (asked: Omit<NewToken, 'name'>) =>
    world.portal.change((tx) =>
      createToken(tx, world.origins.admin, { name: 'of a test', ...asked }),
    )

  /** Calls a route with ids that nothing has, and nothing in the body. */
  function call(route: string, token: string): request.Test {
    const [method, pattern = ''] = route.split(' ')
    assert.ok(method === 'get' || method === 'post')
    const id = pattern.startsWith('/sessions/') ? '999999999' : randomUUID()
    const path = pattern
      .replace(':id', id)
      .replace(':name', 'nothing')
      .replace(':connection', randomUUID())
      .replace(/:(number|version)/, '1')
      .replaceAll(/:\w+/g, randomUUID())
    const asked = request(portal.app)[method](`/api/v1${path}`).auth(token, { type: 'bearer' })
    return method === 'get' ? asked : asked.send({})
  }

  function get(path: string, token: string): request.Test {
    return request(portal.app).get(path).auth(token, { type: 'bearer' })
  }

  async function giveEverything(who: Name): Promise<void> {
    const { id } = world.people[who]
    await rows(
      world.owner.db,
      `update people set audit_user = true, management_privilege = 'admin' where id = :id`,
      { id },
    )
  }

  async function takeEverything(who: Name): Promise<void> {
    const { id } = world.people[who]
    await rows(world.owner.db, `update people set audit_user = false where id = :id`, { id })
  }

  /** A token in another organization of the same store. */
  async function addElsewhere(): Promise<string> {
    const organizationId = randomUUID()
    await rows(
      world.owner.db,
      `insert into organizations (id, name, account_id) values (:organizationId, 'Elsewhere', 'E-1')`,
      { organizationId },
    )
    const organization = await getOrganization(world.owner.db, organizationId)
    const made = await findRow<{ id: string }>(
      world.owner.db,
      `insert into people (organization_id, username, display_name)
       values (:organizationId, 'elsewhere', 'Elsewhere')
    returning id`,
      { organizationId },
    )
    const person = { ...world.people.mark, id: made?.id ?? '', organizationId: organization.id }
    return (await make({ person })).id
  }

  async function lastRecord(
    action: string,
  ): Promise<{ actor: string; details: Record<string, string> } | undefined> {
    const found = await findRow<{ body: string }>(
      world.owner.db,
      `select body from records where action = :action order by at desc, seq desc limit 1`,
      { action },
    )
    if (found === undefined) return undefined
    const body = JSON.parse(found.body) as {
      actor: { name: string }
      details?: Record<string, string>
    }
    return { actor: body.actor.name, details: body.details ?? {} }
  }
})

/** One route of each family and the scopes that open it, written down here once more. */
const FAMILIES: Readonly<Record<string, readonly TokenScope[]>> = {
  'get /me': ['request', 'approve', 'audit', 'admin'],
  'get /sessions': ['request', 'approve', 'audit', 'admin'],
  'post /sessions': ['request'],
  'post /sessions/:id/credential': ['request'],
  'post /extensions/:id/cancellation': ['request'],
  'post /sessions/:id/approval': ['approve'],
  'post /extensions/:id/denial': ['approve'],
  'get /sessions/:id/statements': ['request', 'audit'],
  'get /audit': ['audit'],
  'post /audit/filters': ['audit'],
  'get /users': ['audit', 'admin'],
  'get /policy': ['audit', 'admin'],
  'get /metrics': ['audit', 'admin'],
  'get /applications': ['audit', 'admin'],
  'post /sessions/:id/termination': ['admin'],
  'post /users/:id/lock': ['admin'],
  'post /policy/proposals/:id/approval': ['admin'],
  'post /applications': ['admin'],
  'post /tokens': ['admin'],
  'post /account/password': ['admin'],
}
