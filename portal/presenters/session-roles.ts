import { votesFor } from '../../broker/policy/policy.ts'
import { isOver } from '../../broker/sessions/session.ts'
import type { Session, SessionRole } from '../../db/sessions.ts'
import { counted } from './counted.ts'
import { presentMoment, presentUtc } from './moments.ts'
import { fullName } from './names.ts'
import type { RoleApproval } from './pieces.ts'
import type { Look } from './sessions.ts'
import { visibleLines } from './visible-lines.ts'
import { visible } from './visible.ts'

/** What roles are for and what is dangerous about them, by their ids. */
export type RoleDescriptions = ReadonlyMap<
  string,
  {
    readonly description: string
    readonly dangers: readonly string[]
    readonly defaultMinutes: number
  }
>

/** The roles of a request with their votes. */
export function presentRoles(
  session: Session,
  look: Look,
  descriptions: RoleDescriptions,
): RoleApproval[] {
  const { zones, scope, names } = look
  return session.roles.map((role) => ({
    name: visible(role.name),
    description: visible(descriptions.get(role.id)?.description ?? ''),
    state: isLeft(session, role) ? undefined : role.state,
    isMine: undecided(session, role).some(({ id }) => id === scope.person.id),
    text: standingOf(session, role),
    waits: prefixed('waits for ', awaitedOf(session, role, look)),
    votes: role.approvals.map((vote) => ({
      by: fullName({ username: vote.by, displayName: names?.get(vote.personId) }),
      verb: 'approved',
      at: presentMoment(vote.at, zones),
      utc: presentUtc(vote.at, zones),
      comment: vote.comment === '' ? undefined : visibleLines(vote.comment),
    })),
    dangers: (descriptions.get(role.id)?.dangers ?? []).map(
      (danger) => `dangerous: ${visible(danger)}`,
    ),
  }))
}

function standingOf(session: Session, role: SessionRole): string {
  if (role.needed === 0) return 'approved at once'
  const votes = `${votesFor(role)} of ${counted(role.needed, 'approval')}`
  return isLeft(session, role) ? `never decided, ${votes}` : votes
}

/** Whether the session ended before the role was decided: nothing is pending then. */
function isLeft({ state }: Session, role: SessionRole): boolean {
  return role.state === 'PENDING' && isOver(state)
}

/** The roles that still wait, each with who may decide; empty once nothing waits. */
export function presentAwaited(
  session: Session,
  look: Look,
): { readonly role: string; readonly who: string }[] {
  return session.roles.flatMap((role) => {
    const who = awaitedOf(session, role, look)
    return who === undefined ? [] : [{ role: visible(role.name), who }]
  })
}

/** `you or Ada Lind (admin)`; undefined where it does not wait. */
function awaitedOf(session: Session, role: SessionRole, look: Look): string | undefined {
  if (role.state !== 'PENDING' || session.state !== 'CREATED') return undefined
  return eitherOf(namesOf(undecided(session, role), look))
}

/** Whose vote on a role may still come. */
function undecided(
  { requester, state }: Session,
  role: SessionRole,
): readonly { readonly id: string; readonly username: string }[] {
  if (role.state !== 'PENDING' || state !== 'CREATED') return []
  const decided = new Set([requester.id, ...role.approvals.map(({ personId }) => personId)])
  return role.approverIds
    .map((id, place) => ({ id, username: role.approvers[place] ?? '' }))
    .filter(({ id }) => !decided.has(id))
}

/** Their names as they are shown; the reader comes first and is `you`. */
function namesOf(
  people: readonly { readonly id: string; readonly username: string }[],
  { scope, names }: Look,
): readonly string[] {
  const others = people.filter(({ id }) => id !== scope.person.id)
  return [
    ...(others.length < people.length ? ['you'] : []),
    ...others.map(({ id, username }) => fullName({ username, displayName: names?.get(id) })),
  ]
}

function prefixed(words: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : `${words}${text}`
}

function eitherOf(names: readonly string[]): string {
  if (names.length < 2) return names[0] ?? 'an approver; there is none now'
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`
}
