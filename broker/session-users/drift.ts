import { DateTime } from 'luxon'
import { VERSION_16, type Target } from '../sources/data-source.ts'
import { MARKER, validUntilOf, type MarkedRole, type Membership } from './found-roles.ts'
import { identifier, literal } from '../sources/identifiers.ts'
import { grantToUser } from './session-users.ts'
import type { KnownUser } from '../../db/session-scans.ts'

/** One way in which a session user is not as it was made, and what sets it right. */
export interface Drift {
  /** A phrase: "it was made a member of billing". */
  readonly what: string
  readonly sql: string
}

/** What somebody altered about a user of a session under way; passwords can't be read. */
export function driftOf(target: Target, role: MarkedRole, user: KnownUser): Drift[] {
  const alter = (what: string, clause: string): Drift => ({
    what,
    sql: `alter role ${identifier(role.name)} ${clause}`,
  })
  const granted = user.state === 'GRANTED'
  const found: Drift[] = role.excess.map((clause) =>
    alter(`it was given ${clause.slice('no'.length).toUpperCase()}`, clause),
  )
  if (role.comment !== user.sessionUuid) {
    const sql = `comment on role ${identifier(role.name)} is ${literal(user.sessionUuid)}`
    found.push({ what: 'its comment was changed', sql })
  }
  if (role.canLogIn && !granted) found.push(alter('it was let in before its grant', 'nologin'))
  if (!role.canLogIn && granted && user.mayLogIn) found.push(alter('its login was taken', 'login'))
  if (role.connectionLimit !== user.connectionLimit) {
    const limit = String(user.connectionLimit)
    found.push(alter('its connection limit was changed', `connection limit ${limit}`))
  }
  if (user.end !== null && !user.isMoving && !endsAt(role, user.end)) {
    const clause = `valid until ${literal(validUntilOf(user.end))}`
    found.push(alter('the end of its login was moved', clause))
  }
  return [...found, ...membershipDrift(target, role, user), ...memberDrift(target, role)]
}

/** What is to be told of a user that somebody took out of our hands. */
export function handsOff({ version, login }: Target, { name }: { readonly name: string }): Drift {
  const role = identifier(name)
  const admin = identifier(login)
  return {
    what: 'it was put out of reach of Daypass',
    sql:
      version >= VERSION_16
        ? `grant ${role} to ${admin} with admin option`
        : `alter role ${admin} createrole`,
  }
}

function endsAt({ validUntil }: MarkedRole, end: DateTime<true>): boolean {
  if (validUntil === null) return false
  return DateTime.fromISO(validUntil, { zone: 'utc' }).toMillis() === end.toMillis()
}

function membershipDrift(target: Target, role: MarkedRole, user: KnownUser): Drift[] {
  const due = [MARKER, ...user.roles]
  const isDue = ({ role: name, sets, administers }: Membership): boolean =>
    due.includes(name) && !sets && !administers
  const kept = role.memberships.filter(isDue).map((membership) => membership.role)
  const extra = role.memberships.filter((membership) => !isDue(membership))
  const missing = due.filter((name) => !kept.includes(name))
  return [
    ...extra.map((membership) => ({
      what: `it was made a member of ${membership.role} by ${membership.grantor}`,
      sql: revoke(target, membership, role.name),
    })),
    ...missing.map((name) => ({
      what: `it was not a plain member of ${name}`,
      sql: grantToUser(target, name, role.name),
    })),
  ]
}

/** Who is a member of a session user may do all that it may. */
function memberDrift(target: Target, role: MarkedRole): Drift[] {
  return role.members.map(({ name, grantor }) => ({
    what: `${name} was made a member of it by ${grantor}`,
    sql: revoke(target, { role: role.name, grantor }, name),
  }))
}

function revoke(
  { version }: Target,
  { role, grantor }: Pick<Membership, 'role' | 'grantor'>,
  user: string,
): string {
  // from 16 on a membership is its grantor's
  const by = version >= VERSION_16 ? ` granted by ${identifier(grantor)}` : ''
  return `revoke ${identifier(role)} from ${identifier(user)}${by}`
}
