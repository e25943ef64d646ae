import type { Application } from '../../db/applications.ts'
import { iso } from '../../db/store.ts'
import type { Token } from '../../db/token-lists.ts'
import type { FreshToken } from '../administration/tokens.ts'
import { isoOrNull } from './session-json.ts'

/** A token as the API says it. */
export function tokenJson(token: Token): Record<string, unknown> {
  return {
    id: token.id,
    name: token.name,
    username: token.username,
    prefix: token.prefix,
    suffix: token.suffix,
    scopes: token.scopes,
    state: token.state,
    createdAt: iso(token.createdAt),
    createdBy: token.createdBy,
    expiresAt: isoOrNull(token.expiresAt),
    lastUsedAt: isoOrNull(token.lastUsedAt),
    lastUsedIp: token.lastUsedIp,
    endedAt: isoOrNull(token.endedAt),
    endedBy: token.endedBy,
  }
}

/** The same with its secret, which no other answer holds. */
export function freshTokenJson({ token, secret }: FreshToken): Record<string, unknown> {
  return { ...tokenJson(token), token: secret }
}

/** An application as the API says it. */
export function applicationJson(application: Application): Record<string, unknown> {
  return {
    id: application.id,
    username: application.username,
    displayName: application.displayName,
    purpose: application.purpose,
    owner: application.owner.username,
    auditUser: application.auditUser,
    managementPrivilege: application.managementPrivilege,
    disabledAt: isoOrNull(application.disabledAt),
    outAs: application.outAs,
    createdAt: iso(application.createdAt),
    createdBy: application.createdBy,
    liveTokens: application.liveTokens,
    lastUsedAt: isoOrNull(application.lastUsedAt),
  }
}
