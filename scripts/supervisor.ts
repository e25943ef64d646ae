import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { environmentForPart } from '../config.ts'
import { AppError } from '../lib/errors.ts'
import { READY } from './part.ts'
import type { KeyHolder } from '../lib/seal.ts'

/** A part that needs longer than this to serve will not serve, in milliseconds. */
const READY_DEADLINE_MS = 30_000
const STOP_DEADLINE_MS = 12_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000
/** A part that served this long starts its next trouble with a short pause again. */
const CALM_MS = 60_000

/** How to start a part: its name and what only it is told. */
export interface PartPlan {
  readonly part: KeyHolder
  readonly environment: Readonly<Record<string, string>>
}

/** Keeps parts running as processes of their own, each with its own login and key. */
export class Supervisor {
  readonly #children = new Map<KeyHolder, ChildProcess>()
  readonly #say: (sentence: string) => void
  #stopping = false

  constructor(say: (sentence: string) => void) {
    this.#say = say
  }

  /** Starts a part and resolves once it serves. Errors: `part_failed` when it ends before. */
  async start(plan: PartPlan): Promise<void> {
    const child = this.#fork(plan)
    await serving(child, plan.part)
    this.#keep(child, { plan, pause: FIRST_PAUSE_MS })
  }

  /** Asks every part to end, and ends those that don't. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all([...this.#children.values()].map(stopChild))
  }

  #fork(plan: PartPlan): ChildProcess {
    const [, program = ''] = process.argv
    const child = fork(program, ['serve', plan.part], {
      env: { ...environmentForPart(plan.part), ...plan.environment },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#children.set(plan.part, child)
    return child
  }

  /** A part that ends by itself is started again, after a pause that grows. */
  #keep(child: ChildProcess, { plan, pause }: { plan: PartPlan; pause: number }): void {
    const since = Date.now()
    child.once('exit', (code, signal) => {
      if (this.#stopping) return
      const wait = Date.now() - since > CALM_MS ? FIRST_PAUSE_MS : pause
      this.#say(`The ${plan.part} ended (${String(signal ?? code)}); starting it again.`)
      setTimeout(() => {
        if (this.#stopping) return
        const next = Math.min(wait * 2, LONGEST_PAUSE_MS)
        this.#keep(this.#fork(plan), { plan, pause: next })
      }, wait)
    })
  }
}

async function serving(child: ChildProcess, part: KeyHolder): Promise<void> {
  const timer = new AbortController()
  const deadline = setTimeout(() => timer.abort(), READY_DEADLINE_MS)
  try {
    const heard = Promise.race([
      once(child, 'message', { signal: timer.signal }),
      once(child, 'exit', { signal: timer.signal }),
    ])
    // nothing in time is told like an end
    const [message]: unknown[] = await heard.catch(() => [])
    if (message === READY) return
    throw new AppError('part_failed', `The ${part} did not start; it said why above.`)
  } finally {
    clearTimeout(deadline)
    timer.abort()
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
  await gone
  clearTimeout(deadline)
}
