import { writeSync } from 'node:fs'
import { once } from 'node:events'
import { startBroker } from '../../broker/main.ts'
import { STEPS, type Reached } from '../../broker/scheduling/steps.ts'
import { openStore } from '../../db/store.ts'
import { openLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'

// A broker in a process of its own, for tests that kill, freeze and fail it. Its secrets come over
// the channel, because the process list shows arguments to everybody. This alone of all programs
// reads DAYPASS_FAILPOINT, such as g2.after:kill9; the product has nothing that could act on it.

interface Settings {
  readonly storeUrl: string
  readonly masterKey: string
  /** What this machine's clock is wrong by. */
  readonly clockOffMs: number
}

const ACTIONS: Readonly<Record<string, (step: string) => Promise<void>>> = {
  kill9: () => {
    process.kill(process.pid, 'SIGKILL')
    return new Promise(() => undefined)
  },
  // and it goes on where it stood when somebody thaws it
  freeze: () => {
    process.kill(process.pid, 'SIGSTOP')
    return Promise.resolve()
  },
  throw: (step) => Promise.reject(new Error(`failpoint ${step}`)),
  hang: () => new Promise(() => undefined),
}

const [settings] = (await once(process, 'message')) as [Settings]
// with its parent gone nobody would end it
process.on('disconnect', () => process.exit(1))
if (settings.clockOffMs !== 0) setClockOff(settings.clockOffMs)
const log = openLog('broker', 'debug')
try {
  await startBroker({
    config: { masterKey: Buffer.from(settings.masterKey, 'hex'), partKey: undefined },
    store: openStore(settings.storeUrl),
    log,
    shutdown: new Shutdown(log),
    reached: failOnceAt(process.env['DAYPASS_FAILPOINT']),
  })
  say('ready')
} catch (error) {
  log.error({ error: error instanceof Error ? error.message : 'unknown' }, 'refused to start')
  process.exit(1)
}

function failOnceAt(failpoint: string | undefined): Reached {
  if (failpoint === undefined) return () => Promise.resolve()
  const [wanted, action = ''] = failpoint.split(':')
  const act = ACTIONS[action]
  if (act === undefined || !STEPS.some((step) => step === wanted)) {
    throw new Error(`no such failpoint: ${failpoint}`)
  }
  let isDone = false
  return async (step, session) => {
    if (isDone || step !== wanted) return
    isDone = true
    say(`reached ${step} ${session}`)
    await act(step)
  }
}

/** At once and to the end, because the next thing may be our death. */
function say(line: string): void {
  writeSync(1, `${line}\n`)
}

/** Timers run on; only what is read off the clock is wrong. */
function setClockOff(offMs: number): void {
  const Right = Date
  globalThis.Date = new Proxy(Right, {
    construct: (target, given: ConstructorParameters<DateConstructor> | []) =>
      given.length === 0 ? new target(Right.now() + offMs) : new target(...given),
    get: (target, name, receiver) =>
      name === 'now' ? () => Right.now() + offMs : (Reflect.get(target, name, receiver) as unknown),
  })
}
