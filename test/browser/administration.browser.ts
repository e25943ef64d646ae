import assert from 'node:assert/strict'
import pg from 'pg'
import type { Page } from 'playwright-core'
import { openAudience, type Audience } from '../support/audience.ts'
import { startInstall, type Install } from '../support/install.ts'
import { look } from '../support/look.ts'

const BOSS_PASSWORD = 'a second pair of eyes'

describe('administration and more time, in a browser', () => {
  let install: Install
  let audience: Audience
  const endings: (() => Promise<void>)[] = []
  /** How often mark's page was loaded anew. */
  let loads = 0
  let session = ''

  before(async () => {
    install = await startInstall({ DAYPASS_TIME_ZONE: 'Europe/Warsaw' })
    endings.push(() => install.stop())
    audience = await openAudience(install)
    endings.push(() => audience.close())
  })

  after(async () => {
    for (const end of endings.reverse()) await end()
  })

  afterEach('no page complained', () => {
    // a refused form and a page that is not there are said on the console too
    const said = audience.complaints().filter((text) => !text.startsWith('Failed to load resource'))
    assert.deepEqual(said, [])
  })

  it('admin finds every page of administration in one row, and adds a second admin', async () => {
    const page = await audience.signIn('admin')
    await page.getByRole('link', { name: 'Administration' }).click()
    const below = page.getByRole('list', { name: 'Administration' }).getByRole('link')
    const names = await below.allInnerTexts()
    assert.deepEqual(
      names.map((name) => name.trim()),
      [
        'Data sources',
        'Roles',
        'Groups',
        'Users',
        'Applications',
        'User sign-ins',
        'Policy',
        'Second factors',
      ],
    )
    const bar = await page.locator('.bar').boundingBox()
    assert.ok(bar && bar.height < 100, `two rows, not ${String(bar?.height)} px`)
    await below.filter({ hasText: 'Users' }).click()
    await page.getByRole('link', { name: /Add/ }).click()
    await page.getByLabel('Username').fill('boss')
    await page.getByLabel('First password').fill(BOSS_PASSWORD)
    await page.getByRole('radio', { name: 'Admin' }).check()
    await page.getByRole('button', { name: /Add/ }).click()
    assert.match(await flashOf(page), /boss was added/)
  })

  it('a role and a data source are tested by a click; the answer comes by itself', async () => {
    const page = audience.pageOf('admin')
    for (const path of ['/roles', '/data-sources']) {
      await open(page, path)
      await look(page, `before-test${path.replace('/', '-')}`)
      await page.getByRole('button', { name: 'Test', exact: true }).first().click()
      await page.waitForURL(/\/checks\//)
      await page.locator('[data-check-id] [role="status"]', { hasText: 'in order' }).waitFor()
      await look(page, `check${path.replace('/', '-')}`)
      await page.getByRole('button', { name: 'Test again' }).waitFor()
    }
  })

  it('0 approvals wait for a second admin, who alone may apply them', async () => {
    const page = audience.pageOf('admin')
    await open(page, '/roles')
    await page.getByRole('link', { name: 'role1' }).click()
    await page.getByLabel('Approvals needed').fill('0')
    await page.getByRole('button', { name: 'Save' }).click()
    assert.match(await flashOf(page), /waits for a second one/)
    assert.equal(await page.getByLabel('Approvals needed').inputValue(), '1')
    await look(page, 'role-terms')
    await open(page, '/policy')
    assert.equal(await page.getByRole('button', { name: 'Apply' }).count(), 0)
    assert.equal(await page.getByRole('button', { name: 'Withdraw' }).count(), 1)
    const second = await audience.signIn('boss', BOSS_PASSWORD)
    await open(second, '/policy')
    await look(second, 'policy-proposed')
    await second.getByRole('button', { name: 'Apply' }).click()
    assert.match(await flashOf(second), /role1 takes 0 approvals now/)
    assert.equal(await second.locator('[data-proposal-id]').count(), 0)
    await second
      .getByRole('link', { name: /^Version/ })
      .first()
      .click()
    await second.locator('del', { hasText: '1' }).first().waitFor()
    await look(second, 'policy-version')
  })

  it('rules and groups are changed by forms that say what is wrong at the field', async () => {
    const page = audience.pageOf('admin')
    await open(page, '/policy')
    await page.getByRole('link', { name: /Change the time-to-live/ }).click()
    await page.getByLabel('Minutes').fill('2880')
    await page.getByRole('button', { name: 'Save' }).click()
    assert.match(await page.locator('main').innerText(), /2 days where the window counts/)
    await page.getByRole('link', { name: /Change the global justification/ }).click()
    await page.getByLabel('Justification must match').fill('(')
    await page.getByRole('button', { name: 'Save' }).last().click()
    await page.locator('#justificationPattern-error').waitFor()
    await look(page, 'justification-refused')
    await open(page, '/groups')
    await look(page, 'groups')
    await page.getByRole('link', { name: 'Order writers' }).click()
    await page.getByLabel('boss').check()
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('button', { name: 'Take out boss' }).waitFor()
    await look(page, 'group')
    await open(page, '/groups/new')
    await look(page, 'group-fresh')
    await open(page, '/data-sources')
    await page.getByRole('link', { name: 'shop' }).click()
    await look(page, 'data-source-terms')
  })

  it('mark says when to give up, is told when the request dies, and reminded of its end', async () => {
    const page = await audience.signIn('mark')
    await open(page, '/sessions/new')
    await page.getByLabel(/role3/).check()
    await page.getByLabel('Minutes', { exact: true }).fill('8')
    await page.getByLabel(/Lapses if not/).fill('5')
    await page.getByLabel(/Justification/).fill('Refund order 1207')
    await page.locator('#preview', { hasText: /lapses/i }).waitFor()
    await look(page, 'request-with-ttl')
    await page.getByRole('button', { name: 'Request access' }).click()
    await page.waitForURL(/\/sessions\/[0-9]+$/)
    session = new URL(page.url()).pathname
    page.on('load', () => (loads += 1))
    const boss = audience.pageOf('boss')
    await open(boss, '/approvals')
    await boss.getByRole('button', { name: /^Approve/ }).click()
    await page.getByRole('button', { name: 'Ask for more time' }).waitFor({ timeout: 30_000 })
    await look(page, 'session-more-time')
    await open(page, '/history')
    assert.match(await page.locator('.reminders').innerText(), /ends in\s+[67]:[0-9]{2} min/)
    await look(page, 'reminded')
  })

  it('more time is approved by somebody else, and the countdown follows by itself', async () => {
    const page = audience.pageOf('mark')
    await open(page, session)
    const end = page.locator('.pass dt:text-is("Planned end") + dd time')
    const before = await end.getAttribute('datetime')
    await page.getByLabel('Minutes more').fill('15')
    await page.getByLabel('Why').fill('It takes longer')
    await page.getByRole('button', { name: 'Ask for more time' }).click()
    await page.locator('[data-extension-id]').waitFor()
    assert.equal(await page.getByRole('button', { name: /Approve/ }).count(), 0)
    await look(page, 'session-asks')
    loads = 0
    const admin = audience.pageOf('admin')
    await open(admin, '/approvals')
    await look(admin, 'approvals-more-time')
    await admin.getByRole('button', { name: /Approve more time/ }).click()
    await page.locator('.timeline', { hasText: 'The end of the session was moved' }).waitFor()
    const after = (await end.getAttribute('datetime')) ?? ''
    assert.equal(Date.parse(after) - Date.parse(before ?? ''), 15 * 60_000)
    assert.match(await page.locator('.pass [data-left]').innerText(), /^2[0-3] min$/)
    assert.equal(loads, 0, 'by itself, not by a reload')
    await look(page, 'session-extended')
  })

  it('what a session left behind stands on its page; the same is asked for again by a click', async () => {
    const page = audience.pageOf('mark')
    await page.getByRole('button', { name: 'Make a credential' }).click()
    const client = new pg.Client(await page.locator('#credential-url').innerText())
    await client.connect()
    await client.query('select lo_create(4711)')
    await client.end()
    await page.getByText('Cancel session').first().click()
    await page.getByRole('button', { name: 'Cancel session' }).click()
    const left = page.locator('#residue [data-residue="left behind"]')
    await left.waitFor({ timeout: 45_000 })
    assert.match(await left.innerText(), /large object 4711/)
    assert.doesNotMatch(await page.locator('.timeline').innerText(), /task\.|session\./)
    await look(page, 'session-residue')
    await page.getByRole('button', { name: 'Request again' }).click()
    await page.waitForURL(
      (url) => /^\/sessions\/[0-9]+$/.test(url.pathname) && url.pathname !== session,
    )
    assert.match(await page.locator('.pass').innerText(), /CREATED[\s\S]*Refund order 1207/)
  })

  it('approvers are shown what makes a role dangerous', async () => {
    await asSuperuser('grant create on schema public to shop_write_orders')
    const page = audience.pageOf('admin')
    await open(page, '/roles')
    await page.locator('tr', { hasText: 'role3' }).getByRole('button', { name: 'Test' }).click()
    await page.locator('[data-check-id]', { hasText: 'too powerful to lend' }).waitFor()
    await look(page, 'check-danger')
    await open(page, '/approvals')
    await page.getByText(/dangerous: may create in schema public/).waitFor()
    await look(page, 'approvals-danger')
  })

  it('tasks and alerts tell what Daypass did by itself and what does not hold', async () => {
    const page = audience.pageOf('admin')
    await page.getByRole('link', { name: /Alerts/ }).click()
    assert.match(await page.locator('main').innerText(), /A session left something behind/)
    await look(page, 'alerts')
    await page.getByRole('link', { name: 'Alert rules' }).click()
    await look(page, 'alert-rules')
    await page.getByRole('link', { name: 'Tasks' }).click()
    for (const task of ['Grant a session', 'Extend a session', 'Remove a session user']) {
      await page.getByRole('link', { name: task }).first().waitFor()
    }
    await look(page, 'tasks')
    await page.getByLabel('Result').selectOption('failed')
    await page.getByRole('button', { name: 'Apply filters' }).click()
    await look(page, 'tasks-filtered')
  })

  async function open(page: Page, path: string): Promise<void> {
    await page.goto(install.portalUrl + path)
  }

  async function asSuperuser(statement: string): Promise<void> {
    const client = new pg.Client(install.accounts.dataSources[0]?.superuserUrl)
    await client.connect()
    await client.query(statement)
    await client.end()
  }
})

function flashOf(page: Page): Promise<string> {
  return page.locator('[data-flash]').innerText()
}
