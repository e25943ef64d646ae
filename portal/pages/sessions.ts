import type { Request, RequestHandler, Response } from 'express'
import {
  terminateAll as terminateAllSessions,
  type AllTerminated,
} from '../../broker/sessions/termination.ts'
import { listSessions } from '../../db/sessions.ts'
import { storeTime } from '../../db/store.ts'
import type { PortalDeps } from '../deps.ts'
import { mistakesOf } from '../errors.ts'
import { listWaitingExtensions } from '../extension.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readNames } from '../names.ts'
import { presentApprovals } from '../presenters/approvals.ts'
import { presentUnderWay } from '../presenters/under-way.ts'
import type { Field } from '../presenters/pieces.ts'
import { mayAdminister, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { listDescriptions } from '../role-descriptions.ts'
import { flash, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'

const UNDER_WAY_MOST = 500
/** Sessions that a sentence names at most. */
const NAMED_MOST = 10

/** Lists of sessions: under way, and waiting for me. */
export function sessionLists(deps: PortalDeps) {
  return {
    index: ((req, res) => renderUnderWay(deps, req, res)) as RequestHandler,
    approvals: approvals(deps),
    terminateAll: terminateAll(deps),
    /** Reloading the answer to a post lands here. */
    back: ((_req, res) => res.redirect(303, '/sessions')) as RequestHandler,
  }
}

async function renderUnderWay(
  deps: PortalDeps,
  req: Request,
  res: Response,
  reason: Field = { value: '' },
): Promise<void> {
  const { db } = deps.store
  const { scope } = visitOf(req)
  const mine = fieldsOf(req.query).text('mine') === 'true'
  const shell = await openShell(deps, req, 'Sessions')
  const filter = { ended: false, mine, limit: UNDER_WAY_MOST + 1 }
  const found = await listSessions(db, scope, filter)
  const look = { scope, zones: shell.zones, now: await storeTime(db) }
  const page = presentUnderWay(found, look, { shell, mine, reason, most: UNDER_WAY_MOST })
  await render(res, 'sessions/index', page)
}

function approvals(deps: PortalDeps): RequestHandler {
  const { store } = deps
  return async (req, res) => {
    const { scope } = visitOf(req)
    const shell = await openShell(deps, req, 'Pending Approvals')
    const filter = { decidableByMe: true, limit: UNDER_WAY_MOST }
    const sessions = await listSessions(store.db, scope, filter)
    const descriptions = await listDescriptions(store.db, scope)
    const extensions = await listWaitingExtensions(deps, scope, UNDER_WAY_MOST)
    const roles = [...sessions, ...extensions.map(({ extension }) => extension)].flatMap(
      (asked) => asked.roles,
    )
    const names = await readNames(store.db, scope, { roles })
    const look = { scope, zones: shell.zones, now: await storeTime(store.db), names }
    const facts = { page: shell.page, descriptions, extensions }
    await render(res, 'approvals/index', presentApprovals(sessions, look, facts))
  }
}

function terminateAll(deps: PortalDeps): RequestHandler {
  const { store } = deps
  return async (req, res) => {
    const { scope, origin } = visitOf(req)
    orNotFound(mayAdminister(scope))
    const reason = fieldsOf(req.body).text('reason')
    let ended: AllTerminated
    try {
      ended = await terminateAllSessions(store, scope, origin, { reason })
    } catch (error) {
      const { reason: sentence } = mistakesOf(error)
      if (sentence === undefined) throw error
      return renderUnderWay(deps, req, res.status(422), { value: reason, error: sentence })
    }
    const { terminated, failed } = ended
    await flash(req, failed.length === 0 ? 'ok' : 'error', terminatedText(terminated, failed))
    res.redirect(303, '/sessions')
  }
}

function terminatedText(
  terminated: AllTerminated['terminated'],
  failed: AllTerminated['failed'],
): string {
  const done = terminated.length === 1 ? '1 session was' : `${terminated.length} sessions were`
  if (failed.length === 0) return `${done} terminated.`
  const named = failed.slice(0, NAMED_MOST).map(({ id }) => id)
  const rest = failed.length > named.length ? ' and others' : ''
  return `${done} terminated. Not ended: ${named.join(', ')}${rest}. ${failed[0]?.sentence ?? ''} Try again.`
}
