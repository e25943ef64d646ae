import assert from 'node:assert/strict'
import type { BrowserContextOptions } from 'playwright-core'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { openAttempts } from '../../portal/attempts.ts'
import { pageRoutes } from '../../portal/routes.ts'
import { openSignIns } from '../../portal/sign-in.ts'
import { accessibilityFaults, sidewaysScroll } from '../support/browser.ts'
import { configFor } from '../support/portal.ts'
import { FILES, PLACES, REDIRECTS, type Place } from './organization/places.ts'
import { openTown, type Town } from './organization/town.ts'
import { BELIEVABLE } from './organization/words.ts'

/** Each zone once, and each size in each scheme. */
const LOOKS: readonly BrowserContextOptions[] = [
  {
    timezoneId: 'Asia/Kolkata',
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
  },
  {
    timezoneId: 'America/New_York',
    viewport: { width: 1440, height: 900 },
    colorScheme: 'dark',
  },
  {
    timezoneId: 'Europe/London',
    viewport: { width: 360, height: 740 },
    colorScheme: 'light',
  },
  {
    timezoneId: 'Pacific/Chatham',
    viewport: { width: 360, height: 740 },
    colorScheme: 'dark',
  },
]

describe('every page, in four time zones, light and dark, wide and small', () => {
  let town: Town

  before(async () => {
    town = await openTown(BELIEVABLE)
  })
  after(() => town.close())

  it('is in the list below', async () => {
    const { world } = town.organization
    const shutdown = new Shutdown(silentLog)
    const deps = { config: configFor(world), store: world.portal, log: silentLog, shutdown }
    const routes = pageRoutes({
      ...deps,
      signIns: openSignIns(deps),
      attempts: openAttempts(deps, 'sign-in'),
    })
    await shutdown.close()
    const read = routes.filter(({ method }) => method === 'get').map(({ path }) => path)
    assert.deepEqual(read.sort(), [...Object.keys(PLACES), ...REDIRECTS, ...FILES].sort())
  })

  for (const place of Object.values(PLACES).flat()) {
    it(`${place.name}: ${place.line}`, async () => {
      const faults = await Promise.all(LOOKS.map((look) => faultsOf(place, look)))
      assert.deepEqual(faults.flat(), [])
    })
  }

  async function faultsOf(place: Place, look: BrowserContextOptions): Promise<string[]> {
    const { page, complaints } = await town.visit(place, look)
    const answer = await page.goto(town.addressOf(place))
    await place.then?.(page)
    const status = answer?.status()
    const found = [
      ...(status === (place.status ?? 200) ? [] : [`answered with ${String(status)}`]),
      ...((await sidewaysScroll(page)) === 0 ? [] : ['scrolls sideways']),
      ...(await accessibilityFaults(page)),
      // the console tells of every answer that is no success
      ...complaints.filter((said) => !said.startsWith('Failed to load resource')),
    ]
    await page.close()
    const { timezoneId, colorScheme, viewport } = look
    const where = `${timezoneId ?? ''}, ${colorScheme ?? ''}, ${String(viewport?.width)}`
    return found.map((fault) => `${where}: ${fault}`)
  }
})
