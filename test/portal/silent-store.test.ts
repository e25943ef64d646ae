import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import request from 'supertest'
import { openStore, type Store } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { createApp } from '../../portal/app.ts'
import { configFor, openPortal, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

/** More than a page takes on a busy machine whose store answers. */
const ANSWER_WITHIN_MS = 2_500
/** Far less than a statement may take that is waited for. */
const IN_TIME_MS = 15_000
/** Of the right shape, so that the store is asked about it. */
const TOKEN = `daypass_${'x'.repeat(32)}`

describe('the portal whose store falls silent', () => {
  let world: World
  let portal: TestPortal
  let wire: FrozenWire
  let store: Store
  let shutdown: Shutdown
  let app: ReturnType<typeof createApp>

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
    const target = new URL(world.portal.url)
    wire = new FrozenWire(target)
    store = openStore(await wire.open(target))
    shutdown = new Shutdown(silentLog)
    const config = configFor(world)
    app = createApp({
      config,
      store,
      log: silentLog,
      shutdown,
      answerWithinMs: ANSWER_WITHIN_MS,
    })
  })

  after(async () => {
    wire.thaw()
    await shutdown.close()
    await store.close()
    await wire.close()
    await portal.close()
    await world.close()
  })

  it('answers 503 in time instead of keeping people waiting, and goes on when the store does', async () => {
    const cookie = (await portal.signedIn('mark')).cookie()
    const page = () => request(app).get('/sessions').set('cookie', cookie)
    const call = () => request(app).post('/api/v1/sessions').auth(TOKEN, { type: 'bearer' })
    assert.equal((await page()).status, 200)

    wire.freeze()
    const began = Date.now()
    const [late, problem] = await Promise.all([page(), call()])
    assert.ok(Date.now() - began < IN_TIME_MS)
    assert.equal(late.status, 503)
    assert.match(late.text, /Back in a moment/)
    assert.match(late.text, /does not answer\. Try again soon/)
    assert.ok(Number(late.get('retry-after')) > 0)
    const { code, detail } = problem.body as { code: string; detail: string }
    assert.equal(problem.status, 503)
    assert.equal(code, 'store_silent')
    assert.match(detail, /may still be done: look before you send it again/)
    assert.equal((await request(app).get('/healthz')).status, 200)

    wire.thaw()
    assert.equal((await page()).status, 200)
    assert.equal((await call()).status, 401)
  })
})

/** A way to the store that can stop carrying bytes without closing anything. */
class FrozenWire {
  readonly #sockets = new Set<Socket>()
  readonly #held: (() => void)[] = []
  readonly #server: Server
  #frozen = false

  constructor(target: URL) {
    this.#server = createServer((near) => {
      const far = connect(Number(target.port), target.hostname)
      this.#carry(near, far)
      this.#carry(far, near)
    })
  }

  /** Where it leads from. */
  async open(target: URL): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const url = new URL(target)
    url.host = `127.0.0.1:${address.port}`
    return url.href
  }

  freeze(): void {
    this.#frozen = true
  }

  thaw(): void {
    this.#frozen = false
    for (const send of this.#held.splice(0)) send()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #carry(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    from.on('data', (bytes) => {
      const send = (): void => void to.write(bytes)
      if (this.#frozen) this.#held.push(send)
      else send()
    })
  }
}
