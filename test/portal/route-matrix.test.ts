import assert from 'node:assert/strict'
import request from 'supertest'
import { createPerson, getDefaultOrganization, type Person } from '../../db/people.ts'
import { systemOrigin } from '../../db/scope.ts'
import { askForCheck } from '../../db/data-source-checks.ts'
import { rows } from '../../db/store.ts'
import { createToken } from '../../db/tokens.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { openMetrics } from '../../portal/api/metrics.ts'
import { openAttempts } from '../../portal/attempts.ts'
import { apiRoutes, pageRoutes, publicApiRoutes } from '../../portal/routes.ts'
import { openSignIns } from '../../portal/sign-in.ts'
import { configFor, openPortal, PASSWORD, type Browser } from '../support/portal.ts'
import type { TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

/** Everyone who might call: a stranger, an engineer, an approver, an auditor, a reader of administration, an admin. */
const PEOPLE = ['nobody', 'mark', 'john', 'audrey', 'rita', 'admin'] as const
type Who = (typeof PEOPLE)[number]

/** `sign-in`: sent to the sign-in page; `on`: sent to another page. */
type Answer = number | 'sign-in' | 'on'
type Expected = readonly [Answer, Answer, Answer, Answer, Answer, Answer]

const ALL: Expected = ['sign-in', 200, 200, 200, 200, 200]
const AUDITOR: Expected = ['sign-in', 404, 404, 200, 404, 404]
const READER: Expected = ['sign-in', 404, 404, 404, 200, 200]
const OVERSEER: Expected = ['sign-in', 404, 404, 200, 200, 200]
const ADMIN: Expected = ['sign-in', 404, 404, 404, 404, 200]
const ADMIN_FORM: Expected = ['sign-in', 404, 404, 404, 404, 422]
const ADMIN_POST: Expected = ['sign-in', 404, 404, 404, 404, 'on']
const POLICY: Expected = ['sign-in', 404, 404, 200, 200, 200]
/** There is no such thing for anybody; who may not look is told the same. */
const GONE: Expected = ['sign-in', 404, 404, 404, 404, 404]
const REDIRECT: Expected = ['on', 'on', 'on', 'on', 'on', 'on']

/** Session 1 is mark's and waits for john; posts say what they must, and forms of new things are empty. */
const PAGES: Readonly<Record<string, Expected>> = {
  'get /': ['sign-in', 'on', 'on', 'on', 'on', 'on'],
  'get /sign-in': [200, 'on', 'on', 'on', 'on', 'on'],
  'post /sign-in': [401, 401, 401, 401, 401, 401],
  'post /sign-out': ['sign-in', 'sign-in', 'sign-in', 'sign-in', 'sign-in', 'sign-in'],
  'get /data-sources': READER,
  'get /data-sources/new': ADMIN,
  'post /data-sources': ADMIN_FORM,
  'post /data-sources/:id/check': ADMIN_POST,
  'post /roles/:id/check': ADMIN_POST,
  'get /checks/:id': READER,
  'get /roles': READER,
  'get /roles/new': ADMIN,
  'post /roles': ADMIN_FORM,
  'get /users': READER,
  'get /alerts': OVERSEER,
  'get /alerts/rules': OVERSEER,
  'post /alerts/rules': ADMIN_FORM,
  'get /tasks': OVERSEER,
  'get /users/new': ADMIN,
  'post /users': ADMIN_FORM,
  'get /users/:id': READER,
  'post /users/:id/flags': ADMIN_POST,
  'post /users/:id/lock': ADMIN_POST,
  'post /users/:id/unlock': ADMIN_POST,
  'get /policy': POLICY,
  'get /policy/versions/:version': POLICY,
  'get /policy/justification': ADMIN,
  'post /policy/justification': ADMIN_FORM,
  'post /policy/justification/trial': ADMIN,
  'get /policy/justification/trial': REDIRECT,
  'get /policy/request-life': ADMIN,
  'post /policy/request-life': ADMIN_FORM,
  'post /policy/proposals/:id/approval': GONE,
  'post /policy/proposals/:id/rejection': GONE,
  'post /policy/proposals/:id/withdrawal': GONE,
  'get /roles/:id/policy': ADMIN,
  'post /roles/:id/policy': ADMIN_FORM,
  'get /data-sources/:id/policy': ADMIN,
  'post /data-sources/:id/policy': ADMIN_FORM,
  'post /data-sources/:id/policy/trial': ADMIN,
  'get /data-sources/:id/policy/trial': REDIRECT,
  'get /groups': READER,
  'get /groups/new': ADMIN,
  'post /groups': ADMIN_FORM,
  'get /groups/:id': READER,
  'get /groups/:id/definition': ADMIN,
  'post /groups/:id/definition': ADMIN_FORM,
  'post /groups/:id/members': ADMIN_POST,
  'post /groups/:id/members/removal': ADMIN_POST,
  'get /groups/:id/members': REDIRECT,
  'get /groups/:id/members/removal': REDIRECT,
  'get /sessions': ALL,
  'post /sessions': ['sign-in', 422, 422, 422, 422, 422],
  'get /sessions/new': ALL,
  'post /sessions/preview': ['sign-in', 422, 422, 422, 422, 422],
  'get /sessions/preview': REDIRECT,
  'post /sessions/termination': ADMIN_FORM,
  'get /sessions/termination': REDIRECT,
  'get /sessions/:id': ALL,
  'post /sessions/:id/approval': ['sign-in', 403, 'on', 403, 403, 403],
  'post /sessions/:id/denial': ['sign-in', 403, 'on', 403, 403, 403],
  'post /sessions/:id/cancellation': ['sign-in', 'on', 403, 403, 403, 403],
  'post /sessions/:id/termination': ['sign-in', 403, 403, 403, 403, 'on'],
  'post /sessions/:id/credential': ['sign-in', 409, 404, 404, 404, 404],
  'get /sessions/:id/approval': REDIRECT,
  'get /sessions/:id/denial': REDIRECT,
  'get /sessions/:id/cancellation': REDIRECT,
  'get /sessions/:id/termination': REDIRECT,
  'get /sessions/:id/credential': REDIRECT,
  'post /sessions/:id/repetition': ['sign-in', 409, 403, 403, 403, 403],
  'post /sessions/:id/extension': ['sign-in', 409, 403, 403, 403, 403],
  'get /sessions/:id/repetition': REDIRECT,
  'get /sessions/:id/extension': REDIRECT,
  'get /extensions/:id': ['sign-in', 'on', 'on', 'on', 'on', 'on'],
  'post /extensions/:id/approval': ['sign-in', 403, 'on', 403, 403, 403],
  'post /extensions/:id/denial': ['sign-in', 403, 'on', 403, 403, 403],
  'post /extensions/:id/cancellation': ['sign-in', 'on', 403, 403, 403, 403],
  'get /extensions/:id/approval': ['sign-in', 'on', 'on', 'on', 'on', 'on'],
  'get /extensions/:id/denial': ['sign-in', 'on', 'on', 'on', 'on', 'on'],
  'get /extensions/:id/cancellation': ['sign-in', 'on', 'on', 'on', 'on', 'on'],
  'get /approvals': ALL,
  'get /history': ALL,
  'get /audit': AUDITOR,
  'get /audit/download': AUDITOR,
  'get /audit/:record': AUDITOR,
}

const API: Readonly<Record<string, Expected>> = {
  'get /openapi.json': [200, 200, 200, 200, 200, 200],
  'get /me': [401, 200, 200, 200, 200, 200],
  'get /metrics': [401, 403, 403, 403, 200, 200],
  'get /alerts': [401, 403, 403, 200, 200, 200],
  'get /alerts/rules': [401, 403, 403, 200, 200, 200],
  'post /alerts/rules': [401, 403, 403, 403, 403, 422],
  'get /tasks': [401, 403, 403, 200, 200, 200],
  'get /data-sources': [401, 200, 200, 200, 200, 200],
  'post /data-sources': [401, 403, 403, 403, 403, 422],
  'post /data-sources/:name/check': [401, 403, 403, 403, 403, 202],
  'post /roles/:id/check': [401, 403, 403, 403, 403, 202],
  'get /checks/:id': [401, 403, 403, 403, 200, 200],
  'get /roles': [401, 200, 200, 200, 200, 200],
  'post /roles': [401, 403, 403, 403, 403, 422],
  'get /groups': [401, 403, 403, 200, 200, 200],
  'post /groups': [401, 403, 403, 403, 403, 422],
  'get /users': [401, 403, 403, 200, 200, 200],
  'post /users': [401, 403, 403, 403, 403, 422],
  'get /policy': [401, 403, 403, 200, 200, 200],
  'get /policy/versions': [401, 403, 403, 200, 200, 200],
  'get /policy/versions/:version': [401, 403, 403, 200, 200, 200],
  'post /policy/justification': [401, 403, 403, 403, 403, 422],
  'post /policy/justification/trial': [401, 403, 403, 403, 403, 422],
  'post /policy/request-life': [401, 403, 403, 403, 403, 422],
  // no proposal has the id in the address: an admin gets that far
  'post /policy/proposals/:id/approval': [401, 403, 403, 403, 403, 404],
  'post /policy/proposals/:id/rejection': [401, 403, 403, 403, 403, 404],
  'post /policy/proposals/:id/withdrawal': [401, 403, 403, 403, 403, 404],
  'post /roles/:id/policy': [401, 403, 403, 403, 403, 200],
  'post /groups/:id/definition': [401, 403, 403, 403, 403, 200],
  'post /groups/:id/members': [401, 403, 403, 403, 403, 422],
  'post /groups/:id/members/removal': [401, 403, 403, 403, 403, 422],
  'post /data-sources/:id/policy': [401, 403, 403, 403, 403, 200],
  'get /sessions': [401, 200, 200, 200, 200, 200],
  'post /sessions': [401, 422, 422, 422, 422, 422],
  'get /sessions/:id': [401, 200, 200, 200, 200, 200],
  'post /sessions/:id/approval': [401, 403, 200, 403, 403, 403],
  'post /sessions/:id/denial': [401, 403, 200, 403, 403, 403],
  'post /sessions/:id/cancellation': [401, 200, 403, 403, 403, 403],
  'post /sessions/:id/termination': [401, 403, 403, 403, 403, 200],
  'post /sessions/:id/credential': [401, 409, 404, 404, 404, 404],
  'post /sessions/:id/repetition': [401, 409, 403, 403, 403, 403],
  'post /sessions/:id/extension': [401, 409, 403, 403, 403, 403],
  'get /sessions/:id/extensions': [401, 200, 200, 200, 200, 200],
  'get /extensions': [401, 200, 200, 200, 200, 200],
  'get /extensions/:id': [401, 200, 200, 200, 200, 200],
  'post /extensions/:id/approval': [401, 403, 200, 403, 403, 403],
  'post /extensions/:id/denial': [401, 403, 200, 403, 403, 403],
  'post /extensions/:id/cancellation': [401, 200, 403, 403, 403, 403],
  'get /sessions/:id/statements': [401, 200, 404, 200, 200, 200],
  'get /sessions/:id/residue': [401, 200, 200, 200, 200, 200],
  'get /audit': [401, 404, 404, 200, 404, 404],
  'get /audit/download': [401, 404, 404, 200, 404, 404],
}

describe('every route, for everyone who might call it', () => {
  let world: World
  let portal: TestPortal
  let shutdown: Shutdown
  let target: Person
  let rita: Person
  const browsers = new Map<Who, Browser>()
  const tokens = new Map<Who, string>()

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    rita = await add('rita', 'read_only')
    target = await add('zed', 'none')
    portal = await openPortal(world)
    shutdown = new Shutdown(silentLog)
    for (const who of PEOPLE) {
      browsers.set(who, await open(who))
      if (who !== 'nobody') tokens.set(who, await tokenOf(who))
    }
  })

  after(async () => {
    await shutdown.close()
    await portal.close()
    await world.close()
  })

  it('stands in the tables below, and nothing else does', () => {
    const config = configFor(world)
    const deps = { config, store: world.portal, log: silentLog, shutdown }
    const signIns = openSignIns(deps)
    const named = ({ method, path }: { method: string; path: string }): string =>
      `${method} ${path}`
    const pages = pageRoutes({ ...deps, signIns, attempts: openAttempts() }).map(named)
    const api = [...publicApiRoutes(), ...apiRoutes({ ...deps, metrics: openMetrics(deps) })]
    assert.deepEqual([...pages].sort(), Object.keys(PAGES).sort())
    assert.deepEqual(api.map(named).sort(), Object.keys(API).sort())
  })

  for (const [route, expected] of Object.entries(PAGES)) {
    it(`answers ${route} as its row says`, async () => {
      const got: Answer[] = []
      for (const who of PEOPLE) got.push(await openPage(route, who))
      assert.deepEqual(got, expected)
    })
  }

  for (const [route, expected] of Object.entries(API)) {
    it(`answers ${route} of the API as its row says`, async () => {
      const got: Answer[] = []
      for (const who of PEOPLE) got.push(await callApi(route, who))
      assert.deepEqual(got, expected)
    })
  }

  async function openPage(route: string, who: Who): Promise<Answer> {
    const [method, path] = await fill(route)
    const browser = browsers.get(who) ?? portal.browser()
    const isDecided = path.startsWith('/sessions/') || path.startsWith('/extensions/')
    const fields = isDecided && !path.endsWith('termination') ? REASON : {}
    const ended = /\/sessions\/\d+\/termination$/.test(path) ? REASON : fields
    const answer = method === 'get' ? await browser.get(path) : await browser.post(path, ended)
    if (route === 'post /sign-out') browsers.set(who, await open(who))
    if (answer.status !== 303) return answer.status
    return answer.get('location')?.startsWith('/sign-in') === true ? 'sign-in' : 'on'
  }

  async function callApi(route: string, who: Who): Promise<Answer> {
    const [method, path] = await fill(route)
    const call = request(portal.app)[method](`/api/v1${path}`)
    const token = tokens.get(who)
    if (token !== undefined) call.auth(token, { type: 'bearer' })
    const needsReason = /\/(denial|termination)$/.test(path)
    return (await (method === 'get' ? call : call.send(needsReason ? REASON : {}))).status
  }

  /** A fresh session in each address, as posts use it up. */
  async function fill(route: string): Promise<readonly ['get' | 'post', string]> {
    const [method, pattern = ''] = route.split(' ')
    assert.ok(method === 'get' || method === 'post')
    const id = await idIn(pattern)
    const record = pattern.includes(':record') ? await lastRecord() : ''
    return [
      method,
      pattern
        .replace(':id', id)
        .replace(':record', record)
        .replace(':name', 'shop')
        .replace(':version', '1'),
    ]
  }

  async function idIn(pattern: string): Promise<string> {
    if (pattern.startsWith('/sessions/:id')) return askAsMark()
    if (pattern.startsWith('/extensions/:id')) return extendAsMark()
    if (pattern.startsWith('/data-sources/:id')) return world.dataSource.id
    if (pattern.startsWith('/roles/:id')) return world.roles.role1.id
    if (pattern.startsWith('/groups/:id')) return world.roles.role1.approverGroup?.id ?? ''
    if (!pattern.startsWith('/checks/:id')) return target.id
    const asked = { dataSourceId: world.dataSource.id, cause: 'asked', askedBy: 'admin' } as const
    return askForCheck(world.portal.db, asked)
  }

  async function askAsMark(): Promise<string> {
    const asked = { dataSource: 'shop', roles: ['role1'], minutes: 5, justification: 'ticket 7' }
    const answer = await portal.api('mark').post('/sessions', asked)
    const { id } = answer.body as { id?: unknown }
    assert.ok(typeof id === 'string', answer.text)
    return id
  }

  async function extendAsMark(): Promise<string> {
    const id = await askAsMark()
    await rows(
      world.owner.db,
      `update sessions set state = 'GRANTED', granted_at = now(), username = 'dp_matrix_' || id where id = :id`,
      { id },
    )
    const more = { minutes: 5, justification: 'ticket 7' }
    const answer = await portal.api('mark').post(`/sessions/${id}/extension`, more)
    const { id: extension } = answer.body as { id?: unknown }
    assert.ok(typeof extension === 'string', answer.text)
    return extension
  }

  async function lastRecord(): Promise<string> {
    const [found] = await rows<{ id: string }>(
      world.owner.db,
      'select event_id as id from records order by at desc, seq desc limit 1',
    )
    assert.ok(found)
    return found.id
  }

  async function open(who: Who): Promise<Browser> {
    const browser = portal.browser()
    if (who === 'nobody') return browser
    const answer = await browser.post('/sign-in', { username: who, password: PASSWORD })
    assert.equal(answer.status, 303, who)
    return browser
  }

  async function tokenOf(who: Exclude<Who, 'nobody'>): Promise<string> {
    const person = who === 'rita' ? rita : world.people[who]
    const made = await world.portal.change((tx) =>
      createToken(tx, world.origins.admin, { person, name: 'matrix' }),
    )
    return made.token
  }

  function add(username: string, managementPrivilege: 'none' | 'read_only'): Promise<Person> {
    return world.owner.change(async (tx) => {
      const origin = systemOrigin(await getDefaultOrganization(tx), crypto.randomUUID(), 'set-up')
      return createPerson(tx, origin, {
        username,
        displayName: username,
        passwordHash: null,
        portalUser: true,
        auditUser: false,
        managementPrivilege,
      })
    })
  }
})

const REASON = { reason: 'matrix' }
