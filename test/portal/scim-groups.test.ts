import assert from 'node:assert/strict'
import { createToken, TOKEN_SCOPES, type TokenScope } from '../../db/tokens.ts'
import { createPerson, type Person } from '../../db/people.ts'
import { rows } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { scimRoutes } from '../../portal/scim/routes.ts'
import { configFor, openPortal, type TestPortal } from '../support/portal.ts'
import { Directory, GROUP, scim, USER } from '../support/scim.ts'
import { NAMES, makeWorld, type World } from '../support/world.ts'

describe('groups by SCIM, what it says of itself, and who may ask', () => {
  let world: World
  let portal: TestPortal
  let directory: Directory
  let rita: Person
  const tokens = new Map<string, string>()

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    rita = await world.portal.change((tx) =>
      createPerson(tx, world.origins.admin, {
        username: 'rita',
        displayName: 'rita',
        passwordHash: null,
        portalUser: true,
        auditUser: true,
        managementPrivilege: 'read_only',
      }),
    )
    portal = await openPortal(world)
    for (const name of NAMES) tokens.set(name, await tokenOf(world.people[name]))
    tokens.set('rita', await tokenOf(rita))
    directory = new Directory(portal.app, tokens.get('admin'))
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  it('answers admins alone, on every address', async () => {
    const shutdown = new Shutdown(silentLog)
    const deps = { config: configFor(world), store: world.portal, log: silentLog, shutdown }
    const routes = scimRoutes(deps)
    assert.ok(routes.length >= 19)
    for (const { method, path } of routes) {
      const address = path.replace(':id', world.people.john.id)
      for (const name of ['mark', 'john', 'audrey', 'rita']) {
        const other = new Directory(portal.app, tokens.get(name))
        const answer = await other.call(method, address, method === 'get' ? undefined : {})
        assert.deepEqual([answer.status, scim(answer).status], [403, '403'], `${method} ${path}`)
      }
      const stranger = await new Directory(portal.app).call(method, address)
      assert.equal(stranger.status, 401, `${method} ${path}`)
      assert.match(stranger.get('www-authenticate') ?? '', /^Bearer/)
      assert.match(stranger.get('content-type') ?? '', /^application\/scim\+json/)
    }
    const narrow = await tokenOf(world.people.admin, ['request', 'approve', 'audit'])
    const reader = await new Directory(portal.app, narrow).get('/Users')
    assert.equal(reader.status, 403)
    assert.match(scim(reader).detail, /scope admin/)
    // a cookie is worth nothing here, so no page of another site can ask in its owner's name
    const browser = await portal.signedIn('admin')
    assert.equal((await browser.raw('get', '/scim/v2/Users')).status, 401)
    const refusals = await rows<{ area: string }>(
      world.owner.db,
      `select distinct area
         from records
        where action = 'access.refused'
        order by area`,
    )
    assert.deepEqual(
      refusals.map(({ area }) => area),
      ['groups', 'sign-in', 'users'],
    )
    await shutdown.close()
  })

  it("shows nothing of another organization's", async () => {
    const [other] = await rows<{ person: string; team: string }>(
      world.owner.db,
      `with o as (
         insert into organizations (name, account_id) values ('Other', 'other-1') returning id
       ), p as (
         insert into people (organization_id, kind, username, display_name, portal_user)
         select id, 'person', 'stranger', 'Stranger', true from o returning id
       ), g as (
         insert into groups (organization_id, name, description)
         select id, 'strangers', '' from o returning id
       )
       select p.id as person, g.id as team from p, g`,
    )
    assert.ok(other)
    const { Resources } = scim(await directory.get('/Users'))
    assert.ok(!Resources.some(({ userName }) => userName === 'stranger'))
    const rename = { op: 'replace', path: 'displayName', value: 'x' }
    for (const path of [`/Users/${other.person}`, `/Groups/${other.team}`]) {
      assert.equal((await directory.get(path)).status, 404)
      assert.equal((await directory.patch(path, rename)).status, 404)
      assert.equal((await directory.delete(path)).status, 404)
    }
    const { id } = await makeGroup('ours')
    const member = { op: 'add', path: 'members', value: [{ value: other.person }] }
    const answer = await directory.patch(`/Groups/${id}`, member)
    assert.deepEqual([answer.status, scim(answer).scimType], [400, 'invalidValue'])
  })

  it('makes a group as Entra does, and changes its members', async () => {
    const { mark, john, audrey } = world.people
    const made = await directory.post('/Groups', {
      schemas: [GROUP, 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group'],
      externalId: '8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159',
      displayName: 'DBAs',
      meta: { resourceType: 'Group' },
      members: [],
    })
    assert.equal(made.status, 201, made.text)
    const { id } = scim(made)
    assert.equal(made.get('location'), scim(made).meta.location)
    const patched = async (...operations: object[]): Promise<string[]> => {
      const answer = await directory.patch(`/Groups/${id}`, ...operations)
      assert.equal(answer.status, 200, answer.text)
      return scim(answer).members.map(({ display }) => display)
    }
    const members = (...people: Person[]) => people.map((person) => ({ value: person.id }))
    assert.deepEqual(await patched({ op: 'Add', path: 'members', value: members(mark, john) }), [
      'john',
      'mark',
    ])
    assert.deepEqual(await patched({ op: 'Add', path: 'members', value: members(mark) }), [
      'john',
      'mark',
    ])
    assert.deepEqual(await patched({ op: 'Remove', path: `members[value eq "${mark.id}"]` }), [
      'john',
    ])
    // who is no member is removed without a word
    assert.deepEqual(await patched({ op: 'Remove', path: 'members', value: members(mark) }), [
      'john',
    ])
    assert.deepEqual(
      await patched(
        { op: 'replace', path: 'members', value: members(audrey) },
        { op: 'add', value: { members: members(mark) } },
      ),
      ['audrey', 'mark'],
    )
    // Okta's way to rename
    assert.deepEqual(
      await patched({ op: 'replace', value: { id, displayName: 'Database team' } }),
      ['audrey', 'mark'],
    )
    const user = scim(await directory.get(`/Users/${mark.id}`))
    assert.deepEqual(user.groups.map(({ display }) => display).sort(), ['Database team'])
    assert.deepEqual(await patched({ op: 'remove', path: 'members' }), [])
    const records = await rows<{ action: string; actor: string }>(
      world.owner.db,
      `select action, actor_name as actor
         from records
        where cast(body as jsonb) -> 'subject' ->> 'id' = :id
        order by seq`,
      { id },
    )
    assert.deepEqual(
      records.map(({ action }) => action),
      ['group.created', ...Array.from({ length: 5 }, () => 'group.changed')],
    )
    assert.ok(records.every(({ actor }) => actor === 'admin'))
  })

  it('finds groups, replaces them, and says that they stay', async () => {
    const { id } = await makeGroup('Ledger owners', world.people.mark)
    const find = async (filter: string): Promise<string[]> => {
      const query = `excludedAttributes=members&filter=${encodeURIComponent(filter)}`
      const { Resources } = scim(await directory.get(`/Groups?${query}`))
      assert.ok(Resources.every((group) => !('members' in group)))
      return Resources.map(({ displayName }) => displayName)
    }
    assert.deepEqual(await find('displayName eq "ledger owners"'), ['Ledger owners'])
    assert.deepEqual(await find(`id eq "${id}" and members eq "${world.people.mark.id}"`), [
      'Ledger owners',
    ])
    assert.deepEqual(await find(`id eq "${id}" and members.value eq "x"`), [])
    refused(await directory.get('/Groups?filter=externalId%20eq%20%22x%22'), 400, 'invalidFilter')

    const sent = {
      schemas: [GROUP],
      displayName: 'Ledger',
      members: [{ value: world.people.john.id }],
    }
    const replaced = scim(await directory.put(`/Groups/${id}`, sent))
    assert.deepEqual(
      replaced.members.map(({ display }) => display),
      ['john'],
    )
    assert.equal(replaced.displayName, 'Ledger')
    refused(
      await directory.post('/Groups', { schemas: [GROUP], displayName: 'Ledger' }),
      409,
      'uniqueness',
    )
    const other = await makeGroup('Archive')
    const rename = { op: 'replace', path: 'displayName', value: 'Ledger' }
    refused(await directory.patch(`/Groups/${other.id}`, rename), 409, 'uniqueness')
    refused(
      await directory.post('/Groups', { schemas: [GROUP], displayName: ' ' }),
      400,
      'invalidValue',
    )
    const unknown = { schemas: [GROUP], displayName: 'Nobody', members: [{ value: 'x' }] }
    refused(await directory.post('/Groups', unknown), 400, 'invalidValue')
    refused(
      await directory.put(`/Groups/${id}`, { ...unknown, schemas: [USER] }),
      400,
      'invalidSyntax',
    )
    refused(
      await directory.patch(`/Groups/${id}`, { op: 'add', path: 'owner', value: 'x' }),
      400,
      'invalidPath',
    )
    refused(
      await directory.patch(`/Groups/${id}`, { op: 'replace', path: 'id', value: 'x' }),
      400,
      'mutability',
    )
    refused(await directory.delete(`/Groups/${id}`), 501)
    refused(await directory.delete(`/Groups/${world.people.john.id}`), 404)
    refused(await directory.delete('/Groups/x'), 404)
  })

  it('loses nobody of those who are added at the same moment', async () => {
    const { id } = await makeGroup('Everyone')
    const people = [...NAMES.map((name) => world.people[name]), rita]
    const answers = await Promise.all(
      people.map((person) =>
        directory.patch(`/Groups/${id}`, {
          op: 'add',
          path: 'members',
          value: [{ value: person.id }],
        }),
      ),
    )
    assert.deepEqual(
      answers.map(({ status }) => status),
      people.map(() => 200),
    )
    const { members } = scim(await directory.get(`/Groups/${id}`))
    assert.equal(members.length, people.length)
  })

  it('says of itself what it can do', async () => {
    const config = JSON.parse((await directory.get('/ServiceProviderConfig')).text) as Record<
      string,
      { supported?: boolean; maxResults?: number }
    >
    const can = ['patch', 'filter', 'etag'].map((name) => config[name]?.supported)
    assert.deepEqual(can, [true, true, true])
    const cant = ['bulk', 'sort', 'changePassword'].map((name) => config[name]?.supported)
    assert.deepEqual(cant, [false, false, false])
    const page = scim(await directory.get('/Users?count=100000'))
    assert.ok(page.itemsPerPage <= (config['filter']?.maxResults ?? 0))

    for (const [list, ids] of [
      ['/ResourceTypes', ['User', 'Group']],
      ['/Schemas', [USER, GROUP]],
    ] as const) {
      const all = scim(await directory.get(list))
      assert.deepEqual(
        all.Resources.map(({ id }) => id),
        ids,
      )
      assert.equal(all.totalResults, 2)
      for (const one of all.Resources) {
        assert.deepEqual(scim(await directory.get(`${list}/${one.id}`)), one)
        assert.ok(one.meta.location.endsWith(encodeURIComponent(one.id)))
      }
      refused(await directory.get(`${list}?filter=id%20eq%201`), 403)
      refused(await directory.get(`${list}/Nothing`), 404)
    }
    // what a user is said to have is what users have
    const schema = scim(await directory.get(`/Schemas/${USER}`)) as unknown as {
      attributes: { name: string }[]
    }
    const described = new Set(schema.attributes.map(({ name }) => name))
    const { Resources } = scim(await directory.get('/Users'))
    const shown = new Set(Resources.flatMap((user) => Object.keys(user)))
    for (const common of ['schemas', 'id', 'externalId', 'meta']) shown.delete(common)
    assert.ok(
      [...shown].every((name) => described.has(name)),
      [...shown].join(),
    )
  })

  async function makeGroup(displayName: string, ...members: Person[]) {
    const value = {
      schemas: [GROUP],
      displayName,
      members: members.map(({ id }) => ({ value: id })),
    }
    const answer = await directory.post('/Groups', value)
    assert.equal(answer.status, 201, answer.text)
    return scim(answer)
  }

  function refused(
    answer: { status: number; text: string },
    status: number,
    scimType?: string,
  ): void {
    assert.equal(answer.status, status, answer.text)
    const error = JSON.parse(answer.text) as { status: string; scimType?: string; detail: string }
    assert.deepEqual([error.status, error.scimType], [String(status), scimType], answer.text)
  }

  async function tokenOf(
    person: Person,
    scopes: readonly TokenScope[] = TOKEN_SCOPES,
  ): Promise<string> {
    const made = await world.portal.change((tx) =>
      createToken(tx, world.origins.admin, { person, name: 'directory', scopes }),
    )
    return made.token
  }
})
