import type { DateTime } from 'luxon'
import { uuidv7, type SessionId } from '../lib/ids.ts'
import type { Extension, ExtensionState } from './extensions.ts'
import { findRow, iso, rows, type Transaction } from './store.ts'

export interface NewExtension {
  readonly sessionId: SessionId
  readonly requesterId: string
  readonly oldEnd: DateTime<true>
  readonly newEnd: DateTime<true>
  readonly justification: string
  readonly policyVersion: number | null
  readonly roles: readonly NewExtensionRole[]
}

export interface NewExtensionRole {
  readonly id: string
  readonly name: string
  readonly approverGroupId: string | null
  readonly needed: number
}

/** Writes a request for more time, with its roles; returns its id. */
export async function insertExtension(
  tx: Transaction,
  at: DateTime<true>,
  { roles, oldEnd, newEnd, ...extension }: NewExtension,
): Promise<string> {
  const id = uuidv7(at.toMillis())
  await rows(
    tx,
    `insert into session_extensions (id, session_id, organization_id, requested_by, requested_at, old_end, new_end,
                                     justification, state, state_since, policy_version)
     select :id, s.id, s.organization_id, :requesterId, :at, :oldEnd, :newEnd, :justification, 'CREATED', :at,
            :policyVersion
       from sessions s
      where s.id = :sessionId`,
    { ...extension, id, at: iso(at), oldEnd: iso(oldEnd), newEnd: iso(newEnd) },
  )
  for (const [place, role] of roles.entries()) {
    await rows(
      tx,
      `insert into extension_roles (extension_id, role_id, organization_id, name, approver_group_id,
                                    approvals_needed, place, state)
       select e.id, :roleId, e.organization_id, :name, :approverGroupId, :needed, :place, 'PENDING'
         from session_extensions e
        where e.id = :id`,
      { ...role, roleId: role.id, id, place },
    )
  }
  return id
}

/** One vote for one role of an extension; voting twice changes nothing. */
export async function insertExtensionApproval(
  tx: Transaction,
  vote: {
    readonly extensionId: string
    readonly roleId: string
    readonly person: { readonly id: string; readonly username: string }
    readonly comment: string
    readonly at: DateTime<true>
  },
): Promise<void> {
  const { extensionId, roleId, person, comment, at } = vote
  await rows(
    tx,
    `insert into extension_approvals (extension_id, role_id, person_id, organization_id, person_name, comment, at)
     select e.id, :roleId, :personId, e.organization_id, :personName, :comment, :at
       from session_extensions e
      where e.id = :extensionId
        and e.state = 'CREATED'
         on conflict (extension_id, role_id, person_id) do nothing`,
    {
      extensionId,
      roleId,
      personId: person.id,
      personName: person.username,
      comment,
      at: iso(at),
    },
  )
}

/** Decides a role of an extension that still waits; false when it was decided before. */
export async function decideExtensionRole(
  tx: Transaction,
  decision: {
    readonly extensionId: string
    readonly roleId: string
    readonly state: 'APPROVED' | 'DENIED'
    readonly at: DateTime<true>
  },
): Promise<boolean> {
  const decided = await findRow(
    tx,
    `   update extension_roles
           set state = :state, decided_at = :at
         where extension_id = :extensionId
           and role_id = :roleId
           and state = 'PENDING'
     returning role_id`,
    { ...decision, at: iso(decision.at) },
  )
  return decided !== undefined
}

/** Has a role of an extension wait again, because its votes count no longer. */
export async function reopenExtensionRole(
  tx: Transaction,
  role: { readonly extensionId: string; readonly roleId: string },
): Promise<void> {
  await rows(
    tx,
    `update extension_roles
        set state = 'PENDING', decided_at = null
      where extension_id = :extensionId
        and role_id = :roleId
        and state = 'APPROVED'`,
    role,
  )
}

/** Closes an extension that is open; false when somebody was quicker. */
export async function closeExtension(
  tx: Transaction,
  closing: {
    readonly id: string
    readonly state: Exclude<ExtensionState, 'CREATED'>
    readonly at: DateTime<true>
    readonly reason?: string | undefined
  },
): Promise<boolean> {
  const closed = await findRow(
    tx,
    `   update session_extensions
           set state = :state, state_since = :at, reason = :reason
         where id = :id
           and state = 'CREATED'
     returning id`,
    { ...closing, at: iso(closing.at), reason: closing.reason ?? null },
  )
  return closed !== undefined
}

/** Closes the open extension of a session that is over; undefined where there is none. */
export function lapseExtension(
  tx: Transaction,
  sessionId: SessionId,
  at: DateTime<true>,
): Promise<
  | { readonly id: string; readonly oldEnd: DateTime<true>; readonly newEnd: DateTime<true> }
  | undefined
> {
  return findRow(
    tx,
    `   update session_extensions
           set state = 'EXPIRED', state_since = :at
         where session_id = :sessionId
           and state = 'CREATED'
     returning id, old_end as "oldEnd", new_end as "newEnd"`,
    { sessionId, at: iso(at) },
  )
}

/** Which of these sessions have an extension that waits for its approval. */
export async function listExtending(
  tx: Transaction,
  sessionIds: readonly SessionId[],
): Promise<SessionId[]> {
  const found = await rows<{ id: SessionId }>(
    tx,
    `select session_id as id
       from session_extensions
      where session_id = any (cast(:sessionIds as bigint[]))
        and state = 'CREATED'`,
    { sessionIds },
  )
  return found.map(({ id }) => id)
}

/** Moves the end of a session that still ends when the extension believes; false where it does not. */
export async function moveEnd(
  tx: Transaction,
  { sessionId, oldEnd, newEnd }: Pick<Extension, 'sessionId' | 'oldEnd' | 'newEnd'>,
  at: DateTime<true>,
): Promise<boolean> {
  const moved = await findRow(
    tx,
    `   update sessions
           set end_at = :newEnd, dies_at = :newEnd, extended_at = :at
         where id = :sessionId
           and state = 'GRANTED'
           and end_at = :oldEnd
     returning id`,
    { sessionId, oldEnd: iso(oldEnd), newEnd: iso(newEnd), at: iso(at) },
  )
  return moved !== undefined
}
