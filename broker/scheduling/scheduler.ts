import { schedule } from 'node-cron'
import { sentenceOf } from '../../lib/errors.ts'
import { listen } from '../../db/notices.ts'
import { addPartitions } from '../../db/partitions.ts'
import { scheduleChecks } from '../preflight/checks.ts'
import { dropOldRecordings } from './retention.ts'
import { reconcileAll, setGoing, sweep, type SweepDeps } from './sweep.ts'
import { watch } from './watch.ts'
import { readWorkNotice } from './work-notices.ts'

export interface Scheduler {
  /** Runs a tick as soon as the one under way is over. */
  wake(): void
  close(): Promise<void>
}

const EVERY_SECOND = '* * * * * *'
const EVERY_FIVE_SECONDS = '*/5 * * * * *'
const EVERY_TEN_SECONDS = '*/10 * * * * *'
const EVERY_HOUR = '0 0 * * * *'

/**
 * Ticks every second and at every notice that does not name its work itself, looks for breaches every five seconds, compares data
 * sources with the store every ten, and sees to it every hour that the trail has its next months, that
 * recordings go which the policy no longer keeps, and that each data source was checked within a day.
 */
export function startScheduler(deps: SweepDeps): Scheduler {
  const tick = coalesce(() => guarded(deps, 'sweep', sweep))
  const compare = coalesce(() => guarded(deps, 'reconcile', reconcileAll))
  const upkeep = coalesce(() => guarded(deps, 'upkeep', keepUp))
  const look = coalesce(() => guarded(deps, 'watch', watch))
  const quiet = quietLogger(deps)
  const tasks = [
    schedule(EVERY_SECOND, tick.run, { name: 'sweep', noOverlap: true, ...quiet }),
    schedule(EVERY_HOUR, upkeep.run, { name: 'upkeep', noOverlap: true, ...quiet }),
    schedule(EVERY_FIVE_SECONDS, look.run, { name: 'watch', noOverlap: true, ...quiet }),
    schedule(EVERY_TEN_SECONDS, compare.run, { name: 'reconcile', noOverlap: true, ...quiet }),
  ]
  const listening = listen(deps.store.url, 'daypass_work', {
    heard: (notice) => {
      const work = readWorkNotice(notice)
      if (work === undefined) void tick.run()
      else setGoing(deps, work)
    },
    log: deps.log,
  })
  void upkeep.run()
  return {
    wake: () => void tick.run(),
    close: async () => {
      for (const task of tasks) await task.destroy()
      await listening.close()
      await Promise.all([tick.idle(), compare.idle(), upkeep.idle(), look.idle()])
      await deps.lanes.close()
      await deps.kept?.close()
    },
  }
}

async function keepUp(deps: SweepDeps): Promise<void> {
  await guarded(deps, 'partitions', ({ store }) => addPartitions(store))
  await guarded(deps, 'retention', dropOldRecordings)
  await scheduleChecks(deps)
}

interface Coalesced {
  readonly run: () => Promise<void>
  readonly idle: () => Promise<void>
}

/** Runs one at a time; calls that come meanwhile make it run once more, together. */
function coalesce(work: () => Promise<void>): Coalesced {
  let running: Promise<void> | undefined
  let calls = 0
  const loop = async (): Promise<void> => {
    for (let seen = -1; seen !== calls;) {
      seen = calls
      await work()
    }
    running = undefined
  }
  return {
    run: () => {
      calls += 1
      return (running ??= loop())
    },
    idle: () => running ?? Promise.resolve(),
  }
}

async function guarded(
  deps: SweepDeps,
  name: string,
  work: (deps: SweepDeps) => Promise<void>,
): Promise<void> {
  try {
    await work(deps)
  } catch (error) {
    // the store may be away; the next tick tries again
    deps.log.error({ task: name, error: sentenceOf(error) }, 'a tick failed')
  }
}

/** node-cron writes coloured text to the console otherwise. */
function quietLogger({
  log,
}: SweepDeps): Pick<
  NonNullable<Parameters<typeof schedule>[2]>,
  'logger' | 'suppressMissedWarning'
> {
  const say = (message: string | Error): void => log.debug({}, `node-cron: ${String(message)}`)
  return { logger: { info: say, warn: say, error: say, debug: say }, suppressMissedWarning: true }
}
