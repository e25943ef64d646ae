import assert from 'node:assert/strict'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { terminateAll } from '../../broker/sessions/termination.ts'
import { openStore, rows } from '../../db/store.ts'
import { look } from '../support/broker.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('the termination of everything under way', () => {
  let world: World

  before(async () => {
    world = await makeWorld()
  })
  after(() => world.close())

  it('ends all others where one stays, and says which', async () => {
    const [first, stuck, last] = [await ask(), await ask(), await ask()]
    const impatient = openStore(world.portal.url, { deadlineMs: 1_500 })
    try {
      const { terminated, failed } = await world.owner.change(async (tx) => {
        await rows(tx, `select 1 from sessions where id = :stuck for update`, { stuck })
        return terminateAll(impatient, world.scopes.admin, world.origins.admin, { reason: 'drill' })
      })
      assert.deepEqual([...terminated].sort(), [first, last].sort())
      assert.deepEqual(
        failed.map(({ id }) => id),
        [stuck],
      )
      assert.match(failed[0]?.sentence ?? '', /timeout/)
    } finally {
      await impatient.close()
    }
    assert.equal((await look(world, first)).state, 'TERMINATED')
    assert.equal((await look(world, stuck)).state, 'CREATED')
    assert.equal((await look(world, last)).state, 'TERMINATED')
  })

  it('is for admins, with a reason', async () => {
    const id = await ask()
    const store = world.portal
    await assert.rejects(
      terminateAll(store, world.scopes.john, world.origins.john, { reason: 'drill' }),
      { code: 'not_entitled' },
    )
    await assert.rejects(
      terminateAll(store, world.scopes.admin, world.origins.admin, { reason: ' ' }),
      { code: 'reason_required' },
    )
    assert.equal((await look(world, id)).state, 'CREATED')
  })

  async function ask() {
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role1'],
      justification: 'ticket 7',
    })
    return id
  }
})
