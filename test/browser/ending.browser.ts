import assert from 'node:assert/strict'
import type { Browser, Page } from 'playwright-core'
import { makeBroker } from '../support/broker.ts'
import { collectComplaints, launchBrowser, sidewaysScroll } from '../support/browser.ts'
import { look } from '../support/look.ts'
import { PASSWORD } from '../support/portal.ts'
import { bodyOf } from '../support/problem.ts'
import { recordConnection } from '../support/recorded-session.ts'
import { serve, type Served } from '../support/served.ts'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import { rows } from '../../db/store.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

const LONG = `Refunds of order 1207.\n\n${'Each region is done for itself. '.repeat(60)}`.slice(
  0,
  1_990,
)
const NAMES = { mark: 'Mark Rivera', john: 'John Park', admin: 'Ada Lind' }
/** Runs in the page: how far the form of an end lies below the top, in windows. */
const FOOT_BELOW = `document.querySelector('.coupon-foot').getBoundingClientRect().top / innerHeight`

describe('ending a session and reading about it, in a browser', () => {
  let world: World
  let served: Served
  let browser: Browser
  const complaints: string[][] = []

  before(async () => {
    world = await makeWorld()
    for (const [username, name] of Object.entries(NAMES)) {
      await rows(
        world.owner.db,
        'update people set display_name = :name where username = :username',
        {
          name,
          username,
        },
      )
    }
    served = await serve(world)
    browser = await launchBrowser()
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

  it('an end stands in the first window, and asks for its reason where one types', async () => {
    const id = await ask(['role2'], LONG)
    await makeBroker(world).tick()
    const admin = await signIn('admin')
    await admin.goto(`${served.url}/sessions/${id}`)
    assert.ok(Number(await admin.evaluate(FOOT_BELOW)) < 1)
    await admin.getByText(`Terminate session ${id}`).first().click()
    await admin.locator('#terminate-reason:focus').waitFor()
    await admin.getByText('mark loses every connection at once').waitFor()
    await look(admin, 'session-terminating')
    await admin.goto(`${served.url}/sessions/${id}`)
    await admin.getByRole('link', { name: 'End it' }).click()
    await admin.locator('#terminate-reason:focus').waitFor()
    await admin.keyboard.type('maintenance')
    await admin.keyboard.press('Enter')
    await admin.locator('.pass [data-state="TERMINATED"]').waitFor()
    assert.match(
      await admin.locator('.pass').innerText(),
      /Terminated[^]*Ada Lind \(admin\)[^]*maintenance[^]*Justification/,
    )
    await look(admin, 'session-terminated-just-now')
    await admin.context().close()
  })

  it('a fold opens by keyboard, and stays open when what is around it changes', async () => {
    const id = await ask(['role1', 'role3'], LONG)
    const mark = await signIn('mark')
    await mark.goto(`${served.url}/sessions/${id}`)
    const fold = mark.locator('.pass details.fold')
    await look(mark, 'session-folded')
    await fold.locator('summary').focus()
    await mark.keyboard.press('Enter')
    const whole = await mark.locator('.pass').innerText()
    assert.equal(whole.match(/\bregion\b/g)?.length, 60)
    await mark.locator('h1').click()
    await decide('john', id)
    await mark.locator('.pass', { hasText: '1 of 2 approvals' }).waitFor({ timeout: 20_000 })
    assert.equal(await fold.getAttribute('open'), '')
    await look(mark, 'session-unfolded')
    await decide('admin', id)
    await mark.context().close()
  })

  it('a denial asks for its reason at once, and leads to the next request', async () => {
    const [first, second] = [await ask(['role1'], LONG), await ask(['role1'], 'ticket 8')]
    const john = await signIn('john')
    await john.goto(`${served.url}/approvals`)
    await john.getByText(`Deny session ${first}`).first().click()
    await john.locator(`#reason-${first}:focus`).waitFor()
    await look(john, 'approvals-denying')
    await john.keyboard.type('not today')
    await john.getByRole('button', { name: `Deny session ${first}` }).click()
    await john.locator('[data-flash]', { hasText: 'mark sees your reason' }).waitFor()
    const next = john.locator(`[data-session-id="${second}"]`)
    assert.ok(((await next.boundingBox())?.y ?? Infinity) < 400)
    await john.context().close()
  })

  it('a link to a statement is copied, and says whose it is where it is opened', async () => {
    const id = await ask(['role2'], 'ticket 7')
    await makeBroker(world).tick()
    const connection = await recordConnection(world, id, { at: '2026-11-23T10:00:00Z' })
    await connection.add({ text: 'select 1' }, { text: 'select 2' })
    const mark = await signIn('mark')
    await mark.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    const address = `${served.url}/sessions/${id}/statements/${connection.id}/2`
    await mark.goto(`${address}?from=mail#end`)
    await mark.getByRole('heading', { name: 'Statement 2 of connection 1' }).waitFor()
    await mark.getByRole('button', { name: 'Copy link' }).click()
    await mark.getByRole('button', { name: 'Copied' }).waitFor()
    // twice in a row must not make the button forget its own words
    await mark.getByRole('button', { name: 'Copied' }).click()
    await mark.getByRole('button', { name: 'Copy link' }).waitFor()
    assert.equal(await mark.evaluate('navigator.clipboard.readText()'), address)
    await look(mark, 'statement-whose')
    await mark.context().close()
  })

  it('without JavaScript folds open, and no button is shown that could not copy', async () => {
    const id = await ask(['role1'], LONG)
    const mark = await signIn('mark', false)
    await mark.goto(`${served.url}/sessions/${id}`)
    await mark.locator('.pass details.fold summary').click()
    assert.match(
      await mark.locator('.pass').innerText(),
      /(Each region is done for itself\.\s*){30}/,
    )
    await mark.setViewportSize({ width: 360, height: 740 })
    assert.equal(await sidewaysScroll(mark), 0)
    const granted = await ask(['role2'], 'ticket 7')
    await makeBroker(world).tick()
    const connection = await recordConnection(world, granted, { at: '2026-11-23T10:00:00Z' })
    await connection.add({ text: 'select 1' })
    await mark.goto(`${served.url}/sessions/${granted}/statements/${connection.id}/1`)
    await mark.getByText('2026-11-23 10:00:').first().waitFor()
    assert.equal(await mark.getByRole('button', { name: 'Copy link' }).count(), 0)
    await mark.context().close()
  })

  async function ask(roles: readonly string[], justification: string): Promise<SessionId> {
    const asked = { dataSource: 'shop', roles, minutes: 20, justification }
    const answer = await served.portal.api('mark').post('/sessions', asked)
    const id = parseSessionId(String(bodyOf(answer)['id']))
    assert.ok(id)
    return id
  }

  async function decide(who: Name, id: SessionId): Promise<void> {
    const answer = await served.portal.api(who).post(`/sessions/${id}/approval`, {})
    assert.equal(answer.status, 200, answer.text)
  }

  async function signIn(name: Name, javaScriptEnabled = true): Promise<Page> {
    const viewport = { width: 1280, height: 900 }
    const context = await browser.newContext({ javaScriptEnabled, locale: 'en-GB', viewport })
    const page = await context.newPage()
    complaints.push(collectComplaints(page))
    await page.goto(`${served.url}/sign-in`)
    await page.getByLabel('Username').fill(name)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Sign out' }).waitFor()
    return page
  }
})
