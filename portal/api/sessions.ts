import type { Request, RequestHandler } from 'express'
import { makeCredential } from '../../broker/sessions/credentials.ts'
import {
  approve,
  cancel,
  deny,
  requestSession,
  terminate,
} from '../../broker/sessions/lifecycle.ts'
import { listSessions, type Session, type SessionState } from '../../db/sessions.ts'
import { isStatementCursor } from '../../db/statements.ts'
import { storeTime } from '../../db/store.ts'
import { parseSessionId } from '../../lib/ids.ts'
import { connectionFor } from '../connection-string.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, NotFound } from '../errors.ts'
import { readBody } from '../forms/body.ts'
import { fieldsOf } from '../forms/fields.ts'
import { sessionJson } from '../presenters/session-json.ts'
import { parseState } from '../presenters/session-states.ts'
import { droppedJson, runningJson, statementJson } from '../presenters/statement-json.ts'
import { mayReadRecording, readRecording, readRunning } from '../recording.ts'
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
const STATEMENTS_PAGE_SIZE = 500

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
    index: list(deps),
    show,
    statements: recording(deps),
    running: running(deps),
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

function recording(deps: PortalDeps): RequestHandler {
  return async (req, res) => {
    const visit = visitOf(req)
    const session = await getSessionIn(req, deps)
    if (!mayReadRecording(visit.scope, session)) throw new NotFound()
    const after = fieldsOf(req.query).text('cursor')
    if (after !== '' && !isStatementCursor(after)) {
      throw new InvalidRequest({ cursor: 'Give the value of "next" from the page before.' })
    }
    const place = { limit: STATEMENTS_PAGE_SIZE, ...(after === '' ? {} : { after }) }
    const page = await readRecording(deps, visit, session, place)
    res.json({
      statements: page.statements.map(statementJson),
      next: page.next ?? null,
      dropped: page.dropped === undefined ? null : droppedJson(page.dropped),
    })
  }
}

function running(deps: PortalDeps): RequestHandler {
  return async (req, res) => {
    const visit = visitOf(req)
    const session = await getSessionIn(req, deps)
    if (!mayReadRecording(visit.scope, session)) throw new NotFound()
    const statements = await readRunning(deps, visit, session)
    const now = await storeTime(deps.store.db)
    res.json({ running: statements.map((statement) => runningJson(statement, now)) })
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
  const mine = fields.text('mine')
  if (!['', 'true', 'false'].includes(mine))
    throw new InvalidRequest({ mine: 'Give mine as true or false.' })
  return {
    mine: mine === 'true',
    showHidden: true,
    ...(states.length > 0 ? { state: states } : {}),
    ...(before === undefined ? {} : { before }),
  }
}
