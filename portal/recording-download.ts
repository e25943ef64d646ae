import { pipeline } from 'node:stream/promises'
import type { Request, RequestHandler, Response } from 'express'
import { DateTime } from 'luxon'
import { snapshotOf } from '../broker/sessions/moves.ts'
import { appendRecord } from '../db/audit-log.ts'
import { listConnections } from '../db/connections.ts'
import { findDroppedRecording } from '../db/retention.ts'
import type { Origin } from '../db/scope.ts'
import type { Session } from '../db/sessions.ts'
import { getTimeZone } from '../db/settings.ts'
import { withStatements, type StatementsOpened } from '../db/statement-download.ts'
import { storeTime } from '../db/store.ts'
import type { PortalDeps } from './deps.ts'
import { runDownload, watchReader } from './downloads.ts'
import { InvalidRequest, NotFound } from './errors.ts'
import { fieldsOf } from './forms/fields.ts'
import {
  recordingFileName,
  recordingJsonLines,
  recordingText,
  type RecordingHead,
} from './presenters/recording-file.ts'
import { mayReadRecording } from './recording.ts'
import { getSessionIn } from './session-address.ts'
import { visitOf, type Visit } from './visit.ts'

/** What a recording is written as. */
const FORMATS = {
  text: { type: 'text/plain; charset=utf-8', extension: 'txt', lines: recordingText },
  jsonl: {
    type: 'application/jsonl; charset=utf-8',
    extension: 'jsonl',
    lines: recordingJsonLines,
  },
} as const
type Format = keyof typeof FORMATS

/**
 * GET /sessions/:id/statements/download, for the page and the API alike: the whole recording of a session as
 * text or JSON lines, streamed to its end whatever its length. HEAD takes nothing away, so it is no record.
 * Errors: `invalid_request`, `too_many_downloads`, `not_found`.
 */
export function recordingDownload(deps: PortalDeps): RequestHandler {
  return async (req, res) => {
    const visit = visitOf(req)
    const session = await getSessionIn(req, deps)
    if (!mayReadRecording(visit.scope, session)) throw new NotFound()
    const format = formatIn(req)
    if (req.method === 'HEAD') return void res.set('content-type', FORMATS[format].type).end()
    await runDownload(deps, req, res, () =>
      withStatements(deps.store, { scope: visit.scope, sessionId: session.id }, (opened) =>
        send(deps, res, { visit, session, format, opened }),
      ),
    )
  }
}

function formatIn(req: Request): Format {
  const format = fieldsOf(req.query).text('format')
  if (format === '' || format === 'text') return 'text'
  if (format === 'jsonl') return 'jsonl'
  throw new InvalidRequest({ format: 'Give the format as text or jsonl.' })
}

interface Sending {
  readonly visit: Visit
  readonly session: Session
  readonly format: Format
  readonly opened: StatementsOpened
}

async function send(
  deps: PortalDeps,
  res: Response,
  { visit, session, format, opened }: Sending,
): Promise<void> {
  const { scope, origin } = visit
  const { db } = deps.store
  const head: RecordingHead = {
    session,
    connections: await listConnections(db, scope, session.id),
    by: origin.actor.name,
    at: DateTime.utc(),
    zone: await getTimeZone(db),
    count: opened.count,
    dropped: await findDroppedRecording(db, scope, session.id),
  }
  await recordExport(deps, origin, { session, format, count: opened.count })
  const { type, extension, lines } = FORMATS[format]
  res.set({
    'content-type': type,
    'content-disposition': `attachment; filename="${recordingFileName(head, extension)}"`,
    'daypass-downloaded-by': head.by,
    'daypass-downloaded-at': head.at.toISO(),
    'daypass-statements': String(head.count),
  })
  watchReader(res)
  await pipeline(lines(opened.statements, head), res)
}

/** Written before the first byte leaves: what was taken is known even if the reader breaks off. */
function recordExport(
  { store }: PortalDeps,
  origin: Origin,
  { session, format, count }: { session: Session; format: Format; count: number },
): Promise<void> {
  return store.change(async (tx) =>
    appendRecord(tx, origin, await storeTime(tx), {
      action: 'recording.exported',
      area: 'sessions',
      outcome: 'ok',
      dataSource: session.dataSource,
      session: snapshotOf(session),
      details: { format, statements: String(count) },
    }),
  )
}
