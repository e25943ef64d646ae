import { parseArgs } from 'node:util'
import { DateTime } from 'luxon'
import { iso } from '../../db/store.ts'
import { clearAll, clearOnSignals } from '../../test/support/clearing.ts'
import { loadNow } from '../proxy/tools.ts'
import { timeCounts } from './counts.ts'
import { timeDownloads } from './downloads.ts'
import { HEAD, isMet, lineOf, summaryOf, type Timing } from './figures.ts'
import { timeInserts } from './inserts.ts'
import { openReaders, timeSearch, walkTo, type Readers } from './pages.ts'
import { pairSearches, patternSearches, singleSearches, type Search } from './searches.ts'
import { makeAuditWorld } from './world.ts'

// `npm run bench -- audit --records 10000000`: pages, counts and downloads of a long trail beside bare SQL
// for the same rows, and what its indexes cost those who write. Says of each whether its goal is met. With
// `--keep FOLDER` the trail is filled there once, which takes long, and is there for the next runs.

const { values } = parseArgs({
  options: {
    records: { type: 'string' },
    keep: { type: 'string' },
    rounds: { type: 'string', default: '10' },
    download: { type: 'string', default: '1000000' },
    only: { type: 'string', default: 'pages,pairs,counts,downloads,inserts' },
  },
})
const [rounds, download] = [values.rounds, values.download].map(Number)
const wished = values.records === undefined ? undefined : Number(values.records)
const parts = values.only.split(',')
const PAIR_ROUNDS = 2
const DEEP = 1_000
const WORST = 10
const isPossible = wished === undefined || (wished >= 10_000 && wished <= 1e8)
if (!(isPossible && rounds && rounds <= 100 && download)) {
  console.error(
    'usage: npm run bench -- audit [--records 1000000 --keep FOLDER --rounds 10 --download 1000000]',
  )
  process.exit(2)
}
clearOnSignals()
try {
  console.log(`load before: ${loadNow()}`)
  const world = await makeAuditWorld({
    ...(wished === undefined ? {} : { records: wished }),
    ...(values.keep === undefined ? {} : { folder: values.keep }),
  })
  const { records, story } = world
  console.log(`${String(records)} records, ${story}`)
  const singles = singleSearches(iso(DateTime.utc().minus({ days: 1 })))
  const readers = await openReaders(world)
  if (parts.includes('pages')) await comparePages(readers)
  if (parts.includes('pairs')) {
    await comparePairs(readers, 'all pairs', pairSearches())
    await comparePairs(readers, 'all pairs with a frequent beginning', patternSearches())
  }
  if (parts.includes('counts')) console.log(`\n${await timeCounts(world, singles)}`)
  if (parts.includes('downloads')) {
    console.log(`\n${await timeDownloads(world, Math.min(download, Math.floor(records / 2)))}`)
  }
  if (parts.includes('inserts')) console.log(`\n${await timeInserts(world, singles)}`)
  await readers.close()
  console.log(`load after: ${loadNow()}`)

  async function comparePages(open: Readers): Promise<void> {
    console.log(`\n${HEAD}`)
    const timings: Timing[] = []
    for (const search of singles) {
      const timing = await timeSearch(open, search, { rounds: rounds ?? 1 })
      timings.push(timing)
      console.log(lineOf(timing))
    }
    for (const search of singles.filter(({ name }) => /no filter|all records|^q /.test(name))) {
      const cursor = await walkTo(open, search, DEEP)
      if (cursor === undefined) continue
      const name = `${search.name}: page 1,000 or the last`
      const timing = await timeSearch(open, { ...search, name }, { rounds: rounds ?? 1, cursor })
      timings.push(timing)
      console.log(lineOf(timing))
    }
    console.log(summaryOf('all of them', timings))
  }

  async function comparePairs(
    open: Readers,
    name: string,
    searches: readonly Search[],
  ): Promise<void> {
    const timings: Timing[] = []
    for (const search of searches) {
      timings.push(await timeSearch(open, search, { rounds: PAIR_ROUNDS, drawn: false }))
    }
    console.log(`\n${HEAD}\n${summaryOf(`${name}, as answers of the API`, timings)}`)
    const slowest = timings.toSorted((a, b) => Math.max(...b.page) - Math.max(...a.page))
    const missed = slowest.filter((timing) => !isMet(timing))
    const shown = [...slowest.slice(0, WORST), ...missed.slice(0, WORST)]
    for (const timing of new Set(shown)) console.log(lineOf(timing))
  }
} finally {
  await clearAll()
}
