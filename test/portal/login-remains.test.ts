import assert from 'node:assert/strict'
import { listLateRemovals } from '../../db/alert-scans.ts'
import { rows } from '../../db/store.ts'
import { makeBroker, type HandBroker } from '../support/broker.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { bodyOf } from '../support/problem.ts'
import { openShop, type ShopSessions } from '../support/sessions-on-shop.ts'
import { makeWorld, type World } from '../support/world.ts'

/** What no page, alert or answer may say of a user that was not proven to be shut out. */
const SHUT = /nobody can (use|log in)/

describe('a session that is over and whose user is not shut out', () => {
  let world: World
  let broker: HandBroker
  let shop: ShopSessions
  let portal: TestPortal

  before(async () => {
    world = await makeWorld()
    broker = makeBroker(world)
    shop = await openShop(world, broker)
    portal = await openPortal(world)
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  const alertOn = async (): Promise<string> => {
    const { organizationId } = world.people.admin
    const [late] = await listLateRemovals(world.broker.db, { organizationId, afterSeconds: -1 })
    return late?.detail ?? ''
  }
  const pageOf = async (id: string): Promise<string> =>
    (await (await portal.signedIn('mark')).get(`/sessions/${id}`)).text

  it('is said to be able to log in, on its page, in the alert and by the API', async () => {
    const session = await shop.grant()
    const user = session.username ?? ''
    await shop.onShop(`alter role ${user} superuser`)
    await shop.end(session)
    const pending = await pageOf(session.id)
    await rows(world.owner.db, 'update session_jobs set blocked_at = now()')
    const blocked = await pageOf(session.id)
    const alert = await alertOn()
    const { removal } = bodyOf(await portal.api('mark').get(`/sessions/${session.id}`))

    for (const page of [pending, blocked]) {
      assert.match(page, new RegExp(`role="alert">[^<]*${user} can still log in directly to shop`))
      assert.match(page, /Removal (pending|blocked): the session user CAN STILL LOG IN directly/)
      assert.doesNotMatch(page, SHUT)
    }
    assert.match(blocked, /Removing the session user failed; it is tried again/)
    assert.match(blocked, /class="small">Its login can(&#39;|')t be taken/)
    assert.match(
      alert,
      /is still on shop AND CAN STILL LOG IN THERE DIRECTLY, past the proxies: Its/,
    )
    assert.equal((removal as Record<string, unknown>)['login'], 'remains')

    await shop.onShop(`alter role ${user} nosuperuser`)
    await shop.untilDone(session)
    const done = await pageOf(session.id)
    assert.doesNotMatch(done, /log in directly to shop/)
    assert.match(done, /The session user is gone\./)
  })

  it("may be able to, while its data source can't be reached", async () => {
    const session = await shop.grant()
    const { adminName } = world.shop
    await shop.onShop(`alter role ${adminName} nologin`)
    await shop.onShop('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
      adminName,
    ])
    await shop.end(session)
    const page = await pageOf(session.id)
    const alert = await alertOn()
    await shop.onShop(`alter role ${adminName} login`)

    assert.match(page, /role="alert">[^<]* may still be able to log in directly to shop/)
    assert.doesNotMatch(page, SHUT)
    assert.match(alert, /MAY STILL LOG IN THERE DIRECTLY, past the proxies: That nobody can still/)
    await shop.untilDone(session)
  })

  it('is said to be shut out once it is, though its removal fails', async () => {
    const session = await shop.grant()
    await shop.cancel(session)
    await rows(
      world.owner.db,
      `update session_jobs set detail = 'owner of table heirloom', tries = 3 where kind = 'removal'`,
    )
    const page = await pageOf(session.id)
    const alert = await alertOn()

    assert.match(
      page,
      /class="message warn">Removal pending: nobody can use the session user any more/,
    )
    assert.doesNotMatch(page, /log in directly to/)
    assert.match(
      alert,
      /is still on shop; nobody can log in as it any more: owner of table heirloom/,
    )
  })
})
