import { randomBytes } from 'node:crypto'
import { seal } from '../lib/seal.ts'
import { makeVerifier } from '../lib/scram.ts'
import { getSealingKey } from '../db/sealing-keys.ts'
import {
  aboutUpstream,
  ensureIntent,
  renameIntent,
  setLoginAt,
  setRoleOid,
  type SessionIntent,
} from '../db/session-intents.ts'
import { finishJob, putJob, type ClaimedJob } from '../db/session-jobs.ts'
import { storeTime, type Transaction } from '../db/store.ts'
import type { BrokerDeps, Target } from './data-source.ts'
import { DataSourceError } from './errors.ts'
import { makeUsername } from './identifiers.ts'
import { BROKER, makeMove, takeSession, type Taken } from './moves.ts'
import { systemOriginOf } from './origins.ts'
import { approvalFault } from './policy.ts'
import { isOver, type Session } from './session.ts'
import { createSessionUser, enableLogin } from './session-users.ts'

/** The proxy's own secret for a session user; machines hash 192 random bits once. */
const UPSTREAM_SECRET_BYTES = 24
const UPSTREAM_ITERATIONS = 1

/** Takes one approved session to GRANTED. Whatever it stops at, the next try goes on from there. */
export async function grantSession(
  deps: BrokerDeps,
  target: Target,
  job: ClaimedJob,
): Promise<void> {
  const planned = await writeIntent(deps, job)
  if (planned !== undefined) {
    await makeUser(deps, target, planned)
    if (await recordGranted(deps, planned.intent)) await openLogin(deps, target, planned.intent)
  }
  await finishJob(deps.store.db, job)
}

interface Planned {
  readonly session: Session
  readonly intent: SessionIntent
}

/** g1: what is about to be made is written down first, so that no crash can leave it unknown. */
async function writeIntent(deps: BrokerDeps, job: ClaimedJob): Promise<Planned | undefined> {
  const { store } = deps
  const secret = randomBytes(UPSTREAM_SECRET_BYTES).toString('base64url')
  const upstreamVerifier = await makeVerifier(secret, { iterations: UPSTREAM_ITERATIONS })
  const upstreamSealed = seal(
    await getSealingKey(store.db, 'proxy'),
    secret,
    aboutUpstream(job.sessionId),
  )
  return store.change(async (tx) => {
    const taken = await takeSession(tx, BROKER, job.sessionId)
    if (!(await mayBeGranted(tx, taken))) return undefined
    const { session, at } = taken
    const intent = await ensureIntent(tx, {
      sessionId: session.id,
      username: makeUsername(session.requester.username, session.id),
      upstreamSealed,
      upstreamVerifier,
      at,
    })
    return { session, intent }
  })
}

/** g2: the session user, on the data source, without the right to log in. */
async function makeUser(
  { store }: BrokerDeps,
  target: Target,
  { session, intent }: Planned,
): Promise<void> {
  if (session.end === null) throw new Error(`session ${session.id} is approved without a window`)
  try {
    const oid = await createSessionUser(target, {
      name: intent.username,
      sessionUuid: session.uuid,
      verifier: intent.upstreamVerifier,
      connectionLimit: intent.connectionLimit,
      end: session.end,
      roles: session.roles.map(({ databaseRole }) => databaseRole),
    })
    await setRoleOid(store.db, session.id, oid)
  } catch (error) {
    if (error instanceof DataSourceError && error.code === 'role_not_ours') {
      const name = makeUsername(session.requester.username, session.id)
      await renameIntent(store.db, session.id, name)
    }
    throw error
  }
}

/** g3: the decision, by what is true at this moment; false where there is nothing to log in to. */
function recordGranted({ store }: BrokerDeps, intent: SessionIntent): Promise<boolean> {
  return store.change(async (tx) => {
    const taken = await takeSession(tx, BROKER, intent.sessionId)
    const { session, at } = taken
    if (await mayBeGranted(tx, taken)) {
      if (session.state === 'GRANTED') return true
      const origin = await systemOriginOf(tx, session)
      await makeMove(tx, session, 'grant', { origin, at, username: intent.username })
      return true
    }
    // it ended while its user was being made
    await putJob(tx, { sessionId: session.id, kind: 'removal', dueAt: at })
    return false
  })
}

/** g4: only now can anybody log in. Proxies see it (g5) by the time that is noted here. */
async function openLogin(
  { store }: BrokerDeps,
  target: Target,
  intent: SessionIntent,
): Promise<void> {
  const user = { name: intent.username, sessionUuid: intent.sessionUuid }
  if (!(await enableLogin(target, user))) return
  await setLoginAt(store.db, intent.sessionId, await storeTime(store.db))
}

/** True for what may go on to GRANTED; ends what may not. Early, late and ended ones wait for the sweep. */
async function mayBeGranted(tx: Transaction, { session, at }: Taken): Promise<boolean> {
  const { state, start, end } = session
  if (isOver(state) || state === 'CREATED') return false
  if (start === null || end === null || at < start || at >= end) return false
  if (state === 'GRANTED') return true
  const fault = session.requester.disabled
    ? `${session.requester.username} was disabled before the session began.`
    : approvalFault(session)
  if (fault === undefined) return true
  const origin = await systemOriginOf(tx, session)
  await makeMove(tx, session, 'terminate', { origin, at, reason: fault })
  return false
}
