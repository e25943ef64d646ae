import type { SignIn } from '../../db/sign-in-lists.ts'
import { iso } from '../../db/store.ts'
import { isoOrNull } from './session-json.ts'

/** A sign-in as the API shows it. */
export function signInJson(signIn: SignIn): Record<string, unknown> {
  const { person, endedBy } = signIn
  return {
    id: signIn.id,
    userId: person.id,
    username: person.username,
    displayName: person.displayName,
    email: person.email,
    auditUser: person.auditUser,
    managementPrivilege: person.managementPrivilege,
    locked: person.isLocked,
    method: signIn.authMethod,
    clientIp: signIn.clientIp,
    host: signIn.host,
    userAgent: signIn.userAgent,
    startedAt: iso(signIn.startedAt),
    lastSeenAt: iso(signIn.lastSeenAt),
    expiresAt: iso(signIn.expiresAt),
    active: signIn.isActive,
    endedAt: isoOrNull(signIn.endedAt),
    endedAs: signIn.endedAs,
    endedBy: endedBy?.name ?? null,
    endReason: signIn.endReason,
  }
}
