import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { projectRoot } from '../../lib/project.ts'
import { derivePartKey } from '../../lib/seal.ts'
import type { GrantedWorld } from './granted.ts'
import { until } from './until.ts'

/** The proxy part as it is run: a program that keeps several processes on one port. */
export interface ProxyCrew {
  readonly port: number
  readonly dataDir: string
  readonly pid: number
  readonly printed: () => string
  /** What Prometheus would read. */
  metrics(): Promise<string>
  /** The processes that serve, in no order. */
  processes(): Promise<number[]>
  /** SIGTERM; the code it ended with. */
  stop(): Promise<number | null>
  /** SIGKILL to all of them at once. */
  kill(): Promise<void>
}

/** What `daypass serve proxy` runs: the scripts that run tests build it first. */
const PROGRAM = path.join(projectRoot, 'dist', 'scripts', 'daypass.js')
const END_MS = 14_000

export interface CrewOptions {
  readonly processes: number
  readonly dataDir?: string
  /** A module's text, run in each process before anything else. */
  readonly preload?: string
}

/** Starts so many processes on a port of their own and resolves once they serve. */
export async function startProxyCrew(
  world: GrantedWorld,
  { processes, dataDir, preload = '' }: CrewOptions,
): Promise<ProxyCrew> {
  const folder = dataDir ?? (await mkdtemp(path.join(tmpdir(), 'daypass-crew-')))
  const child = spawn(process.execPath, [PROGRAM, 'serve', 'proxy'], {
    env: {
      PATH: process.env['PATH'],
      DAYPASS_STORE_URL: world.proxyUrl,
      DAYPASS_PART_KEY: derivePartKey(world.masterKey, 'proxy').toString('base64'),
      DAYPASS_DATA_DIR: folder,
      DAYPASS_PROXY_PORT: '0',
      DAYPASS_PROXY_PROCESSES: String(processes),
      DAYPASS_PROXY_METRICS_PORT: '0',
      DAYPASS_LOG_LEVEL: 'info',
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}`,
    },
    // the channel ends it when the tests are killed
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const ready = new AbortController()
  child.once('message', () => ready.abort())
  await until('the proxies serve', () => Promise.resolve(ready.signal.aborted || hasEnded(child)))
  const metricsPort = portIn(text, 'the metrics are served')
  return {
    port: portIn(text, 'the proxy serves'),
    dataDir: folder,
    pid: child.pid ?? 0,
    printed: () => text,
    metrics: async () => (await fetch(`http://127.0.0.1:${String(metricsPort)}/metrics`)).text(),
    processes: () => childrenOf(child.pid ?? 0),
    stop: async () => {
      await end(child, 'SIGTERM')
      await rm(folder, { recursive: true, force: true })
      return child.exitCode
    },
    kill: async () => {
      const members = await childrenOf(child.pid ?? 0)
      child.kill('SIGSTOP')
      for (const pid of members) process.kill(pid, 'SIGKILL')
      await end(child, 'SIGKILL')
    },
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (hasEnded(child)) return
  const gone = once(child, 'exit')
  child.kill(signal)
  const deadline = setTimeout(() => child.kill('SIGKILL'), END_MS)
  await gone
  clearTimeout(deadline)
}

/** From the log, a line of JSON each. */
function portIn(text: string, sentence: string): number {
  const line = text.split('\n').find((each) => each.includes(`"msg":"${sentence}"`))
  const port = /"port":([0-9]+)/.exec(line ?? '')?.[1]
  if (port === undefined) throw new Error(`it does not serve; it said:\n${text}`)
  return Number(port)
}

async function childrenOf(pid: number): Promise<number[]> {
  const child = spawn('ps', ['-o', 'pid=', '--ppid', String(pid)])
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  await once(child, 'close')
  return text.split('\n').filter(Boolean).map(Number)
}
