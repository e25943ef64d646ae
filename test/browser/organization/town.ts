import assert from 'node:assert/strict'
import type { BrowserContext, Browser, BrowserContextOptions, Page } from 'playwright-core'
import { collectComplaints, launchBrowser } from '../../support/browser.ts'
import { PASSWORD } from '../../support/portal.ts'
import {
  openDoors,
  openFresh,
  openOrganization,
  openSetup,
  type Organization,
} from './organization.ts'
import type { Place } from './places.ts'
import type { Words } from './words.ts'

/** Every place there is, and browsers to see them in. */
export interface Town {
  readonly organization: Organization
  readonly browser: Browser
  /** The address of a place. */
  addressOf(place: Place): string
  /** A new tab for the reader of a place, with a browser of these settings. */
  visit(place: Place, settings?: BrowserContextOptions): Promise<Visit>
  close(): Promise<void>
}

/** A tab, and all that its page complained of: errors, warnings, dialogs, reports of the CSP. */
export interface Visit {
  readonly page: Page
  readonly complaints: string[]
}

/** Opens the organization in which these words were typed, and the ones that are still empty. */
export async function openTown(words: Words): Promise<Town> {
  const organization = await openOrganization(words)
  const quiet = await openFresh({ offers: true })
  const bare = await openFresh({ offers: false })
  const setup = await openSetup()
  const doors = await openDoors(bare.world)
  const browser = await launchBrowser()
  const worlds = { quiet, bare, setup }
  const served = ({ world }: Place) =>
    world === 'quiet' || world === 'bare' || world === 'setup' ? worlds[world] : organization
  const baseOf = ({ world }: Place): string =>
    world === 'demo' || world === 'away'
      ? doors[world]
      : world === undefined
        ? organization.url
        : worlds[world].url
  const contexts = new Map<string, Promise<BrowserContext>>()
  const cookies = new Map<string, Promise<string>>()
  const cookieOf = (place: Place): Promise<string> =>
    once(cookies, baseOf(place) + place.reader, async () => {
      const door = served(place).portal.browser()
      const fields = { username: place.reader, password: PASSWORD }
      const answer = await door.post('/sign-in', fields)
      assert.equal(answer.status, 303, answer.text)
      return door.cookie()
    })
  const contextOf = (place: Place, settings: BrowserContextOptions): Promise<BrowserContext> =>
    once(contexts, baseOf(place) + place.reader + JSON.stringify(settings), async () => {
      const context = await browser.newContext({ locale: 'en-GB', ...settings })
      if (place.reader === 'nobody') return context
      const [name = '', value = ''] = (await cookieOf(place)).split('=')
      await context.addCookies([{ name, value, url: baseOf(place) }])
      return context
    })
  return {
    organization,
    browser,
    addressOf: (place) => baseOf(place) + place.path(organization),
    visit: async (place, settings = {}) => {
      const page = await (await contextOf(place, settings)).newPage()
      return { page, complaints: listen(page) }
    },
    close: async () => {
      await browser.close()
      await doors.close()
      for (const world of [setup, bare, quiet, organization]) await world.close()
    },
  }
}

/** What must not happen on any page; an answer that is no success is said on the console too. */
function listen(page: Page): string[] {
  const complaints = collectComplaints(page)
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return complaints
}

async function once<T>(
  made: Map<string, Promise<T>>,
  key: string,
  make: () => Promise<T>,
): Promise<T> {
  const known = made.get(key) ?? make()
  made.set(key, known)
  return known
}
