import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { rows } from '../../db/store.ts'
import { openAudience, type Audience } from '../support/audience.ts'
import { makeBroker, type HandBroker } from '../support/broker.ts'
import { look } from '../support/look.ts'
import { PASSWORD } from '../support/portal.ts'
import { serve, type Served } from '../support/served.ts'
import { makeWorld, type World } from '../support/world.ts'

const FILLED =
  '/sessions/new?dataSource=shop&roles=role2&roles=role3&minutes=45&when=approval&justification=OPS-12'

describe('asking, deciding and tidying up, in a browser', () => {
  let world: World
  let served: Served
  let audience: Audience
  let broker: HandBroker
  let portalUrl: string
  let mark: Page
  let admin: Page
  let id = ''

  before(async () => {
    world = await makeWorld()
    served = await serve(world)
    broker = makeBroker(world)
    portalUrl = served.url
    const accounts = { people: [], storeUrl: '', dataSources: [] }
    audience = await openAudience({ portalUrl, accounts })
    mark = await audience.signIn('mark', PASSWORD)
    admin = await audience.signIn('admin', PASSWORD)
  })
  after(async () => {
    await audience.close()
    await served.close()
  })
  afterEach('no page complained', () => {
    assert.deepEqual(audience.complaints(), [])
  })

  it('empty lists teach', async () => {
    for (const [path, name] of [
      ['/sessions', 'sessions-none'],
      ['/history', 'history-none'],
    ] as const) {
      await mark.goto(portalUrl + path)
      await look(mark, name)
    }
    await admin.goto(`${portalUrl}/approvals`)
    await admin.getByRole('heading', { name: 'Nothing waits for you' }).waitFor()
    await look(admin, 'approvals-none')
    await admin.goto(`${portalUrl}/users?status=locked`)
    await look(admin, 'users-none-locked')
  })

  it('a link fills the form in and shows what it would mean before anything is sent', async () => {
    await mark.goto(portalUrl + FILLED)
    const preview = mark.locator('#preview')
    assert.match(await preview.innerText(), /45 min after that/)
    assert.match(await preview.innerText(), /role3\s+Approved by admin/)
    // the browser's own zone beside Central Manager's, as soon as it is known
    await preview.locator('.also').first().waitFor()
    assert.match(await preview.locator('.also').first().innerText(), /UTC -[45]$/)
    await look(mark, 'request-filled')
    await mark.getByRole('button', { name: 'Request access' }).click()
    await mark.waitForURL(/\/sessions\/\d+$/)
    id = new URL(mark.url()).pathname.split('/').at(-1) ?? ''
  })

  it('a request appears by itself, with what is unusual about it, and is approved with a comment', async () => {
    await admin.goto(`${portalUrl}/approvals`)
    const card = admin.locator(`[data-session-id="${id}"]`)
    assert.match(await card.innerText(), /long 45 min; role2 is usually lent for 30 min/)
    await look(admin, 'approvals-tagged')
    const later = await ask('john', ['role3'])
    await admin.locator(`[data-session-id="${later}"]`).waitFor({ timeout: 10_000 })
    await card.getByLabel('Comment').fill('fine with me')
    await card.getByRole('button', { name: /^Approve/ }).click()
    await admin.locator('[data-flash]', { hasText: `Session ${id} has all` }).waitFor()
    assert.equal(new URL(admin.url()).pathname, '/approvals')
    await look(admin, 'approvals-decided')
    await admin.getByRole('link', { name: `Next request: session ${later}` }).click()
    await admin.locator(`#request-${later}:focus`).waitFor()
    await broker.tick()
  })

  it('an open window has a bar that runs by itself', async () => {
    await rows(
      world.owner.db,
      `update sessions
          set start_at = now() - interval '20 seconds', end_at = now() + interval '20 seconds'
        where id = :id`,
      { id },
    )
    await mark.goto(`${portalUrl}/sessions`)
    const bar = mark.locator(`[data-session-id="${id}"] progress`)
    const first = Number(await bar.getAttribute('value'))
    assert.ok(first >= 45 && first <= 75, String(first))
    await mark.waitForFunction(
      ([selector, value]) => {
        const page = globalThis as unknown as {
          document: { querySelector(of: unknown): { value: number } | null }
        }
        return (page.document.querySelector(selector)?.value ?? 0) > value + 3
      },
      [`[data-session-id="${id}"] progress`, first] as const,
      { timeout: 5_000 },
    )
    await look(mark, 'sessions-open')
  })

  it('is canceled from the list with a reason, asked for again, hidden, and found again', async () => {
    const row = mark.locator(`[data-session-id="${id}"]`)
    await row.getByText('Cancel', { exact: true }).first().click()
    await row.getByLabel(/Reason/).fill('done early')
    await look(mark, 'sessions-canceling')
    await row.getByRole('button', { name: `Cancel session ${id}` }).click()
    await mark.waitForURL(/\/sessions\/\d+$/)
    await broker.tick()
    await mark.goto(`${portalUrl}/history`)
    assert.match(await row.innerText(), /canceled by mark: done early/)
    await look(mark, 'history')
    await row.getByRole('button', { name: 'Hide' }).click()
    await mark.locator('[data-flash]', { hasText: 'is hidden from the lists' }).waitFor()
    assert.equal(await row.count(), 0)
    await mark.getByLabel('Show deleted').check()
    await mark.waitForURL(/deleted=true/)
    assert.match(await row.innerText(), /hidden/)
    await look(mark, 'history-deleted')
    // side by side at 1280, not below each other
    const acts = await row.locator('.acts > *').all()
    const boxes = await Promise.all(acts.map((act) => act.boundingBox()))
    const middles = boxes.map((box) => (box === null ? -1 : box.y + box.height / 2))
    assert.equal(middles.length, 2)
    assert.ok(Math.max(...middles) - Math.min(...middles) < 8, middles.join())
    const [ended] = await row.getByText(/^Ended /).allInnerTexts()
    assert.match(ended ?? '', /^Ended [^\n]*, canceled by mark: done early$/)
    await row.getByRole('link', { name: /Request again/ }).click()
    assert.equal(await mark.getByLabel('Justification').inputValue(), 'OPS-12')
  })

  it('says who was quicker', async () => {
    const late = await ask('mark', ['role1', 'role3'])
    await admin.goto(`${portalUrl}/approvals`)
    const card = admin.locator(`[data-session-id="${late}"]`)
    // typing keeps the card where it is
    await card.getByLabel('Comment').fill('fine')
    assert.equal(
      (await served.portal.api('john').post(`/sessions/${late}/denial`, { reason: 'no' })).status,
      200,
    )
    await card.getByRole('button', { name: /^Approve/ }).click()
    await admin.getByRole('heading', { name: 'Already decided' }).waitFor()
    assert.match(await admin.locator('main').innerText(), /is DENIED already by john/)
    // the browser tells of every answer that is not 2xx
    assert.match(audience.complaints().join(), /409/)
    await look(admin, 'already-decided')
  })

  it('an admin ends everything with one reason', async () => {
    await admin.goto(`${portalUrl}/sessions`)
    await admin.getByText('Terminate all').first().click()
    const form = admin.locator('.terminate-all')
    assert.match(await form.innerText(), /Ends \d+ sessions? under way/)
    await form.getByLabel('Reason').fill('maintenance')
    await look(admin, 'sessions-terminating-all')
    await form.getByRole('button', { name: 'Terminate all' }).click()
    await admin.locator('[data-flash]', { hasText: /terminated\.$/ }).waitFor()
    await admin.goto(`${portalUrl}/history`)
    assert.match(await admin.locator('main').innerText(), /terminated by admin: maintenance/)
  })

  it('roles, users and data sources are tables with the same order of columns', async () => {
    for (const name of ['roles', 'users', 'data-sources', 'groups'] as const) {
      await admin.goto(`${portalUrl}/${name}`)
      await look(admin, name)
    }
  })

  async function ask(who: 'mark' | 'john', roles: string[]): Promise<string> {
    const asked = { dataSource: 'shop', roles, minutes: 20, justification: 'ticket 7' }
    const answer = await served.portal.api(who).post('/sessions', asked)
    const { id: made } = answer.body as { id?: unknown }
    assert.ok(typeof made === 'string', answer.text)
    return made
  }
})
