import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { accessibilityFaults, collectComplaints, sidewaysScroll } from './browser.ts'

/** Where to keep pictures of what was seen; unset: none are kept. */
const SHOTS = process.env['DAYPASS_TEST_SHOTS']

/** The windows that pages are looked at in. */
export const SIZES = {
  wide: { width: 1280, height: 900 },
  small: { width: 360, height: 800 },
} as const

/** Each size and each scheme is audited once: what depends on both at a time is the pictures' matter. */
const AUDITED: Readonly<Record<string, string>> = { wide: 'light', small: 'dark' }

/** What every page is held to, at both sizes and in both colour schemes. */
export async function look(page: Page, name: string): Promise<void> {
  const complaints = collectComplaints(page)
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const where = `${name}, ${size}, ${colorScheme}`
      assert.equal(await sidewaysScroll(page), 0, `sideways scroll: ${where}`)
      if (AUDITED[size] === colorScheme) {
        assert.deepEqual(await accessibilityFaults(page), [], where)
      }
      if (SHOTS !== undefined) await shoot(page, `${name}-${size}-${colorScheme}.png`, SHOTS)
    }
  }
  await page.setViewportSize(SIZES.wide)
  assert.deepEqual(complaints, [], name)
}

async function shoot(page: Page, file: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: path.join(folder, file), fullPage: true })
}
