import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rows } from '../../db/store.ts'
import { makeDemoWorld } from '../../scripts/demo/world.ts'
import { createStore, type TestStore } from '../support/store.ts'

describe('the demo', () => {
  let store: TestStore

  before(async () => {
    store = await createStore()
  })
  after(() => store.close())

  it('asks for a test of its data source and of each of its roles', async () => {
    await makeDemoWorld(store.owner, {
      shopUrl: 'postgres://daypass_broker@127.0.0.1:5432/shop',
      sealed: () => randomBytes(32),
      tell: () => undefined,
    })
    const asked = await rows<{ role: string | null }>(
      store.owner.db,
      `select r.name as role
         from data_source_checks c
         left join roles r on r.id = c.role_id
        where c.cause = 'registration'
        order by r.name nulls first`,
    )

    assert.deepEqual(
      asked.map(({ role }) => role),
      [null, 'role1', 'role2', 'role3'],
    )
  })
})
