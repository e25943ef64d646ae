import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { getGate } from '../../broker/sessions/gate.ts'
import { notify } from '../../db/notices.ts'
import { rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { silentLog } from '../../lib/log.ts'
import { Deadlines } from '../../proxy/deadline.ts'
import { until } from '../support/broker.ts'
import { clientOf, GrantedWorld } from '../support/granted.ts'

describe('a connection of a session that is extended', () => {
  let world: GrantedWorld

  before(async () => {
    world = await GrantedWorld.make()
  })
  after(() => world.close())

  it('lives on past the old end, and is cut at the new one', async () => {
    const proxy = await world.startProxy()
    const granted = await world.grant()
    const client = clientOf(proxy.port, granted)
    await client.connect()
    const errors: string[] = []
    client.on('error', ({ message }) => errors.push(message))
    await moveEnd(granted.id, 1.2)
    await sleep(300)
    await moveEnd(granted.id, 2.2)
    await sleep(1_300)

    assert.deepEqual(errors, [])
    assert.deepEqual((await client.query('select 1 as one')).rows, [{ one: 1 }])
    await until('the connection is cut', () => Promise.resolve(errors.length > 0), 4_000)
    assert.match(errors.join(), /session [0-9]+ has expired/)
  })

  it('is warned of the new end anew, and no more of the old one', async () => {
    const { id } = await world.grant({ endsInSeconds: 60.4 })
    const said: string[] = []
    const deadlines = new Deadlines(world.store, silentLog)
    deadlines.watch(await getGate(world.store.db, id), {
      cut: (sentence) => said.push(`cut: ${sentence}`),
      warn: (sentence) => said.push(`warn: ${sentence}`) > 0,
    })
    await until('the last minute is announced', () => Promise.resolve(said.length > 0), 3_000)
    await moveEnd(id, 600.3)
    await until('ten minutes are announced', () => Promise.resolve(said.length > 1), 3_000)
    await moveEnd(id, 60.3)
    await until('the last minute is announced again', () => Promise.resolve(said.length > 2), 3_000)
    await deadlines.close()

    assert.deepEqual(said, [
      `warn: session ${id} ends in a minute`,
      `warn: session ${id} ends in 10 minutes`,
      `warn: session ${id} ends in a minute`,
    ])
  })

  function moveEnd(id: SessionId, seconds: number): Promise<void> {
    return world.store.change(async (tx) => {
      await rows(
        tx,
        `update sessions
            set end_at = clock_timestamp() + make_interval(secs => :seconds), extended_at = now()
          where id = :id`,
        { id, seconds },
      )
      await notify(tx, 'daypass_ends', id)
    })
  }
})
