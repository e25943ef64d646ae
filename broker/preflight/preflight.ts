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
import { judgeAccess, readAccessFacts, type AccessFacts, type Exposure } from './direct-access.ts'
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
  openTableFindings,
  sharedRoleFindings,
  type Offered,
} from './findings.ts'
import { listOpenTables } from './triggers.ts'
import { tryOut, type TrialPlan } from './trial.ts'
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
    const here = await onAddress(address, (target) => lookAround(target, { roles, ours }))
    const elsewhere = await inTurn(address, here.others, findOpenPlaces)
    const findings = [...here.findings, ...elsewhere.flat()]
    const { defaultDatabase } = address.dataSource
    const plan = { address, roles: [], databases: [defaultDatabase] }
    const tried = await attempt(findings, trial, plan)
    const exposure = judgeAccess(here.access, tried.entry)
    return {
      findings: [...findings, ...tried.findings, exposure.finding],
      dangers: [],
      exposure: exposure.state,
    }
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
    const here = await onAddress(address, (target) => lookAtRole(target, offered))
    if (here === undefined) return isNotThere(address.dataSource, offered)
    const { facts, names, blind } = here
    const others = await inTurn(address, here.others, (there) => lookInside(there, offered, facts))
    const inside = together([...here.inside, ...others])
    const findings = [here.lending, ...carriedFindings(offered, inside), ...inside.findings]
    const plan = { address, roles: [offered.databaseRole], databases: names }
    const tried = await attempt(findings, trial, plan)
    return {
      findings: [...findings, ...tried.findings],
      dangers: blind && inside.dangers.length === 0 ? undefined : inside.dangers,
      exposure: 'unknown',
    }
  })
}

function isNotThere({ name }: DataSource, { databaseRole }: Offered): Examination {
  const sentence = `${name} has no role ${JSON.stringify(databaseRole)}.`
  return { findings: [finding('failed', sentence)], dangers: [], exposure: 'unknown' }
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

interface Surroundings {
  readonly roles: readonly string[]
  /** The store's clock. */
  readonly ours: DateTime<true>
}

/** What is seen from the admin login's own database. */
interface Seen {
  readonly findings: readonly Finding[]
  readonly access: AccessFacts
  /** Databases to be looked into over connections of their own. */
  readonly others: readonly string[]
}

async function lookAround(target: Target, { roles, ours }: Surroundings): Promise<Seen> {
  const login = await readLoginFacts(target)
  const shared = await readCarried(target, [MARKER, target.dataSource.residueOwner])
  const names = openedDatabases(target, login)
  return {
    findings: [
      ...loginFindings(target, login),
      ...clockFindings(target, login, ours.toMillis()),
      ...sharedRoleFindings(shared),
      ...(names.includes(target.database) ? await findOpenPlaces(target) : []),
    ],
    access: await readAccessFacts(target, roles),
    others: names.filter((name) => name !== target.database),
  }
}

/** Where everybody has rights that every session user has then, too. */
async function findOpenPlaces(there: Target): Promise<Finding[]> {
  return [
    ...openSchemaFindings(there.database, await listOpenSchemas(there)),
    ...openTableFindings(there.database, await listOpenTables(there)),
  ]
}

/** What is seen of a role from the admin login's own database. */
interface SeenRole {
  readonly lending: Finding
  readonly facts: RoleFacts
  /** Databases that people may ask for; the others of them are looked into afterwards. */
  readonly names: readonly string[]
  readonly others: readonly string[]
  readonly blind: boolean
  readonly inside: readonly Inside[]
}

async function lookAtRole(target: Target, offered: Offered): Promise<SeenRole | undefined> {
  const login = await readLoginFacts(target)
  const facts = await readRoleFacts(target, offered.databaseRole)
  if (facts === undefined) return undefined
  const names = openedDatabases(target, login)
  const isOpen = names.includes(target.database)
  return {
    lending: lendingFindings(target, login, { offered, facts }),
    facts,
    names,
    others: names.filter((name) => name !== target.database),
    blind: isBlind(target, login),
    inside: isOpen ? [await lookInside(target, offered, facts)] : [],
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

/** What the role may do in the database connected to; PostgreSQL tells of one at a time. */
async function lookInside(
  there: Target,
  { databaseRole }: Offered,
  facts: RoleFacts,
): Promise<Inside> {
  const [carried] = await readCarried(there, [databaseRole])
  return {
    findings: [
      connectFinding(there.database, databaseRole, facts),
      ...givenFindings(there.database, databaseRole, await readGivenFacts(there, databaseRole)),
    ],
    dangers: carried?.dangers ?? [],
    cautions: carried?.cautions ?? [],
  }
}

function together(places: readonly Inside[]): Inside {
  return {
    findings: places.flatMap(({ findings }) => findings),
    dangers: [...new Set(places.flatMap(({ dangers }) => dangers))],
    cautions: [...new Set(places.flatMap(({ cautions }) => cautions))],
  }
}

/** The databases that people may ask for, which are there and let the broker in. */
function openedDatabases({ dataSource }: Target, login: LoginFacts): string[] {
  return login.databases
    .filter(({ name, mayConnect }) => mayConnect && isOpened(dataSource.databases, name))
    .map(({ name }) => name)
}

/** One connection at a time: beside a removal's there may be one more. */
async function inTurn<T>(
  address: AdminAddress,
  databases: readonly string[],
  look: (there: Target) => Promise<T>,
): Promise<T[]> {
  const found: T[] = []
  for (const database of databases) found.push(await onAddress({ ...address, database }, look))
  return found
}

/** A trial of what is known to fail would only say so a second time. */
async function attempt(
  findings: readonly Finding[],
  trial: boolean,
  plan: TrialPlan,
): ReturnType<typeof tryOut> {
  if (!trial) return { findings: [], entry: 'unknown' }
  if (findings.some(({ verdict }) => verdict === 'failed' || verdict === 'danger')) {
    const sentence = 'No trial user was made: mend the above first.'
    return { findings: [finding('note', sentence)], entry: 'unknown' }
  }
  return tryOut(plan)
}
