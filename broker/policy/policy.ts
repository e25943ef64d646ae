import { runInNewContext } from 'node:vm'
import type { DataSource } from '../../db/data-sources.ts'
import { listRoles, type Role } from '../../db/roles.ts'
import type { Scope } from '../../db/scope.ts'
import type { Session, SessionRole } from '../../db/sessions.ts'
import type { Db } from '../../db/store.ts'

/** A role as Request Access offers it to one person. */
export interface OfferedRole {
  readonly id: string
  readonly name: string
  readonly databaseRole: string
  readonly description: string
  /** Usernames of the others who may approve it, and in the same order their ids. */
  readonly approvers: readonly string[]
  readonly approverIds: readonly string[]
  /** 0: approved at once, by nobody. */
  readonly needed: number
  readonly defaultMinutes: number
  readonly maximumMinutes: number
  /** Why this person can't pick it, in a sentence; absent where they can. */
  readonly refusal?: string
}

interface Someone {
  readonly id: string
}

/** A pattern that an administrator wrote must not hold up everyone else's requests. */
const PATTERN_DEADLINE_MS = 200
const JUSTIFICATION_LIMIT = 2_000

/**
 * Names of the roles that this person may approve or deny now: members of the approver group alone
 * are entitled, never the requester, and each votes once.
 */
export function mayDecide(session: Session, person: Someone): string[] {
  if (session.state !== 'CREATED' || isOwnRequest(session, person)) return []
  return session.roles
    .filter((role) => role.state === 'PENDING' && isEntitled(role, person))
    .filter((role) => !hasVoted(role, person))
    .map(({ name }) => name)
}

/** Ids are compared, never names. */
export function isOwnRequest(session: Session, person: Someone): boolean {
  return session.requester.id === person.id
}

/** True where the person belongs to the role's approver group today. */
export function isEntitled(role: SessionRole, person: Someone): boolean {
  return role.approverIds.includes(person.id)
}

/** True where the person has voted on this role of this request. */
export function hasVoted(role: SessionRole, person: Someone): boolean {
  return role.approvals.some((approval) => approval.personId === person.id)
}

/** Votes that count today: of enabled, entitled people other than the requester, on this very request. */
export function votesFor(role: SessionRole): number {
  return role.approvals.filter(({ counts }) => counts).length
}

/** Why the approvals of a session don't carry it any more; undefined where they do. */
export function approvalFault(session: Session): string | undefined {
  const short = session.roles.find(
    (role) => role.state !== 'APPROVED' || votesFor(role) < role.needed,
  )
  if (short === undefined) return undefined
  return `${short.name} lacks approvals: ${String(votesFor(short))} of ${String(short.needed)} still count.`
}

/** The roles of a data source as offered to the scope's person. */
export async function explainRoles(
  db: Db,
  scope: Scope,
  dataSourceId: string,
): Promise<OfferedRole[]> {
  const person = scope.kind === 'person' ? scope.person : undefined
  const roles = await listRoles(db, scope, { dataSourceId })
  return roles
    .filter((role) => role.disabledAt === null)
    .map((role) => {
      const refusal = person && refusalOf(role, person)
      const others = othersOf(role, person)
      return {
        id: role.id,
        name: role.name,
        databaseRole: role.databaseRole,
        description: role.description,
        approvers: others.map(({ username }) => username),
        approverIds: others.map(({ id }) => id),
        needed: role.approvalsNeeded,
        defaultMinutes: role.defaultMinutes,
        maximumMinutes: role.maximumMinutes,
        ...(refusal === undefined ? {} : { refusal }),
      }
    })
}

/** Why a person can't ask for a role, in a sentence; undefined where they can. */
export function refusalOf(role: Role, person: Someone): string | undefined {
  if (role.disabledAt !== null) return `${role.name} is no longer offered.`
  if (role.dangers.length > 0 && !role.dangerous) {
    return `${role.name} is too powerful to lend (${role.dangers.join('; ')}): ask an administrator.`
  }
  if (role.approvalsNeeded === 0) return undefined
  if (role.approvers.length === 0) return `No approvers found for ${role.name}.`
  const others = othersOf(role, person).length
  if (others >= role.approvalsNeeded) return undefined
  if (others === 0) {
    return `You are the only approver of ${role.name}, and nobody approves their own request.`
  }
  return `${role.name} needs ${String(role.approvalsNeeded)} approvals, and only ${String(others)} other people may give one.`
}

export interface JustificationRule {
  readonly pattern: string
  readonly message: string
}

/** The rule for a data source: its own, else the global one; an empty pattern switches both off. */
export function justificationRule(
  source: DataSource,
  globally: JustificationRule | undefined,
): JustificationRule | undefined {
  const { justificationPattern: pattern, justificationMessage: message } = source
  if (pattern === null) return globally
  return { pattern, message: message ?? '' }
}

/** What is wrong with a justification, in a sentence; undefined where it will do. */
export function justificationFault(
  text: string,
  rule: JustificationRule | undefined,
): string | undefined {
  if (Array.from(text).length > JUSTIFICATION_LIMIT) {
    return 'The justification may have at most 2,000 characters.'
  }
  if (rule?.pattern === '') return undefined
  if (text.trim() === '') return rule?.message || 'Say why you need this access.'
  if (rule === undefined) return undefined
  const fits = matches(text, rule.pattern)
  if (fits === undefined) {
    return "The rule for justifications can't be applied: ask an administrator to mend its pattern."
  }
  if (fits) return undefined
  return rule.message || `The justification must match ${rule.pattern}.`
}

/** Why a pattern can't be a rule, in a sentence; undefined where it can. */
export function patternFault(pattern: string): string | undefined {
  try {
    new RegExp(pattern)
    return undefined
  } catch {
    return 'This is no regular expression: mend it.'
  }
}

/** Undefined where the pattern is broken or takes too long. */
function matches(text: string, pattern: string): boolean | undefined {
  try {
    const fits: unknown = runInNewContext(
      'new RegExp(pattern).test(text)',
      { pattern, text },
      { timeout: PATTERN_DEADLINE_MS },
    )
    return fits === true
  } catch {
    return undefined
  }
}

function othersOf(role: Role, person: Someone | undefined): Role['approvers'] {
  return role.approvers.filter(({ id }) => id !== person?.id)
}
