import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedPostgresError } from '../embedded-errors.ts'
import type { Account } from './account.ts'
import { GuardedProcess } from './guarded-process.ts'
import { alreadyRunning, findPidFile } from './pid-file.ts'

/** What a server is started with. */
export interface PostmasterPlan {
  readonly dir: string
  readonly binDir: string
  readonly account: Account | undefined
  readonly port: number
  readonly socketDir: string | undefined
  readonly settings: Readonly<Record<string, string>>
}

/** All in milliseconds. A start after a crash replays the log first; an idle stop takes 20. */
const START_DEADLINE_MS = 60_000
const FAST_STOP_MS = 10_000
const IMMEDIATE_STOP_MS = 6_000
const KILL_MS = 5_000
const POLL_MS = 15

/** A running PostgreSQL server. */
export class Postmaster {
  readonly pid: number
  readonly #process: GuardedProcess
  readonly #dir: string

  private constructor(pid: number, running: GuardedProcess, dir: string) {
    this.pid = pid
    this.#process = running
    this.#dir = dir
  }

  /** Starts a server on a cluster that has no pid file, and waits until it takes connections. */
  static async start(plan: PostmasterPlan): Promise<Postmaster> {
    const starting = new GuardedProcess({
      program: join(plan.binDir, 'postgres'),
      args: ['-D', plan.dir, ...argumentsFor(plan)],
      cwd: plan.dir,
      account: plan.account,
    })
    const deadline = Date.now() + START_DEADLINE_MS
    while (!starting.hasEnded && Date.now() < deadline) {
      const found = findPidFile(plan.dir)
      if (found?.status === 'ready') {
        return new Postmaster(found.pid, starting, plan.dir)
      }
      await sleep(POLL_MS)
    }
    const refused = starting.hasEnded
    await end(starting, plan.dir)
    throw refused ? whyItEnded(plan, starting.log) : tooSlow(plan, starting.log)
  }

  /** False once it ended, asked or not. */
  get isRunning(): boolean {
    return !this.#process.hasEnded
  }

  /** Stops it: fast at first, and by force when that takes too long. */
  async stop(): Promise<void> {
    await end(this.#process, this.#dir)
  }
}

function argumentsFor(plan: PostmasterPlan): string[] {
  const settings = {
    ...plan.settings,
    // last, because no setting may open the server to the network
    listen_addresses: '127.0.0.1',
    port: String(plan.port),
    unix_socket_directories: plan.socketDir ?? '',
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

async function end(running: GuardedProcess, dir: string): Promise<void> {
  running.release()
  if (await running.endsWithin(FAST_STOP_MS)) return
  running.signal('SIGQUIT')
  if (await running.endsWithin(IMMEDIATE_STOP_MS)) return
  running.signal('SIGKILL')
  if (await running.endsWithin(KILL_MS)) return
  throw new EmbeddedPostgresError(
    'EMBEDDED_STOP_FAILED',
    `The PostgreSQL on ${dir} does not end, not even when killed. Look at it with ps before starting again.`,
  )
}

function whyItEnded(plan: PostmasterPlan, log: string): EmbeddedPostgresError {
  const holder = /lock file "postmaster\.pid" already exists[^]*?\(PID (\d+)\)/.exec(log)?.[1]
  if (holder !== undefined) return alreadyRunning(plan.dir, Number(holder))
  if (/could not bind .*: Address already in use/.test(log)) {
    return new EmbeddedPostgresError(
      'EMBEDDED_PORT_TAKEN',
      `Port ${plan.port} of 127.0.0.1 is taken, so PostgreSQL can't listen there. Stop what uses it, ` +
        'or choose another port.',
      { facts: { port: plan.port } },
    )
  }
  return new EmbeddedPostgresError(
    'EMBEDDED_START_FAILED',
    `PostgreSQL on ${plan.dir} did not start: ${lastWords(log)}`,
  )
}

function tooSlow(plan: PostmasterPlan, log: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'EMBEDDED_START_FAILED',
    `PostgreSQL on ${plan.dir} was not ready within ${START_DEADLINE_MS / 1000} seconds: ${lastWords(log)}`,
  )
}

/** The server's reasons, without the chatter and without statements, which may hold passwords. */
function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '' && !/STATEMENT:/.test(line))
  const reasons = lines.filter((line) => /FATAL|PANIC|HINT|DETAIL/.test(line))
  return (reasons.length > 0 ? reasons : lines).slice(-5).join('; ') || 'it said nothing'
}
