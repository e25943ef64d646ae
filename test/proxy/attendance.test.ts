import assert from 'node:assert/strict'
import { getGate } from '../../broker/sessions/gate.ts'
import { rows } from '../../db/store.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { silentLog } from '../../lib/log.ts'
import { Attendance } from '../../proxy/attendance.ts'
import { Repeats } from '../../proxy/repeats.ts'
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

  it('let nobody in whose coming they can’t tell of', async () => {
    const { id } = await world.grant()
    const gate = await getGate(world.store.db, id)
    const attendance = new Attendance({ store: world.store, proxyId: PROXY_ID, log: silentLog })
    const facts = { id: uuidv7(), clientIp: '::1', database: 'shop', applicationName: '' }
    await assert.rejects(attendance.opened(gate, facts, 4711), /has vanished/)
    const written = await rows(
      world.store.db,
      `select from records where action = 'connection.opened'`,
    )
    assert.equal(written.length, 0)
  })

  it('tell a client that comes back at once and again in one record, and how often it came', async () => {
    const { id } = await world.grant()
    const gate = await getGate(world.store.db, id)
    const attendance = new Attendance({ store: world.store, proxyId: PROXY_ID, log: silentLog })
    for (let count = 0; count < 40; count += 1) {
      const facts = { id: uuidv7(), clientIp: '::2', database: 'shop', applicationName: '' }
      attendance.refused(gate, facts, { sqlstate: '53300', sentence: 'too many' })
    }
    await attendance.drain()
    const told = await rows<{ attempts: string }>(
      world.store.db,
      `select cast(body as jsonb) -> 'details' ->> 'attempts' as attempts
         from records
        where action = 'connection.refused'
          and cast(body as jsonb) -> 'details' ->> 'sqlstate' = '53300'
        order by at, seq`,
    )
    assert.deepEqual(
      told.map(({ attempts }) => attempts),
      ['1', '39'],
    )
  })
})

describe('refusals that repeat themselves', () => {
  it('of one address do not hide those of another', () => {
    const repeats = new Repeats()
    const told: string[] = []
    for (let count = 0; count < 1_000; count += 1) {
      const name = `name${String(count)}`
      repeats.note('::1', name, (attempts) => told.push(`::1 ${name} ${String(attempts)}`))
    }
    for (let count = 0; count < 20; count += 1) {
      const name = `name${String(count)}`
      repeats.note('::2', name, (attempts) => told.push(`::2 ${name} ${String(attempts)}`))
    }
    assert.equal(told.length, 18)
    assert.equal(told.at(-1), '::2 name8 1')
    repeats.flush()
    assert.deepEqual(told.slice(-2), ['::1 name999 991', '::2 name19 11'])
  })
})
