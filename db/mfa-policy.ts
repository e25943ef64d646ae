import { appendRecord, type RecordDraft } from './audit-log.ts'
import { detailsOf, differencesBetween, type Difference } from './policy-facts.ts'
import type { Origin } from './scope.ts'
import {
  findRow,
  getRow,
  preparedRows,
  rows,
  storeTime,
  type Db,
  type Transaction,
} from './store.ts'

/** Of whom a second factor is asked; each includes those before it. */
export const REQUIRED_FOR = ['nobody', 'admins', 'approvers', 'everyone'] as const
export type RequiredFor = (typeof REQUIRED_FOR)[number]

/** What may take a fresh second factor each time. */
export const STEP_UPS = ['approve', 'terminate', 'download'] as const
export type StepUp = (typeof STEP_UPS)[number]

/** What being inside the trusted ranges means. */
export const TRUSTED_MODES = ['skip', 'only'] as const
export type TrustedMode = (typeof TRUSTED_MODES)[number]

/** What an organization asks for beside passwords. */
export interface MfaPolicy {
  readonly requiredFor: RequiredFor
  readonly stepUp: readonly StepUp[]
  /** Whether people may add an authenticator app. */
  readonly totp: boolean
  /** Ranges of addresses, as the store writes them: `10.0.0.0/8`, `2001:db8::/32`. */
  readonly trustedRanges: readonly string[]
  readonly trustedMode: TrustedMode
}

const NONE: MfaPolicy = {
  requiredFor: 'nobody',
  stepUp: [],
  totp: true,
  trustedRanges: [],
  trustedMode: 'skip',
}

const POLICY = `
       m.required_for as "requiredFor", m.step_up as "stepUp", m.totp,
       cast(m.trusted_ranges as text[]) as "trustedRanges", m.trusted_mode as "trustedMode"`

/** What an organization asks for. */
export async function getMfaPolicy(db: Db, organizationId: string): Promise<MfaPolicy> {
  const kept = await findRow<MfaPolicy>(
    db,
    `select ${POLICY}
       from mfa_policies m
      where m.organization_id = :organizationId`,
    { organizationId },
  )
  return kept ?? NONE
}

/** Addresses or ranges with nothing but their network in them, each once, IPv4 first. */
export async function normalizeRanges(db: Db, ranges: readonly string[]): Promise<string[]> {
  const { normal } = await getRow<{ normal: string[] }>(
    db,
    `select array(select cast(network as text)
                    from (select distinct network(cast(range as inet)) as network
                            from unnest(cast(:ranges as text[])) as ranges (range)) as each
                   order by network) as normal`,
    { ranges },
  )
  return normal
}

/** True where one of the ranges holds the address. */
export async function holdsAddress(
  db: Db,
  ranges: readonly string[],
  address: string,
): Promise<boolean> {
  const { held } = await getRow<{ held: boolean }>(
    db,
    `select cast(:address as inet) <<= any (cast(:ranges as cidr[])) as held`,
    { address, ranges },
  )
  return held
}

/** Changes what an organization asks for, with a record for each part that changed; false: nothing did. */
export async function changeMfaPolicy(
  tx: Transaction,
  origin: Origin,
  asked: Partial<MfaPolicy>,
): Promise<boolean> {
  const { id } = origin.organization
  await rows(tx, `insert into mfa_policies (organization_id) values (:id) on conflict do nothing`, {
    id,
  })
  await rows(tx, `select from mfa_policies where organization_id = :id for update`, { id })
  const before = await getMfaPolicy(tx, id)
  const after = { ...before, ...asked }
  const drafts = draftsOf(before, after)
  if (drafts.length === 0) return false
  await rows(
    tx,
    `update mfa_policies
        set required_for = :requiredFor, step_up = :stepUp, totp = :totp, trusted_mode = :trustedMode,
            trusted_ranges = cast(:trustedRanges as cidr[]), changed_at = now()
      where organization_id = :id`,
    { ...after, id },
  )
  const at = await storeTime(tx)
  for (const draft of drafts) await appendRecord(tx, origin, at, draft)
  return true
}

type Facts = Readonly<Record<string, string>>

/**
 * One record a part. Ranges and apps stand in for each other at sign-in, so where one changes while
 * the other is set, both are told, as consoles of this kind do.
 */
function draftsOf(before: MfaPolicy, after: MfaPolicy): RecordDraft[] {
  const required = differences(before, after, ({ requiredFor }) => ({ required_for: requiredFor }))
  const steps = differences(before, after, ({ stepUp }) => ({ step_up: stepUp.join(' ') }))
  const ranges = differences(before, after, ({ trustedRanges, trustedMode }) => ({
    trusted_ranges: trustedRanges.join(' '),
    trusted_mode: trustedMode,
  }))
  const totp = differences(before, after, (policy) => ({ totp: policy.totp ? 'on' : 'off' }))
  const rangesToo = totp.length > 0 && before.trustedRanges.length > 0
  const totpToo = ranges.length > 0 && before.totp
  return [
    ...(required.length === 0 ? [] : [draft(turned(before, after), required)]),
    ...(steps.length === 0 ? [] : [draft('mfa.updated_requirements', steps)]),
    ...(ranges.length > 0 || rangesToo ? [draft('mfa.updated_trusted_ips', ranges)] : []),
    ...(totp.length > 0 || totpToo ? [draft('mfa.updated_totp', totp)] : []),
  ]
}

function turned(before: MfaPolicy, after: MfaPolicy) {
  if (after.requiredFor === 'nobody') return 'mfa.disabled'
  return before.requiredFor === 'nobody' ? 'mfa.enabled' : 'mfa.updated_requirements'
}

function differences(
  before: MfaPolicy,
  after: MfaPolicy,
  factsOf: (policy: MfaPolicy) => Facts,
): Difference[] {
  return differencesBetween(factsOf(before), factsOf(after))
}

function draft(action: RecordDraft['action'], changed: readonly Difference[]): RecordDraft {
  return {
    action,
    area: 'sign-in',
    subject: { type: 'setting', id: 'mfa', name: 'second factors' },
    outcome: 'ok',
    details: detailsOf(changed),
  }
}

/** How somebody stands to the policy at one address. */
export interface MfaStanding {
  /** They have an app that counts, or a passkey. */
  readonly hasFactor: boolean
  readonly isRequired: boolean
  readonly isTrusted: boolean
  readonly trustedMode: TrustedMode
  /** No range is set. */
  readonly isUnlimited: boolean
}

/** Asks all of it at once: every page of a signed-in person does. An address that is none is not trusted. */
export async function findStanding(
  db: Db,
  who: { readonly personId: string; readonly address: string | undefined },
): Promise<MfaStanding> {
  const [standing] = await preparedRows<MfaStanding>(
    db,
    `select exists (select from mfa_totp t where t.person_id = p.id and t.confirmed_at is not null)
            or exists (select from mfa_passkeys k where k.person_id = p.id) as "hasFactor",
            case m.required_for
              when 'everyone' then true
              when 'admins' then p.management_privilege = 'admin'
              when 'approvers' then p.management_privilege = 'admin'
                                    or exists (select from group_members g where g.person_id = p.id)
              else false
            end as "isRequired",
            coalesce(cast(:address as inet) <<= any (m.trusted_ranges), false) as "isTrusted",
            coalesce(m.trusted_mode, 'skip') as "trustedMode",
            coalesce(m.trusted_ranges, '{}') = '{}' as "isUnlimited"
       from people p
  left join mfa_policies m on m.organization_id = p.organization_id
      where p.id = :personId`,
    { personId: who.personId, address: who.address ?? null },
  )
  if (standing === undefined) throw new Error('who stands somewhere is a person of the store')
  return standing
}
