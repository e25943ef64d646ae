import type { RequestHandler } from 'express'
import { terminate } from '../../broker/sessions/lifecycle.ts'
import { listSessions, type SessionFilter } from '../../db/sessions.ts'
import { storeTime } from '../../db/store.ts'
import { AppError } from '../../lib/errors.ts'
import { parseSessionId } from '../../lib/ids.ts'
import type { PortalDeps } from '../deps.ts'
import { listWaitingExtensions } from '../extension.ts'
import { fieldsOf } from '../forms/fields.ts'
import type { NavItem } from '../presenters/pieces.ts'
import { presentApprovals } from '../presenters/approvals.ts'
import { groupSessions, presentSessionRow } from '../presenters/sessions.ts'
import { mayAdminister, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { listDescriptions } from '../role-descriptions.ts'
import { flash, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'

const UNDER_WAY_MOST = 500
const HISTORY_SIZE = 50

/** Lists of sessions: under way, waiting for me, over. */
export function sessionLists(deps: PortalDeps) {
  return {
    index: underWay(deps),
    approvals: approvals(deps),
    history: history(deps),
    terminateAll: terminateAll(deps),
    /** Reloading the answer to a post lands here. */
    back: ((_req, res) => res.redirect(303, '/sessions')) as RequestHandler,
  }
}

function underWay(deps: PortalDeps): RequestHandler {
  const { store } = deps
  return async (req, res) => {
    const { scope } = visitOf(req)
    const mine = fieldsOf(req.query).text('mine') === 'true'
    const shell = await openShell(deps, req, 'Sessions')
    const filter = { ended: false, mine, limit: UNDER_WAY_MOST }
    const sessions = await listSessions(store.db, scope, filter)
    const look = { scope, zones: shell.zones, now: await storeTime(store.db) }
    await render(res, 'sessions/index', {
      page: shell.page,
      groups: groupSessions(sessions, look),
      empty: {
        heading: 'No sessions under way',
        text: 'A session is a window of access to a data source, with its own database user.',
        action: { href: '/sessions/new', label: 'Request Access' },
      },
      views: viewsOf('/sessions', mine),
      requestHref: '/sessions/new',
      terminateAll:
        mayAdminister(scope) && sessions.length > 0
          ? {
              href: '/sessions/termination',
              label: 'Terminate all',
              tone: 'danger',
              needsReason: true,
            }
          : undefined,
    })
  }
}

function approvals(deps: PortalDeps): RequestHandler {
  const { store } = deps
  return async (req, res) => {
    const { scope } = visitOf(req)
    const shell = await openShell(deps, req, 'Pending Approvals')
    const filter = { decidableByMe: true, limit: UNDER_WAY_MOST }
    const sessions = await listSessions(store.db, scope, filter)
    const look = { scope, zones: shell.zones, now: await storeTime(store.db) }
    const descriptions = await listDescriptions(store.db, scope)
    const extensions = await listWaitingExtensions(deps, scope, UNDER_WAY_MOST)
    const facts = { page: shell.page, descriptions, extensions }
    await render(res, 'approvals/index', presentApprovals(sessions, look, facts))
  }
}

function history(deps: PortalDeps): RequestHandler {
  const { store } = deps
  return async (req, res) => {
    const { scope } = visitOf(req)
    const query = fieldsOf(req.query)
    const mine = query.text('mine') === 'true'
    const before = parseSessionId(query.text('before'))
    const shell = await openShell(deps, req, 'Session History')
    const filter: SessionFilter = { ended: true, mine, limit: HISTORY_SIZE + 1 }
    const found = await listSessions(store.db, scope, {
      ...filter,
      ...(before === undefined ? {} : { before }),
    })
    const page = found.slice(0, HISTORY_SIZE)
    const older = found.length > HISTORY_SIZE ? page.at(-1)?.id : undefined
    const look = { scope, zones: shell.zones, now: await storeTime(store.db) }
    const own = mine ? 'mine=true&' : ''
    await render(res, 'history/index', {
      page: shell.page,
      rows: page.map((session) => presentSessionRow(session, look)),
      empty: { heading: 'No sessions are over yet', text: 'Sessions that ended are kept here.' },
      views: viewsOf('/history', mine),
      pager:
        older === undefined && before === undefined
          ? undefined
          : {
              newer: before === undefined ? undefined : `/history${mine ? '?mine=true' : ''}`,
              older: older === undefined ? undefined : `/history?${own}before=${older}`,
              text: before === undefined ? 'The latest sessions' : 'Older sessions',
            },
    })
  }
}

function terminateAll(deps: PortalDeps): RequestHandler {
  const { store } = deps
  return async (req, res) => {
    const { scope, origin } = visitOf(req)
    orNotFound(mayAdminister(scope))
    const reason = fieldsOf(req.body).text('reason')
    if (reason === '') {
      throw new AppError('reason_required', 'Say why all sessions are terminated, then try again.')
    }
    let count = 0
    for (const { id } of await listSessions(store.db, scope, { ended: false, limit: ALL })) {
      count += await terminate(store, scope, origin, id, { reason }).then(() => 1, ifOver)
    }
    await flash(
      req,
      'ok',
      count === 1 ? '1 session was terminated.' : `${count} sessions were terminated.`,
    )
    res.redirect(303, '/sessions')
  }
}

const ALL = 100_000

/** One that ended by itself meanwhile needs no termination. */
function ifOver(error: unknown): number {
  if (error instanceof AppError && OVER_CODES.has(error.code)) return 0
  throw error
}

const OVER_CODES = new Set(['state_changed', 'already_decided'])

function viewsOf(path: string, mine: boolean): NavItem[] {
  return [
    { href: path, label: 'All', current: !mine },
    { href: `${path}?mine=true`, label: 'Mine', current: mine },
  ]
}
