import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { sidewaysScroll } from '../support/browser.ts'
import { placeOf } from './organization/places.ts'
import { openTown, type Town } from './organization/town.ts'
import { BELIEVABLE } from './organization/words.ts'

const DESK = { width: 1440, height: 900 }
const PHONE = { width: 360, height: 740 }
const WALL = { width: 2560, height: 1300 }
/** A4 at 96 pixels an inch, without a centimetre of margin around it. */
const UPRIGHT = { width: 718, height: 1047 }
const ACROSS = { width: 1047, height: 718 }

/** Eyes lose the way back to the next line of a text that is longer, in pixels. */
const LONGEST_LINE = 1_000
const FEWEST_ROWS = 25

/** Runs in the page: texts whose lines are seen for longer than that; code has lines of its own. */
const LONG_LINES = `(() => {
  const found = []
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const range = document.createRange()
    range.selectNodeContents(texts.currentNode)
    const widest = Math.max(0, ...[...range.getClientRects()].map((line) => line.width))
    let seen = texts.currentNode.parentElement.closest('pre, code') ? 0 : widest
    for (let box = texts.currentNode.parentElement; box; box = box.parentElement) {
      if (getComputedStyle(box).overflowX !== 'visible') seen = Math.min(seen, box.clientWidth)
    }
    if (seen > ${String(LONGEST_LINE)}) found.push(texts.currentNode.data.trim().slice(0, 80))
  }
  return found
})()`

/** Runs in the page: regions whose content is wider than they are. */
const CUT_REGIONS = `[...document.querySelectorAll('.scroll')]
  .filter((region) => region.scrollWidth > region.clientWidth)
  .map((region) => region.getAttribute('aria-label') + ' ' + (region.scrollWidth - region.clientWidth) + ' px')`

/** Runs in the page: rows that are seen whole, in the window and in the region that scrolls them. */
const SEEN_ROWS = `(() => {
  const region = document.querySelector('.ledger-scroll').getBoundingClientRect()
  const bottom = Math.min(region.bottom, innerHeight)
  return [...document.querySelectorAll('[data-rows] tbody tr')]
    .filter((row) => row.getBoundingClientRect().bottom <= bottom).length
})()`

describe('pages in windows of every size, and on paper', () => {
  let town: Town

  before(async () => {
    town = await openTown(BELIEVABLE)
  })
  after(() => town.close())

  it(`the Audit tab shows ${String(FEWEST_ROWS)} records at 1440 x 900, and every column of each`, async () => {
    const page = await open('audit', DESK)
    const rows = Number(await page.evaluate(SEEN_ROWS))
    assert.ok(rows >= FEWEST_ROWS, `${String(rows)} rows`)
    assert.deepEqual(await page.evaluate(CUT_REGIONS), [])
    await page.close()
  })

  it('a card of a record in a narrow window names nothing that is empty', async () => {
    const page = await open('audit-all', PHONE)
    const cells = page.locator('[data-rows] td')
    assert.ok((await cells.filter({ visible: true }).count()) > 100)
    assert.equal(await page.locator('[data-rows] td.blank').filter({ visible: true }).count(), 0)
    await page.close()
  })

  for (const name of [
    'sessions-of-all',
    'session-granted',
    'request-filled',
    'approvals',
    'history',
    'audit',
    'audit-all',
    'record',
    'policy',
    'roles',
    'users',
    'alerts',
    'tasks',
  ]) {
    it(`${name} is read with ease at 2560 pixels, and no column is cut`, async () => {
      const page = await open(name, WALL)
      assert.deepEqual(await page.evaluate(LONG_LINES), [])
      assert.deepEqual(await page.evaluate(CUT_REGIONS), [])
      assert.equal(await sidewaysScroll(page), 0)
      await page.close()
    })
  }

  for (const [name, paper] of [
    ['audit', ACROSS],
    ['session-granted', UPRIGHT],
    ['record', UPRIGHT],
    ['record', ACROSS],
  ] as const) {
    it(`${name} fits on paper ${String(paper.width)} pixels wide, without what only a screen can do`, async () => {
      const page = await open(name, paper)
      await page.emulateMedia({ media: 'print' })
      assert.deepEqual(await page.evaluate(CUT_REGIONS), [])
      assert.equal(await sidewaysScroll(page), 0)
      for (const screenOnly of ['header.bar', 'main button', 'main form', 'main nav']) {
        const seen = page.locator(screenOnly).filter({ visible: true })
        assert.equal(await seen.count(), 0, screenOnly)
      }
      await page.close()
    })
  }

  async function open(name: string, viewport: { width: number; height: number }): Promise<Page> {
    const place = placeOf(name)
    const { page } = await town.visit(place, { timezoneId: 'Europe/Warsaw' })
    await page.setViewportSize(viewport)
    await page.goto(town.addressOf(place))
    return page
  }
})
