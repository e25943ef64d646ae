import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import { makeBroker, type HandBroker } from '../support/broker.ts'
import { collectComplaints, launchBrowser } from '../support/browser.ts'
import { PASSWORD } from '../support/portal.ts'
import type { Served } from '../support/served.ts'
import type { Name } from '../support/world.ts'
import { openFresh } from './organization/organization.ts'

describe('everything, in a browser without JavaScript', () => {
  let served: Served
  let broker: HandBroker
  let browser: Browser
  const pages = new Map<Name, Page>()
  const complaints: string[][] = []

  before(async () => {
    served = await openFresh({ offers: true })
    broker = makeBroker(served.world)
    browser = await launchBrowser()
    for (const name of ['mark', 'john', 'admin', 'audrey'] as const) await signIn(name)
  })
  after(async () => {
    await browser.close()
    await served.close()
  })
  afterEach('no page complained', () => {
    assert.deepEqual(
      complaints.flatMap((said) => said.splice(0)),
      [],
    )
  })

  it('access is asked for, after a look at what that means', async () => {
    const mark = await open('mark', '/sessions')
    await mark.getByRole('link', { name: 'Request Access' }).first().click()
    await mark.getByLabel('Data source').selectOption('shop')
    await mark.getByRole('button', { name: 'Show its roles' }).click()
    await mark.getByLabel('role1').check()
    await mark.getByLabel('role3').check()
    await mark.getByLabel('Minutes', { exact: true }).fill('45')
    await mark.getByRole('button', { name: 'Preview the request' }).click()
    assert.match(await mark.locator('#preview').innerText(), /45 min[^]*Approved by john/)
    await mark.getByLabel('Justification').fill('Refund order 1207')
    await mark.getByRole('button', { name: 'Request access' }).click()
    assert.match(await mark.locator('.pass').innerText(), /CREATED[^]*Refund order 1207/)
  })

  it('approvers approve, each their own role, with a comment', async () => {
    for (const name of ['john', 'admin'] as const) {
      const page = await open(name, '/')
      await page.getByRole('link', { name: /Pending Approvals/ }).click()
      await page.getByLabel('Comment').fill(`fine with ${name}`)
      await page.getByRole('button', { name: /^Approve/ }).click()
      await page.locator('[data-flash]').waitFor()
    }
    await broker.tick()
    const mark = await open('mark', '/sessions')
    await mark.getByRole('link', { name: /^Session \d/ }).click()
    assert.match(await mark.locator('main').innerText(), /GRANTED[^]*fine with john/)
    await mark.getByRole('button', { name: 'Make a credential' }).click()
    await mark.locator('#credential-url').waitFor()
  })

  it('an admin terminates with a reason, and not without one', async () => {
    const admin = await open('admin', '/sessions')
    await admin.getByRole('link', { name: /^Session \d/ }).click()
    // the link at the top opens the form and leads into its field
    await admin.getByRole('link', { name: 'End it' }).click()
    await admin.locator('#terminate-reason:focus').waitFor()
    await admin.getByLabel('Reason').fill('   ')
    await admin.getByRole('button', { name: 'Terminate session' }).click()
    await admin.locator('#terminate-reason-error').waitFor()
    await admin.locator('#terminate-reason:focus').waitFor()
    // the answer that brings the form back is told on the console
    complaints.forEach((said) => said.splice(0))
    await admin.getByLabel('Reason').fill('maintenance')
    await admin.getByRole('button', { name: 'Terminate session' }).click()
    assert.match(await admin.locator('.pass').innerText(), /TERMINATED[^]*maintenance/)
    await broker.tick()
  })

  it('an approver denies with a reason, a requester cancels with one', async () => {
    const denied = await ask(['role1'])
    const john = await open('john', '/approvals')
    // who writes a refusal there must not give access by the Enter key
    await john.getByLabel(/^Comment/).fill('no')
    await john.getByLabel(/^Comment/).press('Enter')
    assert.match(await john.locator('main').innerText(), /Deny session/)
    await john.getByText(`Deny session ${denied}`).first().click()
    await john.getByLabel(/^Reason/).fill('not during the sale')
    await john.getByRole('button', { name: `Deny session ${denied}` }).click()
    await john.waitForURL(/\/approvals$/)
    await john.locator('[data-flash]', { hasText: `Session ${denied} is over` }).waitFor()
    await john.goto(`${served.url}/sessions/${denied}`)
    assert.match(await john.locator('.pass').innerText(), /DENIED[^]*not during the sale/)
    const canceled = await ask(['role3'])
    const mark = await open('mark', '/sessions')
    const row = mark.locator(`[data-session-id="${canceled}"]`)
    await row.getByText('Cancel', { exact: true }).first().click()
    await row.getByLabel(/Reason/).fill('done early')
    await row.getByRole('button', { name: `Cancel session ${canceled}` }).click()
    assert.match(await mark.locator('.pass').innerText(), /CANCELED[^]*done early/)
  })

  it('what is over is hidden, found again and shown again', async () => {
    const mark = await open('mark', '/history')
    const row = mark.locator('[data-session-id]', { hasText: 'CANCELED' })
    await row.getByRole('button', { name: 'Hide' }).click()
    // a page that is still on its way has no rows either
    await mark.locator('[data-flash]', { hasText: 'is hidden' }).waitFor()
    await mark.waitForLoadState()
    assert.equal(await row.count(), 0)
    await mark.getByLabel('Show deleted').check()
    await mark.getByRole('button', { name: 'Show', exact: true }).click()
    await row.getByRole('button', { name: 'Show again' }).click()
    await mark.goto(`${served.url}/history`)
    assert.equal(await row.count(), 1)
  })

  it('the Audit tab is filtered, a record opened, and what is shown downloaded', async () => {
    const audrey = await open('audrey', '/audit')
    await audrey.getByText('Filter by column').click()
    await audrey.getByLabel(/^DENIED/).check()
    await audrey.getByRole('button', { name: 'Apply', exact: true }).click()
    const states = await audrey.locator('[data-rows] .state').allInnerTexts()
    assert.ok(states.length > 0 && states.every((state) => state === 'DENIED'), states.join())
    const file = await download(audrey)
    assert.match(file, /not during the sale/)
    assert.doesNotMatch(file, /CANCELED/)
    await audrey.locator('[data-open]').first().click()
    await audrey.getByText('Canonical record').waitFor()
    await audrey.getByRole('link', { name: 'Audit', exact: true }).first().click()
    await audrey.locator('[data-rows] [data-peek]').first().click()
    await audrey.getByRole('heading', { name: /^Session \d/ }).waitFor()
  })

  it('a sign-in is found, its day chosen, and ended with a reason', async () => {
    await signIn('john')
    const admin = await open('admin', '/sign-ins')
    await admin.getByLabel('Name').fill('john')
    await admin.getByRole('button', { name: 'Show' }).click()
    await admin.waitForURL(/q=john/)
    const active = admin.locator('[data-active="true"]')
    const count = await active.count()
    await active.first().getByRole('link').click()
    await admin.getByText('Terminate', { exact: true }).click()
    await admin.getByLabel('Reason').first().fill('left open')
    await admin.getByRole('button', { name: 'Terminate this sign-in' }).click()
    await admin.getByText('left open').first().waitFor()
    await admin.goto(`${served.url}/sign-ins?q=john`)
    assert.equal(await active.count(), count - 1)
    const john = await open('john', '/account/sign-ins')
    assert.equal(new URL(john.url()).pathname, '/sign-in')
  })

  async function download(page: Page): Promise<string> {
    await page.getByRole('button', { name: 'Download options' }).click()
    await page.getByLabel('CSV', { exact: true }).check()
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download', exact: true }).click(),
    ])
    assert.match(file.suggestedFilename(), /\.csv$/)
    return readFile(await file.path(), 'utf8')
  }

  async function signIn(name: Name): Promise<void> {
    const context = await browser.newContext({ javaScriptEnabled: false, locale: 'en-GB' })
    const page = await context.newPage()
    complaints.push(collectComplaints(page))
    pages.set(name, page)
    await page.goto(`${served.url}/sign-in`)
    await page.getByLabel('Username').fill(name)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Sign out' }).waitFor()
  }

  async function open(name: Name, path: string): Promise<Page> {
    const page = pages.get(name)
    assert.ok(page)
    await page.goto(served.url + path)
    return page
  }

  async function ask(roles: readonly string[]): Promise<string> {
    const asked = { dataSource: 'shop', roles, minutes: 20, justification: 'ticket 7' }
    const answer = await served.portal.api('mark').post('/sessions', asked)
    const { id } = answer.body as { id?: unknown }
    assert.ok(typeof id === 'string', answer.text)
    return id
  }
})
