import type { Request, RequestHandler } from 'express'
import { makeCredential } from '../../broker/sessions/credentials.ts'
import {
  approve,
  cancel,
  deny,
  requestSession,
  terminate,
} from '../../broker/sessions/lifecycle.ts'
import { hide, show as showAgain } from '../../broker/sessions/hiding.ts'
import { terminateAll } from '../../broker/sessions/termination.ts'
import { listSessions, type Session, type SessionState } from '../../db/sessions.ts'
import { parseSessionId } from '../../lib/ids.ts'
import { connectionFor } from '../connection-string.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest } from '../errors.ts'
import { readBody } from '../forms/body.ts'
import { fieldsOf, type Fields } from '../forms/fields.ts'
import { sessionJson } from '../presenters/session-json.ts'
import { parseState } from '../presenters/session-states.ts'
import { mayAdminister, orNotFound } from '../privileges.ts'
import { getSessionIn, ownSessionIdIn, sessionIdIn } from '../session-address.ts'
import { visitOf } from '../visit.ts'
import {
  approvalBody,
  cancellationBody,
  denialBody,
  nothingBody,
  sessionBody,
  terminationBody,
} from './bodies.ts'

const PAGE_SIZE = 50

/** Sessions as JSON: ask, look, decide, end, connect. */
export function sessionsApi(deps: PortalDeps) {
  const { store } = deps

  const create: RequestHandler = async (req, res) => {
    const { scope, origin } = visitOf(req)
    const asked = readBody(req, sessionBody)
    if (
      asked.fromApproval === true &&
      asked.minutes !== undefined &&
      !Number.isInteger(asked.minutes)
    ) {
      throw new InvalidRequest({
        minutes: 'Give whole minutes for a window that counts from approval.',
      })
    }
    const session = await requestSession(store, scope, origin, asked)
    res.status(201).location(`/api/v1/sessions/${session.id}`).json(sessionJson(session))
  }

  const show: RequestHandler = async (req, res) => {
    res.json(sessionJson(await getSessionIn(req, deps)))
  }

  const credential: RequestHandler = async (req, res) => {
    readBody(req, nothingBody)
    const { scope, origin } = visitOf(req)
    const made = await makeCredential(store, scope, origin, await ownSessionIdIn(req, deps))
    const connection = connectionFor(deps, made)
    res.json({ ...connection, port: Number(connection.port) })
  }

  return {
    create,
    terminateAll: endAll(deps),
    index: list(deps),
    show,
    credential,
    approve: change((req, { scope, origin }) =>
      approve(store, scope, origin, sessionIdIn(req), readBody(req, approvalBody)),
    ),
    deny: change((req, { scope, origin }) =>
      deny(store, scope, origin, sessionIdIn(req), readBody(req, denialBody)),
    ),
    cancel: change((req, { scope, origin }) =>
      cancel(store, scope, origin, sessionIdIn(req), definedOf(readBody(req, cancellationBody))),
    ),
    terminate: change((req, { scope, origin }) =>
      terminate(store, scope, origin, sessionIdIn(req), readBody(req, terminationBody)),
    ),
    hide: change((req, { scope, origin }) => {
      readBody(req, nothingBody)
      return hide(store, scope, origin, sessionIdIn(req))
    }),
    showAgain: change((req, { scope, origin }) => {
      readBody(req, nothingBody)
      return showAgain(store, scope, origin, sessionIdIn(req))
    }),
  }
}

function endAll({ store }: PortalDeps): RequestHandler {
  return async (req, res) => {
    const { scope, origin } = visitOf(req)
    orNotFound(mayAdminister(scope))
    const { terminated, failed } = await terminateAll(
      store,
      scope,
      origin,
      readBody(req, terminationBody),
    )
    res.json({
      terminated,
      failed: failed.map(({ id, sentence }) => ({ id, detail: sentence })),
    })
  }
}

function list({ store }: PortalDeps): RequestHandler {
  return async (req, res) => {
    const filter = readFilter(req)
    const found = await listSessions(store.db, visitOf(req).scope, {
      ...filter,
      limit: PAGE_SIZE + 1,
    })
    const page = found.slice(0, PAGE_SIZE)
    const next = found.length > PAGE_SIZE ? (page.at(-1)?.id ?? null) : null
    res.json({ sessions: page.map(sessionJson), next })
  }
}

type Change = (req: Request, visit: ReturnType<typeof visitOf>) => Promise<Session>

/** A change of a session answers with the session as it stands after it. */
function change(work: Change): RequestHandler {
  return async (req, res) => {
    res.json(sessionJson(await work(req, visitOf(req))))
  }
}

function definedOf({ reason }: { reason?: string | undefined }): { reason?: string } {
  return reason === undefined ? {} : { reason }
}

function readFilter(req: Request): Parameters<typeof listSessions>[2] {
  const fields = fieldsOf(req.query)
  const names = fields
    .list('state')
    .flatMap((text) => text.split(','))
    .filter((text) => text !== '')
  const states = names.map(parseState).filter((state): state is SessionState => state !== undefined)
  if (states.length < names.length) {
    throw new InvalidRequest({
      state: `Give states such as CREATED or GRANTED, not ${names.join(', ')}.`,
    })
  }
  const cursor = fields.text('cursor')
  const before = cursor === '' ? undefined : parseSessionId(cursor)
  if (cursor !== '' && before === undefined) {
    throw new InvalidRequest({ cursor: 'Give the value of "next" from the page before.' })
  }
  return {
    mine: readChoice(fields, 'mine') ?? false,
    showHidden: readChoice(fields, 'hidden') ?? true,
    ...(states.length > 0 ? { state: states } : {}),
    ...(before === undefined ? {} : { before }),
  }
}

function readChoice(fields: Fields, name: string): boolean | undefined {
  const text = fields.text(name)
  if (text === '') return undefined
  if (text !== 'true' && text !== 'false') {
    throw new InvalidRequest({ [name]: `Give ${name} as true or false.` })
  }
  return text === 'true'
}
