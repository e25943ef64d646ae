import { randomUUID } from 'node:crypto'
import { sentenceOf } from '../../lib/errors.ts'
import { raiseAlert, resolveAlerts } from '../../db/alerts.ts'
import { appendRecord } from '../../db/audit-log.ts'
import {
  askOverdueChecks,
  claimChecks,
  finishCheck,
  forgetOldChecks,
  type DataSourceCheck,
} from '../../db/data-source-checks.ts'
import { getOrganization } from '../../db/people.ts'
import { listRoles } from '../../db/roles.ts'
import { systemOrigin, type Origin } from '../../db/scope.ts'
import { recordTask } from '../../db/task-records.ts'
import { storeTime, type Transaction } from '../../db/store.ts'
import type { BrokerDeps } from '../sources/data-source.ts'
import { BROKER } from '../sessions/moves.ts'
import { testDataSource, testRole, type Examination } from './preflight.ts'
import { finding } from './findings.ts'

/** A broker that died at a check has it taken over after this long; a check takes seconds. */
const CLAIM_SECONDS = 60
/** Sessions approved together ask for the same roles: one look answers them all. */
const CHECKS_AT_ONCE = 100
const SCHEDULE_HOURS = 24
/** What a record says of a test stays with the record. */
const KEEP_DAYS = 90

/** Asks for the daily check of data sources that nobody has tested since, and forgets old ones. */
export async function scheduleChecks({ store }: Pick<BrokerDeps, 'store'>): Promise<void> {
  await askOverdueChecks(store.db, SCHEDULE_HOURS)
  await forgetOldChecks(store.db, KEEP_DAYS)
}

/** Runs what was asked for on one data source, until nothing is left or somebody else is wanted there. */
export async function checkDue(
  deps: BrokerDeps,
  dataSourceId: string,
  isWanted: () => boolean = () => false,
): Promise<void> {
  while (!isWanted()) {
    const checks = await claimChecks(deps.store.db, {
      dataSourceId,
      seconds: CLAIM_SECONDS,
      limit: CHECKS_AT_ONCE,
    })
    if (checks.length === 0) return
    for (const id of new Set(checks.map(subjectOf))) {
      const alike = checks.filter((check) => subjectOf(check) === id)
      await runAlike(deps, alike)
    }
  }
}

function subjectOf({ role }: DataSourceCheck): string | undefined {
  return role?.id
}

/** Checks of the same thing. Only where somebody means to test it is a trial user made. */
async function runAlike(deps: BrokerDeps, checks: readonly DataSourceCheck[]): Promise<void> {
  const [first] = checks
  if (first === undefined) return
  const trial = checks.some(({ cause }) => cause !== 'approval')
  const examination = await examine(deps, first, trial)
  for (const check of checks) await conclude(deps, check, examination)
}

async function examine(
  deps: BrokerDeps,
  { dataSource, role }: DataSourceCheck,
  trial: boolean,
): Promise<Examination> {
  try {
    if (role !== null) return await testRole(deps, dataSource.id, role, { trial })
    const offered = await listRoles(deps.store.db, BROKER, { dataSourceId: dataSource.id })
    const roles = offered.map(({ databaseRole }) => databaseRole)
    return await testDataSource(deps, dataSource.id, { trial, roles })
  } catch (error) {
    // a data source that breaks off in the midst of a check is what the check found
    deps.log.warn({ dataSource: dataSource.name, error: sentenceOf(error) }, 'a check broke off')
    const sentence = `The check broke off: ${sentenceOf(error)}`
    return { findings: [finding('failed', sentence)], dangers: undefined, exposure: 'unknown' }
  }
}

async function conclude(
  { store }: BrokerDeps,
  check: DataSourceCheck,
  { findings, dangers, exposure }: Examination,
): Promise<void> {
  const ok = findings.every((each) => each.ok)
  await store.change(async (tx) => {
    if (!(await finishCheck(tx, check.id, { ok, findings, dangers }))) return
    const organization = await getOrganization(tx, check.organizationId)
    const origin = systemOrigin(organization, randomUUID())
    // an approval that finds all as it should be is no news
    if (!ok || check.cause !== 'approval') await record(tx, origin, { check, ok, findings })
    if (exposure !== 'unknown') await tellExposure(tx, origin, { check, exposure, findings })
  })
}

async function record(
  tx: Transaction,
  origin: Origin,
  {
    check,
    ok,
    findings,
  }: { check: DataSourceCheck; ok: boolean; findings: Examination['findings'] },
): Promise<void> {
  const { dataSource, role } = check
  const subject = role
    ? { type: 'role', id: role.id, name: role.name }
    : { type: 'data source', id: dataSource.id, name: dataSource.name }
  const wrong = findings.filter((each) => !each.ok).map(({ sentence }) => sentence)
  const at = await storeTime(tx)
  await appendRecord(tx, origin, at, {
    action: 'data_source.tested',
    area: 'data sources',
    outcome: ok ? 'ok' : 'failed',
    subject,
    dataSource,
    ...(wrong.length === 0 ? {} : { reason: wrong.join('\n') }),
    details: {
      check: check.id,
      cause: check.cause,
      asked_by: check.askedBy,
      ...(check.sessionId === null ? {} : { session: check.sessionId }),
    },
  })
  const result = `${subject.name} was tested: ${wrong.length === 0 ? 'in order' : `${String(wrong.length)} to mend`}.`
  const startedAt = check.startedAt ?? at
  await recordTask(tx, origin, at, { task: 'check', outcome: 'ok', result, startedAt, dataSource })
}

/** A proven way past the proxies is an alert until it is proven closed. */
async function tellExposure(
  tx: Transaction,
  origin: Origin,
  {
    check: { dataSource },
    exposure,
    findings,
  }: {
    check: DataSourceCheck
    exposure: 'open' | 'closed'
    findings: Examination['findings']
  },
): Promise<void> {
  const at = await storeTime(tx)
  if (exposure === 'open') {
    const detail = findings.at(-1)?.sentence ?? ''
    const breach = { rule: 'direct_access', key: dataSource.id, detail } as const
    await raiseAlert(tx, origin, at, { ...breach, dataSourceId: dataSource.id })
    return
  }
  await resolveAlerts(tx, origin, at, { rule: 'direct_access', keep: [], among: [dataSource.id] })
}
