import type { Origin, PersonScope } from '../../db/scope.ts'
import { listSessions } from '../../db/sessions.ts'
import type { Store } from '../../db/store.ts'
import { sentenceOf } from '../../lib/errors.ts'
import type { SessionId } from '../../lib/ids.ts'
import { Refused } from '../errors.ts'
import { requireReason, terminate } from './lifecycle.ts'

const EVERY_ONE = 100_000
const ENDED_BY_ITSELF: ReadonlySet<string> = new Set(['state_changed', 'already_decided'])

/** What became of a termination of everything under way. */
export interface AllTerminated {
  readonly terminated: readonly SessionId[]
  /** Those that go on; what ended by itself meanwhile is not among them. */
  readonly failed: readonly { readonly id: SessionId; readonly sentence: string }[]
}

/**
 * Ends every session under way, as an admin, one by one: one that can't be ended keeps no other alive.
 * Errors: `not_entitled`, `reason_required`.
 */
export async function terminateAll(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  command: { readonly reason: string },
): Promise<AllTerminated> {
  if (scope.person.managementPrivilege !== 'admin') {
    throw new Refused('not_entitled', 'Only an admin may terminate sessions.')
  }
  requireReason(command.reason)
  const terminated: SessionId[] = []
  const failed: { id: SessionId; sentence: string }[] = []
  for (const { id } of await listSessions(store.db, scope, { ended: false, limit: EVERY_ONE })) {
    try {
      await terminate(store, scope, origin, id, command)
      terminated.push(id)
    } catch (error) {
      if (error instanceof Refused && ENDED_BY_ITSELF.has(error.code)) continue
      failed.push({ id, sentence: sentenceOf(error) })
    }
  }
  return { terminated, failed }
}
