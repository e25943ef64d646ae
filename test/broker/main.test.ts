import assert from 'node:assert/strict'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { rows } from '../../db/store.ts'
import { cancel, requestSession } from '../../broker/sessions/lifecycle.ts'
import { startBroker } from '../../broker/main.ts'
import { look, storyOf, until } from '../support/broker.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

/** A second or two, on a machine that has nothing else to do. */
const SOON_MS = 10_000

describe('the broker', () => {
  const started: Shutdown[] = []
  let world: World

  before(async () => {
    world = await makeWorld()
  })
  after(() => world.close())
  afterEach(async () => {
    await Promise.all(started.splice(0).map((shutdown) => shutdown.close()))
  })

  const start = async (): Promise<void> => {
    const shutdown = new Shutdown(silentLog)
    started.push(shutdown)
    const config = { masterKey: world.masterKey, partKey: undefined }
    await startBroker({ config, store: world.broker, log: silentLog, shutdown })
  }
  const ask = (minutes: number) =>
    requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role2'],
      minutes,
      justification: 'ticket 7',
    })
  const left = async (): Promise<number> =>
    (
      await runOn(
        world.shop.superuserUrl,
        `select 1 from pg_roles where rolname like 'dp!_mark!_%' escape '!'`,
      )
    ).length

  it('grants what is due and removes what ends, by itself and soon', async () => {
    await start()
    const { id } = await ask(10)
    await until('granted', async () => (await look(world, id)).state === 'GRANTED', SOON_MS)
    await cancel(world.portal, world.scopes.mark, world.origins.mark, id)
    await until('removed', async () => (await look(world, id)).removedAt !== null, SOON_MS)

    assert.equal(await left(), 0)
  })

  it('ends what has run its time', async () => {
    await start()
    const { id } = await ask(10)
    await until('granted', async () => (await look(world, id)).state === 'GRANTED')
    await rows(
      world.owner.db,
      `update sessions
          set start_at = start_at - interval '9 minutes', end_at = clock_timestamp() + interval '1.5 seconds'
        where id = :id`,
      { id },
    )
    const { end } = await look(world, id)
    await until('removed', async () => (await look(world, id)).removedAt !== null)
    const session = await look(world, id)

    assert.equal(session.state, 'EXPIRED')
    assert.ok(session.grantedAt && end && session.grantedAt < end)
    assert.ok(session.endedAt && session.endedAt >= end)
    assert.equal(await left(), 0)
  })

  it('makes each user once although three brokers race for it', async function () {
    this.timeout(90_000)
    await Promise.all([start(), start(), start()])
    const asked = await Promise.all(Array.from({ length: 30 }, () => ask(10)))
    for (const { id } of asked) {
      await until('granted', async () => (await look(world, id)).state === 'GRANTED')
    }
    const made = await left()
    await Promise.all(
      asked.map(({ id }) => cancel(world.portal, world.scopes.mark, world.origins.mark, id)),
    )
    for (const { id } of asked) {
      await until('removed', async () => (await look(world, id)).removedAt !== null)
    }

    assert.equal(made, 30)
    assert.equal(await left(), 0)
    for (const { id } of asked) {
      assert.equal(await storyOf(world, id), 'CREATED role_approved APPROVED GRANTED CANCELED')
    }
    const removals = await rows(
      world.owner.db,
      `select session_id from records where action = 'session.removed' and session_id = any (cast(:ids as bigint[]))`,
      { ids: asked.map(({ id }) => id) },
    )
    assert.equal(removals.length, 30)
  })
})
