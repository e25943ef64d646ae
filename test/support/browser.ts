import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chromium as playwright, type Browser, type Page } from 'playwright-core'
import { projectRoot } from '../../lib/project.ts'

const require = createRequire(import.meta.url)
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
/** What the product promises: WCAG 2.2 AA. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** Chromium from its npm package; nothing is downloaded. */
export async function launchBrowser(): Promise<Browser> {
  // it unpacks to the temp folder and reuses whatever version it finds there: a folder for this one
  const folder = path.join(tmpdir(), `daypass-chromium-${chromiumVersion()}`)
  mkdirSync(folder, { recursive: true })
  process.env['TMPDIR'] = folder
  const { default: chromium } = await import('@sparticuz/chromium')
  return playwright.launch({
    executablePath: await chromium.executablePath(),
    // its own list of arguments switches off what these tests rely on
    args: ['--no-sandbox', '--no-zygote'],
    headless: true,
  })
}

function chromiumVersion(): string {
  const file = path.join(projectRoot, 'node_modules', '@sparticuz', 'chromium', 'package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

/** What the page breaks of WCAG, a line a rule; empty is good. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const found: unknown = await page.evaluate(
    (rules) =>
      // axe is a global of the page, not of ours
      (globalThis as unknown as { axe: { run(o: object): Promise<object> } }).axe.run({
        runOnly: rules,
        resultTypes: ['violations'],
      }),
    RULES,
  )
  const { violations } = found as { violations: { id: string; nodes: { target: string[] }[] }[] }
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`,
  )
}

/** Everything a page complains of: errors, warnings and CSP reports. */
export function collectComplaints(page: Page): string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return complaints
}

/** How many pixels the page is wider than its window; 0 is good. */
export async function sidewaysScroll(page: Page): Promise<number> {
  return Number(await page.evaluate(SIDEWAYS))
}

/** Runs in the page, whose globals are not ours. */
const SIDEWAYS = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
