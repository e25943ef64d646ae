import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { projectRoot } from '../../lib/project.ts'
import { mochaGlobalSetup, mochaGlobalTeardown } from '../support/clusters.ts'
import { withFewColours } from './few-colours.ts'
import { PLACES, type Place } from './organization/places.ts'
import { openTown, type Town } from './organization/town.ts'
import { BELIEVABLE } from './organization/words.ts'

// `npm run screenshots`: draws docs/screens and docs/screens.md, every page of an organization that
// does not exist. With names behind it, only these pictures are drawn anew.

const FOLDER = path.join(projectRoot, 'docs', 'screens')
const PAGE = path.join(projectRoot, 'docs', 'screens.md')
/** A taller page is cut: the rest of it is more of the same. */
const TALLEST = { wide: 1_200, small: 1_200 }
const LOOKS = {
  wide: { viewport: { width: 1440, height: 900 }, colorScheme: 'light' },
  small: { viewport: { width: 360, height: 740 }, colorScheme: 'dark' },
} as const
type Look = keyof typeof LOOKS

const wanted = new Set(process.argv.slice(2).filter((argument) => argument !== '--'))

await mochaGlobalSetup()
try {
  const town = await openTown(BELIEVABLE)
  try {
    await draw(town)
  } finally {
    await town.close()
  }
  if (wanted.size === 0) await writeFile(PAGE, contents())
  process.stdout.write(`${String(await sizeOf(FOLDER))} kB in ${FOLDER}\n`)
} finally {
  await mochaGlobalTeardown()
}

async function draw(town: Town): Promise<void> {
  if (wanted.size === 0) await rm(FOLDER, { recursive: true, force: true })
  await mkdir(FOLDER, { recursive: true })
  for (const place of Object.values(PLACES).flat()) {
    if (wanted.size > 0 && !wanted.has(place.name)) continue
    for (const look of ['wide', 'small'] as const) await shoot(town, place, look)
  }
}

async function shoot(town: Town, place: Place, look: Look): Promise<void> {
  const { page } = await town.visit(place, { ...LOOKS[look], timezoneId: 'Europe/Warsaw' })
  await page.goto(town.addressOf(place))
  await place.then?.(page)
  const height = Math.min(await heightOf(page), TALLEST[look])
  const { width } = LOOKS[look].viewport
  await page.setViewportSize({ width, height: Math.max(height, LOOKS[look].viewport.height) })
  const file = path.join(FOLDER, `${place.name}-${look}.png`)
  await writeFile(file, withFewColours(await page.screenshot()))
  await page.close()
}

/** Runs in the page, whose globals are not ours. */
async function heightOf(page: Page): Promise<number> {
  return Number(await page.evaluate('document.documentElement.scrollHeight'))
}

/** The page that shows them all. */
function contents(): string {
  const lines = Object.entries(PLACES).map(
    ([route, places]) => `## ${route}\n\n${places.map(section).join('\n')}`,
  )
  return `# Every page

Drawn by \`npm run screenshots\` from an organization that does not exist: each page in a window of
1440 pixels in the light, and of 360 in the dark. A page taller than ${String(TALLEST.wide)} pixels is cut there.

${lines.join('\n')}`
}

function section({ name, line, reader }: Place): string {
  const who = reader === 'nobody' ? 'before sign-in' : `as ${reader} sees it`
  return `${line} (${who})

<img src="screens/${name}-wide.png" width="640" alt="${line}"> <img src="screens/${name}-small.png" width="160" alt="The same at 360 pixels, dark">
`
}

async function sizeOf(folder: string): Promise<number> {
  const files = await readdir(folder)
  const sizes = await Promise.all(files.map((file) => stat(path.join(folder, file))))
  return Math.ceil(sizes.reduce((sum, { size }) => sum + size, 0) / 1_000)
}
