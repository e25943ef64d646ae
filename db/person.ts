import type { DateTime } from 'luxon'

export interface Organization {
  readonly id: string
  readonly name: string
  readonly accountId: string
}

export type ManagementPrivilege = 'none' | 'read_only' | 'admin'

/** Someone, or a service, that can sign in or hold a token. */
export interface Person {
  readonly id: string
  readonly organizationId: string
  readonly kind: 'person' | 'service'
  readonly username: string
  readonly displayName: string
  readonly email: string | null
  readonly portalUser: boolean
  readonly auditUser: boolean
  readonly managementPrivilege: ManagementPrivilege
  readonly disabledAt: DateTime<true> | null
  readonly createdAt: DateTime<true>
}
