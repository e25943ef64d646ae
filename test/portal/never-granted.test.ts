import assert from 'node:assert/strict'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { makeBroker } from '../support/broker.ts'
import { openPortal, type Browser, type TestPortal } from '../support/portal.ts'
import { bodyOf } from '../support/problem.ts'
import { makeWorld, type World } from '../support/world.ts'

/** Where a grant stops: with nothing but its intent, or with a user that nobody can log in as. */
const STOPS = ['g1.after', 'g2.after'] as const

describe('a session that ended before it was granted', () => {
  let world: World
  let portal: TestPortal
  let admin: Browser
  let mark: Browser

  before(async () => {
    world = await makeWorld()
    portal = await openPortal(world)
    admin = await portal.signedIn('admin')
    mark = await portal.signedIn('mark')
    await rows(world.owner.db, `update roles set approvals_needed = 0 where name = 'role1'`)
  })
  after(async () => {
    await portal.close()
    await world.close()
  })

  const ask = async (): Promise<SessionId> => {
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role1'],
      justification: 'ticket 7',
    })
    return id
  }
  const pageOf = async (id: SessionId): Promise<string> =>
    (await mark.get(`/sessions/${id}`)).text.replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ')

  it('says that it never had a user, when it ends and after', async () => {
    const id = await ask()
    const path = `/sessions/${id}`
    const before = await admin.get(path)
    const ended = await admin.post(`${path}/termination`, { reason: 'drill' }, path)
    const told = await admin.get(path)
    const page = await pageOf(id)
    const body = bodyOf(await portal.api('mark').get(path))

    assert.match(before.text, /It ends at once and is never granted\./)
    assert.equal(ended.status, 303)
    assert.match(told.text, /Terminated\. It was never granted, so there is nothing to remove\./)
    assert.match(page, /It was ended before it was granted\./)
    assert.match(page, /Session user There is none: the session was never granted\./)
    assert.doesNotMatch(page, /removed/)
    const { removedAt, removal } = body
    assert.deepEqual([removedAt, removal], [null, { state: 'none', detail: null, login: null }])
  })

  for (const step of STOPS) {
    it(`says so where its grant was under way, too: stopped at ${step}`, async () => {
      const id = await ask()
      const path = `/sessions/${id}`
      const reached = (at: string): Promise<void> =>
        at === step ? Promise.reject(new Error('stopped')) : Promise.resolve()
      await makeBroker(world, { reached }).tick()
      await mark.post(`${path}/cancellation`, {}, path)
      const pending = await pageOf(id)
      await makeBroker(world).tick()
      const page = await pageOf(id)
      const body = bodyOf(await portal.api('mark').get(path))

      assert.match(pending, /Removal pending: nobody can use the session user/)
      assert.match(page, /mark ended it before it was granted\./)
      assert.match(page, /There is none: the session was never granted\./)
      assert.doesNotMatch(page, /user (is|was) (gone|removed)/)
      assert.equal(/What its grant had begun was taken back/.test(page), step === 'g2.after')
      assert.deepEqual(body['removal'], {
        state: 'none',
        detail: null,
        login: null,
      })
    })
  }
})
