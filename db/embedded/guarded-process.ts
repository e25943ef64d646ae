import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Account } from './account.ts'
import { POSTGRES_ENV } from './binaries.ts'

/** How a program is started. */
export interface GuardedCommand {
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly account?: Account | undefined
}

/**
 * The shell holds the reading end of a pipe whose writing end is ours. When this process dies, even
 * by SIGKILL, the kernel closes the pipe, `read` returns, and the program is asked to end. `read` and
 * not `cat`: a builtin needs no further process that could outlive us and keep stderr open.
 */
const GUARD = `
  "$@" 3<&- & program=$!
  (read _; kill -INT $program) <&3 >/dev/null 2>&1 & watch=$!
  exec 3<&-
  wait $program; code=$?
  kill $watch 2>/dev/null
  exit $code
`

/** How much of the program's last words is kept, in characters. */
const LOG_LENGTH = 65_536

/** A program that cannot outlive this process. */
export class GuardedProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #hasEnded = false
  #code: number | null = null
  #log = ''

  constructor(command: GuardedCommand) {
    this.#child = spawn('/bin/sh', ['-c', GUARD, 'daypass', command.program, ...command.args], {
      ...(command.account && { uid: command.account.uid, gid: command.account.gid }),
      cwd: command.cwd,
      env: POSTGRES_ENV,
      // its own process group: Ctrl-C is for us, and we end PostgreSQL after its clients
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#remember(text))
    this.#ended = new Promise((resolve) => {
      const end = (code: number | null): void => {
        this.#hasEnded = true
        this.#code = code
        resolve()
      }
      this.#child.once('error', (error) => {
        this.#remember(error.message)
        end(null)
      })
      // 'close' and not 'exit': it comes when the last of PostgreSQL's processes let go of stderr
      this.#child.once('close', end)
    })
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Its exit code, once it ended by itself; null when a signal or a failed start ended it. */
  get code(): number | null {
    return this.#code
  }

  /** The last it said on stderr. */
  get log(): string {
    return this.#log
  }

  /** Asks it to end as if this process had died: SIGINT, which is PostgreSQL's fast shutdown. */
  release(): void {
    this.#child.stdio[3]?.destroy()
  }

  /** Signals the whole process group. */
  signal(name: 'SIGQUIT' | 'SIGKILL'): void {
    if (this.#hasEnded || this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, name)
    } catch (error) {
      // ESRCH: it ended between the question and the signal
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }

  /** True when it ended within the time, in milliseconds. */
  async endsWithin(ms: number): Promise<boolean> {
    const timer = new AbortController()
    const late = sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined)
    await Promise.race([this.#ended, late])
    timer.abort()
    return this.#hasEnded
  }

  #remember(text: string): void {
    this.#log = (this.#log + text).slice(-LOG_LENGTH)
  }
}
