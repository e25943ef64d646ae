import assert from 'node:assert/strict'
import pg from 'pg'
import { look, SIZES } from '../support/look.ts'
import { openAudience, type Audience } from '../support/audience.ts'
import { startInstall, type Install } from '../support/install.ts'
import { until } from '../support/until.ts'

describe('the first minutes, in a browser', function () {
  let install: Install
  let audience: Audience
  const endings: (() => Promise<void>)[] = []
  let address = ''
  /** How often mark's page was loaded anew. */
  let loads = 0

  before(async () => {
    install = await startInstall({ DAYPASS_TIME_ZONE: 'Europe/Warsaw' })
    endings.push(() => install.stop())
    audience = await openAudience(install)
    endings.push(() => audience.close())
  })

  after(async () => {
    for (const end of endings.reverse()) await end()
  })

  it('a wrong password is told at the form', async () => {
    const page = await audience.newPage('stranger')
    await page.goto(`${install.portalUrl}/sign-in`)
    await page.getByLabel('Username').fill('mark')
    await page.getByLabel('Password').fill('not it')
    await page.getByRole('button', { name: 'Sign in' }).click()
    assert.match(await page.locator('main').innerText(), /do not fit/)
    await look(page, 'sign-in-refused')
  })

  it('mark signs in; an empty request is told field by field and loses nothing', async () => {
    const page = await audience.signIn('mark')
    await look(page, 'sessions-empty')
    await page.getByRole('link', { name: 'Request Access' }).first().click()
    await page.getByLabel(/Justification/).fill('kept')
    await page
      .getByRole('button', { name: /request/i })
      .last()
      .click()
    assert.equal(await page.getByLabel(/Justification/).inputValue(), 'kept')
    assert.match(await page.locator('main').innerText(), /role/i)
    await look(page, 'request-refused')
  })

  it('mark requests two roles and sees what that means', async () => {
    const page = audience.pageOf('mark')
    await page.goto(`${install.portalUrl}/sessions/new`)
    await page.getByLabel(/role1/).check()
    await page.getByLabel(/role3/).check()
    await page.getByLabel(/Justification/).fill('Refund order 1207 <script>alert(1)</script>')
    // the zone of Central Manager and that of the browser
    await page.locator('#preview', { hasText: /UTC \+[12].*UTC -[45]/s }).waitFor()
    assert.equal(
      await page.getByLabel('Minutes', { exact: true }).getAttribute('placeholder'),
      'default 30',
    )
    await look(page, 'request-access')
    await page
      .getByRole('button', { name: /request/i })
      .last()
      .click()
    await page.waitForURL(/\/sessions\/[0-9]+$/)
    address = new URL(page.url()).pathname
    assert.match(await page.locator('main').innerText(), /CREATED/)
    await look(page, 'session-created')
  })

  it('admin and john approve, each their own role', async () => {
    const waiting = audience.pageOf('mark')
    assert.match(await waiting.locator('[data-flash]').innerText(), /was requested/)
    assert.match(await waiting.locator('.pass').innerText(), /CREATED/)
    waiting.on('load', () => (loads += 1))
    await waiting.getByText('Cancel session').first().click()
    await waiting.getByLabel(/Reason/).fill('half a thought')
    for (const approver of ['admin', 'john']) {
      const page = await audience.signIn(approver)
      await page
        .getByRole('link', { name: /Pending Approvals/ })
        .first()
        .click()
      await look(page, `approvals-${approver}`)
      await page
        .getByRole('button', { name: /approve/i })
        .first()
        .click()
      await page.waitForLoadState()
    }
  })

  it('the session opens before the eyes of its requester, who loses nothing', async () => {
    const page = audience.pageOf('mark')
    await page.getByRole('button', { name: 'Make a credential' }).waitFor({ timeout: 30_000 })
    await page.locator('.pass [data-state="GRANTED"]').waitFor()
    await page.locator('.timeline [data-state="GRANTED"]').waitFor()
    assert.equal(loads, 0, 'by itself, not by a reload')
    assert.equal(await page.locator('[data-flash]').count(), 0, 'old news')
    assert.equal(await page.getByLabel(/Reason/).inputValue(), 'half a thought')
    await page.getByLabel(/Reason/).fill('')
    await page.getByText('Cancel session').first().click()
    await look(page, 'session-granted')
  })

  it('the credential works, and what ran appears beside it', async () => {
    const page = audience.pageOf('mark')
    await page.getByRole('button', { name: 'Make a credential' }).click()
    await page.waitForURL((url) => url.pathname === address)
    const url = await page.locator('#credential-url').innerText()
    await look(page, 'session-credential')
    loads = 0
    for (const opening of [/Connection 1,/, /Connection 2,/]) {
      const client = new pg.Client(url)
      await client.connect()
      const { rows } = await client.query('select status from orders where id = $1', [7])
      assert.equal(rows.length, 1)
      await assert.rejects(client.query('table customers'), { code: '42501' })
      await client.end()
      await page.locator('.statements tbody th', { hasText: opening }).waitFor({ timeout: 30_000 })
    }
    assert.match(await page.locator('.statements').innerText(), /select status from orders/)
    assert.equal(await page.locator('#credential-url').innerText(), url, 'still shown')
    assert.equal(loads, 0, 'by itself, not by a reload')
    await page.reload()
    assert.equal(await page.locator('#credential-url').count(), 0, 'shown once')
    assert.equal(await page.getByText('mark made a credential').count(), 1, 'no second one')
  })

  it('shows what ran, then lets mark cancel', async () => {
    const page = audience.pageOf('mark')
    assert.ok(!(await page.content()).includes('<script>alert(1)'))
    await look(page, 'session-statements')
    await page.getByText('Cancel session').first().click()
    await page
      .getByRole('button', { name: /cancel/i })
      .last()
      .click()
    await page.waitForLoadState()
    assert.match(await page.locator('main').innerText(), /CANCELED/)
  })

  it('audrey reads the six rows, the popover, the zones and the download', async () => {
    const page = await audience.signIn('audrey')
    await page.getByRole('link', { name: 'Audit', exact: true }).click()
    await until('the page', async () => {
      await page.reload()
      return (await page.locator('[data-record-id]').count()) === 6
    })
    assert.equal(await page.locator('[data-scope="role"]').count(), 2)
    assert.match(await page.locator('table').innerText(), /Log Timestamp\s*\(UTC \+[12]\)/)
    await look(page, 'audit')
    for (const width of [1280, 1440]) {
      await page.setViewportSize({ width, height: 900 })
      const hidden = await page.evaluate<unknown>(
        `(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.ledger-scroll'))`,
      )
      assert.equal(hidden, 0, `every column is seen at ${width} px`)
    }
    await page.setViewportSize(SIZES.wide)
    const session = page.locator('[data-record-id]').first().getByRole('link').nth(1)
    await session.hover()
    await page.getByText('Refund order 1207').first().waitFor({ state: 'visible' })
    await page.keyboard.press('Escape')
    await page.getByText('Refund order 1207').first().waitFor({ state: 'hidden' })
    await page.getByText('All records', { exact: true }).click()
    await page.waitForURL(/view=all/)
    assert.ok((await page.locator('[data-record-id]').count()) > 6)
    await page.getByText('States', { exact: true }).click()
    await page.waitForURL((url) => !url.searchParams.has('view'))
    assert.equal(await page.locator('[data-record-id]').count(), 6)
    await page.getByText('UTC', { exact: true }).last().click()
    await page.waitForURL(/zone=/)
    assert.match(await page.locator('table').innerText(), /Log Timestamp\s*\(UTC\)/)
    await look(page, 'audit-utc')
  })

  it('the rest of the pages stand', async () => {
    const page = audience.pageOf('admin')
    for (const path of [
      '/sessions',
      '/history',
      '/audit',
      '/data-sources',
      '/data-sources/new',
      '/roles',
      '/roles/new',
      '/users',
      '/users/new',
      '/nowhere',
    ]) {
      await page.goto(install.portalUrl + path)
      await look(page, path.slice(1).replaceAll('/', '-'))
    }
  })
})
