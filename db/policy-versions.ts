import type { DateTime } from 'luxon'
import { appendRecord } from './audit-log.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { findRow, getRow, iso, rows, storeTime, type Db, type Transaction } from './store.ts'

/** The policy as it stood from one change to the next; `policy_now` in the store writes it. */
export interface Policy {
  readonly roles: readonly PolicyRole[]
  readonly groups: readonly PolicyGroup[]
  readonly dataSources: readonly PolicySource[]
  /** The global rule; an empty pattern: none. */
  readonly justification: { readonly pattern: string; readonly message: string }
  /** The longest that a request whose window counts from approval waits for it. */
  readonly requestLifeMinutes: number
  /** How long recordings are kept; null is for ever, and so it was where a version doesn't say. */
  readonly recordingMonths?: number | null
}

export interface PolicyRole {
  readonly id: string
  readonly name: string
  readonly dataSource: string
  readonly databaseRole: string
  readonly description: string
  readonly group: string | null
  readonly approvalsNeeded: number
  readonly defaultMinutes: number
  readonly maximumMinutes: number
  readonly dangerous: boolean
  readonly offered: boolean
}

export interface PolicyGroup {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly members: readonly string[]
}

export interface PolicySource {
  readonly id: string
  readonly name: string
  readonly justificationPattern: string | null
  readonly justificationMessage: string | null
  readonly offered: boolean
}

/** One version as lists show it. */
export interface PolicyChange {
  readonly version: number
  readonly at: DateTime<true>
  readonly changedBy: string
  readonly summary: string
}

export interface PolicyVersion extends PolicyChange {
  readonly policy: Policy
}

const CHANGE = `v.version, v.at, v.changed_by as "changedBy", v.summary`

/** The version in force; undefined for an organization whose policy was never changed. */
export function findCurrentVersion(
  db: Db,
  organizationId: string,
): Promise<PolicyChange | undefined> {
  return findRow(
    db,
    `select ${CHANGE}
       from policy_versions v
      where v.organization_id = :organizationId
      order by v.version desc
      limit 1`,
    { organizationId },
  )
}

/** Versions the scope may see, newest first; `before` is the version a page goes on from. */
export function listPolicyVersions(
  db: Db,
  scope: Scope,
  { before, limit }: { readonly before?: number; readonly limit: number },
): Promise<PolicyChange[]> {
  return rows(
    db,
    `select ${CHANGE}
       from policy_versions v
      where v.organization_id = coalesce(cast(:organization as uuid), v.organization_id)
        and (cast(:before as integer) is null or v.version < cast(:before as integer))
      order by v.version desc
      limit :limit`,
    { organization: organizationIdOf(scope), before: before ?? null, limit },
  )
}

/** One version with the policy it began. */
export function findPolicyVersion(
  db: Db,
  scope: Scope,
  version: number,
): Promise<PolicyVersion | undefined> {
  return findRow(
    db,
    `select ${CHANGE}, v.policy
       from policy_versions v
      where v.organization_id = coalesce(cast(:organization as uuid), v.organization_id)
        and v.version = :version`,
    { organization: organizationIdOf(scope), version },
  )
}

/**
 * Keeps others from changing the policy until this transaction ends, and says which version is in
 * force. Whoever changes the policy takes it before looking at what is to be changed.
 */
export async function lockPolicy(tx: Transaction, organizationId: string): Promise<number> {
  await rows(tx, `select pg_advisory_xact_lock(hashtextextended(:key, 0))`, {
    key: keyOf(organizationId),
  })
  return (await findCurrentVersion(tx, organizationId))?.version ?? 0
}

/**
 * The version in force, which stays so until this transaction ends: what a request is judged by
 * and what it says it was judged by are then the same. Requests don't wait for each other.
 */
export async function holdPolicyVersion(tx: Transaction, organizationId: string): Promise<number> {
  await rows(tx, `select pg_advisory_xact_lock_shared(hashtextextended(:key, 0))`, {
    key: keyOf(organizationId),
  })
  return (await findCurrentVersion(tx, organizationId))?.version ?? 0
}

/**
 * Keeps the policy as this transaction leaves it as the next version, with its record, which holds
 * the digest of what was kept. `summary` is a sentence without its full stop.
 */
export async function keepPolicyVersion(
  tx: Transaction,
  origin: Origin,
  summary: string,
): Promise<number> {
  const organization = origin.organization.id
  const before = await lockPolicy(tx, organization)
  const at = await storeTime(tx)
  const kept = await getRow<{ version: number; digest: string }>(
    tx,
    `insert into policy_versions (organization_id, version, at, changed_by, summary, policy)
     values (:organization, :version, :at, :changedBy, :summary, policy_now(:organization))
  returning version, encode(sha256(convert_to(policy::text, 'UTF8')), 'hex') as digest`,
    { organization, version: before + 1, at: iso(at), changedBy: origin.actor.name, summary },
  )
  await appendRecord(tx, origin, at, {
    action: 'policy.changed',
    area: 'policy',
    subject: { type: 'policy', id: String(kept.version), name: `policy version ${kept.version}` },
    outcome: 'ok',
    details: {
      summary,
      version_before: String(before),
      version_after: String(kept.version),
      policy_sha256: kept.digest,
    },
  })
  return kept.version
}

function keyOf(organizationId: string): string {
  return `daypass policy ${organizationId}`
}
