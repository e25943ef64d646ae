import type { Organization, Person } from './person.ts'

/**
 * Who reads, and therefore what may be seen. Every read of the store takes one: a person sees
 * their organization as their flags allow, a part of Daypass sees every organization.
 */
export type Scope = PersonScope | PartScope

export interface PersonScope {
  readonly kind: 'person'
  readonly organization: Organization
  readonly person: Person
}

export interface PartScope {
  readonly kind: 'part'
  readonly part: 'portal' | 'broker' | 'proxy' | 'operator'
}

/** How a person proves to the portal's pages who they are. */
export type SignInMethod = 'password' | 'oidc' | 'saml' | 'ldap'

/** Where an action came from: what a record says of it beside the actor. */
export interface Origin {
  readonly actor: Actor
  readonly organization: Organization
  /** Ties together the records of one request, tick or connection. */
  readonly correlationId: string
  readonly authMethod?: SignInMethod | 'token' | 'scram'
  readonly signInId?: string
  readonly tokenId?: string
  readonly clientIp?: string
  readonly userAgent?: string
}

/** Who did it, as named at that moment. */
export interface Actor {
  readonly type: 'person' | 'service' | 'system'
  readonly id: string
  readonly name: string
}

/** The organization that a read is limited to; null reads them all. */
export function organizationIdOf(scope: Scope): string | null {
  return scope.kind === 'person' ? scope.organization.id : null
}

/** An origin for what Daypass does by itself, in the name of `system` or, say, `system (auto-approve)`. */
export function systemOrigin(
  organization: Organization,
  correlationId: string,
  name = 'system',
): Origin {
  return { actor: { type: 'system', id: 'system', name }, organization, correlationId }
}
