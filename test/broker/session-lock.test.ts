import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { rows } from '../../db/store.ts'
import type { Session } from '../../db/sessions.ts'
import { bestOf } from '../support/best-of.ts'
import { look, makeBroker, type HandBroker } from '../support/broker.ts'
import { openShop, type ShopSessions } from '../support/sessions-on-shop.ts'
import { makeWorld, type World } from '../support/world.ts'

/** A lock's usual patience: who waits for one, waits for so long at least. */
const SOON_MS = 2_000

describe('session users that hold up the work on others', () => {
  let world: World
  let broker: HandBroker
  let shop: ShopSessions
  let clients: pg.Client[]

  before(async () => {
    world = await makeWorld()
    broker = makeBroker(world)
    shop = await openShop(world, broker)
    clients = []
  })
  after(async () => {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)))
    await world.close()
  })

  /** Logs in as its user; `cutAfter` tells how long after a moment the server ended the connection. */
  const enter = async (session: Session) => {
    const client = new pg.Client({ connectionString: await shop.urlOf(session) })
    client.on('error', () => undefined)
    let cutAt: number | undefined
    client.once('end', () => (cutAt = performance.now()))
    await client.connect()
    clients.push(client)
    return { client, cutAfter: (from: number) => (cutAt ?? Infinity) - from }
  }
  const take = (client: pg.Client, { uuid }: { readonly uuid: string }) =>
    client.query(`select pg_advisory_lock(hashtextextended('daypass ' || $1, 0))`, [uuid])
  const alerts = () =>
    rows<{ rule: string; key: string; detail: string }>(
      world.owner.db,
      `select rule, key, detail from alerts where resolved_at is null order by raised_at`,
    )
  const forgetAlerts = () => rows(world.owner.db, 'update alerts set resolved_at = now()')

  it('keep no ended session alive by its lock, and are told of', async () => {
    const inside = await bestOf(SOON_MS, endHeld)

    assert.ok(inside < SOON_MS, `it was inside for ${String(inside)} ms`)
  }).timeout(60_000)

  /** How long a user is inside whose session ends while another holds its lock. */
  async function endHeld(): Promise<number> {
    const [held, holder] = [await shop.grant(), await shop.grant(['role1'])]
    const inside = await enter(held)
    const { client, cutAfter } = await enter(holder)
    await take(client, held)
    const from = performance.now()
    const { removal } = await shop.end(held)
    const found = await alerts()
    const told = await rows<{ body: string }>(
      world.owner.db,
      `select body from records where session_id = :id and body like '%held the lock%' and area = 'tasks'`,
      { id: held.id },
    )

    assert.equal(removal.state, 'done')
    assert.ok(Number.isFinite(cutAfter(from)), 'who held the lock was left alone')
    assert.deepEqual(
      found.map(({ rule, key }) => [rule, key]),
      [['lock_held', held.id]],
    )
    assert.match(found[0]?.detail ?? '', new RegExp(`${holder.username ?? ''}.*was ended`))
    assert.equal(told.length, 1)
    // a connection ended for that is no reason to end the session
    assert.equal((await look(world, holder.id)).state, 'GRANTED')
    await shop.end(holder)
    await forgetAlerts()
    return inside.cutAfter(from)
  }

  it('keep no session from its start by its lock', async () => {
    const holder = await shop.grant(['role1'])
    const { client, cutAfter } = await enter(holder)
    const id = await shop.ask(['role1'])
    await take(client, await look(world, id))
    const from = performance.now()
    await broker.tick()
    const [started] = await rows<{ login: boolean }>(
      world.owner.db,
      'select login_at is not null as login from session_users where session_id = :id',
      { id },
    )

    assert.equal((await look(world, id)).state, 'GRANTED')
    assert.equal(started?.login, true)
    assert.ok(Number.isFinite(cutAfter(from)))
    for (const session of [holder, { id }]) await shop.end(session)
    await forgetAlerts()
  })

  it('are told of with what frees it where it is a transaction that they prepared', async () => {
    const [held, holder] = [await shop.grant(['role1']), await shop.grant(['role1'])]
    const { client } = await enter(holder)
    const gid = `holds ${randomUUID()}`
    await client.query(`begin; select pg_advisory_xact_lock(hashtextextended('daypass ${held.uuid}', 0));
                        prepare transaction '${gid}'`)
    const { removal } = await shop.end(held)
    const [alert] = await alerts()

    assert.equal(removal.state, 'done')
    assert.equal(alert?.rule, 'lock_held')
    assert.match(alert.detail, new RegExp(`rollback prepared '${gid}';`))
    await shop.end(holder)
    await forgetAlerts()
  })

  it('delay nobody by altering themselves in a transaction that they leave open', async () => {
    const inside = await bestOf(SOON_MS, endBesideHostile)

    assert.ok(inside < SOON_MS, `the innocent one was inside for ${String(inside)} ms`)
  }).timeout(60_000)

  /** How long a user is inside whose session ends with those of two who hold on to their roles. */
  async function endBesideHostile(): Promise<number> {
    const hostile = [await shop.grant(['role1']), await shop.grant(['role1'])]
    const innocent = await shop.grant(['role1'])
    for (const session of hostile) {
      const { client } = await enter(session)
      await client.query(`begin; alter role current_user password 'mine'`)
    }
    const { cutAfter } = await enter(innocent)
    for (const session of [...hostile, innocent]) await shop.cancel(session)
    const from = performance.now()
    await broker.tick()
    const states = []
    for (const { id } of [...hostile, innocent]) states.push((await look(world, id)).removal.state)

    assert.deepEqual(states, ['done', 'done', 'done'])
    return cutAfter(from)
  }
})
