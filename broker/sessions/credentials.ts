import { randomBytes } from 'node:crypto'
import type { SessionId } from '../../lib/ids.ts'
import { makeVerifier, SCRAM_ITERATIONS } from '../../lib/scram.ts'
import { appendRecord } from '../../db/audit-log.ts'
import { findDataSource } from '../../db/data-sources.ts'
import type { Origin, PersonScope } from '../../db/scope.ts'
import { replaceCredential } from '../../db/session-changes.ts'
import type { Session } from '../../db/sessions.ts'
import type { Store } from '../../db/store.ts'
import { Refused } from '../errors.ts'
import { snapshotOf, takeSession, type Taken } from './moves.ts'
import { isOwnRequest } from '../policy/policy.ts'

/** What a person logs in with: shown once, kept by nobody. */
export interface MadeCredential {
  readonly session: Session
  readonly username: string
  readonly password: string
  /** The data source's default database. */
  readonly database: string
}

/** 192 bits, in characters that need no escaping in URLs and shells. */
const SECRET_BYTES = 24

/**
 * Makes a new client secret and ends the one before. Errors: `not_found`, `not_entitled`,
 * `session_not_granted`.
 */
export async function makeCredential(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: SessionId,
): Promise<MadeCredential> {
  const password = randomBytes(SECRET_BYTES).toString('base64url')
  const verifier = await makeVerifier(password, { iterations: SCRAM_ITERATIONS })
  return store.change(async (tx) => {
    const { session, at } = await takeSession(tx, scope, id)
    const username = usernameFor({ session, at }, scope)
    const source = await findDataSource(tx, scope, session.dataSource.id)
    if (source === undefined) throw new Error(`session ${id} is of an unknown data source`)
    const credential = await replaceCredential(tx, { sessionId: id, verifier, at })
    await appendRecord(tx, origin, at, {
      action: 'session.credential_made',
      area: 'sessions',
      outcome: 'ok',
      subject: { type: 'credential', id: credential, name: username },
      dataSource: session.dataSource,
      session: snapshotOf(session),
    })
    return { session, username, password, database: source.defaultDatabase }
  })
}

function usernameFor({ session, at }: Taken, { person }: PersonScope): string {
  const { id, state, username, end, requester } = session
  if (!isOwnRequest(session, person)) {
    throw new Refused(
      'not_entitled',
      `Only ${requester.username}, whose session it is, gets a credential for it.`,
    )
  }
  if (state === 'GRANTED' && username !== null && end !== null && at < end) return username
  throw new Refused(
    'session_not_granted',
    `Session ${id} is ${state}: a credential can be made only while it is GRANTED.`,
    { state },
  )
}
