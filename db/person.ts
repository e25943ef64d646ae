import type { DateTime } from 'luxon'

export interface Organization {
  readonly id: string
  readonly name: string
  readonly accountId: string
}

export type ManagementPrivilege = 'none' | 'read_only' | 'admin'

/** Locked for now, ended by an admin, past its date, or gone: the row stays for what was recorded. */
export type WayOut = 'locked' | 'disabled' | 'expired' | 'deleted'

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
  /** A privilege of its own: may end other people's sign-ins. */
  readonly mayEndSignIns: boolean
  readonly mustChangePassword: boolean
  /** Null where it was never changed since it was set. */
  readonly passwordChangedAt: DateTime<true> | null
  /** Since when they may do nothing; an expiry that has come counts, whether or not it is written. */
  readonly disabledAt: DateTime<true> | null
  /** Why; null for who may act. */
  readonly outAs: WayOut | null
  /** From here on the account is worth nothing, whether or not somebody has written so yet. */
  readonly expiresAt: DateTime<true> | null
  readonly deletedAt: DateTime<true> | null
  readonly lastSignInAt: DateTime<true> | null
  /** What the directory calls them that provisions people; null: none does. */
  readonly externalId: string | null
  readonly createdAt: DateTime<true>
}

/** The columns of a Person, of `people p`. */
export const PERSON = `
       p.id, p.organization_id as "organizationId", p.kind, p.username, p.display_name as "displayName",
       p.email, p.portal_user as "portalUser", p.audit_user as "auditUser",
       p.management_privilege as "managementPrivilege", p.may_end_sign_ins as "mayEndSignIns",
       p.must_change_password as "mustChangePassword", p.password_changed_at as "passwordChangedAt",
       coalesce(p.disabled_at, case when p.expires_at <= now() then p.expires_at end) as "disabledAt",
       case when p.disabled_at is not null then coalesce(p.out_as, 'locked')
            when p.expires_at <= now() then 'expired'
       end as "outAs",
       p.expires_at as "expiresAt", p.deleted_at as "deletedAt", p.last_sign_in_at as "lastSignInAt",
       p.external_id as "externalId", p.created_at as "createdAt"`

/**
 * True for who may do nothing at this moment, of `people p`: an account is worth nothing from its
 * expiry on, also while the broker has not come round to writing so.
 */
export const IS_OUT = `(p.disabled_at is not null or coalesce(p.expires_at <= now(), false))`
