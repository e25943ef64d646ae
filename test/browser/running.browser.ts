import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { dropOldRecordings } from '../../broker/scheduling/retention.ts'
import type { SessionId } from '../../lib/ids.ts'
import { openAudience, type Audience } from '../support/audience.ts'
import { makeBroker } from '../support/broker.ts'
import { look } from '../support/look.ts'
import { PASSWORD } from '../support/portal.ts'
import { serve, type Served } from '../support/served.ts'
import { keepMonths, makeOldMonth, recordStatements } from '../support/recordings.ts'
import { openToldProxy, type ToldProxy } from '../support/running.ts'
import { makeWorld, type World } from '../support/world.ts'

/** A second for the page to ask, and half of one for a busy machine. */
const SOON = { timeout: 1_500 }
const LONG = `select ${'o.customer, '.repeat(200)} o.id from orders o`

describe('what runs right now and what is kept, in a browser', () => {
  let world: World
  let served: Served
  let audience: Audience
  let id: SessionId
  let proxy: ToldProxy
  let page: Page
  let loads = 0

  before(async () => {
    world = await makeWorld()
    served = await serve(world)
    const portalUrl = served.url
    const accounts = { people: [], storeUrl: '', dataSources: [] }
    audience = await openAudience({ portalUrl, accounts })
    id = await granted()
    proxy = await openToldProxy(world, id)
    page = await audience.signIn('mark', PASSWORD)
    await page.goto(`${portalUrl}/sessions/${id}`)
    page.on('load', () => (loads += 1))
  })
  after(async () => {
    await audience.close()
    await served.close()
  })
  afterEach('no page complained', () => {
    assert.deepEqual(audience.complaints(), [])
    assert.equal(loads, 0, 'by itself, not by a reload')
  })

  const granted = async (): Promise<SessionId> => {
    const asked = { dataSource: 'shop', roles: ['role2'], justification: 'ticket 7' }
    const made = await requestSession(world.portal, world.scopes.mark, world.origins.mark, asked)
    await makeBroker(world).tick()
    return made.id
  }

  it('a statement appears within a second, grows older by the second, and goes within one', async () => {
    const section = page.locator('#running')
    await section.getByText('Nothing runs at this moment').waitFor()
    await look(page, 'running-nothing')
    await proxy.run('select pg_sleep(600)', 3)
    const row = section.locator('[data-running="7"]')
    await row.waitFor(SOON)
    assert.match(await row.innerText(), /select pg_sleep\(600\)/)
    const age = row.locator('[data-age]')
    const before = Number.parseInt(await age.innerText(), 10)
    assert.ok(before >= 3 && before <= 6, `${String(before)} s`)
    const older = new RegExp(`^(${String(before + 2)}|${String(before + 3)}) s$`)
    await age.filter({ hasText: older }).waitFor({ timeout: 4_000 })
    await proxy.done()
    await section.getByText('Nothing runs at this moment').waitFor(SOON)
  })

  it('a long one fits small windows, in the light and in the dark', async () => {
    await proxy.run(LONG)
    await page.locator('[data-running="7"] .sql', { hasText: 'from orders' }).waitFor(SOON)
    await look(page, 'running')
  })

  it('the section goes with the session', async () => {
    await served.portal.api('mark').post(`/sessions/${id}/cancellation`, {})
    await page.locator('#running').waitFor({ state: 'detached', timeout: 5_000 })
  })

  it('what the policy no longer keeps is set on its page and said on the session', async () => {
    await makeOldMonth(world, '2025-01')
    await recordStatements(world, id, { at: '2025-01-10T00:00:00Z', count: 2 })
    const admin = await audience.signIn('admin', PASSWORD)
    await admin.goto(new URL('/policy', page.url()).href)
    await admin.getByRole('link', { name: /Change how long recordings are kept/ }).click()
    await look(admin, 'policy-recordings')
    await admin.getByLabel('Months').fill('3')
    await admin.getByRole('button', { name: 'Save' }).click()
    await admin.locator('[data-flash]', { hasText: 'until then it can be taken back' }).waitFor()
    assert.match(await admin.locator('main').innerText(), /kept for 3 months/)
    await keepMonths(world, 3)
    await dropOldRecordings({ store: world.broker })
    await page.locator('[data-dropped]', { hasText: '2 statements were dropped' }).waitFor()
    await look(page, 'recording-dropped')
  })
})
