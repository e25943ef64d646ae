import { sentenceOf } from '../../lib/errors.ts'
import type { Breach } from '../../db/alerts.ts'
import type { KnownUser } from '../../db/session-scans.ts'
import { isAlive, serverErrorIn, type BrokerDeps, type Target } from '../sources/data-source.ts'
import { identifier, literal } from '../sources/identifiers.ts'
import { handsOff } from './drift.ts'
import { recordAltered } from './reconcile-records.ts'
import { run, unlessGone } from './session-users.ts'

const PASSWORDS_AT_ONCE = 50
/** SQLSTATE insufficient_privilege (PostgreSQL, appendix A). */
const INSUFFICIENT_PRIVILEGE = '42501'

/** A user whose password the admin login may not set. */
export interface Refused {
  readonly user: KnownUser
  readonly error: unknown
}

/**
 * The proxy's secret again, because a session user may change its own password and nobody can see it.
 * Returns those that we are not allowed to alter.
 */
export async function reassertVerifiers(
  deps: BrokerDeps,
  target: Target,
  users: readonly KnownUser[],
): Promise<readonly Refused[]> {
  const refused: Refused[] = []
  for (let first = 0; first < users.length; first += PASSWORDS_AT_ONCE) {
    const some = users.slice(first, first + PASSWORDS_AT_ONCE)
    try {
      await run(target, some.map(passwordOf).join(';\n'))
    } catch (error) {
      if (!(await isAlive(target))) throw error
      for (const user of some) refused.push(...(await reassertVerifier(deps, target, user)))
    }
  }
  return refused
}

/** One that is gone by now, or that somebody alters at this moment, is seen by the next comparison. */
async function reassertVerifier(
  { log }: BrokerDeps,
  target: Target,
  user: KnownUser,
): Promise<readonly Refused[]> {
  try {
    await unlessGone(run(target, passwordOf(user)))
  } catch (error) {
    if (serverErrorIn(error)?.code === INSUFFICIENT_PRIVILEGE) return [{ user, error }]
    if (!(await isAlive(target))) throw error
    log.warn({ role: user.username, error: sentenceOf(error) }, 'a password was not set anew')
  }
  return []
}

/** False where no refusal is a user's own fault. */
export async function mayAlterRoles({ client }: Target): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    `select rolcreaterole or rolsuper as may from pg_roles where rolname = current_user`,
  )
  return rows[0]?.may === true
}

/** Records and raises that a user was put out of reach. */
export function tellRefused(
  deps: BrokerDeps,
  target: Target,
  { user, error }: Refused,
): Promise<Breach> {
  const drift = handsOff(target, { name: user.username })
  const failed = [{ ...drift, error: sentenceOf(error) }]
  return recordAltered(deps, target.dataSource, { user, drifts: [drift], failed })
}

/** SQL that gives a session user the proxy's secret again. */
export function passwordOf({ username, upstreamVerifier }: KnownUser): string {
  return `alter role ${identifier(username)} password ${literal(upstreamVerifier)}`
}
