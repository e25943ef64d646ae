import { listDataSources, type DataSource } from '../../db/data-sources.ts'
import { listGroups, type Group } from '../../db/groups.ts'
import { listOpenProposals, type Proposal } from '../../db/policy-proposals.ts'
import { findCurrentVersion, type PolicyChange } from '../../db/policy-versions.ts'
import { getRequestLife } from '../../db/request-life.ts'
import { getRecordingMonths } from '../../db/retention.ts'
import { listRoles, type Role } from '../../db/roles.ts'
import type { PersonScope } from '../../db/scope.ts'
import { findGlobalJustification } from '../../db/settings.ts'
import type { Db } from '../../db/store.ts'
import { lintPolicy, type Warning } from './lint.ts'
import type { JustificationRule } from './policy.ts'

/** The policy in force, whole, with what lint says of it. */
export interface PolicyInForce {
  readonly current: PolicyChange | undefined
  readonly roles: readonly Role[]
  readonly groups: readonly Group[]
  readonly sources: readonly DataSource[]
  readonly global: JustificationRule | undefined
  /** The longest that a request whose window counts from approval waits for it. */
  readonly requestLifeMinutes: number
  /** How long recordings are kept; null: for ever. */
  readonly recordingMonths: number | null
  readonly proposals: readonly Proposal[]
  readonly warnings: readonly Warning[]
}

/** Reads the policy of the scope's organization. */
export async function readPolicy(db: Db, scope: PersonScope): Promise<PolicyInForce> {
  // the version first: what is changed while the rest is read makes a form stale, never fresh
  const current = await findCurrentVersion(db, scope.organization.id)
  const [roles, groups, sources, global, requestLifeMinutes, recordingMonths, proposals] =
    await Promise.all([
      listRoles(db, scope),
      listGroups(db, scope),
      listDataSources(db, scope),
      findGlobalJustification(db),
      getRequestLife(db, scope.organization.id),
      getRecordingMonths(db, scope.organization.id),
      listOpenProposals(db, scope),
    ])
  const warnings = lintPolicy({ roles, groups, sources, global })
  const settings = { global, requestLifeMinutes, recordingMonths }
  return { current, roles, groups, sources, ...settings, proposals, warnings }
}
