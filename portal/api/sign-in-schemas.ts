import { count, flag, instant, list, orNull, shape, text } from './json-schema.ts'

const signIn = shape({
  id: text,
  userId: text,
  username: text,
  displayName: text,
  email: orNull(text),
  auditUser: flag,
  managementPrivilege: { enum: ['none', 'read_only', 'admin'] },
  locked: flag,
  method: { enum: ['password', 'oidc', 'saml', 'ldap'] },
  clientIp: orNull(text),
  host: orNull(text),
  userAgent: orNull(text),
  startedAt: instant,
  lastSeenAt: instant,
  expiresAt: instant,
  active: flag,
  endedAt: orNull(instant),
  endedAs: orNull(text),
  endedBy: orNull(text),
  endReason: orNull(text),
})

/** Sign-ins of the portal, as JSON Schema (2020-12). */
export const SIGN_IN_SCHEMAS = {
  signIn,
  signInsEnded: shape({ ended: count }),
  signIns: shape({ signIns: list(signIn), next: orNull(text) }),
} as const
