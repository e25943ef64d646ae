import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { chooseHome, freePort } from '../../db/embedded.ts'
import { projectRoot } from '../../lib/project.ts'

/** The whole product as `npm start` runs it: its own processes, folders and ports. */
export interface Install {
  readonly portalUrl: string
  readonly proxyPort: number
  /** What it printed so far, both streams. */
  readonly printed: () => string
  readonly accounts: Accounts
  readonly pid: number
  /** Runs one command of the command line beside it. */
  cli(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Outcome>
  stop(): Promise<void>
}

export interface Accounts {
  readonly people: readonly { username: string; password: string; flags: string[] }[]
  readonly storeUrl: string
  readonly dataSources: readonly { name: string; superuserUrl: string }[]
}

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A store of one's own comes without the demo. */
const NO_DEMO = { stdout: JSON.stringify({ people: [], storeUrl: '', dataSources: [] }) }

type Environment = Readonly<Record<string, string>>

/** What `npm start` runs: the scripts that run tests build it first. */
const PROGRAM = path.join(projectRoot, 'dist', 'scripts', 'daypass.js')
const START_DEADLINE_MS = 100_000
const COMMAND_DEADLINE_MS = 80_000
/** What an orderly end may take before it is a kill. */
const END_DEADLINE_MS = 40_000
const run = promisify(execFile)

/** Starts it in a new folder and resolves once the banner is printed. */
export async function startInstall(settings: Environment = {}): Promise<Install> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'daypass-test-'))
  await chmod(dataDir, 0o711)
  const [portal, proxy] = [await freePort(), await freePort()]
  const environment = {
    ...withoutSettings(),
    DAYPASS_DATA_DIR: dataDir,
    DAYPASS_PORTAL_PORT: String(portal),
    DAYPASS_PROXY_PORT: String(proxy),
    ...settings,
  }
  const child = spawnProgram(['serve'], environment)
  const printed = collect(child)
  const cli = (args: readonly string[], more: Environment = {}): Promise<Outcome> =>
    command(args, { ...environment, ...more })
  const stop = async (): Promise<void> => {
    await end(child)
    await removeFolders(dataDir)
  }
  try {
    await waitForBanner(child, printed)
    const { stdout } = settings['DAYPASS_STORE_URL']
      ? NO_DEMO
      : await cli(['demo-accounts', '--json'])
    return {
      portalUrl: `http://127.0.0.1:${String(portal)}`,
      proxyPort: proxy,
      printed,
      accounts: JSON.parse(stdout) as Accounts,
      pid: child.pid ?? 0,
      cli,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Starts it with settings that should make it refuse, and returns what it said. */
export async function startRefused(settings: Environment): Promise<Outcome> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'daypass-test-'))
  await chmod(dataDir, 0o711)
  try {
    return await command(['serve'], {
      ...withoutSettings(),
      DAYPASS_DATA_DIR: dataDir,
      ...settings,
    })
  } finally {
    await removeFolders(dataDir)
  }
}

function spawnProgram(args: readonly string[], environment: Environment): ChildProcess {
  return spawn(process.execPath, [PROGRAM, ...args], {
    cwd: projectRoot,
    env: environment,
    // the channel ends it when the tests are killed
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
}

async function command(args: readonly string[], environment: Environment): Promise<Outcome> {
  try {
    const running = run(process.execPath, [PROGRAM, ...args], {
      cwd: projectRoot,
      env: environment,
      timeout: COMMAND_DEADLINE_MS,
    })
    const { stdout, stderr } = await running
    // one that runs on until it is told to end does so with code 0
    if (running.child.killed) throw new Error(`${args.join(' ')} did not end:\n${stdout}${stderr}`)
    return { code: 0, stdout, stderr }
  } catch (error) {
    return outcomeOf(error)
  }
}

/** execFile rejects with both outputs on the error when a program exits with a code. */
function outcomeOf(error: unknown): Outcome {
  const exit = error instanceof Error ? Object.entries(error) : []
  const found = new Map<string, unknown>(exit)
  const code = found.get('code')
  if (typeof code !== 'number') throw error
  return { code, stdout: String(found.get('stdout')), stderr: String(found.get('stderr')) }
}

function collect(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  return () => text
}

async function waitForBanner(child: ChildProcess, printed: () => string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS
  while (!printed().includes('Ctrl-C stops everything')) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`it did not start:\n${printed()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const deadline = setTimeout(() => child.kill('SIGKILL'), END_DEADLINE_MS)
  await gone
  clearTimeout(deadline)
}

/** Where it kept its data may differ from where we asked, as root. */
async function removeFolders(dataDir: string): Promise<void> {
  const home = (await readdir(dataDir)).length > 0 ? dataDir : chooseHome({ dataDir }).dir
  await rm(home, { recursive: true, force: true })
  await rm(dataDir, { recursive: true, force: true })
}

/** The settings of whoever runs the tests must not leak into what is tested. */
function withoutSettings(): Environment {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !entry[0].startsWith('DAYPASS_'),
  )
  return Object.fromEntries(kept)
}
