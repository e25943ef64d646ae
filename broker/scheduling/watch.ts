import { randomUUID } from 'node:crypto'
import { sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { takeUntold, writeLetters, type Untold } from '../../db/alert-letters.ts'
import { listAlertPolicies, type AlertPolicy } from '../../db/alert-rules.ts'
import {
  forgetFault,
  GAP_TOLD_DAYS,
  giveUpAfter,
  keepFault,
  listFailingMail,
  listLastingPasswordChanges,
  listLateEnds,
  listLateGrants,
  listLateRemovals,
  listRecentGaps,
  listUnreachable,
  OVERDUE_LETTERS,
  type Watch,
} from '../../db/alert-scans.ts'
import { raiseAlert, resolveAlerts, type AlertRule, type Breach } from '../../db/alerts.ts'
import { listOrganizations, type Organization } from '../../db/people.ts'
import { systemOrigin, type Origin } from '../../db/scope.ts'
import { storeTime, type Db, type Store, type Transaction } from '../../db/store.ts'
import { recordTask } from '../../db/task-records.ts'
import { originOfDataSource } from '../origins.ts'
import { getDataSource } from '../sources/data-source.ts'

/** Watching needs the store alone: it works while every data source is away. */
export interface WatchDeps {
  readonly store: Store
  readonly log: Log
}

/** What a broker can see in the store; other alerts are raised by whoever sees their breach. */
const WATCHED: readonly Watched[] = [
  { rule: 'removal_late', scan: listLateRemovals },
  { rule: 'grant_late', scan: listLateGrants },
  { rule: 'end_late', scan: listLateEnds },
  { rule: 'data_source_unreachable', scan: listUnreachable },
  { rule: 'mail_failing', scan: listFailingMail, among: [OVERDUE_LETTERS] },
]

interface Watched {
  readonly rule: AlertRule
  readonly scan: (db: Db, watch: Watch) => Promise<Breach[]>
  /** The keys that are ours to resolve; absent: all of the rule. */
  readonly among?: readonly string[]
}

/** A look that takes longer is given up; the next one is never far, in milliseconds. */
const LOOK_DEADLINE_MS = 15_000
/** Shorter: a broker that froze in the middle must not keep the others from looking. */
const STATEMENT_DEADLINE_MS = 5_000

/**
 * Looks for breaches of what is promised, by the store's clock: raises what is new, resolves what
 * is over, tells people. Any number of brokers may look at once: an alert is raised and told once.
 */
export async function watch(deps: WatchDeps): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it took too long')), LOOK_DEADLINE_MS)
  })
  try {
    await Promise.race([lookEverywhere(deps), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Does a data source's comparison, and keeps since when it fails: a fault that lasts is a breach. */
export async function heedFaults(
  { store, log }: WatchDeps,
  dataSourceId: string,
  compare: () => Promise<void>,
): Promise<void> {
  try {
    await compare()
  } catch (error) {
    const detail = sentenceOf(error)
    await recordFault(store, dataSourceId, detail).catch((unkept: unknown) =>
      log.warn({ dataSource: dataSourceId, error: sentenceOf(unkept) }, 'a fault was not kept'),
    )
    throw error
  }
  await forgetFault(store.db, dataSourceId)
}

/** The first of several failures in a row is a record; how long they last is the alert's to say. */
async function recordFault(store: Store, dataSourceId: string, detail: string): Promise<void> {
  await store.change(async (tx) => {
    if (!(await keepFault(tx, { dataSourceId, detail }))) return
    const dataSource = await getDataSource(store, dataSourceId)
    const at = await storeTime(tx)
    await recordTask(tx, await originOfDataSource(tx, dataSource), at, {
      task: 'reconcile',
      outcome: 'failed',
      result: `${dataSource.name} could not be compared with the store: ${detail}`,
      startedAt: at,
      dataSource: { id: dataSource.id, name: dataSource.name },
    })
  })
}

async function lookEverywhere(deps: WatchDeps): Promise<void> {
  for (const organization of await listOrganizations(deps.store.db)) {
    const policies = await listAlertPolicies(deps.store.db, organization)
    for (const watched of WATCHED) {
      const policy = policies.find(({ rule }) => rule === watched.rule)
      if (policy === undefined) continue
      await apart(deps, watched.rule, () => look(deps, organization, { policy, watched }))
    }
    await apart(deps, 'password_changed', () => lookAtPasswords(deps, organization))
    await apart(deps, 'recording_gap', () => lookAtGaps(deps, organization))
    await apart(deps, 'telling', () => tell(deps, organization, policies))
  }
}

/** One rule that can't be looked at must not hide the others. */
async function apart({ log }: WatchDeps, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    log.error({ watch: what, error: sentenceOf(error) }, 'a look for breaches failed')
  }
}

async function look(
  { store }: WatchDeps,
  organization: Organization,
  { policy, watched }: { policy: AlertPolicy; watched: Watched },
): Promise<void> {
  const { enabled, afterSeconds } = policy
  const { rule, scan, among } = watched
  await within(store, organization, async (tx, origin) => {
    const looked = { organizationId: organization.id, afterSeconds: afterSeconds ?? 0 }
    const breaches = enabled ? await scan(tx, looked) : []
    const at = await storeTime(tx)
    for (const breach of breaches) await raiseAlert(tx, origin, at, breach)
    await resolveAlerts(tx, origin, at, { rule, keep: breaches.map(({ key }) => key), among })
  })
}

/** The proxy raises these; with the user that was changed they are over. */
async function lookAtPasswords({ store }: WatchDeps, organization: Organization): Promise<void> {
  await within(store, organization, async (tx, origin) => {
    const keep = await listLastingPasswordChanges(tx, organization.id)
    await resolveAlerts(tx, origin, await storeTime(tx), { rule: 'password_changed', keep })
  })
}

/** The proxy raises these too; they are let go of after some days. */
async function lookAtGaps({ store }: WatchDeps, organization: Organization): Promise<void> {
  await within(store, organization, async (tx, origin) => {
    const keep = await listRecentGaps(tx, organization.id)
    const why = `it was told of for ${String(GAP_TOLD_DAYS)} days; the gap itself stays`
    await resolveAlerts(tx, origin, await storeTime(tx), { rule: 'recording_gap', keep, why })
  })
}

/** Logs what is new and writes its letters, whoever raised it. */
async function tell(
  { store, log }: WatchDeps,
  organization: Organization,
  policies: readonly AlertPolicy[],
): Promise<void> {
  let told: readonly Untold[] = []
  await within(store, organization, async (tx) => {
    const at = await storeTime(tx)
    told = await takeUntold(tx, organization.id, at)
    for (const alert of told) {
      const policy = policies.find(({ rule }) => rule === alert.rule)
      if (policy) await writeLetters(tx, organization.id, { alert, policy, at })
    }
  })
  for (const { rule, key, detail } of told) log.error({ alert: rule, key, detail }, 'an alert')
}

async function within(
  store: Store,
  organization: Organization,
  work: (tx: Transaction, origin: Origin) => Promise<void>,
): Promise<void> {
  await store.change(async (tx) => {
    await giveUpAfter(tx, STATEMENT_DEADLINE_MS)
    await work(tx, systemOrigin(organization, randomUUID()))
  })
}
