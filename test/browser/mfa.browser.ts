import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Browser, Page } from 'playwright-core'
import { freePort } from '../../db/embedded.ts'
import { rows } from '../../db/store.ts'
import { collectComplaints, launchBrowser } from '../support/browser.ts'
import { look } from '../support/look.ts'
import { openPortal, PASSWORD, type TestPortal } from '../support/portal.ts'
import { codeOf, passTime, setPolicy } from '../support/second-factors.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('second factors, in a browser', () => {
  let world: World
  let portal: TestPortal
  let server: Server
  let browser: Browser
  let url = ''
  const complaints: string[][] = []

  before(async () => {
    world = await makeWorld()
    const port = await freePort()
    // browsers take passkeys for a name alone
    url = `http://localhost:${String(port)}`
    portal = await openPortal(world, { DAYPASS_PUBLIC_URL: url })
    server = portal.app.listen(port, '127.0.0.1')
    await once(server, 'listening')
    browser = await launchBrowser()
  })

  after(async () => {
    await browser.close()
    server.closeAllConnections()
    server.close()
    await portal.close()
    await world.close()
  })

  beforeEach(() => passTime(world))

  afterEach('no page complained', () => {
    // a refused form is said on the console too
    const said = complaints.flatMap((heard) => heard.splice(0))
    assert.deepEqual(
      said.filter((text) => !text.startsWith('Failed to load resource')),
      [],
    )
  })

  describe('a passkey', () => {
    let page: Page
    let authenticator: Authenticator

    before(async () => {
      page = await newPage()
      authenticator = await plugIn(page)
    })

    it('is made by a click, and recovery codes come with the first', async () => {
      await signIn(page, 'john')
      await page.goto(`${url}/account/mfa`)
      await look(page, 'mfa-none')
      await page.getByLabel('Name of the new passkey').fill('blue key')
      await page.getByRole('button', { name: 'Add a passkey' }).click()
      await page.getByRole('heading', { name: 'Recovery codes' }).waitFor()
      assert.equal(await page.locator('.codes li').count(), 10)
      await look(page, 'mfa-codes')
      await page.getByRole('link', { name: 'I have kept them' }).click()
      await page.getByText('blue key', { exact: true }).first().waitFor()
      await look(page, 'mfa-own')
    })

    it('is not made twice on one authenticator', async () => {
      await page.getByLabel('Name of the new passkey').fill('again')
      await page.getByRole('button', { name: 'Add a passkey' }).click()
      await page.getByText(/holds a passkey of yours already/).waitFor()
      assert.equal(await authenticator.count(), 1)
    })

    it('lets its person in after the password', async () => {
      await signOut(page)
      await signIn(page, 'john')
      assert.equal(new URL(page.url()).pathname, '/sign-in/mfa')
      await look(page, 'mfa-sign-in')
      await page.goto(`${url}/sessions`)
      assert.equal(new URL(page.url()).pathname, '/sign-in/mfa')
      await page.getByRole('button', { name: 'Use a passkey' }).click()
      await page.getByRole('button', { name: 'Sign out' }).waitFor()
      const [login] = await lastDetails('auth.login')
      assert.equal(login?.['second_factor'], 'passkey')
    })

    it('is asked for again before a decision, which is still to be made then', async () => {
      await setPolicy(world, { stepUp: ['approve'] })
      await rows(world.owner.db, 'update sign_ins set second_factor_at = null')
      const id = await askAsMark()
      await page.goto(`${url}/sessions/${id}`)
      await page.getByText(/^Deny/).first().click()
      await page.getByLabel(/^Reason/).fill('not on a Friday')
      await page.getByRole('button', { name: /^Deny/ }).last().click()
      await page.getByRole('heading', { name: 'Prove that it is you' }).waitFor()
      await look(page, 'mfa-step-up')
      await page.getByRole('button', { name: 'Use a passkey' }).click()
      await page.getByText(/Nothing was done yet/).waitFor()
      assert.equal(new URL(page.url()).pathname, `/sessions/${id}`)
      assert.equal(await page.getByLabel(/^Reason/).inputValue(), 'not on a Friday')
      assert.equal(await stateOf(id), 'CREATED')
      await page.getByRole('button', { name: /^Deny/ }).last().click()
      await page.waitForURL('**/approvals')
      assert.equal(await stateOf(id), 'DENIED')
      await setPolicy(world, {})
    })

    it('that another authenticator holds signs nothing here', async () => {
      await signOut(page)
      await authenticator.forget()
      await signIn(page, 'john')
      await page.getByRole('button', { name: 'Use a passkey' }).click()
      await page.getByText(/No passkey was given/).waitFor()
      assert.equal(new URL(page.url()).pathname, '/sign-in/mfa')
    })
  })

  describe('an app and its recovery codes', () => {
    let page: Page
    let secret = ''
    let codes: string[] = []

    before(async () => {
      page = await newPage()
    })

    it('are added right after the password where the organization asks for it', async () => {
      await setPolicy(world, { requiredFor: 'everyone' })
      await signIn(page, 'mark')
      await page.getByText(/asks you for a second factor/).waitFor()
      await page.getByRole('button', { name: 'Add an authenticator app' }).click()
      await page.getByRole('img', { name: /QR code/ }).waitFor()
      secret = (await page.locator('[data-secret]').innerText()).replaceAll(' ', '')
      await look(page, 'mfa-app')
      await page.getByRole('textbox', { name: 'Code' }).fill('12')
      await page.getByRole('button', { name: 'Confirm' }).click()
      await page.locator('#code-error').waitFor()
      await page.getByRole('textbox', { name: 'Code' }).fill(codeOf(secret))
      await page.getByRole('button', { name: 'Confirm' }).click()
      await page.getByRole('heading', { name: 'Recovery codes' }).waitFor()
      codes = await page.locator('.codes code').allInnerTexts()
      await page.goto(`${url}/sessions`)
      await page.getByRole('heading', { name: 'Sessions', exact: true }).waitFor()
    })

    it('its code lets its person in, and a wrong one is said at the field', async () => {
      await signOut(page)
      await signIn(page, 'mark')
      await page.getByRole('textbox', { name: 'Code' }).fill('12')
      await page.getByRole('button', { name: 'Go on' }).click()
      await page.locator('#code-error').waitFor()
      await look(page, 'mfa-sign-in-refused')
      await page.getByRole('textbox', { name: 'Code' }).fill(codeOf(secret))
      await page.getByRole('button', { name: 'Go on' }).click()
      await page.getByRole('button', { name: 'Sign out' }).waitFor()
    })

    it('a recovery code does it where the phone is lost, once', async () => {
      const [code = ''] = codes
      for (const outcome of ['in', 'refused']) {
        await signOut(page)
        await signIn(page, 'mark')
        await page.getByRole('textbox', { name: 'Code' }).fill(code)
        await page.getByRole('button', { name: 'Go on' }).click()
        const there = outcome === 'in' ? '.who form' : '#code-error'
        await page.locator(there).waitFor()
      }
    })

    it('an admin sets what is asked for, and takes away what was lost', async () => {
      await setPolicy(world, {})
      const admin = await newPage()
      await signIn(admin, 'admin')
      await admin.goto(`${url}/settings/mfa`)
      await look(admin, 'mfa-settings')
      await admin.getByLabel('Ranges').fill('10.0.0.0/8')
      await admin.getByLabel(/from there alone/).check()
      await admin.getByRole('button', { name: 'Save' }).click()
      await admin.locator('#trustedRanges-error', { hasText: 'shut yourself out' }).waitFor()
      await look(admin, 'mfa-settings-refused')
      await admin.goto(`${url}/users/${world.people.mark.id}`)
      await admin.getByRole('link', { name: 'Second factors' }).last().click()
      await look(admin, 'mfa-user')
      await admin.getByLabel('Reason').fill('lost phone')
      await admin.getByRole('button', { name: 'Reset second factors' }).click()
      await admin.getByText(/has no second factors any more/).waitFor()
      await signOut(page)
      await signIn(page, 'mark')
      await page.getByRole('button', { name: 'Sign out' }).waitFor()
    })
  })

  async function newPage(): Promise<Page> {
    const context = await browser.newContext({ locale: 'en-GB' })
    const page = await context.newPage()
    complaints.push(collectComplaints(page))
    return page
  }

  async function signIn(page: Page, username: string): Promise<void> {
    await page.goto(`${url}/sign-in`)
    await page.getByLabel('Username').fill(username)
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL((to) => to.pathname !== '/sign-in')
  }

  /** Whoever is half signed in holds no sign-in: their cookie goes. */
  async function signOut(page: Page): Promise<void> {
    const button = page.getByRole('button', { name: 'Sign out' })
    if ((await button.count()) > 0) {
      await button.click()
      await page.waitForURL('**/sign-in')
    }
    await page.context().clearCookies()
  }

  async function askAsMark(): Promise<string> {
    const asked = { dataSource: 'shop', roles: ['role1'], minutes: 5, justification: 'ticket 7' }
    const { id } = (await portal.api('mark').post('/sessions', asked)).body as { id: string }
    return id
  }

  async function stateOf(id: string): Promise<unknown> {
    const { state } = (await portal.api('mark').get(`/sessions/${id}`)).body as { state?: unknown }
    return state
  }

  async function lastDetails(action: string): Promise<Record<string, string>[]> {
    const found = await rows<{ details: Record<string, string> }>(
      world.owner.db,
      `select cast(body as jsonb) -> 'details' as details
         from records
        where action = :action
        order by at desc, seq desc`,
      { action },
    )
    return found.map(({ details }) => details)
  }
})

/** What Chromium has in place of a stick. */
interface Authenticator {
  /** How many passkeys it holds. */
  count(): Promise<number>
  forget(): Promise<void>
}

/** Gives a page an authenticator whose person is always there and willing. */
async function plugIn(page: Page): Promise<Authenticator> {
  const devTools = await page.context().newCDPSession(page)
  await devTools.send('WebAuthn.enable')
  const { authenticatorId } = await devTools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return {
    count: async () => {
      const held = await devTools.send('WebAuthn.getCredentials', { authenticatorId })
      return held.credentials.length
    },
    forget: async () => {
      await devTools.send('WebAuthn.clearCredentials', { authenticatorId })
    },
  }
}
