import type { DateTime } from 'luxon'
import { IS_OUT, type ManagementPrivilege } from './person.ts'
import type { PersonScope, SignInMethod } from './scope.ts'
import { SIGN_IN_HOURS, type SignInEnd } from './sign-ins.ts'
import { findRow, iso, rows, type Db } from './store.ts'

/** One sign-in of the portal, and whose it is. */
export interface SignIn {
  readonly id: string
  readonly person: {
    readonly id: string
    readonly username: string
    readonly displayName: string
    readonly email: string | null
    readonly auditUser: boolean
    readonly managementPrivilege: ManagementPrivilege
    /** Out for now, until somebody unlocks them. */
    readonly isLocked: boolean
  }
  readonly authMethod: SignInMethod
  readonly clientIp: string | null
  readonly host: string | null
  readonly userAgent: string | null
  readonly startedAt: DateTime<true>
  /** To the minute. */
  readonly lastSeenAt: DateTime<true>
  readonly expiresAt: DateTime<true>
  /** Worth something at this moment. */
  readonly isActive: boolean
  /** Null while it is active. An end that has come stands here, whether or not it is written yet. */
  readonly endedAt: DateTime<true> | null
  readonly endedAs: SignInEnd | null
  readonly endedBy: { readonly id: string; readonly name: string } | null
  readonly endReason: string | null
}

/** Which sign-ins are meant: those that were open at some moment between two instants. */
export interface SignInFilter {
  readonly since: DateTime<true> | null
  /** Inclusive. */
  readonly until: DateTime<true> | null
  /** Found anywhere in a name or username. */
  readonly q: string | null
}

/** A place in the list: those after it come next. */
export interface SignInCursor {
  readonly active: boolean
  readonly startedAt: DateTime<true>
  readonly id: string
}

export interface SignInPage {
  /** Active ones first, then the newest first. */
  readonly signIns: readonly SignIn[]
  /** Absent on the last page. */
  readonly next?: SignInCursor | undefined
}

/** Sign-ins on a page and in an answer of the API. */
export const SIGN_INS_ON_A_PAGE = 50

const ACTIVE = `(s.ended_at is null and s.expires_at > now() and p.portal_user and not ${IS_OUT})`

const SIGN_IN = `
       s.id, p.id as "personId", p.username, p.display_name as "displayName", p.email,
       p.audit_user as "auditUser", p.management_privilege as "managementPrivilege",
       (p.disabled_at is not null and coalesce(p.out_as, 'locked') = 'locked') as "isLocked",
       s.auth_method as "authMethod", s.client_ip as "clientIp", s.host, s.user_agent as "userAgent",
       s.started_at as "startedAt", s.last_seen_at as "lastSeenAt", s.expires_at as "expiresAt",
       ${ACTIVE} as "isActive",
       case when s.ended_at is not null then s.ended_at
            when ${ACTIVE} then null
            else least(s.expires_at, p.disabled_at, p.expires_at, now())
       end as "endedAt",
       case when s.ended_at is not null then s.ended_as
            when ${ACTIVE} then null
            when s.expires_at <= now() then 'expired'
            else coalesce(nullif(p.out_as, 'expired'), 'disabled')
       end as "endedAs",
       s.ended_by as "endedById", e.display_name as "endedByName", s.end_reason as "endReason"
       from sign_ins s
       join people p on p.id = s.person_id
       left join people e on e.id = s.ended_by`

/** One page of an organization's sign-ins. The caller has asked whether they may be seen. */
export async function listSignIns(
  db: Db,
  scope: PersonScope,
  filter: SignInFilter,
  { cursor, size = SIGN_INS_ON_A_PAGE }: { cursor?: SignInCursor | undefined; size?: number } = {},
): Promise<SignInPage> {
  const search = { db, scope, filter }
  const found =
    cursor?.active === false ? [] : await listPart(search, { active: true, cursor, size: size + 1 })
  if (found.length <= size) {
    const place = cursor?.active === false ? cursor : undefined
    const rest = { active: false, cursor: place, size: size + 1 - found.length }
    found.push(...(await listPart(search, rest)))
  }
  const signIns = found.slice(0, size)
  const last = found.length > size ? signIns.at(-1) : undefined
  return {
    signIns,
    next: last && { active: last.isActive, startedAt: last.startedAt, id: last.id },
  }
}

/** One sign-in of the scope's organization. */
export async function findSignIn(
  db: Db,
  scope: PersonScope,
  id: string,
): Promise<SignIn | undefined> {
  const row = await findRow<SignInRow>(
    db,
    `select ${SIGN_IN}
      where s.id = :id
        and s.organization_id = :organization`,
    { id, organization: scope.organization.id },
  )
  return row && parseSignIn(row)
}

/** A person's own sign-ins that are active now, the newest first. */
export async function listOwnSignIns(db: Db, { person }: PersonScope): Promise<SignIn[]> {
  const found = await rows<SignInRow>(
    db,
    `select ${SIGN_IN}
      where s.person_id = :person
        and ${ACTIVE}
      order by s.started_at desc, s.id desc`,
    { person: person.id },
  )
  return found.map(parseSignIn)
}

interface ListPart {
  readonly active: boolean
  readonly cursor: SignInCursor | undefined
  readonly size: number
}

interface Search {
  readonly db: Db
  readonly scope: PersonScope
  readonly filter: SignInFilter
}

/** Those that are active, or the others; each is led through by an index of its own. */
async function listPart(
  { db, scope, filter }: Search,
  { active, cursor, size }: ListPart,
): Promise<SignIn[]> {
  const found = await rows<SignInRow>(
    db,
    `select ${SIGN_IN}
      where s.organization_id = :organization
        and ${active ? `s.ended_at is null and ${ACTIVE}` : `not ${ACTIVE}`}
        and (cast(:until as timestamptz) is null or s.started_at <= cast(:until as timestamptz))
        and (cast(:since as timestamptz) is null
             or (s.started_at > cast(:since as timestamptz) - make_interval(hours => :hours)
                 and coalesce(s.ended_at, s.expires_at) >= cast(:since as timestamptz)))
        and (cast(:pattern as text) is null
             or s.person_id in (select n.id
                                  from people n
                                 where n.organization_id = :organization
                                   and (lower(n.display_name) like cast(:pattern as text)
                                        or lower(n.username) like cast(:pattern as text))))
        and (cast(:beforeAt as timestamptz) is null
             or (s.started_at, s.id) < (cast(:beforeAt as timestamptz), cast(:beforeId as uuid)))
      order by s.started_at desc, s.id desc
      limit :size`,
    {
      organization: scope.organization.id,
      hours: SIGN_IN_HOURS,
      since: filter.since && iso(filter.since),
      until: filter.until && iso(filter.until),
      pattern: filter.q === null ? null : patternOf(filter.q),
      beforeAt: cursor ? iso(cursor.startedAt) : null,
      beforeId: cursor?.id ?? null,
      size,
    },
  )
  return found.map(parseSignIn)
}

/** Found anywhere; what people type is never a wildcard. */
function patternOf(text: string): string {
  return `%${text.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')}%`
}

type SignInRow = Omit<SignIn, 'person' | 'endedBy'> &
  Omit<SignIn['person'], 'id'> & {
    readonly personId: string
    readonly endedById: string | null
    readonly endedByName: string | null
  }

function parseSignIn(row: SignInRow): SignIn {
  const { personId, username, displayName, email, auditUser, managementPrivilege, ...rest } = row
  const { isLocked, endedById, endedByName, ...signIn } = rest
  return {
    ...signIn,
    person: {
      id: personId,
      username,
      displayName,
      email,
      auditUser,
      managementPrivilege,
      isLocked,
    },
    endedBy: endedById === null ? null : { id: endedById, name: endedByName ?? '' },
  }
}
