import type { Request } from 'express'
import { listConnections, type Connection } from '../db/connections.ts'
import type { Session } from '../db/sessions.ts'
import { countStatements, type ConnectionCounts } from '../db/statement-counts.ts'
import { SearchTooLong } from '../db/statement-filter.ts'
import type { PortalDeps } from './deps.ts'
import { fieldsOf } from './forms/fields.ts'
import { isNarrow, readStatementSearch, type StatementSearch } from './forms/statement-search.ts'
import { readRecording, type Recording } from './recording.ts'
import { isPart } from './shell.ts'
import { visitOf } from './visit.ts'

/** What the connections of a session ran, as its page shows it. */
export interface Recorded {
  readonly statements: Recording
  readonly search: StatementSearch
  readonly connections: readonly Connection[]
  /** By connection; undefined where there are too many to count. */
  readonly counts: ReadonlyMap<string, ConnectionCounts> | undefined
  /** The page is not the first. */
  readonly isPaged: boolean
  /** Why the search was given up. */
  readonly error?: string | undefined
}

const PAGE_SIZE = 100

/** Reads one page of what ran, as the address asks for it: `q`, `only`, `connection` and `after`. */
export async function readRecorded(
  deps: PortalDeps,
  req: Request,
  session: Session,
): Promise<Recorded> {
  const { db } = deps.store
  const { scope } = visitOf(req)
  const search = readStatementSearch(req.query)
  const after = fieldsOf(req.query).text('after')
  return {
    ...(await readOrSay(deps, req, { session, search, after })),
    search,
    isPaged: after !== '',
    connections: await listConnections(db, scope, session.id),
    counts: await countStatements(db, scope, session.id),
  }
}

async function readOrSay(
  deps: PortalDeps,
  req: Request,
  asked: { readonly session: Session; readonly search: StatementSearch; readonly after: string },
): Promise<Pick<Recorded, 'statements' | 'error'>> {
  const { session, search, after } = asked
  // a page's script asks every few seconds, and a search is worth its price once
  if (isPart(req) && isNarrow(search.filter)) return { statements: { statements: [] } }
  const place = {
    limit: PAGE_SIZE,
    filter: search.filter,
    ...(after === '' ? {} : { after }),
  }
  try {
    return { statements: await readRecording(deps, visitOf(req), session, place) }
  } catch (error) {
    if (!(error instanceof SearchTooLong)) throw error
    return { statements: { statements: [] }, error: error.message }
  }
}
