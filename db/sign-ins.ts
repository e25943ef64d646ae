import { isUuid } from '../lib/ids.ts'
import { appendRecord, appendRecords, type RecordDraft } from './audit-log.ts'
import { IS_OUT, PERSON, type Organization, type Person } from './person.ts'
import type { Origin, SignInMethod } from './scope.ts'
import { findRow, iso, rows, storeTime, type Db, type Transaction } from './store.ts'

/** A working day; after it one signs in again, however busy the tab was. */
export const SIGN_IN_HOURS = 12
/** When it was last seen is kept to the minute, so that a page costs no write each time. */
const SEEN_STEP = '1 minute'

/** How a sign-in ended. */
export type SignInEnd =
  'signed_out' | 'expired' | 'terminated' | 'locked' | 'disabled' | 'deleted' | 'password_changed'

/** A sign-in that is worth something now, and whose it is. */
export interface LiveSignIn {
  readonly person: Person
  readonly organization: Organization
  readonly authMethod: SignInMethod
}

/** What a new sign-in keeps beside its origin, which names its id, its person and its method. */
export interface NewSignIn {
  readonly id: string
  readonly person: Person
  readonly authMethod: SignInMethod
  /** How the steps after the first factor were passed, for the record. */
  readonly passed?: Readonly<Record<string, string>>
}

/**
 * Starts a sign-in in the name of its origin, with its records: that someone signed in, and that a
 * token was made, which is what a browser's cookie is. False where the account has ended, or its
 * password was changed, since the person was read: who locks it waits for the same row.
 */
export async function createSignIn(
  tx: Transaction,
  origin: Origin,
  { id, person, authMethod, passed = {} }: NewSignIn,
): Promise<boolean> {
  if (!(await mayStart(tx, person))) return false
  await rows(
    tx,
    `insert into sign_ins (id, organization_id, person_id, auth_method, client_ip, user_agent, expires_at,
                           second_factor_at)
     values (:id, :organization, :person, :authMethod, :clientIp, :userAgent,
             now() + make_interval(hours => :hours),
             case when :secondFactor then now() end)`,
    {
      id,
      organization: person.organizationId,
      person: person.id,
      authMethod,
      clientIp: origin.clientIp ?? null,
      userAgent: origin.userAgent ?? null,
      hours: SIGN_IN_HOURS,
      secondFactor: passed['second_factor'] !== undefined,
    },
  )
  const at = await storeTime(tx)
  await appendRecord(tx, origin, at, {
    action: 'auth.login',
    area: 'sign-in',
    subject: { type: 'sign-in', id, name: person.username },
    outcome: 'ok',
    ...(Object.keys(passed).length === 0 ? {} : { details: passed }),
  })
  await appendRecord(tx, origin, at, {
    action: 'token.created',
    area: 'tokens',
    subject: { type: 'sign-in', id, name: person.username },
    outcome: 'ok',
    details: { kind: 'sign-in', username: person.username },
  })
  return true
}

async function mayStart(tx: Transaction, { id, passwordChangedAt }: Person): Promise<boolean> {
  const free = await findRow(
    tx,
    `update people p
        set last_sign_in_at = now()
      where p.id = :id
        and p.portal_user
        and not ${IS_OUT}
        and p.password_changed_at is not distinct from cast(:passwordChangedAt as timestamptz)
  returning p.id`,
    { id, passwordChangedAt: passwordChangedAt && iso(passwordChangedAt) },
  )
  return free !== undefined
}

/**
 * Whose sign-in it is, if it and its account are worth anything at this moment by the store's clock:
 * what every request of a page asks once. Notes that it was seen.
 */
export async function findLiveSignIn(db: Db, id: string): Promise<LiveSignIn | undefined> {
  const row = await findRow<
    Person & {
      authMethod: SignInMethod
      organizationName: string
      accountId: string
      isUnseen: boolean
    }
  >(
    db,
    `select ${PERSON},
            o.name as "organizationName", o.account_id as "accountId", s.auth_method as "authMethod",
            s.last_seen_at < now() - interval '${SEEN_STEP}' as "isUnseen"
       from sign_ins s
       join people p on p.id = s.person_id
       join organizations o on o.id = p.organization_id
      where s.id = :id
        and s.ended_at is null
        and s.expires_at > now()
        and p.portal_user
        and not ${IS_OUT}`,
    { id },
  )
  if (row === undefined) return undefined
  const { authMethod, organizationName, accountId, isUnseen, ...person } = row
  if (isUnseen) await noteSeen(db, id)
  const organization = { id: person.organizationId, name: organizationName, accountId }
  return { person, organization, authMethod }
}

/** Several requests may have found it stale at once: the first writes, the others find nothing to do. */
async function noteSeen(db: Db, id: string): Promise<void> {
  await rows(
    db,
    `update sign_ins
        set last_seen_at = now()
      where id = :id
        and ended_at is null
        and last_seen_at < now() - interval '${SEEN_STEP}'`,
    { id },
  )
}

/** Keeps what the address of a sign-in was called when it began. */
export async function noteHost(db: Db, id: string, host: string): Promise<void> {
  await rows(db, `update sign_ins set host = :host where id = :id`, { id, host })
}

/** Why sign-ins end, as it is kept beside them. */
export interface SignInEnding {
  readonly as: SignInEnd
  readonly reason?: string | undefined
}

/** Ends one sign-in, with its records; false where it had ended already or is not of this organization. */
export async function endSignIn(
  tx: Transaction,
  origin: Origin,
  { id, as, reason }: SignInEnding & { readonly id: string },
): Promise<boolean> {
  const ended = await rows<EndedSignIn>(
    tx,
    `update sign_ins s
        set ended_at = clock_timestamp(), ended_as = :as, ended_by = cast(:by as uuid), end_reason = :reason
       from people p
      where p.id = s.person_id
        and s.id = :id
        and s.organization_id = :organization
        and s.ended_at is null
  returning s.id, p.username`,
    { id, as, ...boundBy(origin, reason) },
  )
  await recordEnds(tx, origin, { as, reason, ended })
  return ended.length > 0
}

/**
 * Ends every sign-in of a person but the one excepted, with their records; answers how many. Their
 * cookies are worth nothing at their next request.
 */
export async function endSignInsOf(
  tx: Transaction,
  origin: Origin,
  personId: string,
  { as, reason, exceptId }: SignInEnding & { readonly exceptId?: string | undefined },
): Promise<number> {
  const ended = await rows<EndedSignIn>(
    tx,
    `update sign_ins s
        set ended_at = clock_timestamp(), ended_as = :as, ended_by = cast(:by as uuid), end_reason = :reason
       from people p
      where p.id = s.person_id
        and s.person_id = :person
        and s.organization_id = :organization
        and s.ended_at is null
        and s.id is distinct from cast(:except as uuid)
  returning s.id, p.username`,
    { person: personId, as, except: exceptId ?? null, ...boundBy(origin, reason) },
  )
  await recordEnds(tx, origin, { as, reason, ended })
  return ended.length
}

/** One that has just ended, and whose it was. */
export interface EndedSignIn {
  readonly id: string
  readonly username: string
}

/** What Daypass ends by itself is ended by nobody. */
function boundBy({ actor, organization }: Origin, reason: string | undefined) {
  return {
    organization: organization.id,
    by: isUuid(actor.id) ? actor.id : null,
    reason: reason ?? null,
  }
}

/** The verb of each end; a day that is over ends its token alone. */
const VERBS: Readonly<Record<SignInEnd, RecordDraft['action'] | undefined>> = {
  signed_out: 'auth.logout',
  expired: undefined,
  terminated: 'auth.sign_in_terminated',
  locked: 'auth.sign_in_terminated',
  disabled: 'auth.sign_in_terminated',
  deleted: 'auth.sign_in_terminated',
  password_changed: 'auth.sign_in_terminated',
}

/** Writes the records of sign-ins that have ended, for who ends them. */
export async function recordEnds(
  tx: Transaction,
  origin: Origin,
  { as, reason, ended }: SignInEnding & { readonly ended: readonly EndedSignIn[] },
): Promise<void> {
  if (ended.length === 0) return
  const at = await storeTime(tx)
  const verb = VERBS[as]
  const actions = verb === undefined ? ['token.deleted' as const] : [verb, 'token.deleted' as const]
  await appendRecords(
    tx,
    ended.flatMap(({ id, username }) =>
      actions.map((action) => ({
        origin,
        at,
        draft: {
          action,
          area: action === 'token.deleted' ? ('tokens' as const) : ('sign-in' as const),
          subject: { type: 'sign-in', id, name: username },
          outcome: 'ok' as const,
          details: { kind: 'sign-in', username, ended_as: as },
          ...(reason === undefined ? {} : { reason }),
        },
      })),
    ),
  )
}

/** Writes that nobody can sign in as this person any more, or that they can again, beside the record of who changed the account. */
export async function recordLock(
  tx: Transaction,
  origin: Origin,
  {
    action,
    person,
    reason,
  }: {
    readonly action: 'auth.locked' | 'auth.unlocked'
    readonly person: Pick<Person, 'id' | 'username'>
    readonly reason?: string | undefined
  },
): Promise<void> {
  await appendRecord(tx, origin, await storeTime(tx), {
    action,
    area: 'sign-in',
    subject: { type: 'user', id: person.id, name: person.username },
    outcome: 'ok',
    ...(reason === undefined ? {} : { reason }),
  })
}
