import assert from 'node:assert/strict'
import { cancel } from '../../broker/sessions/lifecycle.ts'
import { repeatSession } from '../../broker/sessions/repetition.ts'
import { rows } from '../../db/store.ts'
import { fault, openExtensions, type ExtensionBench } from '../support/extensions.ts'

describe('asking again for what a session had', () => {
  let bench: ExtensionBench

  before(async function () {
    this.timeout(60_000)
    bench = await openExtensions()
  })
  after(() => bench.close())

  it('is no part of asking for the same again', async () => {
    const { id } = await bench.granted(['role2'])
    await bench.extend(id, { minutes: 20 })
    await assert.rejects(repeatSession(...bench.as('mark'), id), { code: 'state_changed' })
    await cancel(...bench.as('mark'), id)
    await assert.rejects(repeatSession(...bench.as('admin'), id), { code: 'not_entitled' })
    const again = await repeatSession(...bench.as('mark'), id)

    assert.notEqual(again.id, id)
    assert.deepEqual(
      again.roles.map(({ name }) => name),
      ['role2'],
    )
    assert.equal(again.justification, 'ticket 7')
    assert.equal(again.end?.diff(again.start ?? again.end).as('minutes'), 10)
  })

  it('counts from approval again where it did before, under the names of today', async () => {
    const first = await bench.ask(['role1'], 'mark', { fromApproval: true, minutes: 7 })
    await cancel(...bench.as('mark'), first.id)
    await rows(bench.world.owner.db, `update roles set name = 'reader' where name = 'role1'`)
    const again = await repeatSession(...bench.as('mark'), first.id)
    await rows(bench.world.owner.db, `update roles set name = 'role1' where name = 'reader'`)

    assert.deepEqual(
      again.roles.map(({ name }) => name),
      ['reader'],
    )
    assert.deepEqual([again.start, again.minutes], [null, 7])
  })

  it('is refused by the rules of today', async () => {
    const first = await bench.ask(['role1'])
    await cancel(...bench.as('mark'), first.id)
    await bench.setRole('role1', { maximum: 5 })
    const again = repeatSession(...bench.as('mark'), first.id)
    await assert.rejects(again, fault('minutes', /^role1 .* at most 5 minutes/))
    await bench.setRole('role1', { maximum: 60 })
  })
})
