import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { getRow, rows } from '../../db/store.ts'
import { clearAll, clearOnSignals, keep, keepFolder } from '../support/clearing.ts'
import { compileParts } from '../support/compiled-parts.ts'
import { clientOf, GrantedWorld, type Granted } from '../support/granted.ts'
import { killParts, startPart, type PartProcess } from '../support/part-process.ts'
import { FakeServer, honest, sink } from './fake-server.ts'
import {
  guest,
  hostileClient,
  hostileHost,
  hostileServer,
  hostileStranger,
  Tally,
  victim,
  type Street,
} from './lanes.ts'

// `npm run fuzz -- --frames N --seed S`: bent messages from clients and from servers, before, at and
// after login, through a real proxy process that records them; beside them a client that must be served.

const HALF_A_SECOND = 500
const LOOKED_EVERY_MS = 100
/** Of the frames, those before memory is looked at. */
const WARM = 0.3
const MEMORY_MOST = 1.2
/** Several times what it needs, and little enough for the collector not to let things lie. */
const HEAP_MB = 64
/** Walkers of each kind at a time. */
const AT_ONCE = 12
const SERVED_WITHIN_MS = 2_000
const ERROR_LEVEL = 50
const SHIPPED_WITHIN_MS = 120_000

const { values } = parseArgs({
  options: { frames: { type: 'string', default: '1000000' }, seed: { type: 'string' } },
})
const frames = Number(values.frames)
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000))
if (!(frames > 0) || !Number.isSafeInteger(seed)) {
  print('usage: npm run fuzz -- --frames N --seed S')
  process.exit(2)
}
print(`${String(frames)} frames each way, with seed ${String(seed)}`)
clearOnSignals(killParts)
const faults: string[] = []
try {
  await keep(compileParts, (remove) => remove())
  const { opened: world } = await keep(
    () => GrantedWorld.make(),
    (made) => made.close(),
  )
  await run(world)
} finally {
  killParts()
  await clearAll()
}
for (const fault of faults) print(`FAULT: ${fault}`)
print(faults.length === 0 ? '  1 passing (fuzz)' : `  ${String(faults.length)} failing (fuzz)`)
process.exit(faults.length === 0 ? 0 : 1)

async function run(world: GrantedWorld): Promise<void> {
  const [a, b, c, d, good] = await Promise.all([1, 2, 3, 4, 5].map(() => worldGrant(world)))
  if (!a || !b || !c || !d || !good) throw new Error('sessions are missing')
  const fake = new FakeServer()
  await world.moveShop({ port: await fake.listen() })
  const proxy = startPart({
    part: 'proxy',
    settings: {
      storeUrl: world.proxyUrl,
      masterKey: world.masterKey.toString('hex'),
      dataDir: await keepFolder('daypass-fuzz-'),
      port: 0,
      recording: 'prompt',
    },
    heapMegabytes: HEAP_MB,
  })
  const ready = await proxy.line('ready ')
  if (ready === undefined) throw new Error(`the proxy did not start:\n${proxy.printed()}`)
  const street: Street = { port: Number(ready.slice(6)), seed, frames, tally: new Tally() }
  await introduce(fake, world, street, { a, b, c, d, good })

  const began = performance.now()
  const over = new AbortController()
  const { tally } = street
  const watching = Promise.all([
    watchMemory(proxy, street, over.signal),
    serve(street, good, over.signal),
  ])
  const clientsDone = (): boolean => tally.fromClients >= frames
  const serversDone = (): boolean => tally.fromServers >= frames
  await Promise.all([
    crowd(AT_ONCE, proxy, clientsDone, (number) => hostileClient(street, a, number)),
    crowd(AT_ONCE, proxy, serversDone, (number) => victim(street, b, number)),
    crowd(2, proxy, clientsDone, (number) => hostileStranger(street, c, number)),
    crowd(2, proxy, serversDone, (number) => guest(street, d, number)),
  ])
  const seconds = (performance.now() - began) / 1000
  over.abort()
  const [memory, served] = await watching
  report(street, seconds, { memory, served })
  judgeLog(proxy)
  if (proxy.isRunning()) await judgeRecording(world, good, served)
  await proxy.kill()
  fake.close()
}

async function worldGrant(world: GrantedWorld): Promise<Granted> {
  return world.grant({ connectionLimit: 100_000 })
}

async function introduce(
  fake: FakeServer,
  world: GrantedWorld,
  street: Street,
  users: Readonly<Record<'a' | 'b' | 'c' | 'd' | 'good', Granted>>,
): Promise<void> {
  let [served, hosted] = [0, 0]
  const manners = {
    a: () => ({ afterLogin: sink }),
    b: () => hostileServer(street, (served += 1)),
    c: () => ({ afterLogin: sink }),
    d: () => hostileHost(street, (hosted += 1)),
    good: () => ({ afterLogin: honest }),
  }
  for (const name of ['a', 'b', 'c', 'd', 'good'] as const) {
    const { id, username } = users[name]
    const { verifier } = await getRow<{ verifier: string }>(
      world.store.db,
      `select upstream_verifier as verifier from session_users where session_id = :id`,
      { id },
    )
    fake.know(username, verifier, manners[name])
  }
}

/** So many at a time, one after the other, until it is enough or the proxy is gone. */
async function crowd(
  many: number,
  proxy: PartProcess,
  isEnough: () => boolean,
  walk: (number: number) => Promise<void>,
): Promise<void> {
  let number = 0
  const lane = async (): Promise<void> => {
    while (!isEnough() && proxy.isRunning()) {
      number += 1
      await walk(number)
    }
  }
  await Promise.all(Array.from({ length: many }, lane))
}

interface Memory {
  readonly warm: number
  readonly end: number
}

async function watchMemory(
  proxy: PartProcess,
  street: Street,
  signal: AbortSignal,
): Promise<Memory> {
  const samples: { readonly share: number; readonly megabytes: number }[] = []
  while (!signal.aborted) {
    if (!proxy.isRunning()) break
    const { fromClients, fromServers } = street.tally
    samples.push({
      share: (fromClients + fromServers) / (2 * frames),
      megabytes: residentOf(proxy),
    })
    await sleep(LOOKED_EVERY_MS)
  }
  const between = (from: number, to: number): number =>
    median(samples.filter(({ share }) => share >= from && share < to).map((one) => one.megabytes))
  const tenths = Array.from({ length: 10 }, (_, tenth) => between(tenth / 10, (tenth + 1) / 10))
  print(`memory by tenths of the way: ${tenths.map((one) => one.toFixed(0)).join(' ')} MB`)
  return { warm: between(WARM, WARM + 0.2), end: between(0.85, Number.POSITIVE_INFINITY) }
}

/** A client whose statements all have to be answered, and soon; returns how many were. */
async function serve(street: Street, user: Granted, signal: AbortSignal): Promise<number> {
  let answered = 0
  try {
    const client = clientOf(street.port, user)
    await client.connect()
    client.on('error', (error) => faults.push(`the well-behaved client: ${error.message}`))
    while (!signal.aborted) {
      const asked = performance.now()
      await client.query(`select ${String(answered)}`)
      answered += 1
      const took = performance.now() - asked
      if (took > SERVED_WITHIN_MS) faults.push(`an answer took ${took.toFixed(0)} ms`)
      await sleep(20)
    }
    await client.end()
    // and one that comes anew
    const late = new pg.Client({
      host: '127.0.0.1',
      port: street.port,
      user: user.username,
      password: user.secret,
    })
    await late.connect()
    await late.query(`select ${String(answered)}`)
    answered += 1
    await late.end()
  } catch (error) {
    faults.push(`the well-behaved client was not served: ${String(error)}`)
  }
  return answered
}

function report(
  { tally }: Street,
  seconds: number,
  { memory, served }: { readonly memory: Memory; readonly served: number },
): void {
  const rate = (tally.fromClients + tally.fromServers) / seconds
  print(
    `sent ${String(tally.fromClients)} frames as clients and ${String(tally.fromServers)} as servers on ` +
      `${String(tally.connections)} connections in ${seconds.toFixed(0)} s: ${rate.toFixed(0)} a second`,
  )
  print(`beside them ${String(served)} statements were answered`)
  print(`memory ${memory.warm.toFixed(0)} MB when warm, ${memory.end.toFixed(0)} MB at the end`)
  if (!(memory.warm > 0 && memory.end > 0)) faults.push('memory was not seen warm and at the end')
  if (memory.end > memory.warm * MEMORY_MOST) faults.push('memory grew by more than a fifth')
  for (const [end, count] of [...tally.ends].sort((one, other) => other[1] - one[1]).slice(0, 40)) {
    print(`${String(count).padStart(8)}  ${end}`)
  }
}

/** A fault of ours is logged as an error; an uncaught one is no line of the log at all. */
function judgeLog(proxy: PartProcess): void {
  if (!proxy.isRunning()) {
    faults.push(`the proxy is gone; its last words:\n${proxy.printed().slice(-3_000)}`)
    return
  }
  const bad = proxy
    .printed()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('ready ') && levelOf(line) >= ERROR_LEVEL)
  if (bad.length > 0) {
    faults.push(`${String(bad.length)} lines of trouble in the log:\n${bad.slice(0, 8).join('\n')}`)
  }
}

function levelOf(line: string): number {
  try {
    const parsed: unknown = JSON.parse(line)
    if (typeof parsed === 'object' && parsed !== null && 'level' in parsed)
      return Number(parsed.level)
  } catch {
    // not a line of the log: an uncaught error's
  }
  return Number.POSITIVE_INFINITY
}

/** What the well-behaved client ran is recorded, each statement once. */
async function judgeRecording(world: GrantedWorld, user: Granted, served: number): Promise<void> {
  const deadline = performance.now() + SHIPPED_WITHIN_MS
  for (;;) {
    const [found] = await rows<{ all: string; different: string }>(
      world.store.db,
      `select count(*) as "all", count(distinct text) as different from statements where session_id = :id`,
      { id: user.id },
    )
    const [all, different] = [Number(found?.all), Number(found?.different)]
    if (all === served && different === served) {
      print(`all ${String(served)} of them are recorded, once`)
      return
    }
    if (all > served || performance.now() > deadline) {
      faults.push(`${String(served)} statements were answered, ${String(all)} are recorded`)
      return
    }
    await sleep(HALF_A_SECOND)
  }
}

function residentOf({ pid }: PartProcess): number {
  const [, kilobytes = '0'] =
    /VmRSS:\s+([0-9]+)/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? 0
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
