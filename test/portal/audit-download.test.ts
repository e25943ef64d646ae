import assert from 'node:assert/strict'
import type { Express } from 'express'
import request from 'supertest'
import { canonicalize } from '../../db/canonical.ts'
import { getRow, rows } from '../../db/store.ts'
import { auditPortal } from '../support/audit-portal.ts'
import { instant, openTrail, snapshot, write, type Trail } from '../support/trail.ts'

describe('downloading the trail', () => {
  let trail: Trail
  let app: Express

  before(async () => {
    trail = await openTrail()
    await rows(
      trail.store.owner.db,
      `insert into settings (name, value) values ('time_zone', 'Europe/Warsaw')`,
    )
    await write(trail, [
      { at: '2026-07-01T10:00:00.000Z', actor: 'summer', clientIp: '192.0.2.9' },
      {
        at: '2026-11-23T10:00:00.000Z',
        action: 'session.denied',
        scope: 'session',
        state: 'DENIED',
        actor: 'john',
        reason: '=cmd|\u202e"x"\nnext line',
        session: snapshot({ username: '-', requester: 'mark' }),
        dataSource: { id: 'd', name: 'shop' },
      },
    ])
    app = auditPortal(trail.portal, people(trail))
  })

  after(() => trail.close())

  const download = (query: string, as = 'audrey') =>
    request(app).get(`/audit/download?${query}`).set('x-as', as).buffer(true).parse(asText)

  it('writes no record of a HEAD, which takes nothing away', async () => {
    const count = () => getRow(trail.store.owner.db, `select count(*)::integer as n from records`)
    const before = await count()
    const head = await request(app).head('/audit/download?format=csv').set('x-as', 'audrey')
    const after = await count()
    const wrong = await request(app).head('/audit/download?format=pdf').set('x-as', 'audrey')
    const other = await request(app).head('/audit/download?format=csv').set('x-as', 'admin')

    assert.equal(head.status, 200)
    assert.match(head.get('content-type') ?? '', /^text\/csv/)
    assert.deepEqual(after, before)
    assert.deepEqual([wrong.status, other.status], [422, 404])
  })

  it('gives a text file: who, when, zone, filters and count, then a table', async () => {
    const answer = await download('format=text&includeFilters=true&actor=john')
    assert.equal(answer.status, 200)
    assert.match(
      answer.headers['content-disposition'] ?? '',
      /^attachment; filename="daypass-audit-\d{8}T\d{6}Z-audrey\.txt"$/,
    )
    const lines = String(answer.body).split('\n')
    const offset = instant(new Date().toISOString()).setZone('Europe/Warsaw').offset / 60
    assert.equal(lines[0], 'Daypass audit records')
    assert.equal(lines[1], 'Downloaded by: audrey')
    assert.match(lines[2] ?? '', /^Downloaded at: [-0-9]{10} [:0-9]{8} UTC \+[12] \(.*Z\)$/)
    assert.equal(lines[3], `Time zone: Europe/Warsaw, UTC +${String(offset)} (Central Manager)`)
    assert.equal(lines[4], 'Filters: Actor john')
    assert.equal(lines[5], 'Records: 1')
    assert.match(
      lines[7] ?? '',
      new RegExp(`^Log Timestamp \\(UTC \\+${String(offset)}\\) \\| Session ID \\| Status`),
    )
    assert.match(
      lines[8] ?? '',
      /^2026-11-23 11:00:00( UTC \+1)? \| 68 \| DENIED \| session \| john \| mark \| role1, role3 \| - \| /,
    )
    assert.ok((lines[8] ?? '').includes('| shop | =cmd\\|\\u202e"x"\\nnext line | '))
    assert.match(
      lines[8] ?? '',
      / \| 2026-11-23T10:00:00\.000Z \| 2026-11-23T10:00:00\.000Z \| 2026-11-23T10:30:00\.000Z$/,
    )
    assert.deepEqual(lines.slice(9), [''])
  })

  it('leaves the filters out unless the box is ticked', async () => {
    const answer = await download('format=text&actor=john&since=nonsense')
    assert.equal(answer.status, 200)
    assert.match(String(answer.body), /^Filters: none$/m)
    assert.match(String(answer.body), /^Records: 2$/m)
  })

  it('gives CSV whose cells compute nothing, and says the rest in headers', async () => {
    const answer = await download('format=csv&includeFilters=true&actor=john')
    assert.equal(answer.headers['content-type'], 'text/csv; charset=utf-8; header=present')
    assert.equal(answer.headers['daypass-records'], '1')
    assert.equal(answer.headers['daypass-filters'], encodeURIComponent('Actor john'))
    assert.equal(answer.headers['daypass-time-zone'], 'Europe/Warsaw')
    const lines = String(answer.body).split('\r\n')
    assert.deepEqual(lines.slice(2), [''])
    assert.match(
      lines[0] ?? '',
      /^\ufeff"Log Timestamp \(UTC \+[12]\)","Session ID",.*,"Session End UTC"$/,
    )
    assert.ok((lines[1] ?? '').includes(`"-","2026-11-23 11:00:00`))
    assert.ok((lines[1] ?? '').includes(`"'=cmd|\\u202e""x""\\nnext line"`))
  })

  it('gives JSON lines that are exact, with the bytes that prove them', async () => {
    const answer = await download('format=jsonl&includeFilters=true&actor=john')
    const lines = String(answer.body).split('\n')
    assert.equal(lines.length, 2)
    const record = JSON.parse(lines[0] ?? '') as Record<string, unknown>
    assert.equal(record['reason'], '=cmd|\u202e"x"\nnext line')
    assert.deepEqual(Object.keys(record), [
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
      'body',
    ])
    const body = String(record['body'])
    assert.equal(canonicalize(JSON.parse(body) as Record<string, string>), body)
  })

  it('says of itself in CSV and JSON lines what text says, where that is asked for', async () => {
    const csv = await download('format=csv&head=true&includeFilters=true&actor=john')
    assert.equal(csv.headers['content-type'], 'text/csv; charset=utf-8; header=absent')
    const lines = String(csv.body).split('\r\n')
    assert.equal(lines[0], '\ufeff"Daypass audit records"')
    assert.equal(lines[1], '"Downloaded by","audrey"')
    assert.match(lines[2] ?? '', /^"Downloaded at","[-0-9]{10} [:0-9]{8} UTC \+[12] \(.*Z\)"$/)
    assert.match(lines[3] ?? '', /^"Time zone","Europe\/Warsaw, UTC \+[12] \(Central Manager\)"$/)
    assert.deepEqual(lines.slice(4, 7), ['"Filters","Actor john"', '"Records","1"', ''])
    assert.match(lines[7] ?? '', /^"Log Timestamp \(/)
    assert.equal(lines.length, 10)

    const json = await download('format=jsonl&head=true&includeFilters=true&actor=john')
    const [first = '', second = ''] = String(json.body).split('\n')
    const { head } = JSON.parse(first) as { head: Record<string, unknown> }
    assert.match(String(head['at']), /^\d{4}-\d{2}-\d{2}T.*Z$/)
    assert.deepEqual(
      { ...head, at: '' },
      { by: 'audrey', at: '', timeZone: 'Europe/Warsaw', filters: 'Actor john', records: 1 },
    )
    assert.match(second, /^\{"id":/)
  })

  it('takes the rows of sessions or of roles alone, as the tab shows them', async () => {
    const one = await download('format=text&includeFilters=true&state=DENIED&scope=session')
    const none = await download('format=text&includeFilters=true&state=DENIED&scope=role')
    assert.match(String(one.body), /^Filters: Status DENIED; Scope session\nRecords: 1$/m)
    assert.match(String(none.body), /^Filters: Status DENIED; Scope role\nRecords: 0$/m)
  })

  it('ends every file with the end of its last line', async () => {
    for (const format of ['text', 'csv', 'jsonl']) {
      const some = await download(`format=${format}`)
      assert.ok(String(some.body).endsWith('\n'), format)
    }
  })

  it('writes a row under another offset with its own', async () => {
    const summer = await download('format=csv&includeFilters=true&actor=summer')
    const inSummer = instant(new Date().toISOString()).setZone('Europe/Warsaw').offset === 120
    assert.ok(
      String(summer.body).includes(
        inSummer ? '"2026-07-01 12:00:00"' : '"2026-07-01 12:00:00 UTC +2"',
      ),
    )
  })

  it('is itself a record, with what was taken, and private filters kept private', async () => {
    await download('format=csv&includeFilters=true&actor=john&clientIp=192.0.2.77')
    const { body, payload } = await getRow<{
      body: { actor: { name: string }; details: Record<string, string>; sign_in_id: string }
      payload: { reason: { value: string } }
    }>(
      trail.portal.db,
      `select cast(r.body as jsonb) as body, p.payload
         from records r
         join record_payloads p on p.at = r.at and p.seq = r.seq
        where r.action = 'audit.downloaded'
        order by r.seq desc
        limit 1`,
    )
    assert.deepEqual(body.details, {
      format: 'csv',
      include_filters: 'true',
      filters: 'actor clientIp',
      rows: '0',
      view: 'sessions',
    })
    assert.equal(body.actor.name, 'audrey')
    assert.equal(body.sign_in_id, 's1')
    assert.ok(!JSON.stringify(body).includes('192.0.2.77'))
    assert.equal(payload.reason.value, 'Filters: Actor john; Client IP 192.0.2.77')
  })

  it('refuses a wrong filter, in a sentence at its field, and hands out nothing', async () => {
    const answer = await request(app)
      .get('/api/v1/audit/download?includeFilters=true&since=2026-03-29T02:30&format=xls')
      .set('x-as', 'audrey')
    assert.equal(answer.status, 422)
    const { code, errors } = answer.body as { code: string; errors: { field: string }[] }
    assert.equal(code, 'invalid_request')
    assert.deepEqual(errors.map(({ field }) => field).sort(), ['format', 'since'])
  })

  it('is not there for an admin without the Audit User flag, and writes no record then', async () => {
    const before = await countDownloads(trail)
    assert.equal((await download('format=csv', 'admin')).status, 404)
    assert.equal(
      (await request(app).get('/api/v1/audit/download').set('x-as', 'admin')).status,
      404,
    )
    assert.equal(await countDownloads(trail), before)
  })

  it("holds no row of another organization's", async () => {
    const answer = await download('format=jsonl&view=all', 'stranger')
    assert.ok(!String(answer.body).includes('john'))
    assert.match(String(answer.body), /"actor":"system"/)
  })
})

function people(trail: Trail) {
  return { audrey: trail.audrey, stranger: trail.stranger, admin: trail.admin }
}

/** The answer's bytes as text, whatever type it says it is. */
function asText(
  answer: NodeJS.EventEmitter,
  done: (error: Error | null, body: unknown) => void,
): void {
  const chunks: Buffer[] = []
  answer.on('data', (chunk: Buffer) => chunks.push(chunk))
  answer.on('end', () => done(null, Buffer.concat(chunks).toString('utf8')))
}

async function countDownloads(trail: Trail): Promise<number> {
  const { count } = await getRow<{ count: number }>(
    trail.portal.db,
    `select cast(count(*) as integer) as count from records where action = 'audit.downloaded'`,
  )
  return count
}
