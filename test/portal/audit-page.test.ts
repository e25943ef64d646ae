import assert from 'node:assert/strict'
import type { Express } from 'express'
import { DateTime } from 'luxon'
import request from 'supertest'
import { approve, requestSession } from '../../broker/sessions/lifecycle.ts'
import { searchRecords } from '../../db/audit-search.ts'
import { isAuditUser, NO_FILTER } from '../../db/audit-filter.ts'
import { appendRecord } from '../../db/audit-log.ts'
import { rows, storeTime } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { auditPortal } from '../support/audit-portal.ts'
import { recordConnection } from '../support/recorded-session.ts'
import { makeWorld, type World } from '../support/world.ts'

const ATTACK = `<script>alert(1)</script> "quoted" & \u202eturned`

describe('the Audit tab', function () {
  this.timeout(60_000)

  let world: World
  let app: Express
  let sessionId: SessionId

  before(async () => {
    world = await makeWorld()
    await rows(
      world.owner.db,
      `insert into settings (name, value)
       values ('time_zone', 'Asia/Kolkata')
           on conflict (name) do update set value = excluded.value`,
    )
    const { scopes, origins, portal } = world
    const asked = await requestSession(portal, scopes.mark, origins.mark, {
      dataSource: 'shop',
      roles: ['role1', 'role3'],
      start: DateTime.utc().plus({ hours: 1 }),
      minutes: 30,
      justification: ATTACK,
    })
    sessionId = asked.id
    await approve(portal, scopes.john, origins.john, asked.id, {})
    app = auditPortal(world.portal, world.scopes)
  })

  after(() => world.close())

  const open = (path: string, as = 'audrey') => request(app).get(path).set('x-as', as)
  const idsIn = (html: string): string[] =>
    [...html.matchAll(/data-record-id="([^"]+)"/g)].map(([, id]) => id ?? '')

  it('does not wait for counts, knows what stands whole on its page, and counts when its script asks', async () => {
    const hurried = auditPortal(world.portal, world.scopes, {}, 0)
    const ask = () => request(hurried).get('/audit').set('x-as', 'audrey')
    const { text } = await ask()
    assert.match(text, /data-uncounted/)
    assert.match(text, /data-counted="state-CREATED"></)
    assert.match(text, /data-counted="all">2 in this view</)
    assert.match(text, /Records 1 to 2 of 2</)
    assert.match(text, /data-counted="matching">2 records</)
    const narrowed = await request(hurried).get('/audit?actor=john').set('x-as', 'audrey')
    assert.match(narrowed.text, /data-counted="all">many in this view</)
    const part = await ask().set('x-daypass-part', '1')
    assert.doesNotMatch(part.text, /data-uncounted|>many</)
    assert.match(part.text, /data-counted="state-CREATED">1</)
  })

  it("shows the state rows of the session, newest first, role rows marked, in Central Manager's zone", async () => {
    const { status, text } = await open('/audit')
    assert.equal(status, 200)
    assert.equal(idsIn(text).length, 2)
    assert.deepEqual(
      [...text.matchAll(/data-scope="([^"]+)"/g)].map(([, scope]) => scope),
      ['role', 'session'],
    )
    assert.match(text, /Log Timestamp \(UTC \+5:30\)/)
    assert.match(text, /Session Start Timestamp \(UTC \+5:30\)/)
    assert.match(text, /Session End Timestamp \(UTC \+5:30\)/)
    assert.match(text, />TBD</)
  })

  it('tells in the popover who approved which role, who it waits for, and why it was asked', async () => {
    const { text } = await open('/audit')
    assert.match(
      text,
      /<dt>role1<\/dt><dd>approved by john, \d{4}-\d\d-\d\d [\d:]+ UTC \+5:30<\/dd>/,
    )
    assert.match(text, /<dt>role3<\/dt><dd>waits for admin<\/dd>/)
    assert.match(text, /CREATED: waits for approvals/)
  })

  it('prints what people wrote as text, with what would hide or turn it round visible', async () => {
    const { text } = await open('/audit')
    assert.ok(!text.includes('<script>alert'))
    assert.ok(
      text.includes('&lt;script&gt;alert(1)&lt;/script&gt; &#34;quoted&#34; &amp; \\u202eturned'),
    )
  })

  it('changes every time and heading to the zone asked for', async () => {
    const local = await open('/audit?zone=America/St_Johns')
    assert.match(local.text, /Log Timestamp \(UTC -[23]:30\)/)
    const utc = await open('/audit?zone=utc')
    assert.match(utc.text, /Log Timestamp \(UTC\)/)
    const central = await open('/audit?zone=central')
    assert.match(central.text, /Log Timestamp \(UTC \+5:30\)/)
  })

  it('remembers the zone of a person, whatever they sign in with, and not that of a link', async () => {
    const chosen = (zone: string, site: string) =>
      open(`/audit?zone=${zone}`).set('sec-fetch-site', site)
    await chosen('America/St_Johns', 'same-origin')
    // without a cookie: another sign-in
    assert.match((await open('/audit')).text, /Log Timestamp \(UTC -[23]:30\)/)
    for (const site of ['none', 'cross-site']) await chosen('utc', site)
    assert.match((await open('/audit')).text, /Log Timestamp \(UTC -[23]:30\)/)
    await open('/audit?zone=utc').set('referer', 'http://elsewhere.example/')
    assert.match((await open('/audit')).text, /Log Timestamp \(UTC -[23]:30\)/)
    await chosen('central', 'same-origin')
    assert.match((await open('/audit')).text, /Log Timestamp \(UTC \+5:30\)/)
  })

  it('reads the filters in the zone asked for', async () => {
    const now = DateTime.utc().plus({ minutes: 5 })
    // where clocks are never changed: a time that comes twice would be asked back
    const until = now.setZone('America/Bogota').toFormat("yyyy-LL-dd'T'HH:mm")
    const there = await open(`/audit?zone=America/Bogota&until=${until}`)
    assert.equal(idsIn(there.text).length, 2)
    // the same text in Kolkata was hours ago
    const here = await open(`/audit?until=${until}`)
    assert.equal(idsIn(here.text).length, 0)
  })

  it('shows each active filter as a chip that takes only itself off, and carries them to the download', async () => {
    const { text } = await open('/audit?actor=john&state=APPROVED&state=DENIED')
    assert.equal(idsIn(text).length, 1)
    const chips = /<ul class="chips"[\s\S]*?<\/ul>/.exec(text)?.[0] ?? ''
    assert.match(
      chips,
      /href="\/audit\?state=DENIED&amp;actor=john&amp;zone=central">[\s\S]*?Status APPROVED/,
    )
    assert.match(
      chips,
      /href="\/audit\?state=APPROVED&amp;state=DENIED&amp;zone=central">[\s\S]*?Actor john/,
    )
    assert.match(text, /<input type="hidden" name="actor" value="john">/)
    assert.match(text, /1 match<\/span> \/ <span class="count-all"[^>]*>2 in this view/)
  })

  it('offers the rows of sessions or of roles alone, beside whatever else is filtered', async () => {
    const { text } = await open('/audit?state=APPROVED&state=CREATED')
    assert.equal(idsIn(text).length, 2)
    const rows = /<nav aria-label="Rows">[\s\S]*?<\/nav>/.exec(text)?.[0] ?? ''
    assert.match(
      rows,
      /href="\/audit\?state=CREATED&amp;state=APPROVED&amp;scope=session&amp;zone=central" *>Session rows/,
    )
    assert.match(rows, /aria-current="page">All rows/)
    const sessions = await open('/audit?state=APPROVED&state=CREATED&scope=session')
    assert.equal(idsIn(sessions.text).length, 1)
    assert.match(sessions.text, /aria-current="page">Session rows/)
    assert.match(sessions.text, /<input type="hidden" name="scope" value="session">/)
    assert.doesNotMatch((await open('/audit?view=users&actor=mark')).text, /aria-label="Rows"/)
  })

  it('keeps an offset on one line where a heading stands beside its cell', async () => {
    assert.match((await open('/audit')).text, /data-label="Log Timestamp \(UTC\u00a0\+5:30\)"/)
  })

  it('says what is wrong at its field, keeps what was typed, and shows the rows unchanged', async () => {
    const plain = await open('/audit')
    const wrong = await open('/audit?since=2026-11-23T11:00&until=2026-11-23T10:00&session=abc')
    assert.equal(wrong.status, 422)
    assert.match(wrong.text, /Until is before Since/)
    assert.match(wrong.text, /A session ID is a whole number/)
    assert.match(wrong.text, /value="2026-11-23T11:00"/)
    assert.match(wrong.text, /value="abc"/)
    assert.deepEqual(idsIn((await open('/audit?session=abc')).text), idsIn(plain.text))
  })

  it('says so where nothing matches, with a way out', async () => {
    const { status, text } = await open('/audit?actor=nobody')
    assert.equal(status, 200)
    assert.match(text, /No records match/)
  })

  it('counts each state whatever states are chosen', async () => {
    const { text } = await open('/audit?state=DENIED')
    const approved = /value="APPROVED"[\s\S]*?<span class="hush number"[^>]*>(\d+)</.exec(text)
    assert.equal(approved?.[1], '1')
  })

  it('shows one record whole, from its bytes, with the others of its session', async () => {
    const { scopes, portal } = world
    const { audrey } = scopes
    assert.ok(isAuditUser(audrey))
    const { records } = await searchRecords(portal.db, audrey, NO_FILTER)
    const created = records.find(({ state }) => state === 'CREATED')
    assert.ok(created)
    const connection = await recordConnection(world, sessionId, { at: DateTime.utc().toISO() })
    await connection.add({}, { outcome: 'error', sqlstate: '42P01' }, {})
    const { status, text } = await open(`/audit/${created.id}`)
    assert.equal(status, 200)
    const statements = /<dt>Statements<\/dt>\s*<dd><a href="\/sessions\/(\d+)">([^<]+)</.exec(text)
    assert.deepEqual(statements?.slice(1), [sessionId, '3, of which 1 failed'])
    assert.ok(text.includes(created.id))
    assert.ok(text.includes('&#34;action&#34;:&#34;session.created&#34;'))
    assert.equal(idsIn(text).length, 2)
    assert.ok(!text.includes('<script>alert'))
  })

  it('is not there for anybody without the flag, whatever else they may do', async () => {
    for (const as of ['mark', 'john', 'admin']) {
      assert.equal((await open('/audit', as)).status, 404)
      assert.equal((await open('/api/v1/audit', as)).status, 404)
    }
    assert.equal((await open('/audit/0193584c-0000-7000-8000-000000000000')).status, 404)
    assert.equal((await open('/audit/no-id')).status, 404)
  })

  it('is not there where portal mode is off', async () => {
    const off = auditPortal(world.portal, world.scopes, { DAYPASS_PORTAL_MODE: 'false' })
    assert.equal((await request(off).get('/audit').set('x-as', 'audrey')).status, 404)
  })

  it('asks for a sign-in first', async () => {
    assert.equal((await request(app).get('/api/v1/audit')).status, 401)
  })

  it('answers programs with the record as the contract spells it', async () => {
    const answer = await open(`/api/v1/audit?session=${sessionId}&state=CREATED`)
    assert.equal(answer.status, 200)
    const { records, next } = answer.body as { records: Record<string, unknown>[]; next: unknown }
    assert.equal(next, null)
    const [record] = records
    assert.deepEqual(Object.keys(record ?? {}), [
      'id',
      'at',
      'action',
      'scope',
      'state',
      'sessionId',
      'actor',
      'requester',
      'roles',
      'username',
      'start',
      'end',
      'dataSource',
      'reason',
      'clientIp',
      'outcome',
      'area',
      'company',
      'accountId',
      'subject',
      'details',
    ])
    assert.deepEqual(
      [
        record?.['sessionId'],
        record?.['requester'],
        record?.['username'],
        record?.['dataSource'],
        record?.['reason'],
      ],
      [sessionId, 'mark', 'TBD', 'shop', ATTACK],
    )
    assert.match(String(record?.['at']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  })

  it('tells programs what was acted on, where, and in whose name', async () => {
    const { portal, origins, scopes } = world
    const subject = { type: 'data source', id: 'd1', name: 'shop' }
    await portal.change(async (tx) =>
      appendRecord(tx, origins.admin, await storeTime(tx), {
        action: 'data_source.changed',
        area: 'data sources',
        outcome: 'ok',
        subject,
        details: { port: '5433' },
      }),
    )
    const answer = await open('/api/v1/audit?view=all&action=data_source.changed')
    const { records } = answer.body as { records: Record<string, unknown>[] }
    const { name, accountId } = scopes.audrey.organization
    const { area, company, accountId: account, subject: actedOn, details } = records[0] ?? {}
    assert.deepEqual([area, company, account], ['data sources', name, accountId])
    assert.deepEqual([actedOn, details], [subject, { port: '5433' }])
  })

  it('answers programs with a sentence a field', async () => {
    const answer = await open('/api/v1/audit?since=2026-02-30&state=GONE&zone=Nowhere')
    assert.equal(answer.status, 422)
    const { errors } = answer.body as { errors: { field: string }[] }
    assert.deepEqual(errors.map(({ field }) => field).sort(), ['since', 'state', 'zone'])
  })

  it('pages through more than fits, each record once, for programs and people', async () => {
    await rows(
      world.owner.db,
      `with source as (
         select * from records where state = 'CREATED'
       ), copies as (
         select s.*, gen_random_uuid() as copy_id from source s cross join generate_series(1, 230)
       )
       insert into records (at, event_id, organization_id, action, area, scope, state, actor_name, outcome, body)
       select at, copy_id, organization_id, action, area, scope, state, actor_name, outcome,
              canonical_json(jsonb_set(cast(body as jsonb), '{event_id}', to_jsonb(cast(copy_id as text))))
         from copies`,
    )
    const { ids, pages } = await everyPage((path) => open(path), '/api/v1/audit?view=sessions')
    assert.equal(ids.length, 232)
    assert.equal(new Set(ids).size, 232)
    assert.equal(pages, 3)

    const first = await open('/audit')
    assert.match(first.text, /Records 1 to 100 of 232/)
    assert.doesNotMatch(first.text, /rel="first"/)
    const older = /rel="next" href="([^"]+)"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&')
    assert.ok(older)
    const second = await open(older)
    assert.match(second.text, /Records 101 to 200 of 232/)
    assert.match(second.text, /rel="first" href="\/audit\?zone=central"/)
    assert.deepEqual([...idsIn(first.text), ...idsIn(second.text)], ids.slice(0, 200))
  })
})

type Open = (path: string) => Promise<{ body: unknown }>

async function everyPage(open: Open, path: string): Promise<{ ids: string[]; pages: number }> {
  const ids: string[] = []
  let cursor = ''
  for (let pages = 1; ; pages += 1) {
    const { body } = await open(`${path}${cursor}`)
    const { records, next } = body as { records: { id: string }[]; next: string | null }
    ids.push(...records.map(({ id }) => id))
    if (next === null) return { ids, pages }
    cursor = `&cursor=${encodeURIComponent(next)}`
  }
}
