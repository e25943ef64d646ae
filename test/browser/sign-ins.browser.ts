import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { openAudience, type Audience } from '../support/audience.ts'
import { startInstall, type Install } from '../support/install.ts'
import { look } from '../support/look.ts'

describe('sign-ins ended, locked and unlocked, in two browsers of one person', () => {
  let install: Install
  let audience: Audience
  const endings: (() => Promise<void>)[] = []

  before(async () => {
    install = await startInstall({ DAYPASS_TIME_ZONE: 'Europe/Warsaw' })
    endings.push(() => install.stop())
    audience = await openAudience(install)
    endings.push(() => audience.close())
  })
  after(async () => {
    for (const end of endings.reverse()) await end()
  })

  it('an admin ends one, and the other lives', async () => {
    const [desk, laptop] = [await audience.signIn('mark'), await audience.signIn('mark')]
    const admin = await audience.signIn('admin')
    await admin.getByRole('link', { name: 'Administration' }).click()
    await admin.getByRole('link', { name: 'User sign-ins' }).click()
    await look(admin, 'sign-ins')
    const marks = admin.locator('[data-active="true"]', { hasText: 'mark' })
    assert.equal(await marks.count(), 2)
    // the newest stands first: the laptop's
    await marks.first().getByRole('link').click()
    await admin.getByText('Terminate', { exact: true }).click()
    await admin.getByLabel('Reason').first().fill('left open in the library')
    await look(admin, 'sign-in-active')
    await admin.getByRole('button', { name: 'Terminate this sign-in' }).click()
    assert.match(await flashOf(admin), /has ended\. Their other sign-ins go on/)
    await admin.getByText('left open in the library').waitFor()
    await open(laptop, '/sessions')
    assert.equal(new URL(laptop.url()).pathname, '/sign-in')
    await open(desk, '/sessions')
    assert.equal(new URL(desk.url()).pathname, '/sessions')
  })

  it('then all and locks, and nobody gets in with that account', async () => {
    const [admin, desk] = [audience.pageOf('admin'), await audience.signIn('mark')]
    await open(admin, '/sign-ins?q=mark')
    await admin.locator('[data-active="true"]').first().getByRole('link').click()
    await admin.getByText('Terminate and Lock', { exact: true }).click()
    await admin.getByLabel('Reason').last().fill('a stolen laptop')
    await admin.getByRole('button', { name: /^Terminate all and lock/ }).click()
    assert.match(await flashOf(admin), /is locked/)
    await open(desk, '/sessions')
    assert.equal(new URL(desk.url()).pathname, '/sign-in')
    assert.match(await trySignIn(desk), /do not fit/)
  })

  it('unlocks in the Users tab, and the person signs in again', async () => {
    const [admin, desk] = [audience.pageOf('admin'), audience.pageOf('mark')]
    await admin.getByRole('link', { name: 'Unlock in the Users tab' }).click()
    await admin.getByRole('button', { name: 'Unlock' }).click()
    await trySignIn(desk)
    await open(desk, '/sessions')
    assert.equal(new URL(desk.url()).pathname, '/sessions')
  })

  it('an auditor reads what was done in it, and searches it', async () => {
    const audrey = await audience.signIn('audrey')
    await audrey.getByRole('link', { name: 'Audit', exact: true }).click()
    await audrey.getByRole('link', { name: 'User sign-ins' }).click()
    await audrey.getByLabel('Name').fill('admin')
    await audrey.getByRole('button', { name: 'Show' }).click()
    await audrey.locator('[data-sign-in-id]').first().getByRole('link').click()
    await audrey.getByLabel('Search what was done').fill('a stolen laptop')
    await audrey.getByRole('button', { name: 'Search' }).click()
    await audrey.locator('[data-record-id]', { hasText: 'auth.locked' }).waitFor()
    await look(audrey, 'sign-in-operations')
    await audrey.locator('[data-record-id] [data-open]').first().click()
    await audrey.waitForURL(/\/audit\/[0-9a-f-]{36}/)
  })

  async function trySignIn(page: Page): Promise<string> {
    const account = install.accounts.people.find(({ username }) => username === 'mark')
    assert.ok(account)
    await page.getByLabel('Username').fill('mark')
    await page.getByLabel('Password').fill(account.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    return page.locator('main').innerText()
  }

  async function open(page: Page, path: string): Promise<void> {
    await page.goto(install.portalUrl + path)
  }

  function flashOf(page: Page): Promise<string> {
    return page.locator('[data-flash]').innerText()
  }
})
