import { DateTime } from 'luxon'
import { AppError } from '../../lib/errors.ts'
import type { Finding } from '../../db/data-source-checks.ts'
import type { DataSource } from '../../db/data-sources.ts'
import { storeTime } from '../../db/store.ts'
import {
  getDataSource,
  onAddress,
  openAdminUrl,
  type AdminAddress,
  type BrokerDeps,
  type Target,
} from '../sources/data-source.ts'
import {
  listOpenSchemas,
  readGivenFacts,
  readLoginFacts,
  readRoleFacts,
  type LoginFacts,
  type RoleFacts,
} from '../sources/data-source-facts.ts'
import { judgeAccess, readAccessFacts, type Exposure } from './direct-access.ts'
import { readCarried } from './dangers.ts'
import {
  carriedFindings,
  clockFindings,
  connectFinding,
  finding,
  givenFindings,
  isOpened,
  lendingFindings,
  loginFindings,
  openSchemaFindings,
  sharedRoleFindings,
  type Offered,
} from './findings.ts'
import { tryOut } from './trial.ts'
import { MARKER } from '../session-users/session-users.ts'

export { lendingFault } from './dangers.ts'
export type { Finding } from '../../db/data-source-checks.ts'

/** What looking at a data source or a role found. */
export interface Examination {
  readonly findings: readonly Finding[]
  /** What makes the role too powerful to lend; undefined where nobody could look. */
  readonly dangers: readonly string[] | undefined
  /** Whether session users get in past the proxies. */
  readonly exposure: Exposure['state']
}

/** How far to go. */
export interface Depth {
  /** True to make a session user, log in with it and remove it again. */
  readonly trial: boolean
}

type Reach = Pick<BrokerDeps, 'store' | 'key'>

/** Looks whether the broker can do its work on a data source. */
export function testDataSource(
  deps: Reach,
  dataSourceId: string,
  { trial, roles = [] }: Depth & { readonly roles?: readonly string[] },
): Promise<Examination> {
  return examine(async () => {
    const address = await addressOf(deps, dataSourceId)
    const ours = await storeTime(deps.store.db)
    return onAddress(address, (target) => lookAround(target, { address, trial, roles, ours }))
  })
}

/** As testDataSource without a trial, at registration: whoever registers holds the admin URL in clear. */
export async function testAdminUrl(
  dataSource: DataSource,
  url: string,
): Promise<readonly Finding[]> {
  const { findings } = await examine(() =>
    onAddress({ dataSource, url }, async (target) => {
      const findings = loginFindings(target, await readLoginFacts(target))
      return { findings, dangers: [], exposure: 'unknown' }
    }),
  )
  return findings
}

/** Looks whether the broker can lend one role of a data source, and what that role carries. */
export function testRole(
  deps: Reach,
  dataSourceId: string,
  offered: Offered,
  { trial }: Depth,
): Promise<Examination> {
  return examine(async () => {
    const address = await addressOf(deps, dataSourceId)
    return onAddress(address, (target) => lookAtRole(target, { address, trial, offered }))
  })
}

async function addressOf(deps: Reach, dataSourceId: string): Promise<AdminAddress> {
  const dataSource = await getDataSource(deps.store, dataSourceId)
  return { dataSource, url: await openAdminUrl(deps, dataSourceId) }
}

/** What keeps us out is the finding. */
async function examine(look: () => Promise<Examination>): Promise<Examination> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const findings = [finding('failed', error.message)]
    return { findings, dangers: undefined, exposure: 'unknown' }
  }
}

interface Surroundings extends Depth {
  readonly address: AdminAddress
  readonly roles: readonly string[]
  /** The store's clock. */
  readonly ours: DateTime<true>
}

async function lookAround(
  target: Target,
  { address, trial, roles, ours }: Surroundings,
): Promise<Examination> {
  const login = await readLoginFacts(target)
  const { residueOwner, defaultDatabase } = target.dataSource
  const shared = await readCarried(target, [MARKER, residueOwner])
  const findings = [
    ...loginFindings(target, login),
    ...clockFindings(target, login, ours.toMillis()),
    ...sharedRoleFindings(shared),
    ...(await inDatabases(
      target,
      { address, names: openedDatabases(target, login) },
      async (there) => openSchemaFindings(there.database, await listOpenSchemas(there)),
    )),
  ]
  const tried = await attempt(target, findings, trial, {
    address,
    roles: [],
    databases: [defaultDatabase],
  })
  const exposure = judgeAccess(await readAccessFacts(target, roles), tried.entry)
  return {
    findings: [...findings, ...tried.findings, exposure.finding],
    dangers: [],
    exposure: exposure.state,
  }
}

interface Looked extends Depth {
  readonly address: AdminAddress
  readonly offered: Offered
}

async function lookAtRole(target: Target, looked: Looked): Promise<Examination> {
  const { address, trial, offered } = looked
  const { databaseRole } = offered
  const login = await readLoginFacts(target)
  const facts = await readRoleFacts(target, databaseRole)
  if (facts === undefined) {
    const sentence = `${target.dataSource.name} has no role ${JSON.stringify(databaseRole)}.`
    return { findings: [finding('failed', sentence)], dangers: [], exposure: 'unknown' }
  }
  const names = openedDatabases(target, login)
  const inside = await lookInside(target, { ...looked, facts, names })
  const findings = [
    lendingFindings(target, login, { offered, facts }),
    ...carriedFindings(offered, inside),
    ...inside.findings,
  ]
  const tried = await attempt(target, findings, trial, {
    address,
    roles: [databaseRole],
    databases: names,
  })
  return {
    findings: [...findings, ...tried.findings],
    dangers: isBlind(target, login) && inside.dangers.length === 0 ? undefined : inside.dangers,
    exposure: 'unknown',
  }
}

/** True where a danger may be in a database that the broker can't look into at this moment. */
function isBlind({ dataSource }: Target, login: LoginFacts): boolean {
  return login.databases.some(
    ({ name, mayConnect }) => !mayConnect && isOpened(dataSource.databases, name),
  )
}

interface Inside {
  readonly findings: readonly Finding[]
  readonly dangers: readonly string[]
  readonly cautions: readonly string[]
}

/** What the role may do in each database; PostgreSQL tells of one at a time. */
async function lookInside(
  target: Target,
  { address, offered, facts, names }: Looked & { facts: RoleFacts; names: readonly string[] },
): Promise<Inside> {
  const { databaseRole } = offered
  const dangers = new Set<string>()
  const cautions = new Set<string>()
  const findings = await inDatabases(target, { address, names }, async (there) => {
    const [carried] = await readCarried(there, [databaseRole])
    for (const danger of carried?.dangers ?? []) dangers.add(danger)
    for (const caution of carried?.cautions ?? []) cautions.add(caution)
    return [
      connectFinding(there.database, databaseRole, facts),
      ...givenFindings(there.database, databaseRole, await readGivenFacts(there, databaseRole)),
    ]
  })
  return { findings, dangers: [...dangers], cautions: [...cautions] }
}

/** The databases that people may ask for, which are there and let the broker in. */
function openedDatabases({ dataSource }: Target, login: LoginFacts): string[] {
  return login.databases
    .filter(({ name, mayConnect }) => mayConnect && isOpened(dataSource.databases, name))
    .map(({ name }) => name)
}

interface Visit {
  readonly address: AdminAddress
  readonly names: readonly string[]
}

async function inDatabases(
  target: Target,
  { address, names }: Visit,
  look: (there: Target) => Promise<Finding[]>,
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const database of names) {
    const found =
      database === target.database
        ? await look(target)
        : await onAddress({ ...address, database }, look)
    findings.push(...found)
  }
  return findings
}

/** A trial of what is known to fail would only say so a second time. */
async function attempt(
  target: Target,
  findings: readonly Finding[],
  trial: boolean,
  plan: Parameters<typeof tryOut>[1],
): ReturnType<typeof tryOut> {
  if (!trial) return { findings: [], entry: 'unknown' }
  if (findings.some(({ verdict }) => verdict === 'failed' || verdict === 'danger')) {
    const sentence = 'No trial user was made: mend the above first.'
    return { findings: [finding('note', sentence)], entry: 'unknown' }
  }
  return tryOut(target, plan)
}
