import assert from 'node:assert/strict'
import request from 'supertest'
import { createToken } from '../../db/tokens.ts'
import { parseSessionId } from '../../lib/ids.ts'
import { look } from '../support/broker.ts'
import { openPortal, PASSWORD, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

const ASKED = { dataSource: 'shop', roles: ['role1'], minutes: 30, justification: 'ticket 7' }
const NEW = '/sessions/new?dataSource=shop'

interface Problem {
  readonly code: string
  readonly detail: string
  readonly errors: readonly { readonly field: string; readonly message: string }[]
}

describe('what hostile and careless callers send', () => {
  let world: World
  let portal: TestPortal
  let token: string

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
    token = await world.portal.change(async (tx) => {
      const made = await createToken(tx, world.origins.mark, {
        person: world.people.mark,
        name: 'by hand',
      })
      return made.token
    })
  })

  after(async () => {
    await portal.close()
    await world.close()
  })

  it('takes no day or month for an instant: their ends look like offsets', async () => {
    for (const start of [
      '2027-01-31',
      '2027-01',
      '2027-02-28T10:00:00+99:00',
      '2027-01-31T10:00',
    ]) {
      const { status, problem } = await ask({ ...ASKED, start })
      assert.equal(status, 422, start)
      assert.deepEqual(
        problem.errors.map(({ field }) => field),
        ['start'],
      )
      assert.match(problem.detail, /ISO-8601 with its offset/)
    }
  })

  it('says which type a field takes, and that a length is more than nothing', async () => {
    const cases: [object, string][] = [
      [{ minutes: '5' }, 'Give minutes as a number.'],
      [{ minutes: null }, 'Give minutes as a number.'],
      [{ minutes: 0 }, 'Give minutes of more than 0.'],
      [{ justification: 7 }, 'Give justification as text.'],
      [{ roles: 'role1' }, 'Give roles as a list.'],
      [{ roles: [7] }, 'Give roles.0 as text.'],
      [{ fromApproval: 'yes' }, 'Give fromApproval as true or false.'],
      [{ dataSource: undefined }, 'Give dataSource.'],
    ]
    for (const [change, sentence] of cases) {
      assert.equal((await ask({ ...ASKED, ...change })).problem.detail, sentence)
    }
  })

  it('names the field __proto__ like any other that is not there', async () => {
    const body = `{"__proto__":{},${JSON.stringify(ASKED).slice(1)}`
    const { status, problem } = await ask(body)
    assert.equal(status, 422)
    assert.deepEqual(problem.errors, [
      { field: '__proto__', message: 'There is no field "__proto__" here.' },
    ])
  })

  it('refuses a body without a content type instead of losing the reason in it', async () => {
    const { id } = (await portal.api('mark').post('/sessions', ASKED)).body as { id: string }
    const answer = await sendRaw(`/sessions/${id}/cancellation`, '{"reason":"mine"}').unset(
      'content-type',
    )
    const known = parseSessionId(id)
    assert.ok(known)
    assert.equal(answer.status, 415, answer.text)
    assert.equal((await look(world, known)).state, 'CREATED')
  })

  it('refuses NUL and half characters wherever administration would keep them', async () => {
    const source = { name: 'x', url: 'postgres://u:p@127.0.0.1/x', tls: 'disable' }
    const role = { dataSource: 'shop', name: 'r', databaseRole: 'r', approvalsNeeded: 0 }
    const cases: [string, Record<string, unknown>, string][] = [
      ['/users', { username: 'eve' }, 'displayName'],
      ['/users', { username: 'eve' }, 'password'],
      ['/groups', {}, 'name'],
      ['/roles', role, 'name'],
      ['/roles', role, 'databaseRole'],
      ['/roles', role, 'description'],
      ['/roles', role, 'dataSource'],
      ['/roles', role, 'group'],
      ['/data-sources', source, 'name'],
      ['/data-sources', source, 'url'],
      ['/data-sources', source, 'tlsCa'],
      ['/data-sources', source, 'justificationMessage'],
    ]
    for (const bad of ['long enough \u0000', 'long enough \ud800']) {
      for (const [path, body, field] of cases) {
        const answer = await portal.api('admin').post(path, { ...body, [field]: bad })
        const { errors } = answer.body as Problem
        assert.equal(answer.status, 422, `${path} ${field} ${answer.text}`)
        assert.deepEqual(
          errors.map((error) => error.field),
          [field],
        )
      }
    }
  })

  it('answers a method that an address does not take with those it does', async () => {
    const mark = portal.api('mark')
    const refused = await mark.post('/me', {})
    assert.equal(refused.status, 405)
    assert.equal(refused.get('allow'), 'GET, HEAD')
    assert.equal((refused.body as Problem).code, 'method_not_allowed')
    const { app } = portal
    const api = await request(app).get('/api/v1/me')
    assert.equal(api.status, 401)
    const asked = await request(app).options('/sessions')
    assert.equal(asked.status, 204)
    assert.equal(asked.get('allow'), 'GET, HEAD, POST')
    const page = await (await portal.signedIn('mark')).post('/history', {}, '/history')
    assert.equal(page.status, 405)
    assert.match(page.text, /This address takes GET, HEAD only/)
  })

  it('tells a wrong token from none', async () => {
    const call = () => request(portal.app).get('/api/v1/me')
    assert.equal((await call()).get('www-authenticate'), 'Bearer realm="Daypass"')
    const wrong = await call().auth('daypass_wrong', { type: 'bearer' })
    assert.equal(wrong.get('www-authenticate'), 'Bearer realm="Daypass", error="invalid_token"')
  })

  it('remembers no time zone that is none, so that times stay readable', async () => {
    const mark = await portal.signedIn('mark')
    const fields = { dataSource: 'shop', roles: 'role1', justification: 'x', zone: 'Etc/Unknown' }
    const made = await mark.post('/sessions', { ...fields, zone: '' }, NEW)
    assert.equal(made.status, 303)
    assert.equal((await mark.post('/sessions', fields, NEW)).status, 422)
    const { text } = await mark.get(made.get('location') ?? '')
    assert.match(text, /<time/)
    assert.ok(!text.includes('Invalid DateTime'))
  })

  it('draws a sign-in form that can be sent under every spelling of its address', async () => {
    for (const path of ['/sign-in/', '/Sign-In']) {
      const fields = { username: 'mark', password: PASSWORD }
      assert.equal((await portal.browser().post('/sign-in', fields, path)).status, 303, path)
    }
  })

  it('gives back what was written in a form whose token is of an earlier sign-in', async () => {
    const mark = await portal.signedIn('mark')
    const form = new URLSearchParams({ _csrf: 'old', justification: 'a long <b>story</b>' })
    const send = (site: string) =>
      mark.raw('post', '/sessions').set('sec-fetch-site', site).send(form.toString())
    const own = await send('same-origin')
    assert.equal(own.status, 403)
    assert.match(own.text, /<blockquote[^>]*>a long &lt;b&gt;story&lt;\/b&gt;<\/blockquote>/)
    assert.ok(!(await send('cross-site')).text.includes('a long'))
  })

  it('leads a reload of an answered form back to a page', async () => {
    const mark = await portal.signedIn('mark')
    assert.equal((await mark.get('/sessions/preview')).get('location'), '/sessions/new')
    assert.equal((await mark.get('/sessions/termination')).get('location'), '/sessions')
  })

  it('writes out what turns text round in names, filters and errors too', async () => {
    const admin = await portal.signedIn('admin')
    const name = 'owner\u202etxt'
    const role = {
      dataSource: 'shop',
      name,
      databaseRole: 'customers_reader',
      approvalsNeeded: '0',
    }
    assert.equal((await admin.post('/roles', role, '/roles/new')).status, 303)
    const audrey = await portal.signedIn('audrey')
    const pages = [
      await admin.get('/roles'),
      await admin.get(NEW),
      await audrey.get(`/audit?role=${encodeURIComponent(name)}`),
    ]
    for (const { text } of pages) {
      assert.match(text, /owner\\u202etxt/)
      // what a field sends back is exact; what is read is not left to turn round
      assert.ok(
        !text.replaceAll(/(?:value|id|for|href|describedby)="[^"]*"/g, '').includes('\u202e'),
      )
    }
  })

  async function ask(body: object | string) {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await sendRaw('/sessions', text).set('content-type', 'application/json')
    return { status: answer.status, problem: answer.body as Problem }
  }

  /** The bytes as they stand, where `portal.api` would write JSON of its own. */
  function sendRaw(path: string, body: string): request.Test {
    return request(portal.app).post(`/api/v1${path}`).auth(token, { type: 'bearer' }).send(body)
  }
})
