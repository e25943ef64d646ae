import type { Request } from 'express'
import { appendRecord } from '../db/audit-log.ts'
import { findPersonByUsername, getDefaultOrganization } from '../db/people.ts'
import { storeTime } from '../db/store.ts'
import type { PortalDeps } from './deps.ts'
import { originOf } from './visit.ts'

/** A proof that did not fit, and the name it was given with where it has one. */
interface FailedProof {
  readonly method: 'password' | 'token'
  readonly username?: string
  /** As it may be shown: what was typed there may be a password. */
  readonly shown: string
  readonly reason?: string
}

/** Writes the record of a wrong password or token; whose limit is used up has one record more, and no others. */
export async function recordFailedSignIn(
  { store }: PortalDeps,
  req: Request,
  { method, username, shown, reason }: FailedProof,
): Promise<void> {
  const { db } = store
  const portal = { kind: 'part', part: 'portal' } as const
  const person =
    username === undefined ? undefined : await findPersonByUsername(db, portal, username)
  const origin = {
    ...originOf(req, await getDefaultOrganization(db)),
    actor: { type: 'person', id: person?.id ?? 'unknown', name: shown },
    authMethod: method,
  } as const
  await store.change(async (tx) =>
    appendRecord(tx, origin, await storeTime(tx), {
      action: 'auth.login_failed',
      area: 'sign-in',
      outcome: 'refused',
      ...(reason === undefined ? {} : { reason }),
    }),
  )
}
