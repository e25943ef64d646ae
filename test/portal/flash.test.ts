import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as send, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { rows } from '../../db/store.ts'
import { until } from '../support/broker.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

const SAID = /data-flash[^>]*>Session \d+ was requested\./

const FIELDS = {
  dataSource: 'shop',
  roles: 'role1',
  when: 'approval',
  length: 'minutes',
  minutes: '10',
  justification: 'ticket 7',
}

describe('what is said on the next page', () => {
  let world: World
  let portal: TestPortal
  let mark: Browser
  let server: Server

  before(async () => {
    world = await makeWorld()
    portal = await openPortal(world)
    mark = await portal.signedIn('mark')
    server = portal.app.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(async () => {
    server.closeAllConnections()
    server.close()
    await portal.close()
    await world.close()
  })

  it('is kept before the browser is sent there', async () => {
    const { port } = server.address() as AddressInfo
    const token = /name="_csrf" value="([^"]+)"/.exec((await mark.get('/sessions/new')).text)
    const fields = new URLSearchParams({ ...FIELDS, _csrf: token?.[1] ?? '' })
    let answer: IncomingMessage | undefined
    const post = send({
      port,
      method: 'POST',
      path: '/sessions',
      headers: {
        cookie: mark.cookie(),
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
      },
    })
    post.on('response', (said: IncomingMessage) => (answer = said.resume()))

    await world.owner.change(async (tx) => {
      await rows(tx, 'select from sign_in_cookies for update')
      post.end(fields.toString())
      await until('the sign-in waits to be saved', isSaving)
      // what was written before would have arrived by now
      await fetch(`http://127.0.0.1:${String(port)}/healthz`)
      assert.equal(answer?.statusCode, undefined, 'told to go on before it was kept')
    })
    await until('the answer', () => Promise.resolve(answer !== undefined))

    assert.equal(answer?.statusCode, 303)
    assert.match((await mark.get(answer.headers.location ?? '')).text, SAID)
  })

  it('is not used up by a part that a script asks for meanwhile', async () => {
    const made = await mark.post('/sessions', FIELDS, '/sessions/new')
    const path = made.get('location') ?? ''
    const part = await mark.get(path).set('x-daypass-part', '1')
    const page = await mark.get(path)
    const later = await mark.get(path)

    assert.doesNotMatch(part.text, SAID)
    assert.match(page.text, SAID)
    assert.doesNotMatch(later.text, SAID)
  })

  it('is not undone by a part that was asked for before and ends after', async () => {
    const kept = () =>
      rows<{ sess: unknown }>(world.owner.db, `select sess from sign_in_cookies order by sid`)
    const [, token = ''] =
      /name="_csrf" value="([^"]+)"/.exec((await mark.get('/sessions/new')).text) ?? []
    const before = await kept()
    const fields = new URLSearchParams({ ...FIELDS, zone: 'Asia/Kolkata', _csrf: token })
    const part = await mark
      .raw('post', '/sessions/preview')
      .set({ 'x-daypass-part': '1', 'sec-fetch-site': 'same-origin' })
      .send(fields.toString())
    const after = await kept()

    assert.match(part.text, /UTC \+5:30/)
    assert.deepEqual(after, before, 'a sign-in is written whole')
  })

  async function isSaving(): Promise<boolean> {
    const waiting = await rows(
      world.owner.db,
      `select from pg_stat_activity
        where application_name = 'daypass sign-ins' and wait_event_type = 'Lock' and datname = current_database()`,
    )
    return waiting.length > 0
  }
})
