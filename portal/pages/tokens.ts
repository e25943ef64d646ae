import type { Request, RequestHandler, Response } from 'express'
import { listTokensOf, type Token } from '../../db/token-lists.ts'
import { addOwnToken, removeToken, type FreshToken } from '../administration/tokens.ts'
import type { PortalDeps } from '../deps.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readToken } from '../forms/tokens.ts'
import { UNPOSTED, type Posted } from '../presenters/administration.ts'
import { presentOwnTokens, presentTokensOf } from '../presenters/tokens.ts'
import { mayAdminister, maySeeAdministration, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { getUserIn } from '../user-address.ts'
import { uuidIn } from '../uuid-address.ts'
import { visitOf, type Visit } from '../visit.ts'

interface Shown {
  readonly posted: Posted
  readonly fresh?: FreshToken
}

/** The tokens of who is signed in, those of a user, and the end of any. */
export function tokenPages(deps: PortalDeps) {
  const { db } = deps.store

  const draw = async (req: Request, res: Response, shown: Shown): Promise<void> => {
    const { scope } = visitOf(req)
    const [shell, tokens] = await Promise.all([
      openShell(deps, req, 'API tokens'),
      listTokensOf(db, scope, scope.person.id),
    ])
    await render(res, 'tokens/index', presentOwnTokens(shell, tokens, shown))
  }

  const index: RequestHandler = (req, res) => draw(req, res, { posted: UNPOSTED })

  /** The answer itself holds the secret, this once: after a redirect there would be nothing to show. */
  const create: RequestHandler = async (req, res) => {
    const body: unknown = req.body
    const reading = readToken(body)
    if (!reading.ok) {
      const posted = { body, mistakes: reading.mistakes }
      return draw(req, res.status(422), { posted })
    }
    const fresh = await addOwnToken(deps, visitOf(req), reading.value)
    await draw(req, res, { posted: UNPOSTED, fresh })
  }

  const ofUser: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeAdministration(scope))
    const user = await getUserIn(req, deps)
    const [shell, tokens] = await Promise.all([
      openShell(deps, req, `API tokens of ${user.username}`),
      listTokensOf(db, scope, user.id),
    ])
    const mayEnd = mayAdminister(scope)
    await render(res, 'tokens/index', presentTokensOf(shell, tokens, { user, mayEnd }))
  }

  const remove: RequestHandler = async (req, res) => {
    const visit = visitOf(req)
    const reason = fieldsOf(req.body).text('reason')
    const asked = { id: uuidIn(req), reason: reason === '' ? undefined : reason }
    const token = await removeToken(deps, visit, asked)
    await flash(req, 'ok', `${token.name} has ended: what uses it is refused from now on.`)
    res.redirect(303, listHolding(token, visit))
  }

  /** Reloading the answer to a post leads back. */
  const back: RequestHandler = (_req, res) => {
    res.redirect(303, '/account/tokens')
  }

  return { index, create, ofUser, remove, back }
}

/** Where a token stands for who ended it. */
function listHolding({ personId, kind }: Token, { scope }: Visit): string {
  if (personId === scope.person.id) return '/account/tokens'
  return kind === 'service' ? `/applications/${personId}` : `/users/${personId}/tokens`
}
