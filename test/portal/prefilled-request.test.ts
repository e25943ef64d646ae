import assert from 'node:assert/strict'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('Request Access, filled in by its address', () => {
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

  it('takes roles, window and justification, and shows at once what they mean', async () => {
    const text = await open({
      dataSource: 'shop',
      roles: ['role1', 'role3'],
      minutes: '45',
      when: 'approval',
      ttlMinutes: '90',
      justification: 'OPS-12 <b>',
    })
    assert.match(text, /id="roles-role1"[^>]*checked/)
    assert.match(text, /id="roles-role3"[^>]*checked/)
    assert.doesNotMatch(text, /id="roles-role2"[^>]*checked/)
    assert.match(text, /id="when-approval"[^>]*checked/)
    assert.match(text, /name="minutes"[^>]*value="45"/)
    assert.match(text, /name="ttlMinutes"[^>]*value="90"/)
    assert.match(text, /OPS-12 &lt;b&gt;/)
    const preview = previewIn(text)
    assert.match(preview, /Approved by john, 1 approval needed/)
    assert.match(preview, /Approved by admin, 1 approval needed/)
    assert.match(preview, /45 min after that/)
    assert.match(preview, /Lapses unless approved by/)
  })

  it('reads times in the zone it names: a start means later, an end a time', async () => {
    const text = await open({
      dataSource: 'shop',
      roles: ['role2'],
      start: `${tomorrow()}T09:00`,
      end: `${tomorrow()}T09:30`,
      zone: 'Asia/Kolkata',
    })
    assert.match(text, /id="when-later"[^>]*checked/)
    assert.match(text, /id="length-end"[^>]*checked/)
    const preview = previewIn(text)
    assert.match(preview, new RegExp(`datetime="${tomorrow()}T03:30:00.000Z"`))
    assert.match(preview, new RegExp(`datetime="${tomorrow()}T04:00:00.000Z"`))
  })

  it('says what nobody could pick, and asks for nothing by itself', async () => {
    const unknown = await open({ dataSource: 'shop', roles: ['role1', 'role<9>'] })
    assert.match(unknown, /id="roles-error">There is no role role&lt;9&gt; on shop\./)
    assert.match(unknown, /id="roles-role1"[^>]*checked/)
    assert.match(await open({ dataSource: 'shp' }), /There is no data source shp to ask for\./)
    assert.match(await open({ dataSource: 'shop', roles: ['role1'], minutes: '600' }), /at most 60/)
    assert.match(
      await open({ roles: ['role1'], zone: 'Mars/Base' }),
      /Choose one of the time zones/,
    )
    const only = await open({ dataSource: 'shop', roles: ['role1'] }, 'john')
    assert.match(only, /id="roles-error">You are the only approver of role1/)
    assert.doesNotMatch(only, /id="roles-role1"[^>]*checked/)
    assert.doesNotMatch(previewIn(only), /Approved by/)
    assert.equal(bodyOf(await portal.api('mark').get('/sessions')).sessions.length, 0)
  })

  it('is what "Request again" leads to, from the history too', async () => {
    const asked = { dataSource: 'shop', roles: ['role3'], minutes: 20, justification: 'OPS-13' }
    const made = await portal.api('mark').post('/sessions', asked)
    const { id } = made.body as { id: string }
    await portal.api('mark').post(`/sessions/${id}/cancellation`, { reason: 'wrong role' })
    const mark = await portal.signedIn('mark')
    assert.match((await mark.get('/history')).text, new RegExp(`/sessions/new\\?again=${id}`))
    const { text } = await mark.get(`/sessions/new?again=${id}`)
    assert.match(text, /name="minutes"[^>]*value="20"/)
    assert.match(previewIn(text), /Approved by admin, 1 approval needed/)
  })

  it('terminating all says what it ends, and asks for the reason at the field', async () => {
    const asked = { dataSource: 'shop', roles: ['role3'], justification: 'OPS-14' }
    for (const name of ['mark', 'john'] as const) await portal.api(name).post('/sessions', asked)
    const admin = await portal.signedIn('admin')
    assert.match((await admin.get('/sessions')).text, /Ends 2 sessions under way/)
    assert.doesNotMatch((await admin.get('/sessions?mine=true')).text, /Terminate all/)
    const refused = await admin.post('/sessions/termination', { reason: ' ' }, '/sessions')
    assert.equal(refused.status, 422)
    assert.match(refused.text, /id="terminate-all-reason-error">Say why/)
    const done = await admin.post('/sessions/termination', { reason: 'maintenance' }, '/sessions')
    assert.equal(done.status, 303)
    const history = (await admin.get('/history')).text
    assert.equal([...history.matchAll(/terminated by admin: maintenance/g)].length, 2)
  })

  async function open(
    fields: Readonly<Record<string, string | readonly string[]>>,
    who: 'mark' | 'john' = 'mark',
  ): Promise<string> {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(fields)) {
      for (const one of typeof value === 'string' ? [value] : value) query.append(name, one)
    }
    const answer = await (await portal.signedIn(who)).get(`/sessions/new?${query.toString()}`)
    assert.equal(answer.status, 200)
    return answer.text
  }
})

function previewIn(text: string): string {
  const [, preview] = /(<section[^>]*id="preview"[\s\S]*?<\/section>)/.exec(text) ?? []
  assert.ok(preview !== undefined)
  return preview
}

function bodyOf({ body }: { body: unknown }): { sessions: unknown[] } {
  return body as { sessions: unknown[] }
}

function tomorrow(): string {
  return new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
}
