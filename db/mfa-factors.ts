import type { DateTime } from 'luxon'
import { appendRecord, type Action } from './audit-log.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { endSignInsOf } from './sign-ins.ts'
import { findRow, rows, storeTime, type Db, type Transaction } from './store.ts'

/** One thing that proves a second time who somebody is. */
export type FactorKind = 'totp' | 'passkey' | 'recovery_code'

/** A passkey as lists show it. */
export interface PasskeyFact {
  readonly id: string
  readonly name: string
  readonly createdAt: DateTime<true>
  readonly lastUsedAt: DateTime<true> | null
}

/** What somebody has, without its secrets. */
export interface Factors {
  readonly totp: { readonly addedAt: DateTime<true>; readonly lastUsedAt: DateTime<true> } | null
  readonly passkeys: readonly PasskeyFact[]
  /** Recovery codes that were not used. */
  readonly codesLeft: number
}

/** What somebody has. */
export async function getFactors(db: Db, personId: string): Promise<Factors> {
  const totp = await findRow<{ addedAt: DateTime<true>; lastUsedAt: DateTime<true> }>(
    db,
    `select confirmed_at as "addedAt", coalesce(last_used_at, confirmed_at) as "lastUsedAt"
       from mfa_totp
      where person_id = :personId
        and confirmed_at is not null`,
    { personId },
  )
  const passkeys = await rows<PasskeyFact>(
    db,
    `select id, name, created_at as "createdAt", last_used_at as "lastUsedAt"
       from mfa_passkeys
      where person_id = :personId
      order by created_at, id`,
    { personId },
  )
  const codes = await rows(
    db,
    `select
       from mfa_recovery_codes
      where person_id = :personId
        and used_at is null`,
    { personId },
  )
  return { totp: totp ?? null, passkeys, codesLeft: codes.length }
}

/** Who has what, for admins: everyone who signs in to pages, by username. */
export interface PersonFactors {
  readonly username: string
  readonly totp: boolean
  readonly passkeys: readonly string[]
  readonly codesLeft: number
}

/** Everyone of the scope and what they have, by username. */
export function listFactors(db: Db, scope: Scope): Promise<PersonFactors[]> {
  return rows(
    db,
    `select p.username,
            exists (select from mfa_totp t where t.person_id = p.id and t.confirmed_at is not null) as totp,
            array(select k.name from mfa_passkeys k where k.person_id = p.id order by k.created_at, k.id) as passkeys,
            (select cast(count(*) as integer)
               from mfa_recovery_codes c
              where c.person_id = p.id
                and c.used_at is null) as "codesLeft"
       from people p
      where p.portal_user
        and p.kind = 'person'
        and p.deleted_at is null
        and p.organization_id = coalesce(cast(:organization as uuid), p.organization_id)
      order by p.username`,
    { organization: organizationIdOf(scope) },
  )
}

/** Whose factor it is, as its record names them. */
export interface Owner {
  readonly id: string
  readonly organizationId: string
  readonly username: string
}

/** Writes what became of somebody's factors into the trail. */
export async function recordFactor(
  tx: Transaction,
  origin: Origin,
  { action, owner, details, reason }: FactorRecord,
): Promise<void> {
  await appendRecord(tx, origin, await storeTime(tx), {
    action,
    area: 'sign-in',
    subject: { type: 'user', id: owner.id, name: owner.username },
    outcome: 'ok',
    details,
    ...(reason === undefined ? {} : { reason }),
  })
}

interface FactorRecord {
  readonly action: Extract<Action, `mfa.${string}`>
  readonly owner: Owner
  readonly details: Readonly<Record<string, string>>
  readonly reason?: string
}

/** Takes all factors from somebody who lost them, with its record; false where there were none. */
export async function resetFactors(
  tx: Transaction,
  origin: Origin,
  { owner, reason }: { readonly owner: Owner; readonly reason: string },
): Promise<boolean> {
  // nobody adds a factor meanwhile
  await rows(tx, `select from people where id = :id for no key update`, { id: owner.id })
  const { totp, passkeys, codesLeft } = await getFactors(tx, owner.id)
  if (totp === null && passkeys.length === 0 && codesLeft === 0) return false
  await eraseFactors(tx, owner.id)
  const details = {
    totp_before: totp === null ? 'no' : 'yes',
    passkeys_before: passkeys.map(({ name }) => name).join(', '),
    recovery_codes_before: String(codesLeft),
  }
  await recordFactor(tx, origin, { action: 'mfa.reset', owner, details, reason })
  // new ones are added behind the password, and not by whoever holds a cookie
  await endSignInsOf(tx, origin, owner.id, { as: 'terminated', reason })
  return true
}

/** Forgets everything that could prove a second time who somebody is, and that their sign-ins did. */
export async function eraseFactors(tx: Transaction, personId: string): Promise<void> {
  for (const table of ['mfa_totp', 'mfa_passkeys', 'mfa_recovery_codes', 'mfa_challenges']) {
    await rows(tx, `delete from ${table} where person_id = :personId`, { personId })
  }
  await rows(
    tx,
    `update sign_ins
        set second_factor_at = null
      where person_id = :personId
        and ended_at is null
        and second_factor_at is not null`,
    { personId },
  )
}

/** Where nothing else is left, codes for emergencies let nobody in any more. */
export async function dropIdleCodes(tx: Transaction, personId: string): Promise<void> {
  await rows(
    tx,
    `delete from mfa_recovery_codes
      where person_id = :personId
        and not exists (select from mfa_totp t where t.person_id = :personId and t.confirmed_at is not null)
        and not exists (select from mfa_passkeys k where k.person_id = :personId)`,
    { personId },
  )
}
