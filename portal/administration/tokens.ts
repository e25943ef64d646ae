import { checkText } from '../../broker/sessions/lifecycle.ts'
import type { Application } from '../../db/applications.ts'
import type { Person } from '../../db/people.ts'
import { storeTime, type Transaction } from '../../db/store.ts'
import { endToken } from '../../db/token-ends.ts'
import { findToken, type Token } from '../../db/token-lists.ts'
import { createToken, type TokenScope } from '../../db/tokens.ts'
import { AppError } from '../../lib/errors.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, NotFound } from '../errors.ts'
import { mayAdminister } from '../privileges.ts'
import type { Visit } from '../visit.ts'

/** How long a token works that nobody chose a length for, and the longest that can be chosen, in days. */
export const TOKEN_DAYS = 90
export const TOKEN_DAYS_MOST = 365
export const TOKEN_NAME_LONGEST = 200

/** A token as its form or body describes it. */
export interface TokenCommand {
  readonly name: string
  readonly scopes: readonly TokenScope[]
  readonly expiresInDays: number
}

/** A token just made: its secret is in this answer alone. */
export interface FreshToken {
  readonly secret: string
  readonly token: Token
}

/** Makes a token for whoever asks. Errors: `not_entitled` for applications, `invalid_request`. */
export function addOwnToken(
  deps: PortalDeps,
  visit: Visit,
  command: TokenCommand,
): Promise<FreshToken> {
  const { person } = visit.scope
  if (person.kind === 'service') {
    throw new AppError('not_entitled', 'Admins make the tokens of an application.')
  }
  return deps.store.change((tx) => addToken(tx, visit, { person, command }))
}

/** Makes a token for an application. Errors: `state_changed` where it has ended, `invalid_request`. */
export function addApplicationToken(
  deps: PortalDeps,
  visit: Visit,
  { application, command }: { readonly application: Application; readonly command: TokenCommand },
): Promise<FreshToken> {
  if (application.disabledAt !== null) {
    throw new AppError(
      'state_changed',
      `${application.username} may do nothing at this moment: a token for it would not work.`,
    )
  }
  return deps.store.change((tx) => addToken(tx, visit, { person: application, command }))
}

async function addToken(
  tx: Transaction,
  visit: Visit,
  { person, command }: { readonly person: Person; readonly command: TokenCommand },
): Promise<FreshToken> {
  await refuseWider(tx, visit, command)
  const { name, scopes, expiresInDays: days } = command
  const made = await createToken(tx, visit.origin, { person, name, scopes, days })
  const token = await findToken(tx, visit.scope, made.id)
  if (token === undefined) throw new NotFound()
  return { secret: made.token, token }
}

/** A token makes none that may do more than itself, or works longer: who finds one gains nothing by it. */
async function refuseWider(
  tx: Transaction,
  { token }: Visit,
  { scopes, expiresInDays }: TokenCommand,
): Promise<void> {
  if (token === undefined) return
  const beyond = scopes.filter((scope) => !token.scopes.includes(scope))
  if (beyond.length > 0) {
    throw new InvalidRequest({
      scopes: `The token that asks has no scope ${beyond.join(', ')}: a token makes none that may do more.`,
    })
  }
  const end = (await storeTime(tx)).plus({ days: expiresInDays })
  if (token.expiresAt !== null && end > token.expiresAt) {
    throw new InvalidRequest({
      expiresInDays:
        'The token that asks expires before that: a token makes none that works longer.',
    })
  }
}

/**
 * Ends a token: one's own, or as an admin anybody's. One that has ended before stays as it was.
 * Errors: `not_found`, another's token too; `invalid_request`.
 */
export async function removeToken(
  deps: PortalDeps,
  visit: Visit,
  { id, reason }: { readonly id: string; readonly reason?: string | undefined },
): Promise<Token> {
  const text = checkText('reason', reason)
  return deps.store.change(async (tx) => {
    const token = await findToken(tx, visit.scope, id)
    if (token === undefined || !mayEnd(visit, token)) throw new NotFound()
    await endToken(tx, visit.origin, { id, reason: text })
    return (await findToken(tx, visit.scope, id)) ?? token
  })
}

function mayEnd({ scope }: Visit, { personId }: Token): boolean {
  return personId === scope.person.id || mayAdminister(scope)
}
