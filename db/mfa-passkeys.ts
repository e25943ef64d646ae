import { AppError } from '../lib/errors.ts'
import { dropIdleCodes, recordFactor, type Owner } from './mfa-factors.ts'
import type { Origin } from './scope.ts'
import { findRow, rows, type Db, type Transaction } from './store.ts'

/** What signatures of a passkey are checked with. */
export interface Passkey {
  readonly id: string
  readonly credentialId: string
  readonly publicKey: Buffer
  readonly counter: number
  readonly transports: readonly string[]
}

/** A passkey as it is added. */
export interface NewPasskey extends Omit<Passkey, 'id'> {
  readonly name: string
}

/** More of them nobody tells apart. */
const PASSKEYS_MOST = 20
/** Minutes that an authenticator may take to answer. */
const ANSWERED_WITHIN = '5 minutes'

/** Somebody's passkeys, oldest first. */
export function listPasskeys(db: Db, personId: string): Promise<Passkey[]> {
  return rows(
    db,
    `select id, credential_id as "credentialId", public_key as "publicKey",
            cast(counter as double precision) as counter, transports
       from mfa_passkeys
      where person_id = :personId
      order by created_at, id`,
    { personId },
  )
}

/** Adds a passkey, with its record. Errors: `invalid_request` beyond the most; constraint `passkeys_are_of_one`. */
export async function addPasskey(
  tx: Transaction,
  origin: Origin,
  { owner, passkey }: { readonly owner: Owner; readonly passkey: NewPasskey },
): Promise<void> {
  await rows(tx, `select from people where id = :id for no key update`, { id: owner.id })
  if ((await listPasskeys(tx, owner.id)).length >= PASSKEYS_MOST) throw tooMany()
  await rows(
    tx,
    `insert into mfa_passkeys (organization_id, person_id, name, credential_id, public_key, counter, transports)
     values (:organizationId, :personId, :name, :credentialId, :publicKey, :counter, :transports)`,
    { ...passkey, organizationId: owner.organizationId, personId: owner.id },
  )
  const details = { factor: 'passkey', passkey: passkey.name }
  await recordFactor(tx, origin, { action: 'mfa.factor_added', owner, details })
}

/** Takes a passkey away, with its record; false where it is not theirs. */
export async function removePasskey(
  tx: Transaction,
  origin: Origin,
  { owner, id }: { readonly owner: Owner; readonly id: string },
): Promise<boolean> {
  const removed = await findRow<{ name: string }>(
    tx,
    `delete from mfa_passkeys
      where id = :id
        and person_id = :personId
  returning name`,
    { id, personId: owner.id },
  )
  if (removed === undefined) return false
  await dropIdleCodes(tx, owner.id)
  const details = { factor: 'passkey', passkey: removed.name }
  await recordFactor(tx, origin, { action: 'mfa.factor_removed', owner, details })
  return true
}

/** Notes a signature; false where another was counted since the passkey was read: one of two is a copy. */
export async function countSignature(
  db: Db,
  { id, counter }: Passkey,
  newCounter: number,
): Promise<boolean> {
  const counted = await findRow(
    db,
    `update mfa_passkeys
        set counter = :newCounter, last_used_at = now()
      where id = :id
        and counter = :counter
  returning id`,
    { id, counter, newCounter },
  )
  return counted !== undefined
}

/** What a challenge is good for. */
export interface Challenge {
  readonly challenge: string
  readonly personId: string
  readonly purpose: 'add' | 'prove'
}

/** Keeps a challenge until it is answered; those that nobody answered in time go. */
export async function keepChallenge(db: Db, challenge: Challenge): Promise<void> {
  await rows(
    db,
    `with tidied as (
       delete from mfa_challenges where expires_at < now()
     )
     insert into mfa_challenges (challenge, person_id, purpose, expires_at)
     values (:challenge, :personId, :purpose, now() + interval '${ANSWERED_WITHIN}')`,
    { ...challenge },
  )
}

/** Takes a challenge: true for the first who brings it, in any portal. */
export async function takeChallenge(db: Db, challenge: Challenge): Promise<boolean> {
  const taken = await findRow(
    db,
    `delete from mfa_challenges
      where challenge = :challenge
        and person_id = :personId
        and purpose = :purpose
        and expires_at > now()
  returning challenge`,
    { ...challenge },
  )
  return taken !== undefined
}

function tooMany(): AppError {
  const sentence = `You have ${PASSKEYS_MOST} passkeys: remove one first.`
  return new AppError('invalid_request', sentence, { facts: { fields: { name: sentence } } })
}
