import assert from 'node:assert/strict'
import request from 'supertest'
import { createApplication } from '../../db/applications.ts'
import { createPerson, getDefaultOrganization, type Person } from '../../db/people.ts'
import { systemOrigin } from '../../db/scope.ts'
import { askForCheck } from '../../db/data-source-checks.ts'
import { rows } from '../../db/store.ts'
import { createSignIn } from '../../db/sign-ins.ts'
import { createToken } from '../../db/tokens.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { openMetrics } from '../../portal/api/metrics.ts'
import { openAttempts } from '../../portal/attempts.ts'
import { apiRoutes, publicApiRoutes } from '../../portal/api/routes.ts'
import { pageRoutes } from '../../portal/routes.ts'
import { openSignIns } from '../../portal/sign-in.ts'
import { configFor, openPortal, PASSWORD, type Browser } from '../support/portal.ts'
import type { TestPortal } from '../support/portal.ts'
import { API, PAGES, PEOPLE, type Answer, type Who } from '../support/route-rows.ts'
import { makeWorld, type World } from '../support/world.ts'

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

  it('stands in the tables of rows, and nothing else does', () => {
    const config = configFor(world)
    const deps = { config, store: world.portal, log: silentLog, shutdown }
    const signIns = openSignIns(deps)
    const named = ({ method, path }: { method: string; path: string }): string =>
      `${method} ${path}`
    const pages = pageRoutes({ ...deps, signIns, attempts: openAttempts(deps, 'sign-in') }).map(
      named,
    )
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
    // without the box the target could not sign in, and what follows is about somebody who can
    const posted = path.endsWith('/flags') ? { flags: 'portal' } : {}
    const fields = isDecided && !path.endsWith('termination') ? REASON : posted
    const ended = /\/(sessions|sign-ins)\/[^/]+\/termination$/.test(path) ? REASON : fields
    const answer = method === 'get' ? await browser.get(path) : await browser.post(path, ended)
    if (route === 'post /sign-out') browsers.set(who, await open(who))
    if (answer.status !== 303) return answer.status
    return /^\/sign-in(?:\?|$)/.test(answer.get('location') ?? '') ? 'sign-in' : 'on'
  }

  async function callApi(route: string, who: Who): Promise<Answer> {
    const [method, path] = await fill(route)
    const call = request(portal.app)[method](`/api/v1${path}`)
    const token = tokens.get(who)
    if (token !== undefined) call.auth(token, { type: 'bearer' })
    const needsReason = /^\/(?!account\/).*\/(denial|termination)$/.test(path)
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
        .replace(':connection', target.id)
        .replace(':number', '1')
        .replace(':version', '1'),
    ]
  }

  async function idIn(pattern: string): Promise<string> {
    if (pattern.startsWith('/sessions/:id')) return askAsMark()
    if (pattern.startsWith('/extensions/:id')) return extendAsMark()
    if (pattern.startsWith('/data-sources/:id')) return world.dataSource.id
    if (pattern.startsWith('/roles/:id')) return world.roles.role1.id
    if (pattern.includes('/sign-ins/:id')) return signInAsJohn()
    if (pattern.startsWith('/applications/:id')) return (await addApplication()).application
    if (pattern.startsWith('/tokens/:id')) return (await addApplication()).token
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

  async function signInAsJohn(): Promise<string> {
    const id = uuidv7()
    const person = world.people.john
    await world.owner.change((tx) =>
      createSignIn(tx, world.origins.john, { id, person, authMethod: 'password' }),
    )
    return id
  }

  /** A fresh application with a token, as posts end it. */
  async function addApplication(): Promise<{ application: string; token: string }> {
    return world.portal.change(async (tx) => {
      const application = await createApplication(tx, world.origins.admin, {
        username: `app-${uuidv7()}`,
        displayName: 'Matrix',
        purpose: '',
        auditUser: false,
        managementPrivilege: 'none',
        owner: world.people.mark,
      })
      const asked = { person: application, name: 'matrix' }
      const token = await createToken(tx, world.origins.admin, asked)
      return { application: application.id, token: token.id }
    })
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
