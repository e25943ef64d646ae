import type { RequestHandler } from 'express'
import type { Person } from '../../db/people.ts'
import { TOKEN_SCOPES, type TokenScope } from '../../db/tokens.ts'
import { AppError } from '../../lib/errors.ts'
import type { Route } from '../route.ts'
import { visitOf } from '../visit.ts'

type Opening = readonly TokenScope[]

/** Every token may. */
const ANY: Opening = TOKEN_SCOPES
const REQUEST: Opening = ['request']
const APPROVE: Opening = ['approve']
const AUDIT: Opening = ['audit']
const ADMIN: Opening = ['admin']
/** Who changes things looks at them first. */
const READ: Opening = ['audit', 'admin']

/** The scopes of which one opens a route of the API; a route that is not here is open to no token. */
export const ROUTE_SCOPES: Readonly<Record<string, Opening>> = {
  // says what the token may do
  'get /me': ANY,
  // what can be asked for, and what stands in requests
  'get /data-sources': ANY,
  'get /roles': ANY,
  'get /sessions': ANY,
  'get /sessions/:id': ANY,
  'get /sessions/:id/extensions': ANY,
  'get /extensions': ANY,
  'get /extensions/:id': ANY,

  'post /sessions': REQUEST,
  'post /sessions/:id/cancellation': REQUEST,
  'post /sessions/:id/credential': REQUEST,
  'post /sessions/:id/hiding': REQUEST,
  'post /sessions/:id/hiding/removal': REQUEST,
  'post /sessions/:id/repetition': REQUEST,
  'post /sessions/:id/extension': REQUEST,
  'post /extensions/:id/cancellation': REQUEST,

  'post /sessions/:id/approval': APPROVE,
  'post /sessions/:id/denial': APPROVE,
  'post /extensions/:id/approval': APPROVE,
  'post /extensions/:id/denial': APPROVE,

  // one's own recordings, and everyone's for who may read them
  'get /sessions/:id/connections': ['request', 'audit'],
  'get /sessions/:id/statements': ['request', 'audit'],
  'get /sessions/:id/statements/download': ['request', 'audit'],
  'get /sessions/:id/statements/:connection/:number': ['request', 'audit'],
  'get /sessions/:id/running': ['request', 'audit'],
  'get /sessions/:id/residue': ['request', 'audit'],

  'get /audit': AUDIT,
  'get /audit/download': AUDIT,
  'get /audit/filters': AUDIT,
  'post /audit/filters': AUDIT,
  'get /audit/filters/:id': AUDIT,
  'post /audit/filters/:id': AUDIT,
  'post /audit/filters/:id/deletion': AUDIT,
  'get /sign-ins/:id/records': AUDIT,

  'get /metrics': READ,
  'get /alerts': READ,
  'get /alerts/rules': READ,
  'get /tasks': READ,
  'get /checks/:id': READ,
  'get /groups': READ,
  'get /users': READ,
  'get /users/duties': READ,
  'get /users/:id': READ,
  'get /users/:id/password': READ,
  'get /users/:id/tokens': READ,
  'get /settings/mfa': READ,
  'get /settings/mfa/users': READ,
  'get /policy': READ,
  'get /policy/versions': READ,
  'get /policy/versions/:version': READ,
  'get /sign-ins': READ,
  'get /sign-ins/:id': READ,
  'get /applications': READ,
  'get /applications/:id': READ,
  'get /applications/:id/tokens': READ,

  'post /alerts/rules': ADMIN,
  'post /data-sources': ADMIN,
  'post /data-sources/:name/check': ADMIN,
  'post /data-sources/:id/policy': ADMIN,
  'post /roles': ADMIN,
  'post /roles/:id/check': ADMIN,
  'post /roles/:id/policy': ADMIN,
  'post /groups': ADMIN,
  'post /groups/:id/definition': ADMIN,
  'post /groups/:id/members': ADMIN,
  'post /groups/:id/members/removal': ADMIN,
  'post /policy/justification': ADMIN,
  'post /policy/justification/trial': ADMIN,
  'post /policy/request-life': ADMIN,
  'post /policy/recordings': ADMIN,
  'post /policy/proposals/:id/approval': ADMIN,
  'post /policy/proposals/:id/rejection': ADMIN,
  'post /policy/proposals/:id/withdrawal': ADMIN,
  'post /sessions/termination': ADMIN,
  'post /sessions/:id/termination': ADMIN,
  'post /sign-ins/:id/termination': ADMIN,
  'post /settings/mfa': ADMIN,
  'post /users/:id/mfa/reset': ADMIN,
  'post /users': ADMIN,
  'post /users/import': ADMIN,
  'post /users/:id': ADMIN,
  'post /users/:id/groups': ADMIN,
  'post /users/:id/lock': ADMIN,
  'post /users/:id/unlock': ADMIN,
  'post /users/:id/disable': ADMIN,
  'post /users/:id/enable': ADMIN,
  'post /users/:id/deletion': ADMIN,
  'post /users/:id/password': ADMIN,
  'post /users/:id/password-link': ADMIN,
  'post /applications': ADMIN,
  'post /applications/:id': ADMIN,
  'post /applications/:id/tokens': ADMIN,
  'post /applications/:id/lock': ADMIN,
  'post /applications/:id/unlock': ADMIN,
  'post /applications/:id/deletion': ADMIN,

  // one's own account: whoever holds a narrow token must not get a wider one by it
  'get /tokens': ANY,
  'post /tokens': ADMIN,
  'post /tokens/:id/deletion': ADMIN,
  'post /account/password': ADMIN,
  'get /account/sign-ins': ADMIN,
  'post /account/sign-ins/termination': ADMIN,
  'post /account/sign-ins/:id/termination': ADMIN,
}

/** A route that answers only tokens with a scope for it. Errors: `scope_missing`. */
export function scoped({ method, path, handle }: Route): Route {
  const opening = ROUTE_SCOPES[`${method} ${path}`] ?? []
  const guarded: RequestHandler = (req, res, next) => {
    const { token } = visitOf(req)
    if (token === undefined || !opening.some((scope) => token.scopes.includes(scope))) {
      throw new ScopeMissing(opening)
    }
    return handle(req, res, next)
  }
  return { method, path, handle: guarded }
}

/** The token was made for other things than this. */
export class ScopeMissing extends AppError {
  constructor(scopes: readonly TokenScope[]) {
    super(
      'scope_missing',
      `This takes a token with the scope ${scopes.join(' or ') || 'of no token'}: make one for it.`,
      { facts: { scopes } },
    )
  }
}

/**
 * A person as far as a token may act for them: the flags that its scopes leave out are taken off, so
 * that whatever asks for a right, wherever it does, asks for both.
 */
export function narrowed(person: Person, scopes: readonly TokenScope[]): Person {
  const [isAuditor, isAdmin] = [scopes.includes('audit'), scopes.includes('admin')]
  const mayManage = person.managementPrivilege
  const mayRead = isAuditor && mayManage !== 'none' ? 'read_only' : 'none'
  return {
    ...person,
    auditUser: person.auditUser && isAuditor,
    managementPrivilege: isAdmin ? mayManage : mayRead,
    mayEndSignIns: person.mayEndSignIns && isAdmin,
  }
}
