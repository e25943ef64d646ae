import assert from 'node:assert/strict'
import { readExtension } from '../../portal/forms/extension.ts'
import { readRequest, untouchedRequest } from '../../portal/forms/session-request.ts'
import { presentReminders } from '../../portal/presenters/reminders.ts'
import { findExtensionJob } from '../../db/extensions.ts'
import { rows } from '../../db/store.ts'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import { look, makeBroker } from '../support/broker.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { instant } from '../support/trail.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

describe('the pages and the API of more time', () => {
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

  it('walk from the form to the approver and back, without JavaScript', async () => {
    const id = await granted('role1')
    const path = `/sessions/${id}`
    const mark = await portal.signedIn('mark')
    const wrong = await mark.post(`${path}/extension`, { minutes: '600', justification: 'x' }, path)
    assert.equal(wrong.status, 422)
    assert.match(
      wrong.text,
      /id="minutes-error">role1 may be had for at most 60 minutes from now on/,
    )
    assert.match(wrong.text, /name="minutes"[^>]*value="600"/)
    const typed = { minutes: '20', justification: 'nearly <b>done</b>' }
    const asked = await mark.post(`${path}/extension`, typed, path)
    assert.equal(asked.status, 303, asked.text)
    const waiting = (await mark.get(path)).text
    assert.match(waiting, /nearly &lt;b&gt;done&lt;\/b&gt;/)
    assert.match(waiting, /waits for john/)

    const john = await portal.signedIn('john')
    assert.match((await john.get(path)).text, /waits for you/)
    const approvals = (await john.get('/approvals')).text
    const extension = extensionIn(approvals)
    assert.match(approvals, new RegExp(`More time for session ${id}`))
    assert.match(approvals, /class="waiting">1</)
    assert.match(approvals, /<dt>Longer by<\/dt><dd>20 min</)
    assert.equal((await john.get(`/extensions/${extension}`)).get('location'), path)
    const noReason = await john.post(`/extensions/${extension}/denial`, {}, '/approvals')
    assert.equal(noReason.status, 422)
    assert.match(noReason.text, new RegExp(`id="reason-${extension}-error"`))
    const before = (await look(world, id)).end
    const yes = await john.post(
      `/extensions/${extension}/approval`,
      { comment: 'ok' },
      '/approvals',
    )
    assert.equal(yes.get('location'), '/approvals')
    assert.equal(
      (await look(world, id)).end?.diff(before ?? instant('2026-01-01T00:00:00Z')).as('minutes'),
      20,
    )
    const after = (await john.get('/approvals')).text
    assert.match(after, new RegExp(`Approved. Session ${id} was extended`))
    assert.doesNotMatch(after, /data-extension-id/)

    const approved = (await mark.get(path)).text
    assert.match(approved, /Its data source is being told now/)
    assert.doesNotMatch(approved, /has not been told yet|message warn small/)
    await rows(
      world.owner.db,
      `update session_jobs set detail = 'shop can''t be reached', tries = 3 where session_id = :id`,
      { id },
    )
    assert.ok(await findExtensionJob(world.owner.db, id))
    const told = (await mark.get(path)).text
    assert.match(told, /has not been told yet \(shop can&#39;t be reached\)/)
    assert.match(told, /mark asked for more time/)
    assert.match(told, /The end of the session was moved/)
  })

  it('take an end in a zone of choice, and ask which where that zone has it twice', async () => {
    const id = await granted('role1')
    const path = `/sessions/${id}`
    const mark = await portal.signedIn('mark')
    const form = (await mark.get(path)).text
    assert.match(form, /id="zone-central"\s+value="central"\s+data-kind="central"\s+checked/)
    const ask = (fields: Readonly<Record<string, string>>) =>
      mark.post(`${path}/extension`, { justification: 'ticket 7', ...fields }, path)

    const twice = await ask({ zone: 'Europe/Warsaw', end: '2027-10-31T02:30' })
    assert.equal(twice.status, 422)
    assert.match(twice.text, /value="Europe\/Warsaw"\s+data-kind="local"\s+checked/)
    assert.match(twice.text, /<legend>Which 02:30 on 2027-10-31<\/legend>/)
    assert.match(twice.text, /id="endMeant-error">2027-10-31 02:30 comes twice in Europe\/Warsaw/)
    const zone = 'Asia/Kolkata'
    const before = (await look(world, id)).end
    assert.ok(before)
    // the field of a browser knows no seconds
    const end = before.plus({ minutes: 20 }).startOf('minute')
    const asked = await ask({ zone, end: end.setZone(zone).toFormat("yyyy-LL-dd'T'HH:mm") })
    assert.equal(asked.status, 303, asked.text)
    const list = (await portal.api('mark').get(`${path}/extensions`)).body as {
      extensions: { newEnd: string }[]
    }
    assert.equal(list.extensions[0]?.newEnd, end.toUTC().toISO())
    await mark.post(`${path}/cancellation`, {}, path)
  })

  it('speak the codes of the contract to scripts', async () => {
    const id = await granted('role1')
    const [mark, john, admin] = [portal.api('mark'), portal.api('john'), portal.api('admin')]
    const body = { minutes: 5, justification: 'nearly done' }
    const codeOf = (answer: { status: number; body: unknown }) =>
      `${answer.status} ${(answer.body as { code?: string }).code ?? ''}`

    assert.equal(codeOf(await admin.post(`/sessions/${id}/extension`, body)), '403 not_entitled')
    const long = await mark.post(`/sessions/${id}/extension`, { ...body, minutes: 55 })
    assert.equal(codeOf(long), '422 invalid_request')
    const made = await mark.post(`/sessions/${id}/extension`, body)
    assert.equal(made.status, 201, made.text)
    const { id: extension, sessionId, state } = made.body as Record<string, string>
    assert.deepEqual([sessionId, state], [id, 'CREATED'])
    const path = `/extensions/${extension ?? ''}`
    assert.equal(codeOf(await mark.post(`/sessions/${id}/extension`, body)), '409 state_changed')
    assert.equal(codeOf(await mark.post(`${path}/approval`, {})), '403 own_request')
    assert.equal(codeOf(await admin.post(`${path}/approval`, {})), '403 not_entitled')
    assert.equal(codeOf(await john.post(`${path}/denial`, {})), '422 reason_required')
    const waiting = (await john.get('/extensions')).body as { extensions: { id: string }[] }
    assert.deepEqual(
      waiting.extensions.map((each) => each.id),
      [extension],
    )
    assert.deepEqual(((await mark.get('/extensions')).body as { extensions: [] }).extensions, [])
    const denied = await john.post(`${path}/denial`, { reason: 'no' })
    assert.equal((denied.body as { state: string }).state, 'DENIED')
    assert.equal(codeOf(await john.post(`${path}/approval`, {})), '409 already_decided')
    const list = (await mark.get(`/sessions/${id}/extensions`)).body as { extensions: object[] }
    assert.equal(list.extensions.length, 1)

    const foreign = await granted('role2', 'john')
    const theirs = await john.post(`/sessions/${foreign}/extension`, body)
    const { id: hidden, state: at } = theirs.body as Record<string, string>
    assert.equal(at, 'APPROVED')
    for (const answer of [
      await mark.get(`/extensions/${hidden ?? ''}`),
      await mark.post(`/extensions/${hidden ?? ''}/approval`, {}),
      await mark.post(`/sessions/${foreign}/extension`, body),
      await mark.get(`/sessions/${foreign}/extensions`),
      await mark.post(`/sessions/${foreign}/repetition`, {}),
    ]) {
      assert.equal(codeOf(answer), '404 not_found')
    }
    assert.equal(
      codeOf(await john.post(`/sessions/${foreign}/repetition`, {})),
      '409 state_changed',
    )
    await john.post(`/sessions/${foreign}/cancellation`, {})
    const again = await john.post(`/sessions/${foreign}/repetition`, {})
    assert.equal(again.status, 201)
    assert.equal((again.body as { minutes: null; state: string }).state, 'APPROVED')
  })

  it('ask again with one click, or bring the form back with what to mend', async () => {
    const id = await granted('role1')
    const mark = await portal.signedIn('mark')
    const path = `/sessions/${id}`
    assert.doesNotMatch((await mark.get(path)).text, /Request again/)
    await mark.post(`${path}/cancellation`, {}, path)
    assert.match((await mark.get(path)).text, /Request again/)
    const again = await mark.post(`${path}/repetition`, {}, path)
    assert.equal(again.status, 303)
    const made = parseSessionId((again.get('location') ?? '').replace('/sessions/', ''))
    assert.ok(made !== undefined && made !== id)
    assert.equal((await look(world, made)).state, 'CREATED')

    const form = (await mark.get(`/sessions/new?again=${id}`)).text
    assert.match(form, /id="roles-role1"[^>]*checked/)
    assert.match(form, /name="minutes"[^>]*value="10"/)
    assert.match(form, />ticket 7</)
    await rows(
      world.owner.db,
      `update roles set maximum_minutes = 5, default_minutes = 5 where name = 'role1'`,
    )
    const refused = await mark.post(`${path}/repetition`, {}, '/sessions')
    await rows(
      world.owner.db,
      `update roles set maximum_minutes = 60, default_minutes = 30 where name = 'role1'`,
    )
    assert.equal(refused.status, 422)
    assert.match(refused.text, /id="minutes-error">role1 may be had for at most 5 minutes/)
    assert.match(refused.text, /name="minutes"[^>]*value="10"/)
  })

  it('say when a request dies, in both zones, and refuse to wait longer than its window', async () => {
    const mark = await portal.signedIn('mark')
    const fields = { dataSource: 'shop', roles: ['role1'], zone: 'Europe/Warsaw', minutes: '20' }
    const shown = await mark.post('/sessions/preview', { ...fields, ttlMinutes: '3' }, NEW)
    assert.equal(shown.status, 200)
    assert.match(
      shown.text,
      /Lapses unless approved by<\/dt>\s*<dd><span class="both"><time [^>]*>[^<]* UTC<\/time><span class="also">[^<]* UTC \+[12]</,
    )
    const long = await mark.post('/sessions/preview', { ...fields, ttlMinutes: '21' }, NEW)
    assert.match(
      long.text,
      /id="ttlMinutes-error">The request lapses when its window closes: enter 20 minutes/,
    )
    const typed = { ...fields, ttlMinutes: '3', justification: 'ticket 7' }
    const made = await mark.post('/sessions', typed, NEW)
    assert.match(
      (await mark.get(made.get('location') ?? '')).text,
      /request lapses in<\/span> <strong data-left>2 min/,
    )
  })

  it('remind the requester on every page of an end that is near, and nobody else', async () => {
    const id = await granted('role2')
    const mark = await portal.signedIn('mark')
    assert.match((await mark.get('/history')).text, bannerOf(id, 'warn'))
    assert.doesNotMatch((await mark.get(`/sessions/${id}`)).text, bannerOf(id, 'warn'))
    await endIn(id, '50 seconds')
    assert.match((await mark.get('/sessions/new')).text, bannerOf(id, 'error'))
    await endIn(id, '11 minutes')
    assert.doesNotMatch((await mark.get('/history')).text, bannerOf(id, '(warn|error)'))
    await endIn(id, '5 minutes')
    assert.doesNotMatch(
      (await (await portal.signedIn('admin')).get('/history')).text,
      bannerOf(id, 'warn'),
    )
  })

  async function granted(role: 'role1' | 'role2', who: Name = 'mark'): Promise<SessionId> {
    const asked = { dataSource: 'shop', roles: [role], minutes: 10, justification: 'ticket 7' }
    const answer = await portal.api(who).post('/sessions', asked)
    const id = parseSessionId((answer.body as { id?: string }).id ?? '')
    assert.ok(id, answer.text)
    if (role === 'role1') await portal.api('john').post(`/sessions/${id}/approval`, {})
    await makeBroker(world).tick()
    assert.equal((await look(world, id)).state, 'GRANTED')
    return id
  }

  function endIn(id: SessionId, interval: string): Promise<unknown> {
    return rows(
      world.owner.db,
      `update sessions set end_at = clock_timestamp() + cast(:interval as interval) where id = :id`,
      { id, interval },
    )
  }
})

describe('a request in local time', () => {
  const zones = { central: 'UTC', own: 'Europe/Warsaw' }
  const read = (start: string, startMeant = '') =>
    readRequest(
      {
        ...untouchedRequest('shop', 'Europe/Warsaw'),
        roles: ['role1'],
        when: 'later',
        start,
        startMeant,
      },
      zones,
    )

  it('is asked back where the clock has the time twice or never, and read everywhere else', () => {
    for (const [start, sentence] of [
      ['2026-10-25T02:30', /comes twice in Europe\/Warsaw.*choose the first or the second/],
      ['2027-03-28T02:30', /does not exist in Europe\/Warsaw/],
    ] as const) {
      const reading = read(start)
      assert.ok(!reading.ok)
      const { start: never, startMeant: twice } = reading.mistakes
      assert.match(twice ?? never ?? '', sentence)
    }
    for (const [start, exact] of [
      ['2026-10-25T02:30:00+01:00', '2026-10-25T01:30:00.000Z'],
      ['2026-10-25T01:59', '2026-10-24T23:59:00.000Z'],
      ['2027-03-28T03:00', '2027-03-28T01:00:00.000Z'],
    ] as const) {
      const reading = read(start)
      assert.ok(reading.ok)
      assert.equal(reading.value.start?.toUTC().toISO(), exact)
    }
  })

  it('is the one that was chosen, where that is one of the two', () => {
    for (const [meant, exact] of [
      ['2026-10-25T02:30:00+02:00', '2026-10-25T00:30:00.000Z'],
      ['2026-10-25T02:30:00+01:00', '2026-10-25T01:30:00.000Z'],
      ['2026-10-25T02:45:00+01:00', undefined],
      ['2026-10-25T02:30', undefined],
      ['the first', undefined],
    ] as const) {
      const reading = read('2026-10-25T02:30', meant)
      assert.equal(reading.ok ? reading.value.start?.toUTC().toISO() : undefined, exact, meant)
    }
    const other = read('2026-10-25T04:30', '2026-10-25T02:30:00+01:00')
    assert.ok(other.ok)
    assert.equal(other.value.start?.toUTC().toISO(), '2026-10-25T03:30:00.000Z')
  })

  it('is read in the zone that was chosen beside it, for more time too', () => {
    const typed = { minutes: '', justification: 'x', end: '2026-10-25T02:30' }
    const extend = (zone: string, endMeant = '') =>
      readExtension({ ...typed, zone, endMeant }, zones)
    const endOf = (reading: ReturnType<typeof extend>) =>
      reading.ok ? reading.value.end?.toUTC().toISO() : reading.mistakes

    assert.equal(endOf(extend('central')), '2026-10-25T02:30:00.000Z')
    assert.equal(endOf(extend('')), '2026-10-25T02:30:00.000Z')
    assert.equal(endOf(extend('Asia/Kolkata')), '2026-10-24T21:00:00.000Z')
    assert.equal(
      endOf(extend('Europe/Warsaw', '2026-10-25T02:30:00+01:00')),
      '2026-10-25T01:30:00.000Z',
    )
    assert.deepEqual(Object.keys(endOf(extend('Europe/Warsaw')) ?? {}), ['endMeant'])
    assert.deepEqual(Object.keys(endOf(extend('Mars/Base')) ?? {}), ['zone'])
  })
})

describe('reminders', () => {
  it('leave out the session whose own page is shown', () => {
    const now = instant('2026-11-23T10:00:00Z')
    const id = parseSessionId('7')
    assert.ok(id)
    const ends = [{ id, dataSource: 'shop', end: now.plus({ seconds: 90 }), now }]
    assert.deepEqual(presentReminders(ends, '/sessions/7'), [])
    const [shown] = presentReminders(ends, '/sessions/70')
    assert.deepEqual([shown?.tone, shown?.countdown.text], ['warn', '1 min'])
  })
})

const NEW = '/sessions/new?dataSource=shop'

function extensionIn(html: string): string {
  const [, id] = /data-extension-id="([^"]+)"/.exec(html) ?? []
  assert.ok(id)
  return id
}

function bannerOf(id: SessionId, tone: string): RegExp {
  return new RegExp(`class="message ${tone}" role="[a-z]+"><a href="/sessions/${id}">`)
}
