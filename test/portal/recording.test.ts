import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import request from 'supertest'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { makeBroker } from '../support/broker.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { bodyOf } from '../support/problem.ts'
import { recordConnection, type RecordedConnection } from '../support/recorded-session.ts'
import { makeWorld, type World } from '../support/world.ts'

const DIGEST = createHash('sha256').update('1,2\n').digest('hex')

interface Read {
  readonly number: number
  readonly connection: string
  readonly text: string
  readonly effect: string | null
  readonly copyDigest: string | null
}

describe('the recording of a session, as its readers see it', () => {
  let world: World
  let portal: TestPortal
  let audrey: Browser
  let id: SessionId
  let first: RecordedConnection
  let second: RecordedConnection

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
    audrey = await portal.signedIn('audrey')
    id = await granted()
    first = await recordConnection(world, id, { at: '2026-11-23T10:00:00Z' })
    await first.add(
      { text: 'select 1' },
      { text: 'update orders set note = $1', values: ['100% \\_sure', null], tag: 'UPDATE 1' },
      { text: 'drop table "t"', tag: null, outcome: 'error', sqlstate: '42P01', message: 'no <b>' },
      { text: 'create table x as select 1', tag: 'SELECT 1' },
      { text: 'with d as (delete from t returning 1) select 1' },
      { text: "select '</code><script>alert(1)</script>\u202e', 'مدينة', '北京'" },
    )
    second = await recordConnection(world, id, { at: '2026-11-23T11:00:00Z' })
    await second.add(
      { text: 'copy t from stdin', kind: 'copy in', tag: 'COPY 1', bytes: 4, copyDigest: DIGEST },
      { text: 'lost: 4,096 bytes', kind: 'gap', tag: null, outcome: 'unknown' },
    )
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  /** Approved by john, who therefore sees it. */
  const granted = async (): Promise<SessionId> => {
    const asked = { dataSource: 'shop', roles: ['role1'], justification: 'ticket 7' }
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, asked)
    assert.equal((await portal.api('john').post(`/sessions/${id}/approval`, {})).status, 200)
    await makeBroker(world).tick()
    return id
  }

  /** Connection and number of what the API finds. */
  const found = async (query: string): Promise<string[]> => {
    const answer = await portal.api('audrey').get(`/sessions/${id}/statements?${query}`)
    assert.equal(answer.status, 200, answer.text)
    const { statements } = answer.body as { statements: Read[] }
    return statements.map(
      ({ connection, number }) => `${connection === first.id ? 1 : 2}.${String(number)}`,
    )
  }

  describe('search', () => {
    it('finds texts, values and errors in any case; a gap is always among them', async () => {
      assert.deepEqual(await found('q=DROP+TABLE'), ['1.3', '2.2'])
      assert.deepEqual(await found('q=100%25+%5C_sure'), ['1.2', '2.2'])
      assert.deepEqual(await found('q=42p01'), ['1.3', '2.2'])
      assert.deepEqual(await found('q=' + encodeURIComponent('مدينة')), ['1.6', '2.2'])
      assert.deepEqual(await found('q=%25'), ['1.2', '2.2'], 'no wildcard')
    })

    it('finds errors, writes and DDL alone, and one connection', async () => {
      assert.deepEqual(await found('only=errors'), ['1.3', '2.2'])
      assert.deepEqual(await found('only=writes'), ['1.2', '1.5', '2.1', '2.2'])
      assert.deepEqual(await found('only=ddl'), ['1.3', '1.4', '2.2'])
      assert.deepEqual(await found(`connection=${first.id}&only=writes`), ['1.2', '1.5'])
      assert.deepEqual(await found('only=ddl&q=drop'), ['1.3', '2.2'])
    })

    it('refuses what it can’t read, at its field; the page shows all and says so', async () => {
      const answer = await portal
        .api('audrey')
        .get(`/sessions/${id}/statements?only=reads&connection=7&q=${'x'.repeat(501)}`)
      assert.equal(answer.status, 422)
      const { errors } = answer.body as { errors: { field: string }[] }
      assert.deepEqual(errors.map(({ field }) => field).sort(), ['connection', 'only', 'q'])
      const page = await audrey.get(`/sessions/${id}?q=${'x'.repeat(501)}&only=reads`)
      assert.equal(page.status, 200)
      assert.match(page.text, /id="q-error"[^>]*>\s*Search for at most 500 characters/)
      assert.match(page.text, /Give one of all, errors, writes, ddl/)
      assert.equal(numbersIn(page.text).length, 8)
    })

    it('is in the address of the page, and in its links', async () => {
      const { text } = await audrey.get(`/sessions/${id}?only=ddl&q=table&connection=${first.id}`)
      assert.deepEqual(numbersIn(text), ['3', '4'])
      assert.match(text, /<input type="search"[^>]* value="table"/)
      assert.match(text, new RegExp(`<option value="${first.id}" selected>Connection 1`))
      assert.match(
        text,
        new RegExp(`href="/sessions/${id}\\?q=table&amp;only=errors&amp;connection=`),
      )
    })

    it('is not made again for the script that keeps the page fresh', async () => {
      const part = await audrey.get(`/sessions/${id}?q=table`).set('x-daypass-part', '1')
      assert.deepEqual(numbersIn(part.text), [])
      assert.doesNotMatch(part.text, /data-live="statements"/)
    })
  })

  it('is one story: approvals, session user, connections, statements, what happened', async () => {
    const { text } = await audrey.get(`/sessions/${id}`)
    const headings = [...text.matchAll(/<h2[^>]*>([^<]+)/g)].map(([, heading]) => heading)
    assert.deepEqual(headings, [
      'Roles and approvals',
      'Session user',
      'What happened',
      'Connections',
      'Running now',
      'Statements',
    ])
    assert.match(text, /6 statements, 1 error/)
    assert.match(text, new RegExp(`SHA-256 <code>${DIGEST}</code>`))
    assert.match(text, /<tr role="row" id="[^"]*" data-statement="2" class="gap"/)
  })

  it('folds the middle of a long story, and says how much', async () => {
    const other = await granted()
    await rows(
      world.owner.db,
      `insert into records (at, event_id, organization_id, action, area, scope, state, session_id, actor_name, outcome, body)
       select r.at + n * interval '1 millisecond', gen_random_uuid(), r.organization_id, r.action, r.area, r.scope,
              r.state, r.session_id, r.actor_name, r.outcome, r.body
         from records r
        cross join generate_series(1, 40) n
        where r.action = 'session.granted'
          and r.session_id = :id`,
      { id: other },
    )
    const { text } = await (await portal.signedIn('mark')).get(`/sessions/${other}`)
    const [story = ''] = /id="story"[\s\S]*?<\/section>/.exec(text) ?? []
    const parts = story.split(/<details|<\/details>/).map((part) => part.split('<li ').length - 1)
    assert.equal(parts.length, 3)
    assert.deepEqual([parts[0], parts[2]], [8, 6])
    assert.match(story, new RegExp(`${String(parts[1])} more in between`))
  })

  it('shows hostile texts for what they are', async () => {
    const { text } = await audrey.get(`/sessions/${id}`)
    assert.match(text, /&lt;\/code&gt;&lt;script&gt;alert\(1\)&lt;\/script&gt;\\u202e/)
    assert.match(text, /42P01 no &lt;b&gt;/)
    assert.match(text, /مدينة/)
  })

  it('hides all of it from an approver and from a stranger', async () => {
    const john = await portal.signedIn('john')
    const { text, status } = await john.get(`/sessions/${id}?q=select`)
    assert.equal(status, 200)
    assert.doesNotMatch(text, /Connections|Statements|drop table/)
    const address = `/sessions/${id}/statements/${first.id}/3`
    for (const path of [
      address,
      `/sessions/${id}/statements/download`,
      `/sessions/${id}/connections`,
    ]) {
      assert.equal((await portal.api('john').get(path)).status, 404, path)
    }
    assert.equal((await john.get(address)).status, 404)
  })

  describe('one statement', () => {
    it('has an address, its neighbours, and the list at its place', async () => {
      const { text } = await audrey.get(`/sessions/${id}/statements/${first.id}/3`)
      assert.deepEqual(numbersIn(text), ['1', '2', '3', '4', '5', '6'])
      assert.match(text, /aria-current="true"/)
      assert.match(text, new RegExp(`<title>Statement 3 of connection 1, session ${id} ·`))
      assert.match(text, /<h1>Statement 3 of connection 1<\/h1>/)
      assert.match(text, /<dt>Requester<\/dt><dd>mark<\/dd>/)
      assert.match(text, /<dt>Session user<\/dt><dd><code>dp_mark_[^<]+<\/code>/)
      assert.match(text, /<dt>Roles<\/dt><dd><span class="tag">role1<\/span>/)
      assert.match(
        text,
        /<dt>Session<\/dt><dd><a [^>]*>\d+<\/a>\s*<span class="state" data-state="GRANTED"/,
      )
      assert.match(text, /<dt>In UTC<\/dt><dd><time [^>]*>2026-11-23 10:00:[\d.]+ UTC<\/time>/)
      assert.match(text, /<button [^>]* hidden data-copy-link>Copy link/)
      assert.match(text, /It failed, and what it had changed was taken back/)
      const [, list = ''] = /href="([^"]+)">In the list/.exec(text) ?? []
      assert.deepEqual(numbersIn((await audrey.get(list)).text).slice(0, 2), ['3', '4'])
      const [, next = ''] = /rel="next" href="([^"]+)"/.exec(text) ?? []
      assert.equal(next, `/sessions/${id}/statements/${first.id}/4`)
    })

    it('is in the API, with its effect and the SHA-256 of what a COPY carried', async () => {
      const answer = await portal.api('mark').get(`/sessions/${id}/statements/${second.id}/1`)
      const { effect, copyDigest, number } = answer.body as Read
      assert.deepEqual([effect, copyDigest, number], ['write', DIGEST, 1])
    })

    it('is not there under another session, another number or no number', async () => {
      const other = await granted()
      for (const path of [
        `/sessions/${other}/statements/${first.id}/3`,
        `/sessions/${id}/statements/${first.id}/7`,
        `/sessions/${id}/statements/${first.id}/0x3`,
        `/sessions/${id}/statements/7/3`,
      ]) {
        assert.equal((await audrey.get(path)).status, 404, path)
        assert.equal((await portal.api('audrey').get(path)).status, 404, path)
      }
    })
  })

  it('lists connections in the API', async () => {
    const answer = await portal.api('mark').get(`/sessions/${id}/connections`)
    const [one] = bodyOf(answer)['connections'] as Record<string, unknown>[]
    assert.equal(one?.['id'], first.id)
    assert.equal(one['openedAt'], '2026-11-23T10:00:00.000Z')
    assert.equal(one['closedAt'], null)
  })

  describe('download', () => {
    it('is a text whose statements can’t pass for its own lines', async () => {
      const answer = await audrey.get(`/sessions/${id}/statements/download?format=text`)
      assert.match(
        answer.get('content-disposition') ?? '',
        new RegExp(`^attachment; filename="daypass-session-${id}-\\d{8}T\\d{6}Z-audrey\\.txt"$`),
      )
      assert.equal(answer.get('daypass-statements'), '8')
      const lines = answer.text.split('\n')
      assert.match(lines[0] ?? '', new RegExp(`^Daypass recording of session ${id} \\(`))
      assert.ok(lines.includes('Statements: 8'))
      assert.match(
        answer.text,
        /^== Connection 2, 10\.0\.0\.7 to shop, opened .* \([-0-9a-f]{36}\)$/m,
      )
      assert.match(
        answer.text,
        /^No\. 3 {2}2026-11-23T10:00:03\.000Z .* {2}\[Error\] {2}\[DDL\]\n {4}drop table "t"\n {2}42P01 no <b>$/m,
      )
      assert.match(answer.text, /^ {2}\$2 = NULL$/m)
      assert.match(answer.text, new RegExp(`^  SHA-256 of the data: ${DIGEST}$`, 'm'))
      assert.match(
        answer.text,
        /\[Gap\]\n {4}lost: 4,096 bytes\n {2}A part of the recording is missing here/,
      )
      assert.doesNotMatch(answer.text, /\u202e/)
    })

    it('is exact as JSON lines, and the same by the API', async () => {
      const path = `/sessions/${id}/statements/download?format=jsonl`
      const read = (text: string) =>
        text
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Read & { session: string })
      const page = read((await audrey.get(path).buffer(true).parse(asText)).body as string)
      const api = read(
        (await portal.api('audrey').get(path).buffer(true).parse(asText)).body as string,
      )
      assert.deepEqual(page, api)
      assert.equal(page.length, 8)
      assert.deepEqual([page[5]?.text.includes('\u202e'), page[0]?.session], [true, id])
    })

    it('is a record itself, with the number of statements; a HEAD is none', async () => {
      const exports = () =>
        rows<{ actor: string; details: Record<string, string> }>(
          world.owner.db,
          `select actor_name as actor, cast(body as jsonb) -> 'details' as details
             from records where action = 'recording.exported' and session_id = :id order by seq desc`,
          { id },
        )
      const before = (await exports()).length
      const path = `/sessions/${id}/statements/download`
      const head = await request(portal.app).head(path).set('cookie', audrey.cookie())
      assert.equal(head.status, 200)
      assert.equal((await exports()).length, before)
      await (await portal.signedIn('mark')).get(path)
      const [last, ...others] = await exports()
      assert.equal(others.length, before, 'one more')
      assert.deepEqual(last, { actor: 'mark', details: { format: 'text', statements: '8' } })
    })

    it('refuses a format it does not know', async () => {
      const answer = await portal.api('mark').get(`/sessions/${id}/statements/download?format=csv`)
      assert.equal(answer.status, 422)
    })
  })
})

/** Numbers of the statements that a page lists. */
function numbersIn(html: string): string[] {
  return [...html.matchAll(/data-statement="([0-9]+)"/g)].map(([, number]) => number ?? '')
}

function asText(
  answer: NodeJS.EventEmitter,
  done: (error: Error | null, body: unknown) => void,
): void {
  const chunks: Buffer[] = []
  answer.on('data', (chunk: Buffer) => chunks.push(chunk))
  answer.on('end', () => done(null, Buffer.concat(chunks).toString('utf8')))
}
