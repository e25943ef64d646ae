import type { Request, RequestHandler } from 'express'
import {
  approveExtension,
  cancelExtension,
  denyExtension,
} from '../../broker/extension/decisions.ts'
import { requestExtension } from '../../broker/extension/extension.ts'
import { findSession } from '../../db/sessions.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, mistakesOf, NotFound } from '../errors.ts'
import { extensionIdIn, getExtensionIn } from '../extension.ts'
import { readExtension, takeExtension } from '../forms/extension.ts'
import { fieldsOf } from '../forms/fields.ts'
import type { ReturnedExtension } from '../presenters/extension.ts'
import { getSessionIn, sessionIdIn } from '../session-address.ts'
import { flash, zonesOf } from '../shell.ts'
import { visitOf } from '../visit.ts'
import { QUEUE, renderSession, type Done } from './session.ts'

/** More time for a session under way: asked for, decided, taken back. */
export function extensionPages(deps: PortalDeps) {
  const { store } = deps

  const create: RequestHandler = async (req, res) => {
    const { scope, origin } = visitOf(req)
    const typed = takeExtension(req.body)
    try {
      const reading = readExtension(typed, await zonesOf(deps, req))
      if (!reading.ok) throw new InvalidRequest(reading.mistakes)
      const made = await requestExtension(store, scope, origin, sessionIdIn(req), reading.value)
      await flash(req, 'ok', made.state === 'APPROVED' ? EXTENDED : ASKED)
      res.redirect(303, `/sessions/${sessionIdIn(req)}`)
    } catch (error) {
      const mistakes = mistakesOf(error)
      if (Object.keys(mistakes).length === 0) throw error
      const session = await getSessionIn(req, deps)
      const returnedExtension = { action: 'request' as const, typed: { ...typed }, mistakes }
      await renderSession(deps, req, res.status(422), session, { returnedExtension })
    }
  }

  /** Links and reloaded answers to posts land at the session. */
  const show: RequestHandler = async (req, res) => {
    const { sessionId } = await getExtensionIn(req, deps)
    res.redirect(303, `/sessions/${sessionId}`)
  }

  return {
    create,
    show,
    approve: change(deps, 'approval', async (req) => {
      const { scope, origin } = visitOf(req)
      const comment = fieldsOf(req.body).text('comment')
      const id = extensionIdIn(req)
      const { state, sessionId } = await approveExtension(store, scope, origin, id, { comment })
      const standing =
        state === 'APPROVED'
          ? `Session ${sessionId} was extended.`
          : `More time for session ${sessionId} still waits for other approvals.`
      return { said: `Approved. ${standing}`, next: QUEUE }
    }),
    deny: change(deps, 'denial', async (req) => {
      const { scope, origin } = visitOf(req)
      const reason = fieldsOf(req.body).text('reason')
      const { sessionId } = await denyExtension(store, scope, origin, extensionIdIn(req), {
        reason,
      })
      const said = `Denied. Session ${sessionId} goes on to its end as it stood; its requester sees your reason.`
      return { said, next: QUEUE }
    }),
    cancel: change(deps, 'cancellation', async (req) => {
      const { scope, origin } = visitOf(req)
      await cancelExtension(store, scope, origin, extensionIdIn(req))
      return { said: 'Taken back. The session ends as it stood.' }
    }),
  }
}

const ASKED = 'More time was asked for. The session goes on to its old end until that is approved.'
const EXTENDED = 'The session was extended.'

/** Does what was posted and goes on, or shows the session's page with what to mend. */
function change(
  deps: PortalDeps,
  action: ReturnedExtension['action'],
  work: (req: Request) => Promise<Done>,
): RequestHandler {
  return async (req, res) => {
    const { sessionId } = await getExtensionIn(req, deps)
    try {
      const { said, next = `/sessions/${sessionId}` } = await work(req)
      await flash(req, 'ok', said)
      res.redirect(303, next)
    } catch (error) {
      const mistakes = mistakesOf(error)
      if (Object.keys(mistakes).length === 0) throw error
      const session = await findSession(deps.store.db, visitOf(req).scope, sessionId)
      if (session === undefined) throw new NotFound()
      const fields = fieldsOf(req.body)
      const typed = { comment: fields.text('comment'), reason: fields.text('reason') }
      await renderSession(deps, req, res.status(422), session, {
        returnedExtension: { action, typed, mistakes },
      })
    }
  }
}
