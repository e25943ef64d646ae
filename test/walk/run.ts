import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { terminate } from '../../broker/sessions/lifecycle.ts'
import { parseSessionId } from '../../lib/ids.ts'
import { rows } from '../../db/store.ts'
import { clearAll, clearOnSignals, keep } from '../support/clearing.ts'
import { compileParts } from '../support/compiled-parts.ts'
import { killParts } from '../support/part-process.ts'
import { check, watch } from './checker.ts'
import { Client, type Street } from './clients.ts'
import { History } from './history.ts'
import { Nemesis } from './nemesis.ts'
import { randomOf } from './random.ts'
import { buildStage, type Stage } from './stage.ts'

// `npm run walk -- --minutes N --seed S`: three brokers, two proxies, twenty clients and a nemesis
// do what the seed says; at the end everything is mended and what must hold is looked for.

const CLIENTS = 20
/** Streams of dice: clients have their own numbers from 0 on. */
const NEMESIS = 1_000
const MOST_VIOLATIONS = 30

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '3' }, seed: { type: 'string' } },
})
const minutes = Number(values.minutes)
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000))
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  print('usage: npm run walk -- --minutes N --seed S')
  process.exit(2)
}
const history = new History(path.join(tmpdir(), `daypass-walk-${String(seed)}.jsonl`))
print(
  `a walk of ${String(minutes)} minutes with seed ${String(seed)}; its history: ${history.path}`,
)
clearOnSignals(killParts)
try {
  await keep(compileParts, (remove) => remove())
  const stage = await buildStage(CLIENTS)
  process.exitCode = await walk(stage)
  await stage.close()
} finally {
  await clearAll()
  history.close()
}

async function walk(on: Stage): Promise<number> {
  const street: Street = { asked: [], waiting: new Set(), operations: 0 }
  const nemesis = new Nemesis(on, history, randomOf(seed, NEMESIS))
  const over = new AbortController()
  const clients = Array.from(
    { length: CLIENTS },
    (_, n) => new Client(n, { stage: on, history, dice: randomOf(seed, n), street }),
  )
  const walking = Promise.all(clients.map((client) => client.walk(over.signal)))
  const breaking = nemesis.walk(over.signal)
  const { outages } = nemesis
  const watching = watch(on, { history, outages, signal: over.signal })
  await sleep(minutes * 60_000)
  over.abort()
  await Promise.all([walking, breaking])
  await nemesis.heal()
  await endAll(on)
  const violations = [...(await watching), ...(await check(on, history, nemesis.outages))]
  return report(street, nemesis, violations)
}

/** As an admin would: "terminate all". */
async function endAll({ world }: Stage): Promise<void> {
  const { portal, scopes, origins, owner } = world
  for (;;) {
    const live = await rows<{ id: string }>(
      owner.db,
      `select id from sessions where ended_at is null`,
    )
    if (live.length === 0) return
    for (const { id: text } of live) {
      const id = parseSessionId(text)
      if (id === undefined) continue
      const facts = { who: 'checker', what: 'terminate', session: text }
      await history.record(facts, () =>
        terminate(portal, scopes.admin, origins.admin, id, { reason: 'the walk is over' }),
      )
    }
  }
}

function report(street: Street, nemesis: Nemesis, violations: readonly string[]): number {
  const counts = new Map<string, { ok: number; failed: number }>()
  for (const { who, what, outcome } of history.all) {
    if (!who.startsWith('client')) continue
    const count = counts.get(what) ?? { ok: 0, failed: 0 }
    if (outcome === 'ok') count.ok += 1
    else count.failed += 1
    counts.set(what, count)
  }
  for (const [what, { ok, failed }] of [...counts].sort()) {
    print(
      `${what.padEnd(28)}${String(ok).padStart(7)} done ${String(failed).padStart(7)} refused or failed`,
    )
  }
  print(`${String(nemesis.outages.length)} faults:`)
  for (const { what, from, to } of nemesis.outages)
    print(`  ${what} (${((to - from) / 1_000).toFixed(1)} s)`)
  print(
    `${String(street.asked.length)} sessions, ${String(street.operations)} operations, ${String(violations.length)} violations`,
  )
  for (const violation of violations.slice(0, MOST_VIOLATIONS)) print(`  ${violation}`)
  const statements = counts.get('statement')?.ok ?? 0
  if (statements === 0 || street.asked.length === 0) print('nobody got in: nothing was shown')
  const isGood = violations.length === 0 && statements > 0
  print(
    isGood
      ? '  1 passing'
      : `  0 passing\n  1 failing\nagain with: npm run walk -- --minutes ${String(minutes)} --seed ${String(seed)}`,
  )
  return isGood ? 0 : 1
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
