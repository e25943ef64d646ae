import { AppError } from '../lib/errors.ts'
import type { DataSource } from '../db/data-sources.ts'
import { onAddress, onDataSource, VERSION_16, type BrokerDeps, type Target } from './data-source.ts'
import {
  readLoginFacts,
  readRoleFacts,
  type LoginFacts,
  type RoleFacts,
} from './data-source-facts.ts'
import { identifier } from './identifiers.ts'
import { MARKER } from './session-users.ts'

/** One thing that was looked at; where it is not as it should be, what mends it. */
export interface Finding {
  readonly ok: boolean
  readonly sentence: string
  /** SQL for an administrator of the data source. */
  readonly remedy?: string
}

/** Looks whether the broker can do its work on a data source; never changes anything there. */
export function testDataSource(deps: BrokerDeps, dataSourceId: string): Promise<Finding[]> {
  return examine(() => onDataSource(deps, dataSourceId, lookAtLogin))
}

/** As testDataSource, at registration: whoever registers holds the admin URL in clear. */
export function testAdminUrl(dataSource: DataSource, url: string): Promise<Finding[]> {
  return examine(() => onAddress({ dataSource, url }, lookAtLogin))
}

/** Looks whether the broker can lend one role of a data source, and what that role carries. */
export function testRole(
  deps: BrokerDeps,
  dataSourceId: string,
  databaseRole: string,
): Promise<Finding[]> {
  return examine(() =>
    onDataSource(deps, dataSourceId, async (target) => {
      const login = await readLoginFacts(target)
      const facts = await readRoleFacts(target, databaseRole)
      return roleFindings(target, { login, name: databaseRole, facts })
    }),
  )
}

async function lookAtLogin(target: Target): Promise<Finding[]> {
  return loginFindings(target, await readLoginFacts(target))
}

async function examine(look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look()
  } catch (error) {
    // what keeps us out is the finding
    if (error instanceof AppError) return [{ ok: false, sentence: error.message }]
    throw error
  }
}

function loginFindings({ version, dataSource }: Target, facts: LoginFacts): Finding[] {
  const login = identifier(facts.name)
  const major = String(Math.floor(version / 10_000))
  return [
    {
      ok: true,
      sentence: `${dataSource.name} runs PostgreSQL ${major} and lets ${facts.name} in.`,
    },
    facts.readOnly
      ? {
          ok: false,
          sentence: `${dataSource.name} accepts no changes: its transactions are read-only.`,
        }
      : { ok: true, sentence: 'It accepts changes.' },
    facts.mayCreateRoles
      ? { ok: true, sentence: `${facts.name} may create roles.` }
      : {
          ok: false,
          sentence: `${facts.name} may not create roles.`,
          remedy: `alter role ${login} createrole;`,
        },
    facts.mayEndBackends || facts.superuser
      ? { ok: true, sentence: `${facts.name} may end connections.` }
      : {
          ok: false,
          sentence: `${facts.name} may not end other people's connections.`,
          remedy: `grant pg_signal_backend to ${login};`,
        },
    ...facts.outOfReach.map((name) => ({
      ok: false,
      sentence: `${facts.name} may not grant ${name}, which session users ${name === MARKER ? 'carry' : 'leave things to'}.`,
      remedy: grantWithAdmin(name, facts.name, version),
    })),
  ]
}

interface Lending {
  readonly login: LoginFacts
  readonly name: string
  readonly facts: RoleFacts | undefined
}

function roleFindings({ version, dataSource }: Target, { login, name, facts }: Lending): Finding[] {
  if (facts === undefined) {
    return [{ ok: false, sentence: `${dataSource.name} has no role ${JSON.stringify(name)}.` }]
  }
  const dangers = facts.dangers.map((danger) => ({
    ok: false,
    sentence: `It is too powerful to lend (${danger}).`,
  }))
  if (facts.grantable) {
    return [{ ok: true, sentence: `${login.name} may lend ${name}.` }, ...dangers]
  }
  return [
    {
      ok: false,
      sentence: `${login.name} may not lend ${name}.`,
      remedy:
        version >= VERSION_16
          ? grantWithAdmin(name, login.name, version)
          : `alter role ${identifier(login.name)} createrole;`,
    },
    ...dangers,
  ]
}

function grantWithAdmin(role: string, login: string, version: number): string {
  const inheriting = version >= VERSION_16 && role !== MARKER ? ', inherit true, set true' : ''
  return `grant ${identifier(role)} to ${identifier(login)} with admin option${inheriting};`
}
