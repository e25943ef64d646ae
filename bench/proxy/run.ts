import { parseArgs } from 'node:util'
import { chmod } from 'node:fs/promises'
import { clearAll, clearOnSignals, keep, keepFolder } from '../../test/support/clearing.ts'
import { compileParts } from '../../test/support/compiled-parts.ts'
import { killParts } from '../../test/support/part-process.ts'
import { startTargets, TARGETS, type Target } from './targets.ts'
import { tableOf, type Result } from './table.ts'
import { loadNow, memoryOf } from './tools.ts'
import { WORKLOADS } from './workloads.ts'

// `npm run bench -- proxy`: what it costs to go through Daypass, beside what else stands in that place.
// Rounds are interleaved in rotating order, and what is compared is one round's figures with each other.

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    workloads: { type: 'string' },
    targets: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const names = values.workloads?.split(',') ?? [...WORKLOADS.keys()]
const targetNames = TARGETS.filter(
  (name) => values.targets?.split(',').includes(name) ?? !name.endsWith('-tls'),
)
const unknown = names.filter((name) => !WORKLOADS.has(name))
if (!(rounds >= 1 && rounds <= 50 && seconds >= 1 && seconds <= 30) || unknown.length > 0) {
  console.error(
    `usage: npm run bench -- proxy --rounds 5 --seconds 3 --workloads ${[...WORKLOADS.keys()].join(',')} --targets ${TARGETS.join(',')}`,
  )
  process.exit(2)
}
clearOnSignals(killParts)
try {
  await keep(compileParts, (remove) => remove())
  const folder = await keepFolder('daypass-bench-')
  await chmod(folder, 0o755)
  const targets = await startTargets(folder, targetNames)
  console.log(`${rounds} rounds of ${seconds} s; load before: ${loadNow()}`)
  for (const name of names) await compare(name, targets)
  for (const { name, pid } of targets)
    if (pid !== undefined) console.log(`${name}: ${memoryOf(pid)} kB resident`)
  console.log(`load after: ${loadNow()}`)
} finally {
  killParts()
  await clearAll()
}

async function compare(name: string, targets: readonly Target[]): Promise<void> {
  const workload = WORKLOADS.get(name)
  if (workload === undefined) return
  const results: Result[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < targets.length; turn += 1) {
      const target = targets[(round + turn) % targets.length]
      if (target === undefined) continue
      try {
        results.push({ round, target: target.name, figure: await workload.run(target, seconds) })
      } catch (error) {
        console.error(`${name} against ${target.name} failed: ${String(error).slice(0, 300)}`)
      }
    }
  }
  console.log(tableOf(name, workload.unit, results))
}
