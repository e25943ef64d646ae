import assert from 'node:assert/strict'
import { approve } from '../../broker/sessions/lifecycle.ts'
import { rows } from '../../db/store.ts'
import { look, storyOf } from '../support/broker.ts'
import { fault, openExtensions, type ExtensionBench } from '../support/extensions.ts'

describe('the time to live of a request', () => {
  let bench: ExtensionBench

  before(async function () {
    this.timeout(60_000)
    bench = await openExtensions()
  })
  after(() => bench.close())

  it('lets a request die before its window does', async () => {
    const late = await bench.ask(['role1'], 'mark', { ttlMinutes: 3 })
    assert.equal(late.diesAt.diff(late.createdAt).as('minutes'), 3)
    assert.equal(late.end?.diff(late.createdAt).as('minutes'), 10)
    await rows(
      bench.world.owner.db,
      `update sessions set dies_at = dies_at - interval '4 minutes' where id = :id`,
      { id: late.id },
    )
    await assert.rejects(approve(...bench.as('john'), late.id), { code: 'state_changed' })
    await bench.broker.tick()

    assert.equal(await storyOf(bench.world, late.id), 'CREATED EXPIRED')
    assert.equal((await look(bench.world, late.id)).endReason, 'It was not approved in time.')
  })

  it('means nothing any more once the request is approved', async () => {
    const { id } = await bench.ask(['role1'], 'mark', { ttlMinutes: 3 })
    await approve(...bench.as('john'), id)
    await rows(
      bench.world.owner.db,
      `update sessions set dies_at = dies_at - interval '4 minutes' where id = :id`,
      { id },
    )
    await bench.broker.tick()

    assert.equal((await look(bench.world, id)).state, 'GRANTED')
  })

  it('waits a week where approval starts the window, or as long as the organization says', async () => {
    const week = await bench.ask(['role1'], 'mark', { fromApproval: true })
    assert.equal(week.diesAt.diff(week.createdAt).as('days'), 7)
    await rows(bench.world.owner.db, `update organizations set request_life_minutes = 120`)
    const hours = await bench.ask(['role1'], 'mark', { fromApproval: true })
    const longer = bench.ask(['role1'], 'mark', { fromApproval: true, ttlMinutes: 121 })
    await assert.rejects(longer, fault('ttlMinutes', /enter 120 minutes or fewer/))
    await rows(bench.world.owner.db, `update organizations set request_life_minutes = 10080`)

    assert.equal(hours.diesAt.diff(hours.createdAt).as('hours'), 2)
  })
})
