import assert from 'node:assert/strict'
import pg from 'pg'
import { rows } from '../../db/store.ts'
import type { Session } from '../../db/sessions.ts'
import { look, makeBroker, type HandBroker } from '../support/broker.ts'
import { openShop, type ShopSessions } from '../support/sessions-on-shop.ts'
import { makeWorld, type World } from '../support/world.ts'

describe("an ended session whose login can't be taken", () => {
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

  /** Logs in as its user; resolves once the server has ended the connection. */
  const enter = async (session: Session): Promise<{ readonly cut: Promise<void> }> => {
    const client = new pg.Client({ connectionString: await shop.urlOf(session) })
    client.on('error', () => undefined)
    const cut = new Promise<void>((resolve) => client.once('end', resolve))
    await client.connect()
    clients.push(client)
    return { cut }
  }
  const removalOf = async ({ id }: Session) => (await look(world, id)).removal
  const remedyIn = (detail: string | null): string =>
    /An administrator runs: (.*;)$/.exec(detail ?? '')?.[1] ?? ''
  const tryAgain = async (): Promise<void> => {
    await shop.hurry()
    await broker.tick()
  }

  it('loses its connections at each try, holds up nobody, and says what mends it', async () => {
    const [held, other] = [await shop.grant(), await shop.grant()]
    const inside = await enter(held)
    const { adminName } = world.shop
    const user = held.username ?? ''
    const [server] = await shop.onShop<{ version: number }>(
      `select cast(current_setting('server_version_num') as integer) as version`,
    )
    // before 16 nobody but a superuser may alter who may replicate
    const isNew = (server?.version ?? 0) >= 160_000
    await shop.onShop(isNew ? `revoke ${user} from ${adminName}` : `alter role ${user} replication`)
    await shop.cancel(held)
    await shop.cancel(other)
    await broker.tick()
    await inside.cut
    const { detail } = await removalOf(held)
    const again = await enter(held)
    const still = await shop.userOf(held)
    const gone = await shop.userOf(other)
    await rows(world.owner.db, 'update session_jobs set tries = 20')
    await tryAgain()
    await again.cut
    const [job] = await rows<{ seconds: number }>(
      world.owner.db,
      `select cast(extract(epoch from due_at - now()) as double precision) as seconds
         from session_jobs where session_id = :id and kind = 'removal'`,
      { id: held.id },
    )
    await shop.onShop(remedyIn(detail))
    await tryAgain()

    assert.equal(still?.login, true)
    assert.equal(gone, undefined)
    assert.match(detail ?? '', /^Its login can't be taken: /)
    assert.ok(job && job.seconds <= 3, `it was put off for ${String(job?.seconds)} s`)
    assert.equal((await removalOf(held)).state, 'done')
  })

  it('because it was made a superuser, says who makes it none', async () => {
    const session = await shop.grant()
    await shop.onShop(`alter role ${session.username ?? ''} superuser`)
    await shop.cancel(session)
    await broker.tick()
    const { detail } = await removalOf(session)
    await shop.onShop(remedyIn(detail))
    await tryAgain()

    assert.equal(remedyIn(detail), `alter role "${session.username ?? ''}" nosuperuser;`)
    assert.equal((await removalOf(session)).state, 'done')
  })
})
