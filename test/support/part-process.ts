import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { programOf, type Part } from './compiled-parts.ts'

/** A part of Daypass in a process of its own. */
export interface PartProcess {
  readonly pid: number
  /** All it printed so far: its marks and its log. */
  printed(): string
  isRunning(): boolean
  /** Waits for a line that begins so and returns it; undefined once the process is gone without. */
  line(beginning: string, withinMs?: number): Promise<string | undefined>
  freeze(): void
  thaw(): void
  /** Ends it as the kernel does, and resolves when it is gone. */
  kill(): Promise<void>
  exited(): Promise<void>
}

export interface PartPlan {
  readonly part: Part
  readonly settings: Readonly<Record<string, string | number>>
  /** Such as g2.after:kill9; brokers only. */
  readonly failpoint?: string
  /** What its heap may grow to before the collector is thorough: to tell a leak from what lies about. */
  readonly heapMegabytes?: number
}

const living = new Set<ChildProcess>()
process.once('exit', killParts)

/** Starts a part; what it says on the way tells when it is ready. */
export function startPart({ part, settings, failpoint, heapMegabytes }: PartPlan): PartProcess {
  const { args, cwd } = programOf(part)
  const heap = heapMegabytes === undefined ? [] : [`--max-old-space-size=${heapMegabytes}`]
  const child = spawn(process.execPath, [...heap, ...args], {
    cwd,
    env: {
      PATH: process.env['PATH'],
      ...(failpoint === undefined ? {} : { DAYPASS_FAILPOINT: failpoint }),
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  living.add(child)
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => {
      living.delete(child)
      resolve()
    })
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  // the channel of one that is killed at once breaks; its exit says it all
  child.on('error', () => undefined)
  child.send(settings, () => undefined)
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  return {
    pid: child.pid ?? 0,
    printed: () => text,
    isRunning,
    line: async (beginning, withinMs = 40_000) => {
      const deadline = performance.now() + withinMs
      for (;;) {
        const wasRunning = living.has(child)
        const found = text.split('\n').find((each) => each.startsWith(beginning))
        if (found !== undefined) return found
        if (!wasRunning) return undefined
        if (performance.now() > deadline) {
          throw new Error(`"${beginning}" was not said in time; it said:\n${text.slice(-2_000)}`)
        }
        await sleep(20)
      }
    },
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    kill: async () => {
      child.kill('SIGKILL')
      await gone
    },
    exited: () => gone,
  }
}

/** Kills every part that still lives. */
export function killParts(): void {
  for (const child of living) child.kill('SIGKILL')
}
