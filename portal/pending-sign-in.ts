import type { Request } from 'express'
import { findPerson, getOrganization, type Organization, type Person } from '../db/people.ts'
import type { Origin, SignInMethod } from '../db/scope.ts'
import type { PortalDeps } from './deps.ts'
import { originOf } from './visit.ts'

/** What may stand between a right first factor and a sign-in, in the order in which it is asked. */
export type StepName = 'second_factor' | 'password_change'

/** What the row of a cookie keeps of a right first factor until the rest is passed. */
export interface PendingSignIn {
  readonly personId: string
  readonly authMethod: SignInMethod
  /** A path of ours to go to afterwards. */
  readonly next: string
  /** Milliseconds since the epoch. */
  readonly since: number
  /** As it was when the first factor was right, in milliseconds: a password changed since makes it worth nothing. */
  readonly passwordChangedAt: number | null
  /** The page of the step that is asked for now. */
  readonly waitsAt?: string
  /** What was passed, and how, in a word for the record. */
  readonly passed: Readonly<Partial<Record<StepName, string>>>
}

/** Someone whose first factor was right and who is not signed in yet. */
export interface WaitingPerson {
  readonly person: Person
  readonly organization: Organization
  readonly pending: PendingSignIn
}

/** One thing to pass. */
export interface SignInStep {
  readonly name: StepName
  /** The path of its page, for whom it is asked of; undefined lets them pass. */
  pathFor(deps: PortalDeps, req: Request, waiting: WaitingPerson): Promise<string | undefined>
}

/** As long as one may take to find a phone. */
const WAITS_AT_MOST_MS = 10 * 60 * 1000

/**
 * Who waits behind this cookie; undefined for everybody else, and where their account has ended or
 * their password was changed meanwhile. Nobody is signed in by this: `findVisit` stays undefined.
 */
export async function findWaiting(
  deps: PortalDeps,
  req: Request,
): Promise<WaitingPerson | undefined> {
  const { pending } = req.session
  return pending && findWaitingFor(deps, pending)
}

/** As findWaiting, for what no cookie holds yet. */
export async function findWaitingFor(
  { store }: PortalDeps,
  pending: PendingSignIn,
): Promise<WaitingPerson | undefined> {
  if (Date.now() - pending.since > WAITS_AT_MOST_MS) return undefined
  const person = await findPerson(store.db, { kind: 'part', part: 'portal' }, pending.personId)
  if (person === undefined || !isWorthSomething(person)) return undefined
  if ((person.passwordChangedAt?.toMillis() ?? null) !== pending.passwordChangedAt) return undefined
  return { person, pending, organization: await getOrganization(store.db, person.organizationId) }
}

/** When the sign-in starts, the store asks once more, also whether by its own clock the account has expired. */
function isWorthSomething({ portalUser, disabledAt }: Person): boolean {
  return portalUser && disabledAt === null
}

/** What the records of a step say of who tries it. */
export function originOfWaiting(
  req: Request,
  { person, organization, pending }: WaitingPerson,
): Origin {
  return {
    ...originOf(req, organization),
    actor: { type: person.kind, id: person.id, name: person.username },
    authMethod: pending.authMethod,
  }
}
