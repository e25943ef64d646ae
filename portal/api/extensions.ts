import type { Request, RequestHandler } from 'express'
import {
  approveExtension,
  cancelExtension,
  denyExtension,
} from '../../broker/extension/decisions.ts'
import { requestExtension } from '../../broker/extension/extension.ts'
import { repeatSession } from '../../broker/sessions/repetition.ts'
import { listDecidableExtensions, listExtensions, type Extension } from '../../db/extensions.ts'
import type { PortalDeps } from '../deps.ts'
import { extensionIdIn, getExtensionIn } from '../extension.ts'
import { readBody } from '../forms/body.ts'
import { extensionJson } from '../presenters/extension-json.ts'
import { sessionJson } from '../presenters/session-json.ts'
import { getSessionIn, sessionIdIn } from '../session-address.ts'
import { visitOf, type Visit } from '../visit.ts'
import { extensionApprovalBody, extensionBody, extensionDenialBody, nothingBody } from './bodies.ts'

const LIST_MOST = 500

/** More time and the same again, as JSON. */
export function extensionsApi(deps: PortalDeps) {
  const { store } = deps

  const repeat: RequestHandler = async (req, res) => {
    readBody(req, nothingBody)
    const { scope, origin } = visitOf(req)
    const session = await repeatSession(store, scope, origin, sessionIdIn(req))
    res.status(201).location(`/api/v1/sessions/${session.id}`).json(sessionJson(session))
  }

  const create: RequestHandler = async (req, res) => {
    const { scope, origin } = visitOf(req)
    const command = readBody(req, extensionBody)
    const made = await requestExtension(store, scope, origin, sessionIdIn(req), command)
    res.status(201).location(`/api/v1/extensions/${made.id}`).json(extensionJson(made))
  }

  const ofSession: RequestHandler = async (req, res) => {
    const { id } = await getSessionIn(req, deps)
    const extensions = await listExtensions(store.db, visitOf(req).scope, id)
    res.json({ extensions: extensions.map(extensionJson) })
  }

  const index: RequestHandler = async (req, res) => {
    const extensions = await listDecidableExtensions(store.db, visitOf(req).scope, LIST_MOST)
    res.json({ extensions: extensions.map(extensionJson) })
  }

  const show: RequestHandler = async (req, res) => {
    res.json(extensionJson(await getExtensionIn(req, deps)))
  }

  return {
    repeat,
    create,
    ofSession,
    index,
    show,
    approve: change((req, { scope, origin }) =>
      approveExtension(
        store,
        scope,
        origin,
        extensionIdIn(req),
        readBody(req, extensionApprovalBody),
      ),
    ),
    deny: change((req, { scope, origin }) =>
      denyExtension(store, scope, origin, extensionIdIn(req), readBody(req, extensionDenialBody)),
    ),
    cancel: change((req, { scope, origin }) => {
      readBody(req, nothingBody)
      return cancelExtension(store, scope, origin, extensionIdIn(req))
    }),
  }
}

/** A decision answers with the extension as it stands after it. */
function change(work: (req: Request, visit: Visit) => Promise<Extension>): RequestHandler {
  return async (req, res) => {
    res.json(extensionJson(await work(req, visitOf(req))))
  }
}
