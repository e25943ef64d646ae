import assert from 'node:assert/strict'
import { createApplication } from '../../db/applications.ts'
import { createToken } from '../../db/tokens.ts'
import { rows } from '../../db/store.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { Directory, scim, USER, type Scim } from '../support/scim.ts'
import { makeWorld, type World } from '../support/world.ts'

const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

describe('users by SCIM', () => {
  let world: World
  let portal: TestPortal
  let directory: Directory
  let adminToken: string

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
    adminToken = await tokenOf('admin')
    directory = new Directory(portal.app, adminToken)
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  it('creates the user that Entra sends, and says it back', async () => {
    const answer = await directory.post('/Users', entraUser('Anna.Nowak@Example.com', 'ext-1'))
    assert.equal(answer.status, 201, answer.text)
    assert.match(answer.get('content-type') ?? '', /^application\/scim\+json/)
    assert.equal(answer.get('cache-control'), 'no-store')
    const user = scim(answer)
    assert.equal(user.userName, 'anna.nowak@example.com')
    assert.equal(user.displayName, 'Anna Nowak')
    assert.equal(user.externalId, 'ext-1')
    assert.equal(user.active, true)
    assert.deepEqual(user.emails, [{ value: 'anna@example.com', type: 'work', primary: true }])
    assert.equal(answer.get('location'), user.meta.location)
    assert.equal(answer.get('etag'), user.meta.version)
    assert.deepEqual(scim(await directory.get(`/Users/${user.id}`)), user)
    assert.deepEqual(await verbsOf(user.id), ['user.created admin'])

    const [kept] = await rows<{ password_hash: unknown; portal_user: boolean; flags: string }>(
      world.owner.db,
      `select password_hash, portal_user, management_privilege || audit_user as flags
         from people where id = :id`,
      { id: user.id },
    )
    assert.deepEqual(kept, { password_hash: null, portal_user: true, flags: 'nonefalse' })
  })

  it('finds whom Entra and Okta look for, page by page', async () => {
    const made = scim(await directory.post('/Users', oktaUser('finn@example.com')))
    const find = async (filter: string): Promise<string[]> => {
      const query = `filter=${encodeURIComponent(filter)}&startIndex=1&count=100`
      const { Resources, totalResults } = scim(await directory.get(`/Users?${query}`))
      assert.equal(totalResults, Resources.length)
      return Resources.map(({ userName }) => userName)
    }
    assert.deepEqual(await find('userName eq "Finn@Example.com"'), ['finn@example.com'])
    assert.deepEqual(await find('emails[type eq "work"].value eq "FINN@example.com"'), [
      'finn@example.com',
    ])
    assert.deepEqual(await find('externalId eq "EXT-1"'), [])
    assert.deepEqual(await find('externalId eq "ext-1" and active eq true'), [
      'anna.nowak@example.com',
    ])
    assert.deepEqual(await find('userName eq "nobody"'), [])
    assert.deepEqual(await find(`id eq "${made.id}"`), ['finn@example.com'])
    assert.deepEqual(await find('id eq "x"'), [])

    const { Resources: all, totalResults } = scim(await directory.get('/Users'))
    assert.equal(totalResults, all.length)
    const paged: Scim[] = []
    for (let start = 1; start <= totalResults; start += 2) {
      const page = scim(await directory.get(`/Users?startIndex=${String(start)}&count=2`))
      assert.equal(page.totalResults, totalResults)
      assert.equal(page.startIndex, start)
      assert.equal(page.itemsPerPage, page.Resources.length)
      paged.push(...page.Resources)
    }
    assert.deepEqual(paged, all)
    const none = scim(await directory.get('/Users?count=0'))
    assert.deepEqual([none.totalResults, none.Resources], [totalResults, []])
    assert.equal(scim(await directory.get('/Users?count=-1&startIndex=-5')).startIndex, 1)
    refused(await directory.get('/Users?count=many'), 400, 'invalidValue')
    refused(await directory.get('/Users?filter=title%20pr'), 400, 'invalidFilter')
  })

  it('disables and enables as Entra says it, with "False" in quotes and without a path', async () => {
    const { id } = scim(await directory.post('/Users', entraUser('dee@example.com', 'ext-dee')))
    const token = await tokenOfId(id)
    assert.equal((await new Directory(portal.app, token).get('/Users')).status, 403)

    const ended = await directory.patch(`/Users/${id}`, {
      op: 'Replace',
      path: 'active',
      value: 'False',
    })
    assert.equal(ended.status, 200, ended.text)
    assert.equal(scim(ended).active, false)
    assert.equal((await new Directory(portal.app, token).get('/Users')).status, 401)
    const again = await directory.patch(`/Users/${id}`, {
      op: 'replace',
      value: { active: 'True' },
    })
    assert.equal(scim(again).active, true)
    // a token that ended stays ended
    assert.equal((await new Directory(portal.app, token).get('/Users')).status, 401)
    // Okta's way
    assert.equal(
      scim(await directory.patch(`/Users/${id}`, { op: 'replace', value: { active: false } }))
        .active,
      false,
    )
    const filter = encodeURIComponent('active eq false and userName eq "dee@example.com"')
    assert.equal(scim(await directory.get(`/Users?filter=${filter}`)).totalResults, 1)
    assert.deepEqual(
      (await verbsOf(id)).filter((verb) => verb.startsWith('user.')),
      ['user.created admin', 'user.disabled admin', 'user.enabled admin', 'user.disabled admin'],
    )
    refused(
      await directory.patch(`/Users/${id}`, { op: 'replace', path: 'active', value: 'maybe' }),
      400,
      'invalidValue',
    )
  })

  it("neither sees nor lifts an admin's lock", async () => {
    const { id } = scim(await directory.post('/Users', entraUser('lou@example.com', 'ext-lou')))
    await rows(
      world.owner.db,
      `update people set disabled_at = now(), out_as = 'locked' where id = :id`,
      { id },
    )
    assert.equal(scim(await directory.get(`/Users/${id}`)).active, true)
    await directory.patch(`/Users/${id}`, { op: 'replace', path: 'active', value: true })
    assert.equal(await outAs(id), 'locked')
    await directory.patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false })
    assert.equal(await outAs(id), 'disabled')
  })

  it('changes what Entra patches: names, address, external id, and drops what is not kept', async () => {
    const { id } = scim(await directory.post('/Users', entraUser('kim@example.com', 'ext-kim')))
    const changed = await directory.patch(
      `/Users/${id}`,
      { op: 'Replace', path: 'userName', value: 'Kim.Lee@example.com' },
      { op: 'Replace', path: 'displayName', value: 'Kim Lee' },
      { op: 'Replace', path: 'name.familyName', value: 'Lee' },
      { op: 'Add', path: 'emails[type eq "work"].value', value: 'kim.lee@example.com' },
      { op: 'Add', path: 'emails[type eq "home"].value', value: 'kim@home.example' },
      { op: 'Add', path: 'phoneNumbers[type eq "work"].value', value: '555' },
      { op: 'Add', path: `${ENTERPRISE}:department`, value: 'Billing' },
      { op: 'Add', path: 'title', value: 'Engineer' },
      { op: 'Replace', value: { externalId: 'ext-kim-2', [ENTERPRISE]: { costCenter: '7' } } },
    )
    const user = scim(changed)
    assert.equal(changed.status, 200, changed.text)
    assert.equal(user.userName, 'kim.lee@example.com')
    assert.equal(user.displayName, 'Kim Lee')
    assert.equal(user.externalId, 'ext-kim-2')
    assert.deepEqual(
      user.emails?.map(({ value }) => value),
      ['kim.lee@example.com'],
    )
    assert.deepEqual([...(await verbsOf(id))].sort(), [
      'user.created admin',
      'user.email_changed admin',
      'user.name_changed admin',
      'user.name_changed admin',
      'user.username_changed admin',
    ])
    const removed = scim(
      await directory.patch(
        `/Users/${id}`,
        { op: 'remove', path: 'emails[type eq "work"]' },
        { op: 'remove', path: 'externalId' },
      ),
    )
    assert.equal(removed.emails, undefined)
    assert.equal(removed.externalId, undefined)
    const joined = { 'name.givenName': 'Kim', 'name.familyName': 'Park' }
    const named = scim(await directory.patch(`/Users/${id}`, { op: 'Replace', value: joined }))
    assert.equal(named.displayName, 'Kim Park')
  })

  it('refuses patches that can have no sense, and then changes nothing', async () => {
    const { id } = scim(await directory.post('/Users', entraUser('max@example.com', 'ext-max')))
    const before = scim(await directory.get(`/Users/${id}`))
    const rename = { op: 'replace', path: 'displayName', value: 'Changed' }
    const wrong: [object, string][] = [
      [{ op: 'replace', path: 'constructor', value: 'x' }, 'invalidPath'],
      [{ op: 'replace', path: 'favouriteColour', value: 'x' }, 'invalidPath'],
      [{ op: 'replace', path: 'emails[', value: 'x' }, 'invalidPath'],
      [{ op: 'replace', path: 'id', value: 'x' }, 'mutability'],
      [{ op: 'replace', path: 'meta.version', value: 'x' }, 'mutability'],
      [{ op: 'add', path: 'groups', value: [{ value: 'x' }] }, 'mutability'],
      [{ op: 'remove', path: 'userName' }, 'mutability'],
      [{ op: 'remove' }, 'noTarget'],
      [{ op: 'move', path: 'userName', value: 'x' }, 'invalidSyntax'],
      [{ op: 'replace', path: 'userName', value: 'no spaces please' }, 'invalidValue'],
      [{ op: 'replace', path: 'userName', value: 7 }, 'invalidValue'],
      [{ op: 'replace', path: 'displayName', value: 'x'.repeat(201) }, 'invalidValue'],
      [{ op: 'replace', path: 'displayName', value: 'nul\u0000' }, 'invalidValue'],
      [{ op: 'replace', path: 'externalId', value: 'x'.repeat(201) }, 'invalidValue'],
      [{ op: 'replace', path: 'emails', value: ['no address'] }, 'invalidValue'],
      [{ op: 'replace', value: 'x' }, 'invalidValue'],
    ]
    for (const [operation, type] of wrong) {
      refused(await directory.patch(`/Users/${id}`, rename, operation), 400, type)
    }
    refused(await directory.patch(`/Users/${id}`), 400, 'invalidSyntax')
    refused(
      await directory.call('patch', `/Users/${id}`, { Operations: [rename] }),
      400,
      'invalidSyntax',
    )
    assert.deepEqual(scim(await directory.get(`/Users/${id}`)), before)
  })

  it('replaces as Okta does, with all that it read before', async () => {
    const made = scim(await directory.post('/Users', oktaUser('ola@example.com')))
    assert.equal(made.displayName, 'Ola Berg')
    const sent = {
      ...made,
      name: { givenName: 'Ola', familyName: 'Strand' },
      displayName: undefined,
    }
    const replaced = scim(await directory.put(`/Users/${made.id}`, sent))
    assert.equal(replaced.displayName, 'Ola Strand')
    assert.deepEqual(replaced.emails, made.emails)

    const bare = { schemas: [USER], userName: 'ola@example.com' }
    const cleared = scim(await directory.put(`/Users/${made.id}`, bare))
    assert.equal(cleared.emails, undefined)
    assert.equal(cleared.displayName, 'Ola Strand')
    assert.equal(cleared.active, true)
    refused(await directory.put(`/Users/${made.id}`, { schemas: [USER] }), 400, 'invalidValue')
    refused(await directory.put(`/Users/${made.id}`, { userName: 'x' }), 400, 'invalidSyntax')
  })

  it('keeps no password, and flags nobody', async () => {
    const sent = {
      ...oktaUser('paul@example.com'),
      password: 'canary-Secret-77',
      roles: [{ value: 'admin' }],
      managementPrivilege: 'admin',
    }
    const { id } = scim(await directory.post('/Users', sent))
    const [kept] = await rows<{ said: string }>(
      world.owner.db,
      `select concat_ws(' ', password_hash is null, management_privilege, audit_user) as said
         from people where id = :id`,
      { id },
    )
    assert.equal(kept?.said, 't none f')
    const told = await rows<{ body: string }>(
      world.owner.db,
      `select body from records where body like '%canary-Secret%'`,
    )
    assert.deepEqual(told, [])
  })

  it('tells the second of two that one name or external id is taken, also at the same moment', async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => directory.post('/Users', oktaUser('twin@example.com'))),
    )
    const statuses = answers.map(({ status }) => status).sort()
    assert.deepEqual(statuses, [201, 409, 409, 409, 409, 409])
    for (const answer of answers) if (answer.status === 409) refused(answer, 409, 'uniqueness')
    refused(await directory.post('/Users', oktaUser('TWIN@example.com')), 409, 'uniqueness')
    refused(
      await directory.post('/Users', entraUser('other@example.com', 'ext-1')),
      409,
      'uniqueness',
    )
    const { id } = scim(await directory.post('/Users', oktaUser('third@example.com')))
    const rename = { op: 'replace', path: 'userName', value: 'twin@example.com' }
    refused(await directory.patch(`/Users/${id}`, rename), 409, 'uniqueness')
  })

  it('deletes for good: the id is gone, the name is free, history keeps it', async () => {
    const { id } = scim(await directory.post('/Users', entraUser('gone@example.com', 'ext-gone')))
    const answer = await directory.delete(`/Users/${id}`)
    assert.deepEqual([answer.status, answer.text], [204, ''])
    refused(await directory.get(`/Users/${id}`), 404)
    refused(await directory.delete(`/Users/${id}`), 404)
    const again = await directory.post('/Users', entraUser('gone@example.com', 'ext-gone'))
    assert.equal(again.status, 201, again.text)
    assert.notEqual(scim(again).id, id)
    assert.deepEqual(await verbsOf(id), ['user.created admin', 'user.deleted admin'])
  })

  it("leaves its own token's person and the last admin in", async () => {
    const { id } = world.people.admin
    for (const answer of [
      await directory.delete(`/Users/${id}`),
      await directory.patch(`/Users/${id}`, { op: 'replace', value: { active: false } }),
      await directory.put(`/Users/${id}`, { schemas: [USER], userName: 'admin', active: false }),
    ]) {
      refused(answer, 403)
      assert.match(scim(answer).detail, /\w+ \w+/)
    }
    // a service may act for the directory, and the only human admin stays all the same
    const service = new Directory(portal.app, await tokenOfService())
    refused(await service.delete(`/Users/${id}`), 409)
    refused(await service.patch(`/Users/${id}`, { op: 'replace', value: { active: false } }), 409)
    assert.equal(await outAs(id), null)
    const { Resources } = scim(await service.get('/Users'))
    assert.ok(!Resources.some(({ userName }) => userName === 'provisioner'))
  })

  it('says who did it: the service whose token it is', async () => {
    const service = new Directory(portal.app, await tokenOfService('provisioner-2'))
    const { id } = scim(await service.post('/Users', oktaUser('by.service@example.com')))
    assert.deepEqual(await verbsOf(id), ['user.created provisioner-2'])
  })

  it('knows versions: 304 to who has it, 412 to who changes another one', async () => {
    const { id, meta } = scim(await directory.post('/Users', oktaUser('vera@example.com')))
    const rename = { op: 'replace', path: 'displayName', value: 'Vera' }
    const known = await directory.get(`/Users/${id}`).set('if-none-match', meta.version)
    assert.equal(known.status, 304)
    const stale = directory.patch(`/Users/${id}`, rename).set('if-match', 'W/"other"')
    refused(await stale, 412)
    const changed = await directory.patch(`/Users/${id}`, rename).set('if-match', meta.version)
    assert.equal(changed.status, 200, changed.text)
    assert.notEqual(scim(changed).meta.version, meta.version)
    refused(await directory.delete(`/Users/${id}`).set('if-match', meta.version), 412)
    const first = directory.patch(`/Users/${id}`, { ...rename, value: 'A' })
    const second = directory.patch(`/Users/${id}`, { ...rename, value: 'B' })
    const { version } = scim(changed).meta
    const raced = await Promise.all([
      first.set('if-match', version),
      second.set('if-match', version),
    ])
    assert.deepEqual(raced.map(({ status }) => status).sort(), [200, 412])
  })

  it('shows as much as is asked for', async () => {
    const names = async (query: string): Promise<string[]> => {
      const { Resources } = scim(await directory.get(`/Users?count=1&${query}`))
      return Object.keys(Resources[0] ?? {}).sort()
    }
    assert.deepEqual(await names('attributes=userName,name.formatted'), [
      'id',
      'name',
      'schemas',
      'userName',
    ])
    assert.ok(!(await names('excludedAttributes=groups')).includes('groups'))
    refused(
      await directory.get('/Users?attributes=id&excludedAttributes=groups'),
      400,
      'invalidValue',
    )
  })

  it('answers bodies that are not SCIM in the words of SCIM', async () => {
    const raw = directory.call('post', '/Users').type('application/scim+json')
    refused(await raw.send('{"schemas":'), 400, 'invalidSyntax')
    refused(await directory.post('/Users', []), 400, 'invalidSyntax')
    refused(await directory.call('post', '/Users').type('text/plain').send('x'), 415)
    const large = { ...oktaUser('large@example.com'), nickName: 'x'.repeat(1_100_000) }
    refused(await directory.post('/Users', large), 413)
    refused(await directory.get('/Nothing'), 404)
    refused(await directory.put('/Users', {}), 405)
    refused(await directory.get('/Me'), 501)
    refused(await directory.post('/Bulk', {}), 501)
  })

  /** An error of SCIM, and nothing else. */
  function refused(
    answer: { status: number; text: string; get(name: string): unknown },
    status: number,
    scimType?: string,
  ): void {
    assert.equal(answer.status, status, answer.text)
    assert.match(String(answer.get('content-type')), /^application\/scim\+json/)
    const error = JSON.parse(answer.text) as Scim
    assert.deepEqual(error.schemas, ['urn:ietf:params:scim:api:messages:2.0:Error'])
    assert.equal(error.status, String(status))
    assert.equal(error.scimType, scimType, answer.text)
    assert.ok(error.detail.length > 10)
  }

  /** What the trail says of a user, oldest first, and who did it. */
  async function verbsOf(id: string): Promise<string[]> {
    const found = await rows<{ verb: string }>(
      world.owner.db,
      `select action || ' ' || actor_name as verb
         from records
        where cast(body as jsonb) -> 'subject' ->> 'id' = :id
        order by seq`,
      { id },
    )
    return found.map(({ verb }) => verb)
  }

  async function outAs(id: string): Promise<string | null> {
    const [found] = await rows<{ said: string | null }>(
      world.owner.db,
      `select out_as as said from people where id = :id`,
      { id },
    )
    assert.ok(found)
    return found.said
  }

  async function tokenOf(name: 'admin' | 'mark'): Promise<string> {
    return tokenOfId(world.people[name].id)
  }

  /** An application of the admin's, as one is made for a directory. */
  async function tokenOfService(username = 'provisioner'): Promise<string> {
    const made = await world.portal.change(async (tx) => {
      const application = await createApplication(tx, world.origins.admin, {
        username,
        displayName: username,
        purpose: 'provisions people',
        auditUser: false,
        managementPrivilege: 'admin',
        owner: world.people.admin,
      })
      return createToken(tx, world.origins.admin, {
        person: application,
        name: 'directory',
        scopes: ['admin'],
      })
    })
    return made.token
  }

  async function tokenOfId(id: string): Promise<string> {
    const person = { ...world.people.mark, id }
    const made = await world.portal.change((tx) =>
      createToken(tx, world.origins.admin, { person, name: 'directory' }),
    )
    return made.token
  }
})

/** As Entra sends a user by its usual mapping of attributes. */
function entraUser(userName: string, externalId: string): object {
  return {
    schemas: [USER, ENTERPRISE],
    externalId,
    userName,
    active: true,
    displayName: 'Anna Nowak',
    emails: [
      { primary: false, type: 'other', value: 'anna@elsewhere.example' },
      { primary: true, type: 'work', value: 'anna@example.com' },
    ],
    meta: { resourceType: 'User' },
    name: { formatted: 'Anna Nowak', familyName: 'Nowak', givenName: 'Anna' },
    roles: [],
    [ENTERPRISE]: { department: 'Billing' },
  }
}

/** As Okta does. */
function oktaUser(userName: string): object {
  return {
    schemas: [USER],
    userName,
    name: { givenName: 'Ola', familyName: 'Berg' },
    emails: [{ primary: true, value: userName, type: 'work' }],
    locale: 'en-US',
    password: 'random-by-okta-1',
    groups: [],
    active: true,
  }
}
