import { randomBytes } from 'node:crypto'
import { DateTime } from 'luxon'
import { AppError, sentenceOf } from '../../lib/errors.ts'
import { makeVerifier } from '../../lib/scram.ts'
import type { Finding } from '../../db/data-source-checks.ts'
import { endBackendsOf } from '../session-users/backends.ts'
import {
  onAddress,
  VERSION_16,
  type AdminAddress,
  type Target,
  type Visit,
} from '../sources/data-source.ts'
import { identifier } from '../sources/identifiers.ts'
import { finding } from './findings.ts'
import {
  createSessionUser,
  disableLogin,
  enableLogin,
  ensureSharedRoles,
  findRole,
  MARKER,
  run,
  type Checkpoints,
  type FoundRole,
} from '../session-users/session-users.ts'

/** What stands on trial users where session users carry their session's UUID. */
export const TRIAL = 'daypass trial'
const TRIAL_NAME = /^dp_trial_[0-9a-f]{12}$/
/** A trial user that nobody removed can't log in for longer than this. */
const LIFE_SECONDS = 60
const SECRET_BYTES = 24
const CONNECTIONS = 2

/** Nobody else decides about a trial. */
const UNCHECKED: Checkpoints = {
  mayGoOn: () => Promise.resolve(),
  done: () => Promise.resolve(),
}

/** SQLSTATEs (PostgreSQL, appendix A). */
const INVALID_AUTHORIZATION = '28000'
const INSUFFICIENT_PRIVILEGE = '42501'

/** Whether pg_hba lets a session user in from where the broker stands. */
export type Entry = 'let in' | 'rejected' | 'unknown'

export interface Trial {
  readonly findings: readonly Finding[]
  readonly entry: Entry
}

export interface TrialPlan {
  readonly address: AdminAddress
  readonly roles: readonly string[]
  /** Databases that it must be able to log in to. */
  readonly databases: readonly string[]
}

/** True for a role that a trial made, under way or left over. */
export function isTrial({ name, comment, marked }: FoundRole): boolean {
  return marked && comment === TRIAL && TRIAL_NAME.test(name)
}

/**
 * Makes a session user, logs in with it, tries what it must not do, and removes it again: each step
 * by the code that sessions go through, one connection after the other. Whatever fails is a finding.
 */
export async function tryOut(plan: TrialPlan): Promise<Trial> {
  const { address } = plan
  const user = {
    name: `dp_trial_${randomBytes(6).toString('hex')}`,
    secret: randomBytes(SECRET_BYTES).toString('base64url'),
  }
  try {
    await onAddress(address, (target) => makeTrial(target, plan, user))
  } catch (error) {
    const findings = [finding('failed', `A trial user can't be made: ${sentenceOf(error)}`)]
    return { findings, entry: 'unknown' }
  }
  try {
    const seen = await tryUser(plan, user)
    return { ...seen, findings: [...seen.findings, await removal(address, user.name)] }
  } catch (error) {
    const gone = await removal(address, user.name)
    return { findings: [finding('failed', sentenceOf(error)), gone], entry: 'unknown' }
  }
}

interface TrialUser {
  readonly name: string
  readonly secret: string
}

async function makeTrial(
  target: Target,
  { roles }: TrialPlan,
  { name, secret }: TrialUser,
): Promise<void> {
  await ensureSharedRoles(target)
  await removeOldTrials(target)
  const user = {
    name,
    sessionUuid: TRIAL,
    verifier: await makeVerifier(secret, { iterations: 1 }),
    connectionLimit: CONNECTIONS,
    end: await endOfTrial(target),
    roles,
  }
  await createSessionUser(target, user, UNCHECKED)
}

/** Removes trial users whose broker died before it could; those under way are left alone. */
export async function removeOldTrials(target: Target): Promise<void> {
  const { rows } = await target.client.query<{ name: string }>(
    `select rolname as name
       from pg_roles
      where rolname like 'dp!_trial!_%' escape '!'
        and rolvaliduntil < clock_timestamp()`,
  )
  for (const { name } of rows) {
    const role = await findRole(target, name)
    if (role !== undefined && isTrial(role)) await removeTrial(target, role)
  }
}

async function tryUser({ address, roles, databases }: TrialPlan, user: TrialUser): Promise<Trial> {
  const membership = await onAddress(address, async (target) => {
    await enableLogin(target, { name: user.name, sessionUuid: TRIAL }, UNCHECKED)
    return membershipFinding(target, user.name, roles)
  })
  const findings = [membership]
  let entry: Entry = 'unknown'
  for (const database of databases) {
    const login = { ...address, url: asUser(address.url, user), database }
    const tried = await logIn(login, { database, roles })
    entry = tried.entry
    findings.push(...tried.findings)
    if (entry !== 'let in') break
  }
  return { findings, entry }
}

async function membershipFinding(
  { client }: Target,
  name: string,
  roles: readonly string[],
): Promise<Finding> {
  const { rows } = await client.query<{ name: string }>(
    `select g.rolname as name
       from pg_auth_members m
       join pg_roles g on g.oid = m.roleid
       join pg_roles u on u.oid = m.member
      where u.rolname = $1`,
    [name],
  )
  const found = rows.map((row) => row.name).sort()
  const expected = [MARKER, ...roles].sort()
  if (found.join('\n') === expected.join('\n')) {
    return finding(
      'ok',
      `A trial user was made; it is a member of ${expected.join(' and ')} alone.`,
    )
  }
  return finding('failed', `A trial user is a member of ${found.join(', ') || 'nothing'}.`)
}

async function logIn(
  login: AdminAddress & Visit,
  { database, roles }: { readonly database: string; readonly roles: readonly string[] },
): Promise<Trial> {
  try {
    return await onAddress(login, async (there) => ({
      entry: 'let in',
      findings: [
        finding('ok', `It can log in to database ${database}.`),
        ...(await setRoleFindings(there, roles)),
      ],
    }))
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return refusedBy(error, { database, roles })
  }
}

function refusedBy(
  error: AppError,
  { database, roles }: { readonly database: string; readonly roles: readonly string[] },
): Trial {
  const code = sqlStateOf(error.cause)
  if (code === INVALID_AUTHORIZATION) {
    const sentence = "Its login can't be tried, because pg_hba keeps it out from here."
    return { entry: 'rejected', findings: [finding('note', sentence)] }
  }
  // past pg_hba: the roles that people ask for bring CONNECT with them
  if (code === INSUFFICIENT_PRIVILEGE) {
    const verdict = roles.length === 0 ? 'note' : 'failed'
    const sentence = `It may not connect to database ${database}.`
    return { entry: 'let in', findings: [finding(verdict, sentence)] }
  }
  const sentence = `It can't log in to database ${database}: ${sentenceOf(error.cause ?? error)}`
  return { entry: 'unknown', findings: [finding('failed', sentence)] }
}

/** From 16 on, a session user must not become a role it was lent; before, nothing keeps it from that. */
async function setRoleFindings(there: Target, roles: readonly string[]): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const role of roles) {
    const became = await becomes(there, role)
    if (there.version < VERSION_16) {
      const sentence = `Before PostgreSQL 16 a session user may become ${role}, and what it makes then is that role's and stays.`
      findings.push(finding('note', sentence))
    } else if (became) {
      findings.push(finding('failed', `It may become ${role} by SET ROLE.`))
    } else {
      findings.push(finding('ok', `It can't become ${role} by SET ROLE.`))
    }
  }
  return findings
}

async function becomes(there: Target, role: string): Promise<boolean> {
  try {
    await run(there, `set role ${identifier(role)}`)
    await run(there, 'reset role')
    return true
  } catch (error) {
    if (sqlStateOf(error) === INSUFFICIENT_PRIVILEGE) return false
    throw error
  }
}

/** What the server answered with; undefined where it was not the server who did. */
function sqlStateOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** By the data source's own clock, which decides about `valid until`. */
async function endOfTrial({ client }: Target): Promise<DateTime<true>> {
  const { rows } = await client.query<{ end: number }>(
    `select cast(extract(epoch from clock_timestamp()) * 1000 + $1 as double precision) as end`,
    [LIFE_SECONDS * 1000],
  )
  const end = DateTime.fromMillis(Math.round(rows[0]?.end ?? Number.NaN), { zone: 'utc' })
  if (!end.isValid) throw new Error('a clock without a time')
  return end
}

async function removal(address: AdminAddress, name: string): Promise<Finding> {
  try {
    return await onAddress(address, async (target) => {
      const role = await findRole(target, name)
      if (role !== undefined) await removeTrial(target, role)
      if ((await findRole(target, name)) === undefined) {
        return finding('ok', 'The trial user is gone again.')
      }
      return finding('failed', `The trial user ${name} is still there.`)
    })
  } catch (error) {
    const sentence = `The trial user ${name} can't be removed; its login ends within a minute, and the next check tries again: ${sentenceOf(error)}`
    return finding('failed', sentence)
  }
}

/** It made nothing and owns nothing: once its connections are gone, so can it be. */
async function removeTrial(target: Target, role: FoundRole): Promise<void> {
  await disableLogin(target, role)
  await endBackendsOf(target, role.oid)
  await run(target, `drop role if exists ${identifier(role.name)}`)
}

/** The same server under another login. */
function asUser(url: string, { name, secret }: TrialUser): string {
  return url.replace(LOGIN, (_, scheme: string) => `${scheme}${name}:${secret}@`)
}

/** Scheme, then whoever logs in: a password holds no bare "/" in a URL, and it ends at the last "@". */
const LOGIN = /^([^:/]+:\/\/)(?:[^/?#]*@)?/
