import { findDataSource } from '../../db/data-sources.ts'
import { insertExtension } from '../../db/extension-changes.ts'
import { findExtension, listExtensions, type Extension } from '../../db/extensions.ts'
import { holdPolicyVersion } from '../../db/policy-versions.ts'
import { listRoles, type Role } from '../../db/roles.ts'
import type { Origin, PersonScope } from '../../db/scope.ts'
import type { Session } from '../../db/sessions.ts'
import type { Store, Transaction } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { announceExtensionRequested } from '../letters/announce.ts'
import { InvalidRequest, Refused } from '../errors.ts'
import { approveByPolicy } from './decisions.ts'
import { recordExtension } from './records.ts'
import { resolveExtension, type AskedExtension } from './window.ts'
import { extendedSession } from './session.ts'
import { refuseOverdue } from '../sessions/lifecycle.ts'
import { askForChecks, BROKER, stateChanged, takeSession, type Taken } from '../sessions/moves.ts'
import { isOwnRequest, refusalOf } from '../policy/policy.ts'
import { justificationFaults } from '../sessions/request.ts'
import { isOver } from '../sessions/session.ts'

export interface ExtensionCommand extends AskedExtension {
  readonly justification: string
}

/**
 * Asks for more time for one's own session under way; the user stays the same, the approvals are
 * asked for anew, by the policy of today. Errors: `not_found`, `not_entitled`,
 * `session_not_granted`, `state_changed`, `invalid_request`.
 */
export async function requestExtension(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: SessionId,
  command: ExtensionCommand,
): Promise<Extension> {
  return store.change(async (tx) => {
    const taken = await takeSession(tx, scope, id)
    const { session, at } = taken
    const { start, end } = await getOpenWindow(tx, scope, taken)
    await refuseSecond(tx, session)
    const policyVersion = await holdPolicyVersion(tx, session.organizationId)
    const roles = await rolesToday(tx, scope, session)
    const resolved = resolveExtension(command, { start, end, roles, now: at })
    const faults = {
      ...('faults' in resolved ? resolved.faults : {}),
      ...(await sourceFaults(tx, scope, session, command)),
    }
    if (Object.keys(faults).length > 0 || 'faults' in resolved) throw new InvalidRequest(faults)

    const extensionId = await insertExtension(tx, at, {
      sessionId: id,
      requesterId: scope.person.id,
      oldEnd: end,
      newEnd: resolved.newEnd,
      justification: command.justification,
      policyVersion,
      roles: roles.map((role) => ({
        id: role.id,
        name: role.name,
        approverGroupId: role.approverGroup?.id ?? null,
        needed: role.approvalsNeeded,
      })),
    })
    // what the roles carry may have changed since the grant: known, at best, before anybody approves
    await askForChecks(tx, session)
    const extension = await findExtension(tx, BROKER, extensionId)
    if (extension === undefined) throw new Error(`extension ${extensionId} has vanished`)
    const told = { session: extendedSession(session), extension }
    await recordExtension(tx, { origin, at }, told, {
      action: 'session.extension_requested',
      justification: command.justification,
    })
    const { newEnd, justification } = extension
    await announceExtensionRequested(tx, { session, extensionId, newEnd, justification, at })
    return approveByPolicy(tx, { session, extension }, { origin, at })
  })
}

/** The window of a session whose end its requester may ask to move. */
async function getOpenWindow(tx: Transaction, { person }: PersonScope, taken: Taken) {
  const { session } = taken
  if (!isOwnRequest(session, person)) {
    const { username } = session.requester
    throw new Refused(
      'not_entitled',
      `Only ${username}, who asked for it, may ask for more time for session ${session.id}.`,
    )
  }
  if (isOver(session.state)) throw await stateChanged(tx, session)
  const { state, start, end } = session
  if (state !== 'GRANTED' || start === null || end === null) {
    throw new Refused(
      'session_not_granted',
      `Session ${session.id} is ${state}: only a session that is open can be extended.`,
    )
  }
  refuseOverdue(taken)
  return { start, end }
}

async function refuseSecond(tx: Transaction, { id }: Session): Promise<void> {
  const open = (await listExtensions(tx, BROKER, id)).find(({ state }) => state === 'CREATED')
  if (open === undefined) return
  throw new Refused(
    'state_changed',
    `Session ${id} waits for an extension already: cancel that one first, or wait for its approvers.`,
  )
}

/** The session's roles under today's policy: what it no longer lends can't be had for longer. */
async function rolesToday(
  tx: Transaction,
  scope: PersonScope,
  session: Session,
): Promise<readonly Role[]> {
  const today = await listRoles(tx, scope, { dataSourceId: session.dataSource.id })
  const roles: Role[] = []
  const sentences: string[] = []
  for (const { id, name, databaseRole } of session.roles) {
    const role = today.find((each) => each.id === id)
    const sentence =
      role === undefined
        ? `${name} is no longer offered.`
        : role.databaseRole === databaseRole
          ? refusalOf(role, scope.person)
          : `${role.name} stands for another database role by now: ask for a new session.`
    if (sentence !== undefined) sentences.push(sentence)
    else if (role !== undefined) roles.push(role)
  }
  if (sentences.length > 0) throw new InvalidRequest({ roles: sentences.join(' ') })
  return roles
}

async function sourceFaults(
  tx: Transaction,
  scope: PersonScope,
  { dataSource }: Session,
  { justification }: ExtensionCommand,
): Promise<Readonly<Record<string, string>>> {
  const source = await findDataSource(tx, scope, dataSource.id)
  if (source === undefined || source.disabledAt !== null) {
    return { dataSource: `${dataSource.name} is no longer offered.` }
  }
  return justificationFaults(tx, source, justification)
}
