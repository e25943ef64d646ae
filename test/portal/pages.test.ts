import assert from 'node:assert/strict'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import { rows } from '../../db/store.ts'
import { look, makeBroker } from '../support/broker.ts'
import { openPortal, type Fields, type TestPortal } from '../support/portal.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

const NEW = '/sessions/new?dataSource=shop'

describe('the pages of sessions', () => {
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

  it('walks from the form to GRANTED and to a credential, without JavaScript', async () => {
    const mark = await portal.signedIn('mark')
    const form = await mark.get('/sessions/new')
    for (const role of ['role1', 'role2', 'role3'])
      assert.match(form.text, new RegExp(`id="roles-${role}"`))
    const id = await ask('mark', { roles: ['role1', 'role3'], minutes: '45' })

    for (const [name, left] of [
      ['admin', 'CREATED'],
      ['john', 'APPROVED'],
    ] as const) {
      const approver = await portal.signedIn(name)
      const waiting = await approver.get('/approvals')
      assert.match(waiting.text, new RegExp(`data-session-id="${id}"`))
      assert.match(waiting.text, /<dt>Length<\/dt><dd>45 min<\/dd>/)
      assert.match(waiting.text, /<dt>Asked<\/dt><dd>[0-9]+ s ago/)
      const answer = await approver.post(
        `/sessions/${id}/approval`,
        { comment: 'go' },
        '/approvals',
      )
      assert.equal(answer.status, 303)
      assert.equal(answer.get('location'), '/approvals')
      assert.match(
        (await approver.get('/approvals')).text,
        new RegExp(`data-flash[^>]*>Approved. Session ${id} `),
      )
      assert.equal((await look(world, id)).state, left)
    }
    assert.match((await mark.get(`/sessions/${id}`)).text, /data-left>opening now…</)
    await makeBroker(world).tick()

    const page = await mark.get(`/sessions/${id}`)
    assert.match(page.text, /data-state="GRANTED"/)
    const answer = await mark.post(`/sessions/${id}/credential`, {}, `/sessions/${id}`)
    assert.equal(answer.status, 200)
    assert.equal(answer.get('cache-control'), 'no-store')
    const [, password] = /id="credential-password">([^<]+)</.exec(answer.text) ?? []
    assert.ok(password !== undefined && password.length >= 32)
    const later = await mark.get(`/sessions/${id}`)
    assert.ok(!later.text.includes(password))
    assert.match(later.text, /The last credential was made at/)
    assert.equal((await mark.get(`/sessions/${id}/credential`)).get('location'), `/sessions/${id}`)

    const ended = await mark.post(`/sessions/${id}/cancellation`, {}, `/sessions/${id}`)
    assert.equal(ended.status, 303)
    const history = (await mark.get('/history')).text
    assert.match(history, new RegExp(`data-session-id="${id}"`))
    assert.match(history, /Ended [0-9-]{10} [0-9:]{8} UTC[ +0-9]*, canceled by mark/)
    assert.doesNotMatch((await mark.get(`/sessions/${id}`)).text, /id="connection"/)
  })

  it('keeps what was typed when something is wrong, and says it at the field and above', async () => {
    const mark = await portal.signedIn('mark')
    const typed = {
      dataSource: 'shop',
      roles: ['role1'],
      minutes: '600',
      justification: 'restore <b>order</b> 12',
    }
    const answer = await mark.post('/sessions', typed, NEW)
    assert.equal(answer.status, 422)
    assert.match(answer.text, /id="minutes-error">[^<]*at most 60 minutes[^<]*enter 60 or fewer\./)
    assert.match(answer.text, /href="\/sessions\/new"\s+aria-current="page"/)
    assert.match(answer.text, /id="minutes"[^>]*placeholder="default [0-9]+"/)
    assert.match(answer.text, /href="#minutes"/)
    assert.match(answer.text, /name="minutes"[^>]*value="600"/)
    assert.match(answer.text, /id="roles-role1"[^>]*checked/)
    assert.match(answer.text, /restore &lt;b&gt;order&lt;\/b&gt; 12/)

    const empty = await mark.post(
      '/sessions',
      { dataSource: 'shop', justification: 'ticket 9' },
      NEW,
    )
    assert.equal(empty.status, 422)
    assert.match(empty.text, />ticket 9</)
    assert.match(empty.text, /Choose at least one role/)
  })

  it('asks back a local time that happens twice or never', async () => {
    const mark = await portal.signedIn('mark')
    const fields = { dataSource: 'shop', roles: ['role2'], when: 'later', zone: 'Europe/Warsaw' }
    for (const [start, sentence] of [
      ['2027-10-31T02:30', /comes twice in Europe\/Warsaw/],
      ['2027-03-28T02:30', /does not exist in Europe\/Warsaw/],
      ['soon', /Write a date and time/],
    ] as const) {
      const answer = await mark.post('/sessions', { ...fields, start, justification: 'x' }, NEW)
      assert.equal(answer.status, 422)
      assert.match(answer.text, sentence)
    }
  })

  it('offers the first and the second of a local time that happens twice, and keeps the choice', async () => {
    const mark = await portal.signedIn('mark')
    const typed = {
      dataSource: 'shop',
      roles: ['role2'],
      when: 'later',
      zone: 'Europe/Warsaw',
      start: '2027-10-31T02:30',
      justification: 'x',
    }
    const asked = await mark.post('/sessions', typed, NEW)
    const choices = [...asked.text.matchAll(/name="startMeant" id="[\w-]+" value="([^"]+)"/g)].map(
      ([, value = '']) => value.replace('&#43;', '+'),
    )
    assert.match(asked.text, /<legend>Which 02:30 on 2027-10-31<\/legend>/)
    assert.match(asked.text, /href="#startMeant"/)
    assert.deepEqual(choices, ['2027-10-31T02:30:00+02:00', '2027-10-31T02:30:00+01:00'])
    // made for another time, it is no choice
    const other = { ...typed, start: '2027-10-31T02:45', startMeant: choices[1] ?? '' }
    const again = await mark.post('/sessions/preview', other, NEW)
    assert.match(again.text, /id="startMeant-error">2027-10-31 02:45 comes twice/)
    assert.doesNotMatch(again.text, /name="startMeant"[^>]*checked/)

    for (const choice of choices) {
      const preview = await mark.post('/sessions/preview', { ...typed, startMeant: choice }, NEW)
      const checked = [...preview.text.matchAll(/name="startMeant"[^>]*>/g)].map(([tag]) =>
        tag.includes('checked'),
      )
      assert.deepEqual(
        checked,
        choices.map((each) => each === choice),
      )
      assert.doesNotMatch(preview.text, /comes twice/)
    }
    const now = await mark.post('/sessions/preview', { ...typed, when: 'now', minutes: '5' }, NEW)
    assert.equal(now.status, 200, 'what is not asked for need not be clear')
  })

  it('previews the window in both zones and who approves, and changes nothing', async () => {
    const mark = await portal.signedIn('mark')
    const before = await countSessions()
    const fields = {
      dataSource: 'shop',
      roles: ['role1', 'role3'],
      zone: 'Europe/Warsaw',
      minutes: '20',
    }
    const answer = await mark.post('/sessions/preview', fields, NEW)
    assert.equal(answer.status, 200)
    assert.match(answer.text, /20 min/)
    assert.match(answer.text, /Approved by john, 1 approval needed/)
    assert.match(answer.text, /UTC \+[12]</)
    assert.equal(await countSessions(), before)
  })

  it("hides another's session, and whatever could be done to it", async () => {
    const id = await ask('john', { roles: ['role2'] })
    const mark = await portal.signedIn('mark')
    assert.equal((await mark.get(`/sessions/${id}`)).status, 404)
    for (const verb of ['approval', 'denial', 'cancellation', 'termination', 'credential']) {
      const answer = await mark.post(`/sessions/${id}/${verb}`, { reason: 'mine now' }, '/sessions')
      assert.equal(answer.status, 404, verb)
    }
    assert.equal((await look(world, id)).state, 'APPROVED')
    assert.ok(!(await mark.get('/sessions')).text.includes(`data-session-id="${id}"`))
    for (const wrong of ['0', '-1', '1e3', '99999999', '%00', '9'.repeat(30), 'x']) {
      assert.equal((await mark.get(`/sessions/${wrong}`)).status, 404, wrong)
    }
  })

  it('lets nobody approve their own request, not even an admin', async () => {
    const id = await ask('admin', { roles: ['role1'] })
    const admin = await portal.signedIn('admin')
    assert.ok(!(await admin.get('/approvals')).text.includes(`data-session-id="${id}"`))
    const answer = await admin.post(`/sessions/${id}/approval`, {}, '/sessions')
    assert.equal(answer.status, 403)
    assert.equal((await look(world, id)).roles[0]?.approvals.length, 0)
  })

  it('shows the oldest request first to an approver, as the page says', async () => {
    const [older, newer] = [
      await ask('mark', { roles: ['role1'] }),
      await ask('mark', { roles: ['role1'] }),
    ]
    const { text } = await (await portal.signedIn('john')).get('/approvals')
    const at = (id: string): number => text.indexOf(`data-session-id="${id}"`)
    assert.ok(at(older) > 0 && at(older) < at(newer))
  })

  it('denies with a reason only, and keeps the page and the session without one', async () => {
    const id = await ask('mark', { roles: ['role1'] })
    const john = await portal.signedIn('john')
    const answer = await john.post(`/sessions/${id}/denial`, { reason: ' ' }, '/approvals')
    assert.equal(answer.status, 422)
    assert.match(answer.text, new RegExp(`id="reason-${id}-error"`))
    assert.equal((await look(world, id)).state, 'CREATED')
    await john.post(`/sessions/${id}/denial`, { reason: 'not on a Friday' }, '/approvals')
    assert.equal((await look(world, id)).state, 'DENIED')
    const again = await john.post(`/sessions/${id}/approval`, {}, '/sessions')
    assert.equal(again.status, 409)
    assert.match(again.text, /already/)
  })

  it('shows a hostile justification as text, with what turns text round written out', async () => {
    const hostile = '</textarea><img src=x onerror=alert(1)> \u202egnihton'
    const id = await ask('mark', { roles: ['role1'], justification: hostile })
    for (const [name, path] of [
      ['mark', `/sessions/${id}`],
      ['mark', '/sessions'],
      ['john', '/approvals'],
      ['john', `/sessions/${id}`],
    ] as const) {
      const page = await (await portal.signedIn(name)).get(path)
      assert.equal(page.status, 200)
      assert.ok(!page.text.includes('<img src=x'), path)
      assert.ok(!page.text.includes('\u202e'), path)
      assert.match(page.text, /&lt;img src=x onerror=alert\(1\)&gt; \\u202egnihton/)
    }
  })

  it('carries headers that let nothing foreign run, frame or be kept', async () => {
    const mark = await portal.signedIn('mark')
    const answer = await mark.get('/sessions')
    const [, nonce = ''] = /<script [^>]*nonce="([A-Za-z0-9+/]{22}==)"/.exec(answer.text) ?? []
    assert.equal(
      answer.get('content-security-policy'),
      `default-src 'none';script-src 'nonce-${nonce}';style-src 'nonce-${nonce}';img-src 'self';font-src 'self';connect-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'`,
    )
    assert.ok(answer.text.includes(`<link rel="stylesheet" nonce="${nonce}"`))
    assert.ok(!(await mark.get('/sessions')).text.includes(nonce), 'a nonce is used once')
    assert.match((await mark.get('/nothing')).text, /<script [^>]*nonce="[^"]{24}"/)
    assert.equal(answer.get('x-content-type-options'), 'nosniff')
    assert.equal(answer.get('cache-control'), 'no-store')
    assert.equal(answer.get('strict-transport-security'), undefined)
    assert.equal(answer.get('x-powered-by'), undefined)
    assert.ok(!/<script(?![^>]*src=)|<style|\son[a-z]+="/.test(answer.text))
    const asset = await portal.browser().get('/public/daypass.css')
    assert.equal(asset.status, 200)
    assert.match(asset.get('cache-control') ?? '', /public, max-age=3600/)
  })

  it('terminates all for admins alone, with a reason', async () => {
    await ask('mark', { roles: ['role1'] })
    const mark = await portal.signedIn('mark')
    assert.equal(
      (await mark.post('/sessions/termination', { reason: 'x' }, '/sessions')).status,
      404,
    )
    const admin = await portal.signedIn('admin')
    assert.equal((await admin.post('/sessions/termination', {}, '/sessions')).status, 422)
    const answer = await admin.post('/sessions/termination', { reason: 'drill' }, '/sessions')
    assert.equal(answer.status, 303)
    assert.match((await admin.get('/sessions')).text, /No sessions under way/)
  })

  it('lets a person and an auditor read statements, and records the auditor once', async () => {
    const id = await ask('mark', { roles: ['role2'] })
    const views = () =>
      rows<{ actor_name: string }>(
        world.owner.db,
        `select actor_name from records where action = 'recording.viewed' and session_id = :id`,
        { id },
      )
    await (await portal.signedIn('mark')).get(`/sessions/${id}`)
    assert.deepEqual(await views(), [])
    const audrey = await portal.signedIn('audrey')
    assert.match((await audrey.get(`/sessions/${id}`)).text, /id="statements"/)
    assert.deepEqual(await views(), [], 'before it is granted there is nothing to read')
    await makeBroker(world).tick()
    await audrey.get(`/sessions/${id}`)
    await audrey.get(`/sessions/${id}`)
    assert.deepEqual(await views(), [{ actor_name: 'audrey' }])
  })

  async function ask(name: Name, fields: Fields): Promise<SessionId> {
    const all = { dataSource: 'shop', justification: 'ticket 7', ...fields }
    const answer = await (await portal.signedIn(name)).post('/sessions', all, NEW)
    assert.equal(answer.status, 303, answer.text)
    const id = parseSessionId((answer.get('location') ?? '').replace('/sessions/', ''))
    assert.ok(id)
    return id
  }

  async function countSessions(): Promise<number> {
    const [{ count } = { count: 0 }] = await rows<{ count: number }>(
      world.owner.db,
      'select count(*)::int as count from sessions',
    )
    return count
  }
})
