import { createHash, randomUUID } from 'node:crypto'
import type { DateTime } from 'luxon'
import { canonicalize, storable } from '../db/canonical.ts'
import { findDataSource, type DataSource } from '../db/data-sources.ts'
import { listRoles, type Role } from '../db/roles.ts'
import { systemOrigin, type Origin, type PersonScope } from '../db/scope.ts'
import { insertSession, type NewSession } from '../db/session-changes.ts'
import type { Session } from '../db/sessions.ts'
import { findGlobalJustification } from '../db/settings.ts'
import { iso, storeTime, type Store, type Transaction } from '../db/store.ts'
import { settle } from './decisions.ts'
import { InvalidRequest } from './errors.ts'
import { getSession, recordState } from './moves.ts'
import { justificationFault, justificationRule, refusalOf } from './policy.ts'
import { resolveWindow, type AskedWindow, type Faults, type Window } from './window.ts'

/** What a person asks for. Neither end nor minutes: the shortest default of the roles. */
export interface SessionRequest extends AskedWindow {
  /** Name or id. */
  readonly dataSource: string
  /** Role names. */
  readonly roles: readonly string[]
  readonly justification: string
}

/** How long a request whose window counts from approval waits for that approval. */
const LIFE_DAYS = 7
const ROLES_LIMIT = 50
const AUTO_APPROVER = 'system (auto-approve)'

/** Asks for a session; roles that need no approval are approved at once. Errors: `invalid_request`. */
export async function requestSession(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  request: SessionRequest,
): Promise<Session> {
  return store.change(async (tx) => {
    const at = await storeTime(tx)
    const source = await chooseSource(tx, scope, request)
    const roles = await chooseRoles(tx, scope, { source, names: request.roles })
    const resolved = resolveWindow(request, roles, at)
    const faults = {
      ...('faults' in resolved ? resolved.faults : {}),
      ...(await justificationFaults(tx, source, request.justification)),
    }
    if (Object.keys(faults).length > 0 || 'faults' in resolved) throw new InvalidRequest(faults)

    const { window } = resolved
    const asked = describe({ scope, source, roles, window, request, at })
    const session = await getSession(tx, await insertSession(tx, at, asked))
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

async function justificationFaults(
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
  readonly request: SessionRequest
  readonly at: DateTime<true>
}

function describe({ scope, source, roles, window, request, at }: Asked): NewSession {
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
  return {
    ...asked,
    diesAt: fixed?.end ?? at.plus({ days: LIFE_DAYS }),
    requestHash: hashOf(asked),
  }
}

/** What an approval is an approval of: any change of these makes another request. */
function hashOf(asked: Omit<NewSession, 'diesAt' | 'requestHash'>): Buffer {
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
