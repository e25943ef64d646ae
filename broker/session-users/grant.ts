import { randomBytes, randomUUID } from 'node:crypto'
import { seal } from '../../lib/seal.ts'
import { makeVerifier } from '../../lib/scram.ts'
import { getOrganization, type Organization } from '../../db/people.ts'
import { systemOrigin, type Origin } from '../../db/scope.ts'
import { getSealingKey } from '../../db/sealing-keys.ts'
import {
  aboutUpstream,
  ensureIntent,
  renameIntent,
  setLoginAt,
  setRoleOid,
  type SessionIntent,
} from '../../db/session-intents.ts'
import { finishJob, putJob } from '../../db/session-jobs.ts'
import { storeTime, type Transaction } from '../../db/store.ts'
import { recordTask } from '../../db/task-records.ts'
import type { BrokerDeps } from '../sources/data-source.ts'
import { DataSourceError } from '../errors.ts'
import { makeUsername } from '../sources/identifiers.ts'
import { BROKER, makeMove, snapshotOf, takeSession, type Taken } from '../sessions/moves.ts'
import { approvalFault } from '../policy/policy.ts'
import { lendingFault } from '../preflight/preflight.ts'
import { isOver, type Session } from '../sessions/session.ts'
import { unhindered } from './session-lock.ts'
import { createSessionUser, enableLogin } from './session-users.ts'
import { readySharedRoles } from './shared-roles.ts'
import { endBySystem } from '../sessions/system-ends.ts'
import { attempt, refuseLost, workOff, type Errand } from '../scheduling/work.ts'

/** Few, so that several brokers share what is due. */
const GRANTS_AT_ONCE = 20
/** The proxy's own secret for a session user; machines hash 192 random bits once. */
const UPSTREAM_SECRET_BYTES = 24
const UPSTREAM_ITERATIONS = 1

/** Grants what is due on one data source, over one connection, until nothing is left. */
export function grantDue(deps: BrokerDeps, dataSourceId: string): Promise<void> {
  return workOff(
    deps,
    { kind: 'grant', dataSourceId, limit: GRANTS_AT_ONCE },
    async (target, jobs) => {
      const [organization] = await Promise.all([
        getOrganization(deps.store.db, target.dataSource.organizationId),
        readySharedRoles({ deps, target }),
      ])
      for (const job of jobs) {
        const errand = { deps, target, job }
        await attempt(errand, () => grantSession({ ...errand, organization }))
      }
    },
  )
}

/** Takes one approved session to GRANTED. Whatever it stops at, the next try goes on from there. */
async function grantSession(errand: Granting): Promise<void> {
  const { deps, target, job } = errand
  await deps.reached('g1.before', job.sessionId)
  const planned = await writeIntent(errand)
  await deps.reached('g1.after', job.sessionId)
  if (planned !== undefined) {
    const oid = await makeUser(errand, planned)
    await deps.reached('g2.after', job.sessionId)
    const fault = await lendingFault(target, planned.session.roles)
    if (await recordGranted(errand, planned, { oid, fault })) {
      await deps.reached('g3.after', job.sessionId)
      await openLogin(errand, planned)
      return
    }
  }
  await finishJob(deps.store.db, job)
}

/** A try, and in whose trail it is recorded. */
interface Granting extends Errand {
  readonly organization: Organization
}

interface Planned {
  readonly session: Session
  readonly intent: SessionIntent
  readonly origin: Origin
}

/** g1: what is about to be made is written down first, so that no crash can leave it unknown. */
async function writeIntent({ deps, job, organization }: Granting): Promise<Planned | undefined> {
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
    await refuseLost(tx, job)
    if (!(await mayBeGranted(tx, taken))) return undefined
    const { session, at } = taken
    const intent = await ensureIntent(tx, {
      sessionId: session.id,
      username: makeUsername(session.requester.username, session.id),
      upstreamSealed,
      upstreamVerifier,
      at,
    })
    await deps.reached('g1.inside', job.sessionId)
    return { session, intent, origin: systemOrigin(organization, randomUUID()) }
  })
}

/** g2: the session user, on the data source, without the right to log in. */
async function makeUser(errand: Errand, { session, intent }: Planned): Promise<number> {
  const { deps, target, job } = errand
  if (session.end === null) throw new Error(`session ${session.id} is approved without a window`)
  const user = {
    name: intent.username,
    sessionUuid: session.uuid,
    verifier: intent.upstreamVerifier,
    connectionLimit: intent.connectionLimit,
    end: session.end,
    roles: session.roles.map(({ databaseRole }) => databaseRole),
  }
  try {
    return await unhindered(errand, intent, () =>
      createSessionUser(target, user, {
        mayGoOn: () => refuseLost(deps.store.db, job),
        done: () => deps.reached('g2.inside', job.sessionId),
      }),
    )
  } catch (error) {
    if (error instanceof DataSourceError && error.code === 'role_not_ours') {
      const to = makeUsername(session.requester.username, session.id)
      await renameIntent(deps.store.db, job, { from: intent.username, to })
    }
    throw error
  }
}

interface Made {
  readonly oid: number
  /** Why the roles can't be lent at this moment. */
  readonly fault: string | undefined
}

/** g3: the decision, by what is true at this moment; false where there is nothing to log in to. */
function recordGranted(
  { deps, job }: Errand,
  { intent, origin }: Planned,
  { oid, fault }: Made,
): Promise<boolean> {
  return deps.store.change(async (tx) => {
    const taken = await takeSession(tx, BROKER, job.sessionId)
    await refuseLost(tx, job)
    const { session, at } = taken
    await setRoleOid(tx, session.id, oid)
    const granted = await mayBeGranted(tx, taken, fault)
    if (!granted) {
      // it ended while its user was being made
      await putJob(tx, { sessionId: session.id, kind: 'removal', dueAt: at })
    } else if (session.state !== 'GRANTED') {
      await makeMove(tx, session, 'grant', { origin, at, username: intent.username })
    }
    await deps.reached('g3.inside', job.sessionId)
    return granted
  })
}

/** g4: only now can anybody log in. Proxies see it (g5) by the time that is noted here. */
async function openLogin(errand: Errand, planned: Planned): Promise<void> {
  const { deps, target, job } = errand
  const { intent, session, origin } = planned
  const user = { name: intent.username, sessionUuid: intent.sessionUuid }
  const isOpen = await unhindered(errand, intent, () =>
    enableLogin(target, user, {
      mayGoOn: () => refuseLost(deps.store.db, job),
      done: () => deps.reached('g4.inside', job.sessionId),
    }),
  )
  await deps.reached('g4.after', job.sessionId)
  await deps.store.change(async (tx) => {
    if (!(await finishJob(tx, job)) || !isOpen) return
    const at = (await setLoginAt(tx, job.sessionId)) ?? (await storeTime(tx))
    await recordTask(tx, origin, at, {
      task: 'grant',
      outcome: 'ok',
      result: `${intent.username} may log in to ${session.dataSource.name}.`,
      startedAt: job.claimedAt,
      session: snapshotOf({ ...session, username: intent.username }),
      dataSource: session.dataSource,
    })
  })
  await deps.reached('g5.after', job.sessionId)
}

/** True for what may go on to GRANTED; ends what may not. Early, late and ended ones wait for the sweep. */
async function mayBeGranted(
  tx: Transaction,
  { session, at }: Taken,
  lending?: string,
): Promise<boolean> {
  const { state, start, end, requester } = session
  if (isOver(state) || state === 'CREATED') return false
  if (start === null || end === null || at < start || at >= end) return false
  const disabled = `${requester.username} was disabled before the session began.`
  const reason =
    state === 'GRANTED'
      ? lending
      : requester.disabled
        ? disabled
        : (approvalFault(session) ?? lending)
  if (reason === undefined) return true
  await endBySystem(tx, session, { move: 'terminate', at, reason })
  return false
}
