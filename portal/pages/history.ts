import type { Request, RequestHandler } from 'express'
import { hide, show } from '../../broker/sessions/hiding.ts'
import { listEndedSessions } from '../../db/session-history.ts'
import { listLastMovers } from '../../db/session-moves.ts'
import { storeTime } from '../../db/store.ts'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import type { PortalDeps } from '../deps.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readNames } from '../names.ts'
import { presentHistory } from '../presenters/history.ts'
import { render } from '../render.ts'
import { sessionIdIn } from '../session-address.ts'
import { flash, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'

const HISTORY_SIZE = 50

/** Session History: what is over, and what its requesters took out of the lists. */
export function historyPages(deps: PortalDeps) {
  const { store } = deps

  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    const asked = askedIn(req)
    const shell = await openShell(deps, req, 'Session History')
    const { db } = store
    const found = await listEndedSessions(db, scope, {
      ...asked,
      showHidden: asked.deleted,
      limit: HISTORY_SIZE + 1,
    })
    const sessions = found.slice(0, HISTORY_SIZE)
    const movers = await listLastMovers(
      db,
      scope,
      sessions.map(({ id }) => id),
    )
    const ids = [...movers.values()].flatMap(({ id }) => id ?? [])
    const names = await readNames(db, scope, { ids })
    const look = { scope, zones: shell.zones, now: await storeTime(db), names }
    const more = found.length > HISTORY_SIZE
    await render(
      res,
      'history/index',
      presentHistory(sessions, look, { ...asked, shell, movers, more }),
    )
  }

  return {
    index,
    hide: change(async (req) => {
      const { scope, origin } = visitOf(req)
      const { id } = await hide(store, scope, origin, sessionIdIn(req))
      const said = `Session ${id} is hidden from the lists. Its page and its records stay; "Show deleted" shows it.`
      return { said, next: '/history' }
    }),
    showAgain: change(async (req) => {
      const { scope, origin } = visitOf(req)
      const { id } = await show(store, scope, origin, sessionIdIn(req))
      return { said: `Session ${id} is in the lists again.`, next: '/history' }
    }),
  }
}

interface Asked {
  readonly mine: boolean
  readonly deleted: boolean
  readonly before: SessionId | undefined
}

function askedIn(req: Request): Asked {
  const query = fieldsOf(req.query)
  return {
    mine: query.text('mine') === 'true',
    deleted: query.text('deleted') === 'true',
    before: parseSessionId(query.text('before')),
  }
}

function change(
  work: (req: Request) => Promise<{ readonly said: string; readonly next: string }>,
): RequestHandler {
  return async (req, res) => {
    const { said, next } = await work(req)
    await flash(req, 'ok', said)
    res.redirect(303, next)
  }
}
