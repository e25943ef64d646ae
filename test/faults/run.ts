import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { STEPS } from '../../broker/scheduling/steps.ts'
import { sentenceOf } from '../../lib/errors.ts'
import { clearAll, clearOnSignals, isEnding, keep } from '../support/clearing.ts'
import { stopClusters, type TestCluster } from '../support/clusters.ts'
import { compileParts } from '../support/compiled-parts.ts'
import { Late } from '../support/oracles-ends.ts'
import { killParts } from '../support/part-process.ts'
import { Bench } from './bench.ts'
import type { Cell } from './cell.ts'
import { BROKERS } from './brokers.ts'
import { CLOCK } from './clock.ts'
import { ACTIONS, FAILPOINTS } from './failpoints.ts'
import { HOSTILE } from './hostile.ts'
import { LEFTOVERS } from './leftovers.ts'
import { MANY } from './many.ts'
import { NAMES } from './names.ts'
import { RACES } from './races.ts'
import { RECHECKS } from './rechecks.ts'
import { startSharedSource } from './servers.ts'
import { SOURCES } from './sources.ts'
import { STORES } from './stores.ts'

// `npm run faults`: breaks the broker and the data source in every way that is listed, and fails
// unless every cell of the list was run and what must hold held.

/** Rows of the design that concern the proxy and its journal alone: named, so that nobody counts them as done. */
const NOT_OF_THIS_RUN = [
  'disk full under the journal or the store',
  'fsync returns EIO; torn last journal record; flipped bits',
  'proxy killed in a statement, in a COPY (the walk kills proxies between and in statements)',
  '100 MB statement, 10 GB COPY, 65 k pipelined messages, slow reader, vanished client',
]

/** Cells wait most of their time: two for each processor, unless told otherwise. */
const AT_ONCE = 2 * availableParallelism()
const CELL_DEADLINE_MS = 150_000
/** For those that run alone: big numbers take their time on a slow machine. */
const ALONE_DEADLINE_MS = 500_000
const FAREWELL_MS = 1_000

/** How often a cell that was late beside others is tried by itself. */
const TRIES_ALONE = 2
/** As every test there: whatever failed is tried once more, and is told of as not steady where it held then. */
const IS_CI = process.env.CI === 'true'

interface Result {
  readonly cell: Cell
  readonly isInjected: boolean
  readonly fault: string | undefined
  /** It took longer than promised, and nothing else was wrong. */
  readonly isLate: boolean
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    list: { type: 'boolean' },
    'at-once': { type: 'string', default: String(AT_ONCE) },
  },
})
/** Long ones first, so that no hand is left with one at the end. */
const all = [
  ...SOURCES,
  ...RACES,
  ...STORES,
  ...NAMES,
  ...BROKERS,
  ...LEFTOVERS,
  ...HOSTILE,
  ...RECHECKS,
  ...FAILPOINTS,
  ...CLOCK,
  ...MANY,
]
const cells = all.filter(({ name }) => new RegExp(values.only ?? '').test(name))
if (values.list === true) {
  for (const { name, holds } of all) print(`${name}  [${holds}]`)
} else {
  clearOnSignals(killParts)
  process.exitCode = await runAll()
  // what a failed cell left running must not keep the process
  setTimeout(() => process.exit(), FAREWELL_MS).unref()
}

async function runAll(): Promise<number> {
  const begun = performance.now()
  const results: Result[] = []
  const queue = cells.filter(({ alone }) => alone !== true)
  const hand = async (): Promise<void> => {
    const source = await startSharedSource()
    for (let cell = queue.shift(); cell !== undefined && !isEnding(); cell = queue.shift()) {
      results.push(await runCell(cell, source.cluster))
    }
    await source.remove()
  }
  try {
    await keep(compileParts, (remove) => remove())
    await keep(() => Promise.resolve(), stopClusters)
    await Promise.all(Array.from({ length: Number(values['at-once']) }, hand))
    // nothing runs beside these
    queue.push(...cells.filter(({ alone }) => alone === true))
    if (queue.length > 0) await hand()
    const isDoubtful = ({ fault, isLate }: Result): boolean =>
      isLate || (IS_CI && fault !== undefined)
    await tryAgain(results, isDoubtful)
    for (let tries = 1; tries < TRIES_ALONE; tries += 1) {
      await tryAgain(results, ({ isLate }) => isLate)
    }
  } finally {
    await clearAll()
  }
  return summarize(results, (performance.now() - begun) / 1_000)
}

/** Cells share the machine with each other: what is promised of time has to hold where one has it to itself. */
async function tryAgain(results: Result[], isDoubtful: (result: Result) => boolean): Promise<void> {
  const doubtful = results.filter(isDoubtful)
  if (doubtful.length === 0 || isEnding()) return
  print('again, each by itself:')
  const source = await startSharedSource()
  for (const before of doubtful) {
    const result = await runCell(before.cell, source.cluster)
    results[results.indexOf(before)] = result
    if (result.fault === undefined)
      print(`NOT STEADY: ${before.cell.name}\n${before.fault ?? 'it was not run'}`)
  }
  await source.remove()
}

async function runCell(cell: Cell, source: TestCluster): Promise<Result> {
  const begun = performance.now()
  let bench: Bench | undefined
  let fault: string | undefined
  let isLate = false
  try {
    bench = await (cell.open?.() ?? Bench.open(source))
    await within(cell.run(bench), cell.alone === true ? ALONE_DEADLINE_MS : CELL_DEADLINE_MS)
  } catch (error) {
    fault = error instanceof Error ? (error.stack ?? error.message) : sentenceOf(error)
    isLate = error instanceof Late
  }
  const isInjected = bench?.injected ?? false
  try {
    await bench?.close()
  } catch (error) {
    fault ??= `the cell could not be cleared away: ${sentenceOf(error)}`
    isLate = false
  }
  const mark = markOf({ isInjected, fault })
  const took = ((performance.now() - begun) / 1_000).toFixed(1)
  print(
    `${mark.padEnd(8)}${cell.name.padEnd(58)}${took.padStart(6)} s  ${bench?.notes.join('; ') ?? ''}`,
  )
  if (fault !== undefined) print(fault.replace(/^/gm, '          '))
  return { cell, isInjected, fault, isLate }
}

async function within(work: Promise<void>, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`the cell took longer than ${String(deadlineMs / 1_000)} s`)),
      deadlineMs,
    )
  })
  try {
    await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}

/** Every failpoint beside every way to fail there. */
function printMatrix(results: readonly Result[]): void {
  const marks = new Map(results.map((result) => [result.cell.name, markOf(result)]))
  print(`\n${'failpoint'.padEnd(14)}${ACTIONS.map((action) => action.padEnd(10)).join('')}`)
  for (const step of STEPS) {
    const row = ACTIONS.map((action) => (marks.get(`${step}:${action}`) ?? '-').padEnd(10))
    print(`${step.padEnd(14)}${row.join('')}`)
  }
  print('\nnot of this run:')
  for (const row of NOT_OF_THIS_RUN) print(`  ${row}`)
}

function markOf({ isInjected, fault }: Pick<Result, 'isInjected' | 'fault'>): string {
  if (!isInjected) return 'NOT RUN'
  return fault === undefined ? 'ok' : 'FAILED'
}

function summarize(results: readonly Result[], took: number): number {
  const run = results.filter(({ isInjected }) => isInjected)
  const failed = results.filter(({ isInjected, fault }) => !isInjected || fault !== undefined)
  printMatrix(results)
  if (cells.length < all.length)
    print(`Only ${String(cells.length)} of ${String(all.length)} cells were asked for.`)
  print(
    `cells listed ${String(cells.length)}, cells run ${String(run.length)}, in ${took.toFixed(0)} s`,
  )
  for (const { cell } of failed) print(`  failed: ${cell.name}`)
  print(`  ${String(results.length - failed.length)} passing`)
  if (failed.length > 0) print(`  ${String(failed.length)} failing`)
  return failed.length === 0 && run.length === cells.length && cells.length > 0 ? 0 : 1
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
