import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { sidewaysScroll } from '../support/browser.ts'
import { CALLED, HOSTILE } from './organization/hostile-words.ts'
import { PLACES, placeOf, type Place } from './organization/places.ts'
import { openTown, type Town } from './organization/town.ts'

const SMALL = { viewport: { width: 360, height: 740 }, timezoneId: 'Asia/Kolkata' } as const

/** Runs in the page: what its reader is shown, without what they type themselves. */
const SHOWN = `[...document.querySelectorAll('body, title, [title], [aria-label]')]
  .flatMap((e) => [e.localName === 'body' || e.localName === 'title' ? e.innerText : '', e.title, e.ariaLabel])
  .join('\\n')`
/** Characters that turn text round, have no width or ring a bell; lines and tabs are lines and tabs. */
const DECEPTIVE = /[^\P{Cc}\n\r\t]|[\p{Cf}\p{Zl}\p{Zp}]/u

describe('hostile text, on every page and in every file', () => {
  let town: Town
  let ran: string[] = []

  before(async () => {
    town = await openTown(HOSTILE)
  })
  after(() => town.close())
  beforeEach(() => {
    ran = []
  })

  for (const place of Object.values(PLACES).flat()) {
    it(`${place.name} shows it and runs none of it`, async () => {
      const { page, complaints } = await visit(place)
      await page.goto(town.addressOf(place))
      await place.then?.(page)
      const shown = String(await page.evaluate(SHOWN))
      assert.doesNotMatch(shown, DECEPTIVE)
      assert.deepEqual(await injectedInto(page), [])
      assert.equal(await sidewaysScroll(page), 0, 'sideways scroll')
      assert.deepEqual(ran, [])
      const told = complaints.filter((said) => !said.startsWith('Failed to load resource'))
      assert.deepEqual(told, [])
      await page.close()
    })
  }

  it('all of it is there to be read', async () => {
    const read = await Promise.all(
      ['session-granted', 'approvals', 'users', 'audit-all', 'policy'].map(textOf),
    )
    const text = read.join('\n')
    for (const part of [
      `<script>${CALLED}(1)</script>`,
      `<img src=x onerror=${CALLED}(2)>`,
      '\\u202egnp.exe\\u2066\\u200b\\u0007\\u2028',
      '<%= 7 * 7 %>${7 * 7}{{7 * 7}}',
      'مرحبا بالعالم',
      '退款申请',
      'سلمى الإدريسي',
      '李伟',
    ]) {
      assert.ok(text.includes(part), part)
    }
  })

  it('text from right to left moves nothing around it', async () => {
    const { page } = await visit(placeOf('users'))
    await page.goto(town.addressOf(placeOf('users')))
    const row = page.locator('tr', { hasText: 'salma.idrissi' })
    const boxes = await row.getByRole('cell').evaluateAll((cells) =>
      // runs in the page, whose types are not ours
      (cells as unknown as { getBoundingClientRect(): { top: number } }[]).map(
        (cell) => cell.getBoundingClientRect().top,
      ),
    )
    assert.deepEqual(
      boxes.toSorted((a, b) => a - b),
      boxes,
      'a cell below the other, in their order',
    )
    await page.close()
  })

  it('a file of records runs in no spreadsheet and hides nothing', async () => {
    for (const format of ['csv', 'text', 'jsonl'] as const) {
      const path = `/audit/download?view=all&format=${format}`
      const file = (await download(placeOf('audit-all'), path)).replace(/^\ufeff/, '')
      assert.doesNotMatch(format === 'jsonl' ? '' : file, DECEPTIVE, format)
      if (format !== 'csv') continue
      const cells = file.split(/\r\n/).flatMap(cellsOf)
      assert.ok(cells.length > 1_000)
      assert.deepEqual(
        cells.filter((cell) => /^[=+@\t\r]/.test(cell) || /^-./.test(cell)),
        [],
      )
      assert.match(file, /'=HYPERLINK/)
    }
  })

  it('a file of a recording hides nothing', async () => {
    const { granted } = town.organization.sessions
    for (const format of ['text', 'jsonl'] as const) {
      const path = `/sessions/${granted}/statements/download?format=${format}`
      const file = await download(placeOf('statement'), path)
      assert.ok(file.length > 100_000, 'the long statement whole')
      if (format === 'text') assert.doesNotMatch(file, DECEPTIVE)
      else for (const line of file.trim().split('\n')) JSON.parse(line)
    }
  })

  /** A tab in which calls that a page was fooled into are counted. */
  async function visit(place: Place): ReturnType<Town['visit']> {
    const visited = await town.visit(place, SMALL)
    await visited.page.exposeFunction(CALLED, (how: unknown) => ran.push(String(how)))
    return visited
  }

  async function textOf(name: string): Promise<string> {
    const { page } = await visit(placeOf(name))
    await page.goto(town.addressOf(placeOf(name)))
    const text = String(await page.evaluate(SHOWN))
    await page.close()
    return text
  }

  async function download(place: Place, path: string): Promise<string> {
    const { page } = await visit(place)
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      // a navigation that becomes a download is told as one that was broken off
      page.goto(town.organization.url + path).catch(() => undefined),
    ])
    const text = await readFile(await file.path(), 'utf8')
    await page.close()
    return text
  }
})

/** Elements that no view of ours has: they came with somebody's text. */
async function injectedInto(page: Page): Promise<string[]> {
  const found: unknown = await page.evaluate(
    `[...document.querySelectorAll('img[src="x"], b[onclick], script:not([nonce]), [onerror], [onclick]')]
       .map((element) => element.outerHTML)`,
  )
  assert.ok(Array.isArray(found))
  return found.map(String)
}

/** The cells of a line of CSV; quoted ones may hold commas. */
function cellsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? '',
  )
}
