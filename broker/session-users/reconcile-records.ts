import { raiseAlert, resolveAlerts, type AlertRule, type Breach } from '../../db/alerts.ts'
import type { DataSource } from '../../db/data-sources.ts'
import { listOpenAlerts, type KnownUser } from '../../db/session-scans.ts'
import { getSessionNames } from '../../db/session-snapshots.ts'
import { storeTime } from '../../db/store.ts'
import { recordTask } from '../../db/task-records.ts'
import type { BrokerDeps } from '../sources/data-source.ts'
import type { Drift } from './drift.ts'
import type { FoundRole } from './found-roles.ts'
import { originOfDataSource } from '../origins.ts'

/** Breaches that a comparison sees, and that are over when one sees them no more. */
const RULES = ['role_altered', 'login_unaccounted', 'lock_held'] as const

/** What was found altered, and what of it could not be set right. */
export interface Altered {
  readonly user: KnownUser
  readonly drifts: readonly Drift[]
  readonly failed: readonly (Drift & { readonly error: string })[]
}

/** Records that a session user was found altered, and raises the alert; its breach is returned. */
export async function recordAltered(
  { store }: BrokerDeps,
  dataSource: DataSource,
  altered: Altered,
): Promise<Breach> {
  const { user, failed } = altered
  const detail = detailOf(altered)
  const breach: Breach = {
    rule: 'role_altered',
    key: user.sessionId,
    detail,
    sessionId: user.sessionId,
    dataSourceId: dataSource.id,
  }
  await store.change(async (tx) => {
    const origin = await originOfDataSource(tx, dataSource)
    const at = await storeTime(tx)
    const isNew = await raiseAlert(tx, origin, at, breach)
    // what can't be set right is found again at every comparison
    if (!isNew && failed.length === altered.drifts.length) return
    const { session } = await getSessionNames(tx, user.sessionId)
    await recordTask(tx, origin, at, {
      task: 'reconcile',
      outcome: failed.length === 0 ? 'ok' : 'failed',
      result: detail,
      startedAt: at,
      session,
      dataSource: { id: dataSource.id, name: dataSource.name },
    })
  })
  return breach
}

/** Records that a second role passed itself off as a session's user, and raises the alert. */
export async function recordStray(
  { store }: BrokerDeps,
  dataSource: DataSource,
  {
    role,
    user,
    fault,
  }: {
    readonly role: FoundRole
    readonly user: KnownUser
    /** Why it is still there. */
    readonly fault?: string
  },
): Promise<Breach> {
  const end =
    fault === undefined
      ? 'Its login was taken, and it is removed.'
      : `It can't be removed, which is tried again: ${fault}`
  const breach: Breach = {
    rule: 'login_unaccounted',
    key: unaccountedKey(dataSource, role.name),
    detail: `${role.name} on ${dataSource.name} passed itself off as the user of session ${user.sessionId}, which is ${user.username}. ${end}`,
    sessionId: user.sessionId,
    dataSourceId: dataSource.id,
  }
  await store.change(async (tx) => {
    const origin = await originOfDataSource(tx, dataSource)
    const at = await storeTime(tx)
    const isNew = await raiseAlert(tx, origin, at, breach)
    // one that stays is found again at every comparison
    if (!isNew && fault !== undefined) return
    const { session } = await getSessionNames(tx, user.sessionId)
    await recordTask(tx, origin, at, {
      task: 'reconcile',
      outcome: fault === undefined ? 'ok' : 'failed',
      result: breach.detail,
      startedAt: at,
      session,
      dataSource: { id: dataSource.id, name: dataSource.name },
    })
  })
  return breach
}

/** Raises what a comparison of one data source found, and resolves what it finds no more. */
export async function noteBreaches(
  { store }: BrokerDeps,
  dataSource: DataSource,
  {
    breaches,
    unseen,
  }: {
    readonly breaches: readonly Breach[]
    /** Keys of what could not be compared: nobody knows whether that is over. */
    readonly unseen: readonly string[]
  },
): Promise<void> {
  const found = (rule: AlertRule): string[] =>
    breaches.filter((breach) => breach.rule === rule).map(({ key }) => key)
  const open = await listOpenAlerts(store.db, dataSource.id, RULES)
  const over = open.filter(({ rule, key }) => ![...found(rule), ...unseen].includes(key))
  if (breaches.length === 0 && over.length === 0) return
  await store.change(async (tx) => {
    const origin = await originOfDataSource(tx, dataSource)
    const at = await storeTime(tx)
    for (const breach of breaches) await raiseAlert(tx, origin, at, breach)
    for (const rule of RULES) {
      const among = over.filter((alert) => alert.rule === rule).map(({ key }) => key)
      if (among.length > 0) await resolveAlerts(tx, origin, at, { rule, keep: found(rule), among })
    }
  })
}

/** The keys of all breaches that there can be of one role. */
export function keysOf(
  dataSource: DataSource,
  { name }: FoundRole,
  user: KnownUser | undefined,
): string[] {
  return [unaccountedKey(dataSource, name), ...(user === undefined ? [] : [user.sessionId])]
}

/** The key of a marked role that no session has. */
export function unaccountedKey(dataSource: DataSource, name: string): string {
  return `${dataSource.name} ${name}`
}

function detailOf({ user, drifts, failed }: Altered): string {
  const what = drifts.map((drift) => drift.what).join('; ')
  if (failed.length === 0) return `${user.username} was altered: ${what}. It was set right again.`
  const errors = [...new Set(failed.map(({ error }) => error))].join('; ')
  const sql = failed.map((drift) => `${drift.sql};`).join(' ')
  return `${user.username} was altered: ${what}. Not all of it can be set right (${errors}). An administrator runs: ${sql}`
}
