import assert from 'node:assert/strict'
import type { DateTime } from 'luxon'
import type { Page } from 'playwright-core'
import { rows, storeTime } from '../../db/store.ts'
import { openAudience, type Audience } from '../support/audience.ts'
import { makeBroker } from '../support/broker.ts'
import { nearestRepeatedHour } from '../support/clock-changes.ts'
import { look } from '../support/look.ts'
import { PASSWORD } from '../support/portal.ts'
import { serve, type Served } from '../support/served.ts'
import { makeWorld, type World } from '../support/world.ts'

/** A look of the live page, and some for a busy machine. */
const LIVE_LOOK_MS = 6_000

describe('a local time that comes twice, in a browser', () => {
  let world: World
  let served: Served
  let audience: Audience
  let page: Page
  let url: string
  /** The second time that the clock shows it. */
  let later: DateTime<true>

  before(async () => {
    world = await makeWorld()
    served = await serve(world)
    url = served.url
    audience = await openAudience({
      portalUrl: url,
      accounts: { people: [], storeUrl: '', dataSources: [] },
    })
    const change = nearestRepeatedHour(await storeTime(world.owner.db))
    later = change.plus({ minutes: 30 })
    await rows(
      world.owner.db,
      `insert into settings (name, value)
       values ('time_zone', :zone)
           on conflict (name) do update set value = :zone`,
      { zone: change.zoneName },
    )
    page = await audience.signIn('mark', PASSWORD)
  })
  after(async () => {
    await audience.close()
    await served.close()
  })
  afterEach('no page complained', () => {
    // the answer that brings a form back is a 422, which the browser prints
    const complaints = audience.complaints().filter((line) => !line.includes('422'))
    assert.deepEqual(complaints, [])
  })

  const typed = () => later.toFormat("yyyy-LL-dd'T'HH:mm")
  const which = () => page.getByRole('group', { name: `Which ${later.toFormat('HH:mm')} on` })
  const choose = (name: RegExp) => page.locator('label', { hasText: name }).click()

  it('is asked back where access is requested, and the second is what the check shows', async () => {
    await page.goto(`${url}/sessions/new?dataSource=shop`)
    await page.locator('label', { hasText: 'role2' }).first().click()
    await choose(/^\s*Later/)
    await page.getByLabel('Start at').fill(typed())
    await page.getByLabel('Minutes', { exact: true }).fill('20')
    await page.getByLabel(/Why|Justification/).fill('ticket 7')
    await page.getByRole('button', { name: 'Request access' }).click()
    await page.getByRole('alert').getByText('comes twice').waitFor()
    assert.match(
      (await which().getAttribute('aria-describedby')) ?? '',
      /^startMeant-error$/,
      'heard with the choice',
    )
    await look(page, 'request-twice')
    await page
      .getByRole('alert')
      .getByRole('link', { name: /comes twice/ })
      .click()
    assert.equal(await page.evaluate('document.activeElement.id'), 'startMeant')
    await choose(/the second/)
    const shown = later.toFormat('yyyy-LL-dd HH:mm:ss')
    const second = page.locator('#preview').getByText(`${shown} UTC`).first()
    await second.waitFor()
    assert.equal(
      await page.locator('#preview time').first().getAttribute('datetime'),
      later.toUTC().toISO(),
    )
    await look(page, 'request-second')
    await page.getByRole('button', { name: 'Request access' }).click()
    await page.waitForURL(/\/sessions\/\d+$/)
    const [made] = await rows<{ start: DateTime<true> }>(
      world.owner.db,
      `select start_at as start from sessions order by id desc limit 1`,
    )
    assert.equal(made?.start.toMillis(), later.toMillis())
  })

  it('is asked back where more time is asked for, and the zone stays what was chosen', async () => {
    const asked = { dataSource: 'shop', roles: ['role2'], minutes: 30, justification: 'ticket 7' }
    const made = await served.portal.api('mark').post('/sessions', asked)
    const { id } = made.body as { id: string }
    await makeBroker(world).tick()
    await page.goto(`${url}/sessions/${id}`)
    const section = page.locator('#extension')
    await section.getByLabel('or until').fill(typed())
    await section.getByLabel('Why').fill('nearly done')
    await section.getByRole('button', { name: 'Ask for more time' }).click()
    await section.getByRole('alert').getByText('comes twice').waitFor()
    await look(page, 'extension-twice')
    await choose(/the first/)
    await section.getByRole('button', { name: 'Ask for more time' }).click()
    // understood, and refused for another reason: it is months ahead
    await section.locator('#end-error', { hasText: 'at most' }).waitFor()
    assert.equal(await which().getByLabel('the first').isChecked(), true)

    await page.goto(`${url}/sessions/${id}`)
    await section.locator('label', { hasText: 'Local Timezone' }).click()
    await page.locator('h1, h2').first().click()
    await page.waitForTimeout(LIVE_LOOK_MS)
    assert.equal(await section.getByLabel('Local Timezone').isChecked(), true)
    await look(page, 'extension-local')
    const end = later.toUTC().set({ minute: 0 })
    assert.ok(end.isValid)
    await section.getByLabel('Minutes more').fill('10')
    await section.getByLabel('Why').fill('nearly done')
    await section.getByRole('button', { name: 'Ask for more time' }).click()
    await page.locator('[data-flash]', { hasText: 'The session was extended' }).waitFor()
  })
})
