import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import type { RecordState } from './audit-log.ts'
import type { Removal } from './removals.ts'

export type SessionState = RecordState
export type RoleState = 'PENDING' | 'APPROVED' | 'DENIED'

/** A session as the store holds it, read within somebody's scope. */
export interface Session {
  readonly id: SessionId
  readonly uuid: string
  readonly organizationId: string
  readonly state: SessionState
  readonly stateSince: DateTime<true>
  readonly moveCount: number
  readonly dataSource: { readonly id: string; readonly name: string }
  readonly requester: Requester
  readonly justification: string
  /** Null, like `end`, while the window counts from an approval that is still awaited. */
  readonly start: DateTime<true> | null
  readonly end: DateTime<true> | null
  /** Set where the window counts from the last approval. */
  readonly minutes: number | null
  readonly requestHash: Buffer
  readonly createdAt: DateTime<true>
  /** When the request expires if nothing else ends it first. */
  readonly diesAt: DateTime<true>
  readonly username: string | null
  readonly grantedAt: DateTime<true> | null
  readonly endedAt: DateTime<true> | null
  readonly endReason: string | null
  /** When the database user was proven gone; null where there never was one. */
  readonly removedAt: DateTime<true> | null
  readonly hiddenAt: DateTime<true> | null
  readonly removal: Removal
  /** Why an approved session whose time has come is not granted yet, in a sentence. */
  readonly waitingFor: string | null
  /** The version of the policy it was asked under; null for those from before versions began. */
  readonly policyVersion: number | null
  readonly roles: readonly SessionRole[]
}

export interface Requester {
  readonly id: string
  readonly username: string
  readonly displayName: string
  readonly disabled: boolean
}

/** One role of a request, as it stood when it was asked for. */
export interface SessionRole {
  readonly id: string
  readonly name: string
  readonly databaseRole: string
  readonly state: RoleState
  readonly needed: number
  readonly approverGroupId: string | null
  /** Usernames of the enabled members of the approver group today. */
  readonly approvers: readonly string[]
  readonly approverIds: readonly string[]
  readonly decidedAt: DateTime<true> | null
  /** True where the role is marked powerful today, and was asked for under the two approvals that takes. */
  readonly dangerous: boolean
  readonly approvals: readonly Approval[]
}

export interface Approval {
  readonly personId: string
  readonly by: string
  readonly at: DateTime<true>
  readonly comment: string
  /** True while the voter is enabled, entitled and not the requester, and voted on this very request. */
  readonly counts: boolean
}
