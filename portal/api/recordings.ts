import type { RequestHandler } from 'express'
import { listConnections } from '../../db/connections.ts'
import { isStatementCursor } from '../../db/statements.ts'
import { storeTime } from '../../db/store.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, NotFound } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readStatementSearch } from '../forms/statement-search.ts'
import {
  connectionJson,
  droppedJson,
  runningJson,
  statementJson,
} from '../presenters/statement-json.ts'
import { recordingDownload } from '../recording-download.ts'
import { mayReadRecording, readRecording, readRunning, readStatement } from '../recording.ts'
import { getSessionIn } from '../session-address.ts'
import { statementIn } from '../statement-address.ts'
import { visitOf } from '../visit.ts'

const PAGE_SIZE = 500

/** What ran in a session, and what runs, as JSON: for whoever may read its recording. */
export function recordingsApi(deps: PortalDeps) {
  return {
    statements: recording(deps),
    statement: one(deps),
    download: recordingDownload(deps),
    connections: connections(deps),
    running: running(deps),
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
    const { filter, mistakes } = readStatementSearch(req.query)
    if (Object.keys(mistakes).length > 0) throw new InvalidRequest(mistakes)
    const place = { limit: PAGE_SIZE, filter, ...(after === '' ? {} : { after }) }
    const page = await readRecording(deps, visit, session, place)
    res.json({
      statements: page.statements.map(statementJson),
      next: page.next ?? null,
      dropped: page.dropped === undefined ? null : droppedJson(page.dropped),
    })
  }
}

function one(deps: PortalDeps): RequestHandler {
  return async (req, res) => {
    const visit = visitOf(req)
    const session = await getSessionIn(req, deps)
    const read = await readStatement(deps, visit, session, statementIn(req))
    if (read === undefined) throw new NotFound()
    res.json(statementJson(read.statement))
  }
}

function connections(deps: PortalDeps): RequestHandler {
  return async (req, res) => {
    const { scope } = visitOf(req)
    const session = await getSessionIn(req, deps)
    if (!mayReadRecording(scope, session)) throw new NotFound()
    const found = await listConnections(deps.store.db, scope, session.id)
    res.json({ connections: found.map(connectionJson) })
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
