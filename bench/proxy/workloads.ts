import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { environmentWith } from '../../config.ts'
import { cpuOf, memoryOf, runTool } from './tools.ts'
import type { Target } from './targets.ts'

/** What one run of a workload against one target gave. */
export interface Figure {
  /** In the workload's unit; more is better unless it is kB. */
  readonly value: number
  /** Microseconds of CPU of what stands between, a statement or a MB. */
  readonly cpu: number | undefined
  /** Microseconds. */
  readonly p50?: number
  readonly p99?: number
}

export interface Workload {
  readonly unit: 'tps' | 'MB/s' | 'kB'
  run(target: Target, seconds: number): Promise<Figure>
}

const PIPELINED = 20
const COPY_MB = 502
const COPY_ROWS = 500_000
const ROWS_MB = 17
const IDLE = 1_000
const SLOW_READERS = 16
const SLOW_MS = 2_000

const pgbenches: readonly (readonly [string, Workload])[] = [
  'simple',
  'extended',
  'prepared',
].flatMap((mode) =>
  [1, 4, 16, 64].map(
    (clients) => [`select-${mode}-${clients}`, bench(['-S', '-M', mode], clients)] as const,
  ),
)

/** Every workload by its name. */
export const WORKLOADS: ReadonlyMap<string, Workload> = new Map<string, Workload>([
  ['latency-simple', latency('simple')],
  ['latency-prepared', latency('prepared')],
  ...pgbenches,
  ['tpcb-prepared-16', bench(['-M', 'prepared'], 16)],
  [
    'pipeline-4',
    scripted(pipelineScript(), ['-M', 'prepared'], { clients: 4, statements: PIPELINED }),
  ],
  ['connect-4', scripted('select 1;\n', ['-C'], { clients: 4, statements: 1 })],
  ['rows', psql('select * from generate_series(1, 1000000)', ROWS_MB)],
  [
    'copy-out',
    psql(
      `copy (select repeat('x', 1000) from generate_series(1, ${COPY_ROWS})) to stdout`,
      COPY_MB,
    ),
  ],
  ['copy-in', { unit: 'MB/s', run: copyIn }],
  ['idle-1000', { unit: 'kB', run: idle }],
  ['slow-readers', { unit: 'kB', run: slowReaders }],
])

interface Load {
  readonly clients: number
  /** In each transaction of pgbench's. */
  readonly statements: number
}

function bench(options: readonly string[], clients: number): Workload {
  return {
    unit: 'tps',
    run: (target, seconds) =>
      pgbench(target, [...options, '-T', String(seconds)], { clients, statements: 1 }),
  }
}

function scripted(script: string, options: readonly string[], load: Load): Workload {
  return {
    unit: 'tps',
    run: (target, seconds) =>
      inFolder(async (folder) => {
        const file = path.join(folder, 'script.sql')
        await writeFile(file, script)
        return pgbench(target, [...options, '-f', file, '-T', String(seconds)], load)
      }),
  }
}

function latency(mode: string): Workload {
  return {
    unit: 'tps',
    run: (target, seconds) =>
      inFolder(async (folder) => {
        const options = ['-S', '-M', mode, '-l', '--log-prefix=l', '-T', String(seconds)]
        const figure = await pgbench(target, options, { clients: 1, statements: 1 }, folder)
        const times = await timesIn(folder)
        return {
          ...figure,
          p50: times[Math.floor(times.length * 0.5)] ?? 0,
          p99: times[Math.floor(times.length * 0.99)] ?? 0,
        }
      }),
  }
}

/** The third column of pgbench's log: microseconds. */
async function timesIn(folder: string): Promise<number[]> {
  const names = await readdir(folder)
  const texts = await Promise.all(names.map((name) => readFile(path.join(folder, name), 'utf8')))
  const lines = texts.flatMap((text) => text.split('\n')).filter((line) => line !== '')
  return lines.map((line) => Number(line.split(' ')[2])).toSorted((a, b) => a - b)
}

async function pgbench(
  target: Target,
  options: readonly string[],
  { clients, statements }: Load,
  directory?: string,
): Promise<Figure> {
  const threads = clients >= 16 ? '2' : '1'
  const [printed, cpu] = await measured(target, () =>
    runTool(
      'pgbench',
      ['-n', '-c', String(clients), '-j', threads, ...options],
      target.environment,
      directory,
    ),
  )
  const tps = Number(/^tps = ([\d.]+)/m.exec(printed)?.[1])
  const done = Number(/^number of transactions actually processed: (\d+)/m.exec(printed)?.[1])
  if (!(tps > 0)) throw new Error(`${target.name}: ${printed}`)
  return { value: tps * statements, cpu: cpu === undefined ? undefined : cpu / (done * statements) }
}

function psql(sql: string, megabytes: number): Workload {
  return {
    unit: 'MB/s',
    run: async (target) => {
      const began = performance.now()
      const [, cpu] = await measured(target, () =>
        runTool('psql', ['-X', '-q', '-At', '-o', '/dev/null', '-c', sql], target.environment),
      )
      return perMegabyte(megabytes, began, cpu)
    },
  }
}

async function copyIn(target: Target): Promise<Figure> {
  const args = [
    '-X',
    '-q',
    '-c',
    'create temp table taken (t text)',
    '-c',
    'copy taken from stdin where false',
  ]
  const began = performance.now()
  const [, cpu] = await measured(target, async () => {
    const child = spawn('psql', args, {
      env: environmentWith(target.environment),
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const line = `${'x'.repeat(1_000)}\n`
    const block = Buffer.from(line.repeat(500))
    for (let sent = 0; sent < COPY_ROWS; sent += 500) {
      if (!child.stdin.write(block)) await once(child.stdin, 'drain')
    }
    child.stdin.end()
    const [code] = (await once(child, 'exit')) as [number | null]
    if (code !== 0) throw new Error(`${target.name}: psql ended with ${code}`)
  })
  return perMegabyte(COPY_MB, began, cpu)
}

/** What a thousand connections that say nothing add to the memory of what stands between. */
async function idle(target: Target): Promise<Figure> {
  const before = target.pid === undefined ? 0 : memoryOf(target.pid)
  const clients: pg.Client[] = []
  try {
    for (let at = 0; at < IDLE; at += 20) {
      const some = Array.from({ length: 20 }, () => clientOf(target))
      clients.push(...some)
      await Promise.all(some.map((client) => client.connect()))
    }
    return { value: target.pid === undefined ? 0 : memoryOf(target.pid) - before, cpu: undefined }
  } finally {
    await Promise.allSettled(clients.map((client) => client.end()))
  }
}

/** What it holds for readers of 500 MB that have stopped reading. */
async function slowReaders(target: Target): Promise<Figure> {
  const before = target.pid === undefined ? 0 : memoryOf(target.pid)
  const sql = `copy (select repeat('x', 1000) from generate_series(1, ${COPY_ROWS})) to stdout`
  const readers = Array.from({ length: SLOW_READERS }, () =>
    spawn('sh', ['-c', `psql -X -q -c "$1" | (sleep 60)`, 'sh', sql], {
      env: environmentWith(target.environment),
      stdio: 'ignore',
      detached: true,
    }),
  )
  try {
    await sleep(SLOW_MS)
    return { value: target.pid === undefined ? 0 : memoryOf(target.pid) - before, cpu: undefined }
  } finally {
    // a group each: the shell, psql and the one that does not read
    for (const { pid } of readers) if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  }
}

function clientOf({ environment }: Target): pg.Client {
  const client = new pg.Client({
    host: environment['PGHOST'],
    port: Number(environment['PGPORT']),
    user: environment['PGUSER'],
    password: environment['PGPASSWORD'],
    database: environment['PGDATABASE'],
    connectionTimeoutMillis: 10_000,
    ssl: environment['PGSSLMODE'] === 'require' ? { rejectUnauthorized: false } : false,
  })
  client.on('error', () => undefined)
  return client
}

async function measured<T>(
  { pid }: Target,
  work: () => Promise<T>,
): Promise<readonly [T, number | undefined]> {
  const before = pid === undefined ? 0 : cpuOf(pid)
  const result = await work()
  return [result, pid === undefined ? undefined : cpuOf(pid) - before]
}

function perMegabyte(megabytes: number, began: number, cpu: number | undefined): Figure {
  const value = megabytes / ((performance.now() - began) / 1_000)
  return { value, cpu: cpu === undefined ? undefined : cpu / megabytes }
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'daypass-bench-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function pipelineScript(): string {
  const ask = 'select abalance from pgbench_accounts where aid = :a;\n'
  return `\\set a random(1, 1000000)\n\\startpipeline\n${ask.repeat(PIPELINED)}\\endpipeline\n`
}
