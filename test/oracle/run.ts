import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { clearAll, clearOnSignals, keep } from '../support/clearing.ts'
import { compileParts } from '../support/compiled-parts.ts'
import { killParts } from '../support/part-process.ts'
import { randomOf, type Random } from '../walk/random.ts'
import { runClient, type Run, type Tally } from './client.ts'
import { compare, type Comparison } from './comparison.ts'
import { countRecording, readRecording } from './recording.ts'
import { readServerLog } from './server-log.ts'
import { buildStage, type Stage } from './stage.ts'

// `npm run oracle -- --executions N`: what a data source says it ran for session users must be what
// was recorded of them. With --kills N the proxy is killed and replaced N times meanwhile.

const CLIENTS = 16
const USERS = 4
const NEMESIS = 1_000
const BACKEND_KILL_MS = 700
/** How often it is looked whether the next kill is due. */
const KILL_LOOK_MS = 50
/** What is missing when nothing has arrived for so long is lost. */
const ARRIVES_WITHIN_MS = 15_000
const MOST_DIFFERENCES = 20

const { values } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
  options: {
    executions: { type: 'string', default: '20000' },
    kills: { type: 'string', default: '0' },
    recording: { type: 'string', default: 'prompt' },
    seed: { type: 'string' },
  },
})
const wanted = Number(values.executions)
const kills = Number(values.kills)
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000))
const recording = values.recording === 'strict' ? 'strict' : 'prompt'
if (!(wanted > 0) || !(kills >= 0) || !Number.isSafeInteger(seed)) {
  print('usage: npm run oracle -- --executions N --kills N --recording prompt|strict --seed S')
  process.exit(2)
}
print(`${String(wanted)} executions, ${recording}, ${String(kills)} kills, seed ${String(seed)}`)
clearOnSignals(killParts)
try {
  await keep(compileParts, (remove) => remove())
  process.exitCode = await ask(await buildStage(USERS, recording))
} finally {
  killParts()
  await clearAll()
}

async function ask(stage: Stage): Promise<number> {
  const tally: Tally = {
    executions: 0,
    connections: 0,
    cutShort: 0,
    cancels: 0,
    pieces: new Map(),
  }
  const began = performance.now()
  const run: Run = { port: stage.port, database: stage.world.database, tally, wanted }
  const over = new AbortController()
  const breaking = Promise.all([
    endBackends(stage, randomOf(seed, NEMESIS), over.signal),
    killProxies(stage, tally, over.signal),
  ])
  const clients = Array.from({ length: CLIENTS }, (_, number) => {
    const granted = stage.sessions[number % USERS]
    if (granted === undefined) throw new Error('a client without a session')
    return runClient(number, granted, run, randomOf(seed, number))
  })
  await Promise.all(clients)
  over.abort()
  const [ended, killed] = await breaking
  const seconds = (performance.now() - began) / 1000
  print(
    `${String(tally.executions)} asked for in ${seconds.toFixed(1)} s by ${String(CLIENTS)} clients`,
  )
  print(
    `${String(tally.connections)} connections, ${String(tally.cutShort)} of them cut short; ` +
      `${String(tally.cancels)} cancels, ${String(ended)} backends and ${String(killed)} proxies killed`,
  )
  print([...tally.pieces].map(([name, count]) => `${name} ${String(count)}`).join(', '))
  const found = report(await settled(stage), tally)
  if (killed === kills) return found
  print(`${String(kills)} proxies were to be killed`)
  return 1
}

/** Looks again until nothing differs, or nothing more arrives. */
async function settled(stage: Stage): Promise<Comparison> {
  const users = new Set(stage.sessions.map(({ username }) => username))
  const { db } = stage.world.store
  let [before, arrived] = [-1, performance.now()]
  for (;;) {
    const count = await countRecording(db)
    // reading both takes a while: only when the recording has come to rest
    if (count === before) {
      const found = compare(await readServerLog(stage.logPath, users), await readRecording(db))
      const isOver = performance.now() > arrived + ARRIVES_WITHIN_MS
      if (found.differences.length === 0 || isOver) return found
    } else arrived = performance.now()
    before = count
    await sleep(1_000)
  }
}

function report(found: Comparison, tally: Tally): number {
  print(
    `the server ran ${String(found.ran)} and refused ${String(found.refused)} before they ran; ` +
      `${String(found.matched)} of them are recorded so`,
  )
  print(
    `recorded besides: ${String(found.skipped)} skipped, ${String(found.unanswered)} never answered ` +
      `on ${String(found.cutConnections)} connections that were cut`,
  )
  for (const difference of found.differences.slice(0, MOST_DIFFERENCES)) print(difference)
  print(`${String(found.differences.length)} differences`)
  const isEnough = found.ran >= Math.min(wanted, tally.executions)
  if (!isEnough) print('the server ran fewer than were asked for')
  const isHeard = found.cutConnections <= tally.cutShort
  if (!isHeard) print('answers are missing on connections that were not cut')
  return found.differences.length === 0 && isEnough && isHeard ? 0 : 1
}

/** Ends a backend of some client now and then, as an administrator would. */
async function endBackends(stage: Stage, dice: Random, over: AbortSignal): Promise<number> {
  let ended = 0
  while (await goesOn(dice.between(0.5, 1.5) * BACKEND_KILL_MS, over)) {
    const found = await stage.world.onShop(
      `select pg_terminate_backend(pid)
         from pg_stat_activity
        where usename like 'dp!_%' escape '!'
        order by random()
        limit 1`,
    )
    ended += found.length
  }
  return ended
}

/** Spread over the run by what was asked so far: how fast the machine is does not change how many. */
async function killProxies(stage: Stage, tally: Tally, over: AbortSignal): Promise<number> {
  let killed = 0
  while (killed < kills && (await goesOn(KILL_LOOK_MS, over))) {
    if (tally.executions < (wanted * (killed + 1)) / (kills + 1)) continue
    await stage.replaceProxy()
    killed += 1
  }
  return killed
}

async function goesOn(afterMs: number, over: AbortSignal): Promise<boolean> {
  await sleep(afterMs, undefined, { signal: over }).catch(() => undefined)
  return !over.aborted
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
