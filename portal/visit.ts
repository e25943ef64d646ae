import type { IncomingMessage } from 'node:http'
import type { Request } from 'express'
import type { Organization, Person } from '../db/people.ts'
import type { Origin, PersonScope, SignInMethod } from '../db/scope.ts'
import type { TokenHolder } from '../db/tokens.ts'
import { uuidv7 } from '../lib/ids.ts'
import { AppError } from '../lib/errors.ts'

/** One request of one person: what they may see and what its records will say of them. */
export interface Visit {
  readonly scope: PersonScope
  readonly origin: Origin
  /** What the token of the request may do; absent for a sign-in. */
  readonly token?: TokenPower | undefined
}

/** How far a token reaches, and for how long. */
export type TokenPower = Pick<TokenHolder, 'scopes' | 'expiresAt'>

/** How this request proved who sends it. */
export type Proof =
  | { readonly authMethod: SignInMethod; readonly signInId: string }
  | { readonly authMethod: 'token'; readonly tokenId: string }

/** Who was proved to send a request. */
export interface Visitor {
  readonly person: Person
  readonly organization: Organization
  readonly proof: Proof
  readonly token?: TokenPower | undefined
}

const visits = new WeakMap<IncomingMessage, Visit>()
const requestIds = new WeakMap<IncomingMessage, string>()

/** Says who sends this request; nothing but a checked sign-in or token may call it. */
export function rememberVisit(
  req: Request,
  { person, organization, proof, token }: Visitor,
): Visit {
  const visit: Visit = {
    token,
    scope: { kind: 'person', organization, person },
    origin: {
      ...originOf(req, organization),
      actor: { type: person.kind, id: person.id, name: person.username },
      ...proof,
    },
  }
  visits.set(req, visit)
  return visit
}

/** Who sends this request, if they have signed in. */
export function findVisit(req: Request): Visit | undefined {
  return visits.get(req)
}

/** Who sends this request. Errors: `not_signed_in`. */
export function visitOf(req: Request): Visit {
  const visit = visits.get(req)
  if (visit !== undefined) return visit
  throw new AppError('not_signed_in', 'Sign in first, or send a bearer token.')
}

/** Ties together the log lines and records of one request. */
export function requestIdOf(req: Request): string {
  const known = requestIds.get(req)
  if (known !== undefined) return known
  const made = uuidv7()
  requestIds.set(req, made)
  return made
}

/** Where a request came from, before it is known who sends it. */
export function originOf(
  req: Request,
  organization: Organization,
): Omit<Origin, 'actor' | 'authMethod'> {
  const userAgent = req.get('user-agent')
  return {
    organization,
    correlationId: requestIdOf(req),
    ...(req.ip === undefined ? {} : { clientIp: req.ip }),
    ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, USER_AGENT_LENGTH) }),
  }
}

/** Longer ones say nothing more to an auditor. */
const USER_AGENT_LENGTH = 500
