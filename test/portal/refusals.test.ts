import assert from 'node:assert/strict'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { rows } from '../../db/store.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

interface Refusal {
  readonly actor_name: string
  readonly area: string
  readonly outcome: string
  readonly details: Readonly<Record<string, string>>
}

describe('what somebody tried and may not do', () => {
  let world: World
  let portal: TestPortal

  before(async () => {
    world = await makeWorld()
    portal = await openPortal(world)
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  it('is a record, by page and by API alike', async () => {
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role1'],
      justification: 'ticket 7',
    })
    const path = `/sessions/${id}`
    const own = await portal.api('mark').post(`${path}/approval`, {})
    assert.equal(own.status, 403)
    const mark = await portal.signedIn('mark')
    assert.equal((await mark.post(`${path}/termination`, { reason: 'mine' }, path)).status, 403)
    assert.deepEqual(await refusals(), [
      {
        actor_name: 'mark',
        area: 'sessions',
        outcome: 'refused',
        details: { code: 'own_request', method: 'POST', path: `/api/v1${path}/approval` },
      },
      {
        actor_name: 'mark',
        area: 'sessions',
        outcome: 'refused',
        details: { code: 'not_entitled', method: 'POST', path: `${path}/termination` },
      },
    ])
  })

  it('is none where nobody is signed in, or nothing is there', async () => {
    const before = (await refusals()).length
    assert.equal((await portal.browser().post('/sessions/1/termination', {})).status, 303)
    assert.equal((await portal.api('mark').get('/sessions/999999')).status, 404)
    assert.equal((await refusals()).length, before)
  })

  async function refusals(): Promise<Refusal[]> {
    return rows<Refusal>(
      world.owner.db,
      `select actor_name, area, outcome, cast(body as jsonb) -> 'details' as details
         from records
        where action = 'access.refused'
        order by at, seq`,
    )
  }
})
