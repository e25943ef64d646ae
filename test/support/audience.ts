import assert from 'node:assert/strict'
import type { BrowserContext, Page } from 'playwright-core'
import { collectComplaints, launchBrowser } from './browser.ts'
import type { Install } from './install.ts'
import { SIZES } from './look.ts'

/** People at browsers of their own, in New York, in front of one install. */
export interface Audience {
  /** A browser without cookies. */
  newPage(person: string): Promise<Page>
  /** The page that somebody has open. */
  pageOf(person: string): Page
  /** Somebody's page just after signing in; without a password: that of the demo. */
  signIn(username: string, password?: string): Promise<Page>
  /** What the pages complained of since the last time, whoever had them open. */
  complaints(): string[]
  close(): Promise<void>
}

/** Opens the browser that everybody shares. */
export async function openAudience(
  install: Pick<Install, 'portalUrl' | 'accounts'>,
): Promise<Audience> {
  const browser = await launchBrowser()
  const contexts = new Map<string, BrowserContext>()
  const heard: string[][] = []
  const newPage = async (person: string): Promise<Page> => {
    const context = await browser.newContext({
      locale: 'en-GB',
      timezoneId: 'America/New_York',
      viewport: SIZES.wide,
    })
    contexts.set(person, context)
    const page = await context.newPage()
    heard.push(collectComplaints(page))
    return page
  }
  return {
    newPage,
    pageOf: (person) => {
      const page = contexts.get(person)?.pages()[0]
      assert.ok(page, person)
      return page
    },
    signIn: async (username, password = passwordOf(install, username)) => {
      const page = await newPage(username)
      await page.goto(`${install.portalUrl}/sign-in`)
      await page.getByLabel('Username').fill(username)
      await page.getByLabel('Password').fill(password)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.waitForURL((url) => url.pathname !== '/sign-in')
      return page
    },
    complaints: () => heard.flatMap((said) => said.splice(0)),
    close: () => browser.close(),
  }
}

function passwordOf({ accounts }: Pick<Install, 'accounts'>, username: string): string {
  const account = accounts.people.find((person) => person.username === username)
  assert.ok(account, username)
  return account.password
}
