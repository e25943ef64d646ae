import { createHash, randomUUID } from 'node:crypto'
import type { DateTime } from 'luxon'
import { canonicalize, storable } from '../../db/canonical.ts'
import { findDataSource, type DataSource } from '../../db/data-sources.ts'
import { holdPolicyVersion } from '../../db/policy-versions.ts'
import { getRequestLife } from '../../db/request-life.ts'
import { listRoles, type Role } from '../../db/roles.ts'
import { systemOrigin, type Origin, type PersonScope } from '../../db/scope.ts'
import { insertSession, type NewSession } from '../../db/session-changes.ts'
import type { Session } from '../../db/sessions.ts'
import { findGlobalJustification } from '../../db/settings.ts'
import { iso, storeTime, type Store, type Transaction } from '../../db/store.ts'
import { settle } from './decisions.ts'
import { InvalidRequest } from '../errors.ts'
import { getSession, recordState } from './moves.ts'
import { justificationFault, justificationRule, refusalOf } from '../policy/policy.ts'
import { resolveRequest, type AskedWindow, type Faults, type Window } from './window.ts'

/** What a person asks for. Neither end nor minutes: the shortest default of the roles. */
export interface SessionRequest extends AskedWindow {
  /** Name or id. */
  readonly dataSource: string
  /** Role names. */
  readonly roles: readonly string[]
  readonly justification: string
}

const ROLES_LIMIT = 50
/** Whose name stands on what needs nobody's approval. */
export const AUTO_APPROVER = 'system (auto-approve)'

/** Asks for a session; roles that need no approval are approved at once. Errors: `invalid_request`. */
export async function requestSession(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  request: SessionRequest,
): Promise<Session> {
  return store.change(async (tx) => {
    const policyVersion = await holdPolicyVersion(tx, scope.organization.id)
    const at = await storeTime(tx)
    const source = await chooseSource(tx, scope, request)
    const roles = await chooseRoles(tx, scope, { source, names: request.roles })
    const lifeMinutes = await getRequestLife(tx, scope.organization.id)
    const resolved = resolveRequest(request, roles, { now: at, lifeMinutes })
    const faults = {
      ...('faults' in resolved ? resolved.faults : {}),
      ...(await justificationFaults(tx, source, request.justification)),
    }
    if (Object.keys(faults).length > 0 || 'faults' in resolved) throw new InvalidRequest(faults)

    const asked = describe({ scope, source, roles, request, ...resolved })
    const session = await getSession(tx, await insertSession(tx, at, { ...asked, policyVersion }))
    await recordState(tx, session, { origin, at })
    const system = systemOrigin(scope.organization, origin.correlationId, AUTO_APPROVER)
    return settle(tx, session, { origin: system, at, by: null })
  })
}

async function chooseSource(
  tx: Transaction,
  scope: PersonScope,
  { dataSource }: SessionRequest,
): Promise<DataSource> {
  const source = isStorable(dataSource) ? await findDataSource(tx, scope, dataSource) : undefined
  if (source !== undefined && source.disabledAt === null) return source
  throw new InvalidRequest({
    dataSource:
      source === undefined
        ? `There is no data source ${quote(dataSource)}.`
        : `${source.name} is no longer offered.`,
  })
}

/** The roles in the order they were named. */
async function chooseRoles(
  tx: Transaction,
  scope: PersonScope,
  { source, names }: { source: DataSource; names: readonly string[] },
): Promise<Role[]> {
  if (names.length === 0) throw new InvalidRequest({ roles: 'Choose at least one role.' })
  if (names.length > ROLES_LIMIT) {
    throw new InvalidRequest({ roles: `Choose at most ${String(ROLES_LIMIT)} roles.` })
  }
  const offered = await listRoles(tx, scope)
  const sentences: string[] = []
  const chosen: Role[] = []
  for (const name of names) {
    const role = offered.find((each) => each.name === name && each.dataSource.id === source.id)
    const sentence =
      role === undefined
        ? absence(name, source, offered)
        : chosen.includes(role)
          ? `${name} is named twice.`
          : refusalOf(role, scope.person)
    if (sentence !== undefined) sentences.push(sentence)
    else if (role !== undefined) chosen.push(role)
  }
  if (sentences.length > 0) throw new InvalidRequest({ roles: sentences.join(' ') })
  return chosen
}

function absence(name: string, source: DataSource, offered: readonly Role[]): string {
  const elsewhere = offered.find((role) => role.name === name)
  if (elsewhere === undefined) return `${source.name} has no role ${quote(name)}.`
  return `${quote(name)} is a role of ${elsewhere.dataSource.name}, not of ${source.name}.`
}

/** What is wrong with the reason given, by the rule of the data source. */
export async function justificationFaults(
  tx: Transaction,
  source: DataSource,
  text: string,
): Promise<Faults> {
  if (!isStorable(text)) {
    return { justification: 'The justification holds a NUL or half a character: remove it.' }
  }
  const rule = justificationRule(source, await findGlobalJustification(tx))
  const fault = justificationFault(text, rule)
  return fault === undefined ? {} : { justification: fault }
}

interface Asked {
  readonly scope: PersonScope
  readonly source: DataSource
  readonly roles: readonly Role[]
  readonly window: Window
  readonly diesAt: DateTime<true>
  readonly request: SessionRequest
}

function describe({
  scope,
  source,
  roles,
  window,
  diesAt,
  request,
}: Asked): Omit<NewSession, 'policyVersion'> {
  const fixed = window.kind === 'fixed' ? window : undefined
  const asked = {
    uuid: randomUUID(),
    organizationId: scope.organization.id,
    dataSourceId: source.id,
    requesterId: scope.person.id,
    justification: request.justification,
    start: fixed?.start ?? null,
    end: fixed?.end ?? null,
    minutes: window.kind === 'from approval' ? window.minutes : null,
    roles: roles.map((role) => ({
      id: role.id,
      name: role.name,
      databaseRole: role.databaseRole,
      approverGroupId: role.approverGroup?.id ?? null,
      needed: role.approvalsNeeded,
    })),
  }
  return { ...asked, diesAt, requestHash: hashOf(asked) }
}

/** What an approval is an approval of: any change of these makes another request. */
function hashOf(asked: Omit<NewSession, 'diesAt' | 'requestHash' | 'policyVersion'>): Buffer {
  const text = canonicalize({
    uuid: asked.uuid,
    data_source: asked.dataSourceId,
    requester: asked.requesterId,
    justification: asked.justification,
    start: asked.start ? iso(asked.start) : undefined,
    end: asked.end ? iso(asked.end) : undefined,
    minutes: asked.minutes === null ? undefined : String(asked.minutes),
    roles: asked.roles.map(({ id, databaseRole }) => ({ id, database_role: databaseRole })),
  })
  return createHash('sha256').update(text).digest()
}

/** False for text that no record can hold: NUL, lone surrogates. */
export function isStorable(text: string): boolean {
  try {
    storable(text)
    return true
  } catch {
    return false
  }
}

/** Outside text inside a sentence: quoted, with what can't be seen made visible, and short. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 63))
}
