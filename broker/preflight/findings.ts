import type { Finding, Verdict } from '../../db/data-source-checks.ts'
import { VERSION_16, type Target } from '../sources/data-source.ts'
import type { GivenFacts, LoginFacts, RoleFacts } from '../sources/data-source-facts.ts'
import { identifier } from '../sources/identifiers.ts'
import type { Carried } from './dangers.ts'
import type { OpenTables } from './triggers.ts'
import { MARKER } from '../session-users/session-users.ts'

/** One finding; what is only good to know counts as being in order. */
export function finding(verdict: Verdict, sentence: string, remedy?: string): Finding {
  const ok = verdict === 'ok' || verdict === 'note'
  return { ok, verdict, sentence, ...(remedy === undefined ? {} : { remedy }) }
}

/**
 * Minor releases that were out when this was written: those of August 2026
 * (postgresql.org/support/versioning), and 15.20. What is older is old for sure; what is not may be.
 */
const KNOWN_MINORS: Readonly<Record<number, number>> = { 15: 20, 16: 15, 17: 11, 18: 6 }
/** A session's end is kept by both clocks: this much between them is felt. */
const SKEW_MS = 5_000

/** What of a data source findings speak of. */
type Server = Pick<Target, 'version' | 'dataSource'>

/** What the admin login can't do, and what is to be known of its server. */
export function loginFindings(target: Server, facts: LoginFacts): Finding[] {
  const login = identifier(facts.name)
  return [
    ...serverFindings(target, facts),
    facts.mayCreateRoles
      ? finding('ok', `${facts.name} may create roles.`)
      : finding('failed', `${facts.name} may not create roles.`, `alter role ${login} createrole;`),
    facts.mayEndBackends || facts.superuser
      ? finding('ok', `${facts.name} may end connections.`)
      : finding(
          'failed',
          `${facts.name} may not end other people's connections.`,
          `grant pg_signal_backend to ${login};`,
        ),
    ...powerFindings(target, facts),
    ...facts.outOfReach.map((name) =>
      finding(
        'failed',
        `${facts.name} may not grant ${name}, which session users ${name === MARKER ? 'carry' : 'leave things to'}.`,
        grantTo(facts.name, name, name === MARKER ? 'hand on' : 'hand over'),
      ),
    ),
    ...databaseFindings(target, facts),
  ]
}

function serverFindings({ version, dataSource }: Server, facts: LoginFacts): Finding[] {
  const [major, minor] = [Math.floor(version / 10_000), version % 10_000]
  const known = KNOWN_MINORS[major] ?? 0
  return [
    finding(
      'ok',
      `${dataSource.name} runs PostgreSQL ${major}.${minor} and lets ${facts.name} in.`,
    ),
    ...(minor < known
      ? [
          finding(
            'note',
            `PostgreSQL ${major}.${minor} is old: ${major}.${known} mends known faults.`,
          ),
        ]
      : []),
    ...(facts.preparedTransactions > 0
      ? [
          finding(
            'note',
            `max_prepared_transactions is ${facts.preparedTransactions}: ${version < VERSION_16 ? 'what a session user prepares as itself is rolled back when the session ends; what it prepares after SET ROLE stays, holds its locks, and is told of as left behind.' : 'what a session user prepares is rolled back when the session ends.'}`,
          ),
        ]
      : []),
  ]
}

/** How the server's clock stands to ours, in a finding where that is felt. */
export function clockFindings(
  { dataSource }: Target,
  { clock }: LoginFacts,
  ours: number,
): Finding[] {
  const ahead = clock - ours
  if (Math.abs(ahead) < SKEW_MS) return []
  const seconds = Math.round(Math.abs(ahead) / 1000)
  const sooner = ahead > 0
  return [
    finding(
      'warning',
      `The clock of ${dataSource.name} is ${seconds} seconds ${sooner ? 'ahead' : 'behind'}: a session user's login ends that much too ${sooner ? 'early' : 'late'} there. Set both servers by NTP.`,
    ),
  ]
}

function powerFindings({ version }: Server, facts: LoginFacts): Finding[] {
  if (facts.superuser) {
    return [
      finding(
        'warning',
        `${facts.name} is a superuser, which the broker does not need: give it a login that may only create roles.`,
      ),
    ]
  }
  if (version >= VERSION_16) return []
  return [
    finding(
      'note',
      `Before PostgreSQL 16 a login that may create roles is close to a superuser: guard the one of ${facts.name} like that, and prefer 16.`,
    ),
  ]
}

function databaseFindings({ dataSource }: Server, facts: LoginFacts): Finding[] {
  const missing = dataSource.databases.filter(
    (name) => name !== '*' && !facts.databases.some((each) => each.name === name),
  )
  const closed = facts.databases.filter(({ mayConnect }) => !mayConnect)
  return [
    ...missing.map((name) => finding('failed', `${dataSource.name} has no database ${name}.`)),
    ...closed.map(({ name }) =>
      finding(
        isOpened(dataSource.databases, name) ? 'failed' : 'note',
        `${facts.name} may not connect to database ${name}: what session users leave there stays.`,
        `grant connect on database ${identifier(name)} to ${identifier(facts.name)};`,
      ),
    ),
  ]
}

/** True for a database that people may ask for. */
export function isOpened(databases: readonly string[], name: string): boolean {
  return databases.includes('*') || databases.includes(name)
}

/** A role on offer: its name on the data source, and whether its definition owns up to dangers. */
export interface Offered {
  readonly databaseRole: string
  readonly dangerous: boolean
}

/** Whether a role can be lent, and what it carries. */
export function lendingFindings(
  { version }: Target,
  login: LoginFacts,
  { offered, facts }: { readonly offered: Offered; readonly facts: RoleFacts },
): Finding {
  const { databaseRole } = offered
  if (facts.grantable) return finding('ok', `${login.name} may lend ${databaseRole}.`)
  return finding(
    'failed',
    `${login.name} may not lend ${databaseRole}.`,
    version >= VERSION_16
      ? grantTo(login.name, databaseRole, 'hand on')
      : `alter role ${identifier(login.name)} createrole;`,
  )
}

/** What a role carries: refused, unless its definition says so and asks for two approvals. */
export function carriedFindings(
  { databaseRole, dangerous }: Offered,
  { dangers, cautions }: Pick<Carried, 'dangers' | 'cautions'>,
): Finding[] {
  return [
    ...dangers.map((danger) =>
      dangerous
        ? finding('warning', `${databaseRole} is dangerous, and marked so: ${danger}.`)
        : finding('danger', `${databaseRole} is too powerful to lend: ${danger}.`),
    ),
    ...cautions.map((caution) => finding('warning', `${databaseRole} ${caution}.`)),
  ]
}

/** Whether the role gets into a database that it is offered for. */
export function connectFinding(name: string, databaseRole: string, facts: RoleFacts): Finding {
  if (facts.databases.includes(name)) {
    return finding('ok', `${databaseRole} may connect to database ${name}.`)
  }
  return finding(
    'failed',
    `${databaseRole} may not connect to database ${name}.`,
    `grant connect on database ${identifier(name)} to ${identifier(databaseRole)};`,
  )
}

/** Whether what the role was granted in a database can be reached. */
export function givenFindings(
  name: string,
  databaseRole: string,
  { anything, closedSchemas }: GivenFacts,
): Finding[] {
  if (!anything) {
    return [finding('note', `In database ${name} nothing is granted to ${databaseRole}.`)]
  }
  if (closedSchemas.length === 0) {
    return [
      finding('ok', `In database ${name} it may look into every schema it was granted things in.`),
    ]
  }
  return closedSchemas.map((schema) =>
    finding(
      'failed',
      `${databaseRole} was granted things in schema ${schema} of database ${name} and may not look into it.`,
      `grant usage on schema ${identifier(schema)} to ${identifier(databaseRole)};`,
    ),
  )
}

/** The marker must have no rights: every session user would have them, or what they leave would run with them. */
export function sharedRoleFindings(carried: readonly Carried[]): Finding[] {
  return carried.flatMap(({ databaseRole, dangers }) =>
    dangers
      // what session users left behind
      .filter((danger) => databaseRole === MARKER || !danger.startsWith('owns '))
      .map((danger) =>
        finding(
          'failed',
          `${databaseRole} must have no rights: ${databaseRole === MARKER ? 'every session user has them' : 'what session users leave behind would run with them'} (${danger}).`,
        ),
      ),
  )
}

/** Everybody's right to create is every session user's. */
export function openSchemaFindings(name: string, schemas: readonly string[]): Finding[] {
  return schemas.map((schema) =>
    finding(
      'note',
      `Everybody may create in schema ${schema} of database ${name}: session users may leave objects there.`,
      `revoke create on schema ${identifier(schema)} from public;`,
    ),
  )
}

/** A trigger's function runs with the rights of whoever writes to the table. */
export function openTableFindings(name: string, open: readonly OpenTables[]): Finding[] {
  return open.map(({ schema, tables }) =>
    finding(
      'warning',
      `Everybody may put triggers on ${tables} ${tables === 1 ? 'table' : 'tables'} in schema ${schema} of database ${name}: what a session user writes would run with the rights of whoever writes there, a superuser's too.`,
      `revoke trigger on all tables in schema ${identifier(schema)} from public;`,
    ),
  )
}

/** To hand a role on takes ADMIN alone; to hand things over to it, the broker acts as that role. */
function grantTo(login: string, role: string, purpose: 'hand on' | 'hand over'): string {
  const used = purpose === 'hand over' ? 'true' : 'false'
  return `grant ${identifier(role)} to ${identifier(login)} with admin true, inherit ${used}, set ${used};`
}
