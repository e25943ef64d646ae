import assert from 'node:assert/strict'
import type { Browser, Page } from 'playwright-core'
import { appendRecord } from '../../db/audit-log.ts'
import { storeTime } from '../../db/store.ts'
import { openAuditRoom, type AuditRoom } from '../support/audit-room.ts'
import { collectComplaints, launchBrowser } from '../support/browser.ts'
import { look } from '../support/look.ts'
import { PASSWORD } from '../support/portal.ts'

const NEWS_MS = 30_000
/** One whose millisecond is its own. */
const TYPED_ROW = 10
const DENSE = { width: 1440, height: 900 }

describe('the Audit tab, in a browser', () => {
  let room: AuditRoom
  let browser: Browser
  let page: Page
  const complaints: string[][] = []

  before(async () => {
    room = await openAuditRoom('Refund <b>1207</b> \u202eturned, مرحبا, 退款')
    browser = await launchBrowser()
    page = await signInFrom('Europe/Warsaw')
  })
  after(async () => {
    await browser.close()
    await room.close()
  })
  afterEach('no page complained', () => {
    // an answer that brings a form back is a 422, which the browser prints
    const said = complaints.flatMap((lines) => lines.splice(0))
    const told = said.filter((line) => !line.includes('422'))
    assert.deepEqual(told, [])
  })

  /** audrey at a browser of her own, somewhere. */
  async function signInFrom(timezoneId: string): Promise<Page> {
    const context = await browser.newContext({ locale: 'en-GB', timezoneId, viewport: DENSE })
    const opened = await context.newPage()
    complaints.push(collectComplaints(opened))
    await opened.goto(`${room.url}/sign-in`)
    await opened.getByLabel('Username').fill('audrey')
    await opened.getByLabel('Password').fill(PASSWORD)
    await opened.getByRole('button', { name: 'Sign in' }).click()
    await opened.waitForURL((url) => url.pathname !== '/sign-in')
    return opened
  }

  const lookAt = async (name: string): Promise<void> => {
    await look(page, name)
    await page.setViewportSize(DENSE)
  }
  const open = (path: string) => page.goto(`${room.url}${path}`)
  const rowsOf = (at: Page) => at.locator('[data-rows] tbody tr')
  const heading = (at: Page) => at.locator('th.col-at').innerText()

  it('shows at least 25 records at once, and no column is cut', async () => {
    await open('/audit')
    // runs in the page, whose globals are not ours
    const seen = Number(
      await page.evaluate(
        `[...document.querySelectorAll('[data-rows] tbody tr')]
           .filter((row) => row.getBoundingClientRect().bottom <= 900).length`,
      ),
    )
    assert.ok(seen >= 25, `${String(seen)} rows`)
    await page.setViewportSize({ width: 1280, height: 900 })
    const hidden = await page.evaluate<unknown>(
      `(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.ledger-scroll'))`,
    )
    assert.equal(hidden, 0, 'Client IP is in sight')
    await page.setViewportSize(DENSE)
    await lookAt('audit')
  })

  for (const view of ['Resource audit', 'User audit', 'Task audit', 'All records']) {
    it(`shows ${view}, whose rows say what they are about`, async () => {
      await open('/audit')
      await page.getByRole('link', { name: view }).click()
      await page.waitForURL(/view=/)
      assert.ok((await rowsOf(page).count()) > 10)
      await lookAt(`audit-${view.toLowerCase().replace(' ', '-')}`)
    })
  }

  it('narrows by what is ticked and typed in the panel', async () => {
    await open('/audit?view=all')
    await page.getByText('Filter by column').click()
    await look(page, 'audit-panel')
    await page.getByLabel(/^data sources/).check()
    await page.getByLabel(/^users \d/).check()
    await page.locator('#subject').fill('SHOP')
    await page.getByRole('button', { name: 'Apply', exact: true }).click()
    await page.waitForURL(/area=/)
    const cells = await rowsOf(page).locator('td code').allInnerTexts()
    assert.ok(cells.length > 5 && cells.every((text) => text.startsWith('data_source.')))
    await page.getByRole('link', { name: /Remove filter Subject/ }).click()
    await rowsOf(page).getByText('user.role_changed').first().waitFor()
  })

  it('goes from record to record by keys, and not while somebody types', async () => {
    await open('/audit')
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('k')
    const focused = 'document.activeElement.closest("tr").dataset.recordId'
    const second = await rowsOf(page).nth(1).getAttribute('data-record-id')
    assert.equal(await page.evaluate(focused), second)
    await page.keyboard.press('/')
    await page.keyboard.type('jk?/')
    assert.equal(await page.locator('#q').inputValue(), 'jk?/')
    await page.locator('h1').click()
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await lookAt('audit-keys')
    await page.getByLabel('Use these keys in this browser').uncheck()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'hidden' })
    await page.locator('h1').click()
    await page.keyboard.press('?')
    assert.equal(await page.getByRole('dialog', { name: 'Keys' }).count(), 0, 'switched off')
    await page.getByRole('button', { name: 'Keys' }).click()
    await page.getByLabel('Use these keys in this browser').check()
    await page.keyboard.press('Escape')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/audit\/[0-9a-f-]{36}/)
  })

  it('shows one record whole, and leads to the next of the same filter', async () => {
    await open('/audit?state=DENIED')
    await rowsOf(page).nth(1).locator('[data-open]').click()
    await page.getByText('Audit summary').waitFor()
    await lookAt('audit-record')
    await page.getByRole('link', { name: 'Older' }).click()
    await page.locator('article [data-state="DENIED"]').waitFor()
    await page.getByRole('link', { name: 'Newer' }).click()
    await page.getByRole('link', { name: 'Newer' }).click()
    await page.locator('article [data-state="DENIED"]').waitFor()
    await page.emulateMedia({ media: 'print' })
    assert.equal(await page.getByRole('link', { name: 'Older' }).isVisible(), false)
    assert.equal(await page.getByText('Canonical record').isVisible(), true)
    await page.emulateMedia({ media: 'screen' })
  })

  it('shows the columns of choice, and again at the next sign-in', async () => {
    await open('/audit')
    await page.getByRole('button', { name: 'Columns' }).click()
    await lookAt('audit-columns')
    await page.getByLabel('Account ID').last().check()
    await page.getByLabel('Scope').last().uncheck()
    await page.getByRole('button', { name: 'Show columns' }).click()
    await page.getByRole('columnheader', { name: 'Account ID' }).waitFor()
    const other = await signInFrom('Europe/Warsaw')
    await other.goto(`${room.url}/audit`)
    await other.getByRole('columnheader', { name: 'Account ID' }).waitFor()
    assert.equal(await other.getByRole('columnheader', { name: 'Scope' }).count(), 0)
    await other.getByRole('button', { name: 'Columns' }).click()
    await other.getByRole('link', { name: 'As they come' }).click()
    await other.getByRole('columnheader', { name: 'Scope' }).waitFor()
    await other.context().close()
  })

  it('saves a filter under a name, opens it, renames and deletes it', async () => {
    await open('/audit/filters')
    await lookAt('audit-no-saved-filters')
    await open('/audit?range=7d&state=DENIED&role=role3')
    await page.getByRole('button', { name: 'Saved filters' }).click()
    await page.getByRole('link', { name: 'Save this filter' }).click()
    await page.getByLabel('Name').fill('Denied last week')
    await page.getByLabel('Share with every Audit User').check()
    await lookAt('audit-save-filter')
    await page.getByRole('button', { name: 'Save filter' }).click()
    await page.waitForURL(/range=7d/)
    assert.match(await page.locator('[data-flash]').innerText(), /Denied last week was saved/)
    await open('/audit/filters')
    await page.getByText('Rename or share').click()
    await page.locator('.saved-list').getByLabel('Name').fill('')
    await page.getByRole('button', { name: 'Keep' }).click()
    await page.getByText('Give the filter a name.').waitFor()
    await page.locator('.saved-list').getByLabel('Name').fill('Denied')
    await page.getByRole('button', { name: 'Keep' }).click()
    await page.getByRole('link', { name: 'Denied', exact: true }).waitFor()
    await lookAt('audit-saved-filters')
    await page.getByText('Delete', { exact: true }).click()
    await page.getByRole('button', { name: 'Delete Denied' }).click()
    await page.getByText('No saved filters yet').waitFor()
  })

  it('tells of records that came since, and moves nothing', async () => {
    await open('/audit')
    const first = await rowsOf(page).first().getAttribute('data-record-id')
    await room.world.portal.change(async (tx) =>
      appendRecord(tx, room.world.origins.mark, await storeTime(tx), {
        action: 'session.denied',
        area: 'sessions',
        outcome: 'ok',
        scope: 'session',
        state: 'DENIED',
      }),
    )
    await page.getByRole('link', { name: '1 new record' }).waitFor({ timeout: NEWS_MS })
    assert.equal(await rowsOf(page).first().getAttribute('data-record-id'), first)
    await page.getByRole('link', { name: '1 new record' }).click()
    await page.waitForFunction(
      `document.querySelector('[data-rows] tbody tr').dataset.recordId !== '${first ?? ''}'`,
    )
  })

  it('says what it looked through where nothing is found', async () => {
    await open('/audit?q=nowhere-at-all')
    await page.getByText(/was looked for in action, actor/).waitFor()
    await lookAt('audit-nothing-found')
  })

  it('asks which of two instants a local time means, at its field', async () => {
    await open('/audit?zone=Europe/Warsaw&since=2025-10-26T02:30')
    await page.getByText(/comes twice in Europe\/Warsaw/).waitFor()
    await lookAt('audit-time-twice')
    const which = page.getByRole('group', { name: 'Which 02:30 on 2025-10-26' })
    await which.locator('label', { hasText: 'the second, UTC +1' }).click()
    await page.getByRole('button', { name: 'Apply filters' }).click()
    await page.getByRole('link', { name: /Since 2025-10-26 02:30:00 UTC \+1/ }).waitFor()
    // sent again as the form stands, it is not asked again
    await page.locator('#q').fill('ticket')
    await page.getByRole('button', { name: 'Apply filters' }).click()
    await page.getByRole('link', { name: /Free text ticket/ }).waitFor()
    await page.getByRole('link', { name: /Since 2025-10-26 02:30:00 UTC \+1/ }).waitFor()
  })

  for (const [zone, offset] of [
    ['Europe/Warsaw', /UTC \+[12]\)$/],
    ['America/New_York', /UTC -[45]\)$/],
    ['UTC', /\(UTC\)$/],
    ['Asia/Kolkata', /UTC \+5:30\)$/],
  ] as const) {
    it(`reads and shows times as they are in ${zone}`, async () => {
      const there = await signInFrom(zone)
      await there.goto(`${room.url}/audit?zone=central`)
      assert.match(await heading(there), /UTC \+5:30\)$/)
      await there.locator('label', { hasText: 'Local Timezone' }).click()
      // Chromium still says Asia/Calcutta
      const own = await there.evaluate('Intl.DateTimeFormat().resolvedOptions().timeZone')
      await there.waitForURL((url) => url.searchParams.get('zone') === own)
      assert.match(await heading(there), offset)
      // a row's time, typed as Until, leaves it the first
      const row = rowsOf(there).nth(TYPED_ROW)
      const time = row.locator('time').first()
      const iso = (await time.getAttribute('datetime')) ?? ''
      const id = await row.getAttribute('data-record-id')
      await there
        .locator('#until')
        .fill(`${(await time.innerText()).slice(0, 19).replace(' ', 'T')}.${iso.slice(20, 23)}`)
      await there.getByRole('button', { name: 'Apply filters' }).click()
      await there.waitForURL(/until=/)
      assert.equal(await rowsOf(there).first().getAttribute('data-record-id'), id)
      await there.context().close()
    })
  }

  it('shows local times in the zone of the browser one sits at now', async () => {
    const here = await signInFrom('America/New_York')
    await here.goto(`${room.url}/audit?zone=central`)
    await here.locator('label', { hasText: 'Local Timezone' }).click()
    await here.waitForURL(/New_York/)
    await here.context().close()
    const there = await signInFrom('Europe/Warsaw')
    await there.goto(`${room.url}/audit`)
    await there.waitForURL(/Warsaw/)
    assert.match(await heading(there), /UTC \+[12]\)$/)
    await there.locator('label', { hasText: 'Central Manager' }).click()
    await there.waitForURL(/zone=central/)
    await there.context().close()
  })

  it('works without a script', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false, viewport: DENSE })
    const plain = await context.newPage()
    await plain.goto(`${room.url}/sign-in`)
    await plain.getByLabel('Username').fill('audrey')
    await plain.getByLabel('Password').fill(PASSWORD)
    await plain.getByRole('button', { name: 'Sign in' }).click()
    await plain.goto(`${room.url}/audit`)
    await plain.getByRole('link', { name: 'Last hour' }).click()
    await plain.getByRole('link', { name: /Last hour: Since/ }).waitFor()
    await plain.getByText('Filter by column').click()
    await plain.getByLabel(/^GRANTED/).check()
    await plain.getByRole('button', { name: 'Apply', exact: true }).click()
    await plain.getByRole('link', { name: /Status GRANTED/ }).waitFor()
    await plain.getByRole('link', { name: /Last hour: Since/ }).waitFor()
    await plain.getByRole('button', { name: 'Columns' }).click()
    await plain.getByLabel('Area').last().check()
    await plain.getByRole('button', { name: 'Show columns' }).click()
    await plain.getByRole('columnheader', { name: 'Area' }).waitFor()
    await plain.goto(`${room.url}/audit?columns=default`)
    await context.close()
  })
})
