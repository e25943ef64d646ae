import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { AppError } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import type { Shutdown } from '../../lib/shutdown.ts'
import { SAMPLE, type Sample } from '../metrics/sample.ts'
import { Line, type ChannelEnd } from './line.ts'

export interface CrewDeps {
  readonly log: Log
  readonly shutdown: Shutdown
}

/** A process that needs longer than this to serve will not serve, in milliseconds. */
const SERVING_MS = 25_000
/** Shorter than what the supervisor grants the whole part. */
const STOP_MS = 11_000
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 10_000
/** One that served this long starts its next trouble with a short pause again. */
const CALM_MS = 60_000

interface Member {
  readonly worker: Worker
  readonly line: Line
  readonly serving: Promise<void>
}

/**
 * Starts so many processes on one port and keeps them running; resolves once all serve, with what
 * collects their numbers. Errors: `proxy_process_failed`.
 */
export async function startCrew(
  processes: number,
  deps: CrewDeps,
): Promise<() => Promise<readonly Sample[]>> {
  const crew = new Crew(processes, deps)
  deps.shutdown.onClose('proxy processes', () => crew.stop())
  await crew.start()
  return () => crew.sample()
}

class Crew {
  readonly #processes: number
  readonly #log: Log
  /** By their numbers. */
  readonly #members = new Map<number, Member>()
  #stopping = false

  constructor(processes: number, { log }: CrewDeps) {
    this.#processes = processes
    this.#log = log
  }

  /** The first one alone: it ships what more processes than these have left. */
  async start(): Promise<void> {
    await this.#begin(1, FIRST_PAUSE_MS)
    const others = Array.from({ length: this.#processes - 1 }, (_, index) => index + 2)
    await Promise.all(others.map((number) => this.#begin(number, FIRST_PAUSE_MS)))
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all([...this.#members.values()].map(stopMember))
  }

  async sample(): Promise<readonly Sample[]> {
    const members = [...this.#members.values()]
    const answers = await Promise.all(members.map(({ line }) => line.ask('sample')))
    return answers
      .map((answer) => SAMPLE.safeParse(answer).data)
      .filter((sample) => sample !== undefined)
      .sort((a, b) => a.process - b.process)
  }

  /** Resolves once it serves. */
  async #begin(number: number, pause: number): Promise<void> {
    const since = Date.now()
    const member = this.#fork(number)
    member.worker.once('exit', (code, signal) => {
      this.#members.delete(number)
      if (this.#stopping) return
      const ended = signal || code
      this.#log.error({ process: number, ended }, 'a process of the proxy ended')
      const wait = Date.now() - since > CALM_MS ? FIRST_PAUSE_MS : pause
      setTimeout(() => this.#replace(number, wait), wait)
    })
    await member.serving
  }

  #replace(number: number, wait: number): void {
    if (this.#stopping) return
    const next = Math.min(wait * 2, LONGEST_PAUSE_MS)
    this.#begin(number, next).catch(() => {
      // its exit was logged, and it is replaced again
    })
  }

  #fork(number: number): Member {
    const worker = cluster.fork()
    let serves: () => void = () => undefined
    const serving = servingInTime(worker, (done) => (serves = done))
    const line = new Line(endOf(worker, this.#log), this.#log)
    line.answer('place', () => ({ number, of: this.#processes }))
    line.answer('serving', () => serves())
    line.answer('cancel', (sought) => this.#askOthers(number, sought))
    const member = { worker, line, serving }
    this.#members.set(number, member)
    return member
  }

  /** True once one of the others has delivered it; they need not all have answered. */
  async #askOthers(number: number, sought: unknown): Promise<boolean> {
    const others = [...this.#members].filter(([other]) => other !== number)
    const answers = others.map(async ([, { line }]) => {
      if ((await line.ask('cancel', sought)) !== true) throw new Error('not one of its connections')
    })
    return Promise.any(answers).then(
      () => true,
      () => false,
    )
  }
}

function servingInTime(worker: Worker, told: (done: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      reject(
        new AppError(
          'proxy_process_failed',
          'A process of the proxy did not start: its log says why.',
        ),
      )
    }
    const timer = setTimeout(() => {
      worker.process.kill('SIGKILL')
      fail()
    }, SERVING_MS)
    worker.once('exit', () => {
      clearTimeout(timer)
      fail()
    })
    told(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function endOf(worker: Worker, log: Log): ChannelEnd {
  return {
    send: (message) => {
      worker.process.send(message, (error) => {
        if (error) log.debug({ error: error.message }, 'a process of the proxy could not be asked')
      })
    },
    onMessage: (heard) => void worker.on('message', heard),
  }
}

async function stopMember({ worker, line }: Member): Promise<void> {
  if (worker.isDead()) return
  const gone = once(worker, 'exit')
  void line.ask('stop')
  const deadline = setTimeout(() => worker.process.kill('SIGKILL'), STOP_MS)
  await gone
  clearTimeout(deadline)
}
