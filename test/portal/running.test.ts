import assert from 'node:assert/strict'
import { rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { parseSessionId } from '../../lib/ids.ts'
import { makeBroker } from '../support/broker.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { bodyOf } from '../support/problem.ts'
import { openToldProxy, type ToldProxy } from '../support/running.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('what a session runs right now', () => {
  let world: World
  let portal: TestPortal
  let mark: Browser
  let id: SessionId
  let proxy: ToldProxy

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
    mark = await portal.signedIn('mark')
    id = await granted()
    proxy = await openToldProxy(world, id)
  })
  beforeEach(() => proxy.done())
  after(async () => {
    await portal.close()
    await world.close()
  })

  const granted = async (): Promise<SessionId> => {
    const asked = { dataSource: 'shop', roles: ['role1'], justification: 'ticket 7' }
    const made = parseSessionId(
      String(bodyOf(await portal.api('mark').post('/sessions', asked))['id']),
    )
    assert.ok(made)
    assert.equal((await portal.api('john').post(`/sessions/${made}/approval`, {})).status, 200)
    await makeBroker(world).tick()
    return made
  }
  /** The part of the page, as text. */
  const part = (html: string): string => {
    const [, section = ''] =
      /data-live="running"[^>]*>([\s\S]*?)(?:<div class="slot" data-live|<\/main>)/.exec(html) ?? []
    return section.replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ')
  }

  it('stands on its page with age, rows and size, and goes when it is done', async () => {
    assert.match(
      part((await mark.get(`/sessions/${id}`)).text),
      /Running now Nothing runs at this moment/,
    )
    await proxy.run("select pg_sleep(60), '<b>'")
    const { text } = await mark.get(`/sessions/${id}`)
    assert.match(
      part(text),
      /Running now 1 statement .* 7 1 min select pg_sleep\(60\), &#39;&lt;b&gt;&#39; Connection 1, 10\.0\.0\.7 to shop query 1200 2\.5 MB/,
    )
    const [, age = ''] = /data-age="([0-9]+)"/.exec(text) ?? []
    assert.ok(Number(age) >= 65_000 && Number(age) < 80_000, `the page counts on from ${age}`)
    await proxy.done()
    assert.match(part((await mark.get(`/sessions/${id}`)).text), /Nothing runs/)
  })

  it('has a page of its own, which the session page asks for by its script', async () => {
    await proxy.run('select 1')
    const page = (await mark.get(`/sessions/${id}`)).text
    const [, from = ''] = /data-live="running" data-live-from="([^"]+)"/.exec(page) ?? []
    assert.equal(from, `/sessions/${id}/running`)
    const own = await mark.get(from)
    assert.match(own.text, /<h1>Running now in session/)
    assert.match(part(own.text), /select 1/)
    const fetched = await mark.get(from).set('x-daypass-part', '1')
    assert.match(part(fetched.text), /select 1/)
    assert.match(fetched.text, /data-live="running" data-live-from=/)
  })

  it('is in the API, with how long it has run', async () => {
    await proxy.run('select 1')
    const answer = await portal.api('mark').get(`/sessions/${id}/running`)
    const [one, ...more] = bodyOf(answer)['running'] as Record<string, unknown>[]
    assert.deepEqual(more, [])
    const { startedAt, milliseconds, ...rest } = one ?? {}
    assert.deepEqual(rest, {
      connection: proxy.connection,
      number: 7,
      text: 'select 1',
      textBytes: 8,
      kind: 'query',
      rows: 1_200,
      bytes: 2_500_000,
    })
    assert.ok(typeof milliseconds === 'number' && milliseconds >= 65_000)
    assert.match(String(startedAt), /Z$/)
  })

  it('is shown to whoever may read the statements, and to nobody else', async () => {
    await proxy.run('select secret')
    // its approver sees the session, and not what runs in it
    const seen = await (await portal.signedIn('john')).get(`/sessions/${id}`)
    assert.equal(seen.status, 200)
    assert.doesNotMatch(seen.text, /select secret|Running now/)
    for (const path of [`/sessions/${id}/running`, '/sessions/999999/running']) {
      assert.equal((await portal.api('john').get(path)).status, 404)
      assert.equal((await (await portal.signedIn('john')).get(path)).status, 404)
    }
    for (const name of ['audrey', 'admin'] as const) {
      assert.match((await portal.api(name).get(`/sessions/${id}/running`)).text, /select secret/)
    }
  })

  it("records an auditor's look at it as one at the recording", async () => {
    const other = await granted()
    const views = () =>
      rows<{ actor: string }>(
        world.owner.db,
        `select actor_name as actor from records where action = 'recording.viewed' and session_id = :id order by seq`,
        { id: other },
      )
    await mark.get(`/sessions/${other}/running`)
    await portal.api('audrey').get(`/sessions/${other}/running`)
    await portal.api('audrey').get(`/sessions/${other}/running`)
    await portal.api('audrey').get(`/sessions/${other}/statements`)
    assert.deepEqual(await views(), [{ actor: 'audrey' }])
    await (await portal.signedIn('admin')).get(`/sessions/${other}/running`)
    assert.deepEqual(await views(), [{ actor: 'audrey' }, { actor: 'admin' }])
  })

  it('does not outlive a proxy that fell silent, nor the session', async () => {
    await proxy.run('select 1')
    const running = async () => bodyOf(await portal.api('mark').get(`/sessions/${id}/running`))
    await rows(
      world.owner.db,
      `update running_statements set told_at = now() - interval '6 seconds'`,
    )
    assert.deepEqual(await running(), { running: [] })
    await proxy.run('select 1')
    await portal.api('mark').post(`/sessions/${id}/cancellation`, {})
    assert.deepEqual(await running(), { running: [] })
    const page = (await mark.get(`/sessions/${id}`)).text
    assert.doesNotMatch(page, /Running now|data-live-from/)
    assert.match((await mark.get(`/sessions/${id}/running`)).text, /The session is not open/)
  })
})
