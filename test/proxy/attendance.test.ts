import assert from 'node:assert/strict'
import { getGate } from '../../broker/sessions/gate.ts'
import { rows } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { Attendance } from '../../proxy/attendance.ts'
import { GrantedWorld } from '../support/granted.ts'

const PROXY_ID = '01900000-0000-7000-8000-00000000000a'

describe('the records of who came and went', () => {
  let world: GrantedWorld

  before(async () => {
    world = await GrantedWorld.make()
  })
  after(() => world.close())

  it('do not wait for one that the store will never take', async () => {
    const { id } = await world.grant()
    const gate = await getGate(world.store.db, id)
    const attendance = new Attendance({ store: world.store, proxyId: PROXY_ID, log: silentLog })
    const facts = { id: 'not a uuid', clientIp: '::1', database: 'shop', applicationName: '' }
    attendance.closed(gate, facts, 'closed by the client')
    attendance.strange('nobody', '::1', undefined)
    await attendance.drain()
    const written = await rows<{ action: string }>(
      world.store.db,
      `select action from records where action = 'connection.refused'`,
    )
    assert.equal(written.length, 1)
  })
})
