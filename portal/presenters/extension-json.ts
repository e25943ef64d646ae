import type { Extension } from '../../db/extensions.ts'
import { iso } from '../../db/store.ts'
import { roleJson } from './session-json.ts'

/** An extension as the API says it; fields are added, never renamed. */
export function extensionJson(extension: Extension): Record<string, unknown> {
  return {
    id: extension.id,
    sessionId: extension.sessionId,
    state: extension.state,
    stateSince: iso(extension.stateSince),
    requestedAt: iso(extension.requestedAt),
    oldEnd: iso(extension.oldEnd),
    newEnd: iso(extension.newEnd),
    justification: extension.justification,
    reason: extension.reason,
    roles: extension.roles.map(roleJson),
  }
}
