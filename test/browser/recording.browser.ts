import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Page } from 'playwright-core'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import type { SessionId } from '../../lib/ids.ts'
import { openAudience, type Audience } from '../support/audience.ts'
import { makeBroker } from '../support/broker.ts'
import { look } from '../support/look.ts'
import { PASSWORD } from '../support/portal.ts'
import { serve, type Served } from '../support/served.ts'
import { recordConnection } from '../support/recorded-session.ts'
import { makeWorld, type World } from '../support/world.ts'

const COPIED = createHash('sha256').update('1,2\n').digest('hex')
const LONG = `-- ${'a long report '.repeat(20)}\nselect ${'o.customer, '.repeat(9_500)} 'the end' from orders o`

describe('the recording of a session, in a browser', () => {
  let world: World
  let served: Served
  let audience: Audience
  let page: Page
  let id: SessionId
  let url = ''

  before(async () => {
    world = await makeWorld()
    served = await serve(world)
    url = served.url
    const accounts = { people: [], storeUrl: '', dataSources: [] }
    audience = await openAudience({ portalUrl: url, accounts })
    page = await audience.signIn('audrey', PASSWORD)
  })
  after(async () => {
    await audience.close()
    await served.close()
  })
  afterEach('no page complained', () => {
    assert.deepEqual(audience.complaints(), [])
  })

  it('says what a session is before anything ran in it', async () => {
    const mark = await audience.signIn('mark', PASSWORD)
    id = await ask('role2')
    await mark.goto(`${url}/sessions/${id}`)
    await mark.locator('#statements', { hasText: 'Nothing can run yet' }).waitFor()
    await look(mark, 'session-not-begun')
    await makeBroker(world).tick()
    await mark.goto(`${url}/sessions/${id}`)
    await mark.locator('#statements', { hasText: 'Nobody has connected yet' }).waitFor()
    await mark.locator('#user', { hasText: 'Made for this session alone' }).waitFor()
    await look(mark, 'session-nobody-connected')
  })

  it('tells the whole story on one page, in the light and in the dark, wide and small', async () => {
    await fill()
    await page.goto(`${url}/sessions/${id}`)
    const list = page.locator('#statements')
    for (const mark of ['Error', 'Write', 'DDL', 'May write', 'Gap', 'Skipped', 'Rolled back']) {
      await list.locator('.mark', { hasText: mark }).first().waitFor()
    }
    await list.getByText(COPIED).waitFor()
    await look(page, 'recording')
  })

  it('shows 100 kB, Arabic, Chinese and hidden characters, and breaks nothing', async () => {
    const list = page.locator('#statements')
    assert.match(await list.innerText(), /\\u202e/)
    assert.doesNotMatch(await list.innerText(), /\u202e/)
    await list.getByText('北京', { exact: false }).first().waitFor()
    await list.locator('bdi', { hasText: 'مدينة' }).first().waitFor()
    // colours lie over the text, which stays one piece
    const keywords = await page.evaluate<string[]>(
      `[...(CSS.highlights.get('sql-keyword') ?? [])].map(String)`,
    )
    assert.ok(keywords.length > 0)
    assert.deepEqual(
      keywords.filter((word) => !/^[a-z_]+$/i.test(word)),
      [],
    )
    assert.ok(keywords.includes('select'))
    const long = page.locator('[data-statement]', { hasText: 'a long report' })
    await long.locator('summary', { hasText: 'bytes in all' }).click()
    await long.getByRole('link', { name: 'The whole text' }).click()
    await page.waitForURL(/\/statements\//)
    assert.match(await page.locator('.sql.whole').innerText(), /'the end' from orders o$/)
    await page.goBack()
  })

  it('finds text, errors, writes and DDL, each by an address of its own', async () => {
    await page.goto(`${url}/sessions/${id}`)
    for (const [name, only] of [
      ['Errors', 'errors'],
      ['Writes', 'writes'],
      ['DDL', 'ddl'],
    ] as const) {
      await page
        .getByRole('navigation', { name: 'Which statements' })
        .getByRole('link', { name })
        .click()
      await page.waitForURL(new RegExp(`only=${only}`))
      assert.ok((await page.locator('#statements [data-statement]').count()) > 0, name)
    }
    await look(page, 'recording-ddl')
    await page.getByRole('link', { name: 'Show all' }).click()
    await page.getByLabel('Text, value or error').fill('北京')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.waitForURL(/q=/)
    assert.equal(await page.locator('#statements [data-statement]').count(), 2, 'one, and the gap')
    await look(page, 'recording-search')
  })

  it('opens one statement, with its neighbours and the way back to its place in the list', async () => {
    await page.goto(`${url}/sessions/${id}?only=errors`)
    await page
      .locator('tr.failed')
      .first()
      .getByRole('link', { name: /^Statement/ })
      .click()
    await page.getByRole('heading', { name: /^Statement [0-9]+ of connection [0-9]+$/ }).waitFor()
    assert.match(
      await page.locator('main').innerText(),
      /It failed, and what it had changed was taken back/,
    )
    assert.equal(await page.locator('tr[aria-current]').count(), 1)
    await look(page, 'statement')
    const number = await page.locator('tr[aria-current]').getAttribute('data-statement')
    await page.getByRole('link', { name: 'In the list' }).click()
    await page.waitForURL(/after=.*#s-/)
    const first = page.locator('#statements [data-statement]').first()
    assert.equal(await first.getAttribute('data-statement'), number)
  })

  it('downloads the recording as text and as JSON lines', async () => {
    await page.goto(`${url}/sessions/${id}`)
    for (const [name, file] of [
      ['Text', /\.txt$/],
      ['JSON lines', /\.jsonl$/],
    ] as const) {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.locator('#statements').getByRole('link', { name, exact: true }).click(),
      ])
      assert.match(download.suggestedFilename(), file)
      await download.delete()
    }
    await page.reload()
    await page.locator('#story', { hasText: 'audrey downloaded the recording' }).waitFor()
  })

  it('works without JavaScript', async () => {
    const context = await page.context().browser()?.newContext({ javaScriptEnabled: false })
    assert.ok(context)
    await context.addCookies(await page.context().cookies())
    const plain = await context.newPage()
    await plain.goto(`${url}/sessions/${id}`)
    await plain.getByLabel('Text, value or error').fill('no_such_table')
    await plain.getByRole('button', { name: 'Search' }).click()
    assert.match(plain.url(), /q=no_such_table/)
    await plain.locator('tr.failed').first().waitFor()
    await context.close()
  })

  async function ask(role: string): Promise<SessionId> {
    const asked = { dataSource: 'shop', roles: [role], justification: 'Order 1207, ticket 7' }
    return (await requestSession(world.portal, world.scopes.mark, world.origins.mark, asked)).id
  }

  async function fill(): Promise<void> {
    const first = await recordConnection(world, id, { at: '2026-11-23T10:04:00Z' })
    await first.add(
      { text: 'begin', tag: 'BEGIN', rows: 0, transaction: 'T' },
      {
        text: 'update orders set state = $1 where id = $2 and customer = $3 -- order 1207',
        values: ['paid', '1207', null],
        tag: 'UPDATE 1',
        transaction: 'T',
      },
      {
        text: "select * from no_such_table where city = 'Łódź' and total > 1e3",
        tag: null,
        rows: 0,
        outcome: 'error',
        sqlstate: '42P01',
        message: 'relation "no_such_table" does not exist',
        transaction: 'E',
      },
      { text: 'select 2', tag: null, outcome: 'skipped', rows: null, transaction: 'E' },
      { text: 'rollback', tag: 'ROLLBACK', rows: 0 },
      { text: 'insert into orders values (7)', tag: 'INSERT 0 1', rolledBack: true },
      {
        text: 'create table report as\n  select *\n    from "Orders"\n   where total > 10',
        tag: 'SELECT 3',
        rows: 3,
      },
      { text: 'with gone as (delete from orders returning *)\nselect count(*) from gone' },
      {
        text: 'copy orders from stdin csv',
        kind: 'copy in',
        tag: 'COPY 1',
        bytes: 4,
        copyDigest: COPIED,
      },
    )
    const second = await recordConnection(world, id, {
      at: '2026-11-23T23:30:00Z',
      clientIp: '2001:db8::7',
      application: 'DBeaver 25.3 — Main',
    })
    await second.add(
      {
        text: "select * from cities where name in ('北京', 'مدينة نصر', 'abc\u202ecba') or name = $1",
        values: ['القاهرة'],
      },
      { text: LONG, tag: 'SELECT 120000', rows: 120_000, milliseconds: 15_204.2 },
      {
        text: `select ${Array.from({ length: 30 }, (_, place) => `$${String(place + 1)}`).join(', ')}`,
        values: Array.from({ length: 30 }, (_, place) => `value ${String(place)}`),
      },
      {
        text: 'a part of the journal was damaged: 4,096 bytes',
        kind: 'gap',
        outcome: 'unknown',
        tag: null,
        rows: 0,
      },
      { text: 'select pg_sleep(60)', tag: null, rows: 0, outcome: 'aborted', transaction: null },
    )
  }
})
