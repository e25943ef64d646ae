import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { findRow, rows } from '../../db/store.ts'
import {
  apiWith,
  findBody,
  joinApprovers,
  needApprovals,
  recordsBy,
  secretIn,
  shows,
} from '../support/applications.ts'
import { openPortal, PASSWORD, type Browser, type TestPortal } from '../support/portal.ts'
import { bodyOf, expectProblem } from '../support/problem.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('applications', () => {
  let world: World
  let portal: TestPortal
  let admin: Browser
  let audrey: Browser

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
    admin = await portal.signedIn('admin')
    audrey = await portal.signedIn('audrey')
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  it('are added with who answers for them, get tokens shown once, and act under their own name', async () => {
    const path = await addByForm({
      username: 'deploy-bot',
      displayName: 'Deploy bot',
      owner: 'john',
    })
    assert.match((await admin.get(path)).text, /It can do nothing before it has one/)
    const made = await admin.post(`${path}/tokens`, { name: 'first', scopes: ['request', 'audit'] })
    assert.equal(made.status, 200)
    assert.equal(made.get('cache-control'), 'no-store')
    const secret = secretIn(made.text)
    const again = await admin.get(path)
    assert.ok(!again.text.includes(secret), 'shown once')
    assert.ok(again.text.includes(`${secret.slice(0, 12)}…${secret.slice(-4)}`))

    const asked = await api(secret).post('/sessions', REQUEST)
    assert.equal(asked.status, 201, asked.text)
    const records = await recordsBy(world, 'deploy-bot')
    assert.deepEqual(
      records.map(({ action }) => action),
      ['application.used', 'session.created'],
    )
    assert.ok(records.every(({ body }) => body.actor.type === 'service'))
    const created = await findBody(world, 'application.created')
    assert.deepEqual(created?.details, {
      audit_user: 'false',
      management_privilege: 'none',
      name: 'Deploy bot',
      owner: 'john',
      purpose: '',
    })
  })

  it('say what is wrong with a form, and keep what was typed', async () => {
    const answer = await admin.post('/applications', { username: 'A b', owner: 'nobody-here' })
    assert.equal(answer.status, 422)
    assert.match(answer.text, /Write the username in small letters/)
    const owned = await admin.post('/applications', { username: 'fine', owner: 'nobody-here' })
    assert.equal(owned.status, 422)
    assert.match(owned.text, /There is no user nobody-here here/)
    assert.match(owned.text, /value="fine"/)
    const token = await admin.post('/account/tokens', { name: '', expiresInDays: '900' })
    assert.equal(token.status, 422)
    for (const sentence of [/Say what the token is for/, /Tick at least one/, /from 1 to 365/]) {
      assert.match(token.text, sentence)
    }
  })

  it('never sign in to the portal, whatever is tried', async () => {
    const { id } = await add({ username: 'no-door' })
    const stranger = portal.browser()
    const tried = await stranger.post('/sign-in', { username: 'no-door', password: PASSWORD })
    assert.equal(tried.status, 401)
    for (const way of [{ portalUser: true }, { password: 'a good long one 4711' }]) {
      const path = 'portalUser' in way ? `/users/${id}` : `/users/${id}/password`
      expectProblem(await portal.api('admin').post(path, way), 404, 'not_found')
    }
    const hash = await findRow<{ hash: string | null }>(
      world.owner.db,
      'select password_hash as hash from people where id = :id',
      { id },
    )
    assert.equal(hash?.hash, null)
  })

  it('rotate: a new token is made, then the old one ended, and only that', async () => {
    const { id } = await add({ username: 'rotating' })
    const [old, fresh] = [await addToken(id), await addToken(id)]
    const end = await admin.post(`/tokens/${old.id}/deletion`, { reason: 'rotated' })
    assert.equal(end.get('location'), `/applications/${id}`)
    expectProblem(await api(old.token).get('/me'), 401, 'token_not_valid')
    assert.equal((await api(fresh.token).get('/me')).status, 200)
  })

  it('are locked for a while: tokens stop, and work again afterwards', async () => {
    const { id } = await add({ username: 'paused' })
    const { token } = await addToken(id)
    const locked = await admin.post(`/applications/${id}/lock`, { reason: 'looking into it' })
    assert.equal(locked.get('location'), `/applications/${id}`)
    expectProblem(await api(token).get('/me'), 401, 'token_not_valid')
    expectProblem(
      await portal.api('admin').post(`/applications/${id}/tokens`, TOKEN),
      409,
      'state_changed',
    )
    const unlocked = await portal.api('admin').post(`/applications/${id}/unlock`, {})
    assert.equal(bodyOf(unlocked)['outAs'], null, unlocked.text)
    assert.equal((await api(token).get('/me')).status, 200)
  })

  it('make no tokens themselves', async () => {
    const { id } = await add({ username: 'selfish', managementPrivilege: 'admin' })
    const { token } = await addToken(id, ['admin'])
    const asked = { name: 'more', scopes: ['admin'] }
    expectProblem(await api(token).post('/tokens', asked), 403, 'not_entitled')
  })

  it('change with what was and what is, and end with their tokens', async () => {
    const { id } = await add({ username: 'short-lived' })
    const { token } = await addToken(id)
    const change = { purpose: 'reports', owner: 'mark', auditUser: true }
    const changed = await portal.api('admin').post(`/applications/${id}`, change)
    assert.equal(changed.status, 200, changed.text)
    assert.deepEqual((await findBody(world, 'application.changed'))?.details, {
      audit_user_after: 'true',
      audit_user_before: 'false',
      owner_after: 'mark',
      owner_before: 'admin',
      purpose_after: 'reports',
      purpose_before: '',
    })
    const ended = await admin.post(`/applications/${id}/deletion`, { reason: 'replaced' })
    assert.equal(ended.get('location'), `/applications/${id}`)
    expectProblem(await api(token).get('/me'), 401, 'token_not_valid')
    const names = await rows<{ action: string }>(
      world.owner.db,
      `select action from records where subject in ('short-lived', 'of a test') and actor_name = 'admin'
        order by at desc, seq desc limit 3`,
    )
    assert.deepEqual(names.map(({ action }) => action).sort(), [
      'application.deleted',
      'token.deleted',
      'user.deleted',
    ])
    expectProblem(
      await portal.api('admin').post(`/applications/${id}/tokens`, TOKEN),
      409,
      'state_changed',
    )
    expectProblem(await portal.api('admin').post(`/applications/${id}`, {}), 404, 'not_found')
  })

  it('never decide the requests of who answers for them, and the other way round', async () => {
    const { id } = await add({ username: 'approver-1', owner: 'mark' })
    const { token } = await addToken(id, ['request', 'approve'])
    await joinApprovers(world, id)
    const ownersRequest = await askAs(portal.api('mark'))
    const refused = await api(token).post(`/sessions/${ownersRequest}/approval`, {})
    expectProblem(refused, 403, 'own_request')

    const { id: second } = await add({ username: 'asking-1', owner: 'john' })
    const asking = await addToken(second, ['request'])
    const itsRequest = await askAs(api(asking.token))
    const owner = await portal.api('john').post(`/sessions/${itsRequest}/approval`, {})
    expectProblem(owner, 403, 'own_request')
    const { decidable } = await decidableFor('john')
    assert.ok(!decidable.includes(itsRequest) && decidable.includes(ownersRequest))

    const sister = await add({ username: 'approver-2', owner: 'john' })
    const hers = await addToken(sister.id, ['approve'])
    await joinApprovers(world, sister.id)
    const bySister = await api(hers.token).post(`/sessions/${itsRequest}/approval`, {})
    expectProblem(bySister, 403, 'own_request')
  })

  it('decide what others asked for, with the scope and the membership that it takes', async () => {
    const { id } = await add({ username: 'approver-3', owner: 'audrey' })
    const [may, mayNot] = [await addToken(id, ['approve']), await addToken(id, ['request'])]
    const session = await askAs(portal.api('mark'))
    const path = `/sessions/${session}/approval`
    const stranger = await api(may.token).post(path, {})
    assert.equal(stranger.status, 404, 'no member of the group')
    await joinApprovers(world, id)
    expectProblem(await api(mayNot.token).post(path, {}), 403, 'scope_missing')
    const approved = await api(may.token).post(path, {})
    assert.equal(approved.status, 200, approved.text)
    assert.equal(bodyOf(approved)['state'], 'APPROVED')
  })

  it('and who answers for them have one vote together', async () => {
    const { id } = await add({ username: 'approver-4', owner: 'john' })
    const { token } = await addToken(id, ['approve'])
    await joinApprovers(world, id)
    await needApprovals(world, 2)
    const session = await askAs(portal.api('mark'))
    const path = `/sessions/${session}/approval`
    const first = await portal.api('john').post(path, {})
    assert.equal(bodyOf(first)['state'], 'CREATED', first.text)
    const second = await api(token).post(path, {})
    expectProblem(second, 409, 'already_decided')
    assert.match(second.text, /john has voted, and one person may stand behind both/)
    await needApprovals(world, 1)
  })

  it('are switched between by Audit Users, who see all that each did, and no other', async () => {
    const { id } = await add({ username: 'watched' })
    const { token } = await addToken(id)
    await api(token).post('/sessions', { ...REQUEST, justification: 'watched work' })
    const page = await audrey.get(`/audit/applications?application=${id}`)
    assert.equal(page.status, 200)
    assert.ok(/aria-current="true" *>\s*<strong>watched<\/strong>/.test(page.text), 'chosen')
    for (const action of ['application.used', 'session.created'])
      assert.ok(shows(page.text, action))
    assert.ok(/\/applications\?application=[^"]+" *>\s*<strong>rotating/.test(page.text), 'others')
    assert.ok(!shows(page.text, 'application.created'), 'that was the admin')

    const narrowed = await audrey.get(
      `/audit/applications?application=${id}&action=session.created`,
    )
    assert.ok(shows(narrowed.text, 'session.created') && !shows(narrowed.text, 'application.used'))
    const [, href = ''] =
      /href="(\/audit\/download[^"]+)">Download as JSON lines/.exec(narrowed.text) ?? []
    const file = await audrey.get(href.replaceAll('&amp;', '&'))
    const actions = file.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { action: string; actor: string })
    assert.deepEqual(
      actions.map(({ action, actor }) => [action, actor]),
      [['session.created', 'watched']],
    )
    const missing = await audrey.get(`/audit/applications?application=${randomUUID()}`)
    assert.equal(missing.status, 404)
    const wrong = await audrey.get(`/audit/applications?application=${id}&since=never`)
    assert.equal(wrong.status, 422)
  })

  const api = (token: string) => apiWith(portal, token)

  async function addByForm(fields: Readonly<Record<string, string>>): Promise<string> {
    const answer = await admin.post('/applications', fields)
    assert.equal(answer.status, 303, answer.text)
    return answer.get('location') ?? ''
  }

  async function add(asked: {
    readonly username: string
    readonly owner?: string
    readonly managementPrivilege?: string
  }): Promise<{ readonly id: string }> {
    // who makes it has it in hand: somebody who decides nothing here
    const answer = await portal.api('admin').post('/applications', asked)
    assert.equal(answer.status, 201, answer.text)
    return { id: String(bodyOf(answer)['id']) }
  }

  async function addToken(id: string, scopes: readonly string[] = ['request', 'audit']) {
    const asked = { ...TOKEN, scopes }
    const answer = await portal.api('admin').post(`/applications/${id}/tokens`, asked)
    assert.equal(answer.status, 201, answer.text)
    const { id: tokenId, token } = bodyOf(answer)
    return { id: String(tokenId), token: String(token) }
  }

  async function askAs(who: Pick<ReturnType<typeof api>, 'post'>): Promise<string> {
    const answer = await who.post('/sessions', REQUEST)
    assert.equal(answer.status, 201, answer.text)
    return String(bodyOf(answer)['id'])
  }

  async function decidableFor(who: 'john'): Promise<{ decidable: string[] }> {
    const page = await (await portal.signedIn(who)).get('/approvals')
    return {
      decidable: [...page.text.matchAll(/data-session-id="(\d+)"/g)].map(([, id = '']) => id),
    }
  }
})

const REQUEST = { dataSource: 'shop', roles: ['role1'], minutes: 5, justification: 'ticket 9' }
const TOKEN = { name: 'of a test', scopes: ['request'] }
