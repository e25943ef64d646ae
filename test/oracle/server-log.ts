import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { shortened } from './recording.ts'

/** One execution as the server's log tells of it, or a statement that it refused before it ran. */
export interface Logged {
  readonly user: string
  /** Undefined where the server ended the connection instead of running what came next. */
  readonly text: string | undefined
  /** The text that the log has, also where the recording can only have a name. */
  readonly source: string
  /** Which half of the protocol carried it; undefined where the log does not say. */
  readonly isExtended: boolean | undefined
  /** In order; null is NULL. Undefined where the log does not say them. */
  readonly values: readonly (string | null)[] | undefined
  /** False for what failed in Parse or Bind: the log has the error and nothing else. */
  readonly ran: boolean
  /** The SQLSTATE it failed with. */
  sqlstate: string | null
}

interface Line {
  readonly user?: string
  readonly session_id?: string
  readonly error_severity?: string
  readonly state_code?: string
  readonly message?: string
  readonly detail?: string
  readonly statement?: string
  readonly ps?: string
}

/** `execute NAME: TEXT`, `execute NAME/PORTAL: TEXT`; the next Executes of a portal are "execute fetch from". */
const EXECUTE = /^execute (fetch from )?([^:]*): ([^]*)$/
const STATEMENT = /^statement: ([^]*)$/
const FUNCTION_CALL = /^fastpath function call: "(?:[^"]*)" \(OID (\d+)\)$/
const PARAMETERS = /^Parameters: ([^]*)$/i
/** A value as the log writes it: quotes doubled inside. */
const VALUE = /\$\d+ = (?:NULL|'((?:[^']|'')*)')(?:, |$)/gy

/** Reads what the server logged of these users, in the order in which each session did it. */
export async function readServerLog(file: string, users: ReadonlySet<string>): Promise<Logged[]> {
  const found: Logged[] = []
  /** The last execution of each server session, while no error was seen that could be its own. */
  const open = new Map<string, Logged>()
  for await (const text of createInterface({ input: createReadStream(file) })) {
    if (text === '') continue
    const line = JSON.parse(text) as Line
    if (line.user === undefined || !users.has(line.user)) continue
    const session = line.session_id ?? ''
    if (line.error_severity === 'LOG') {
      const logged = executionOf(line, line.user)
      if (logged === 'more of the same') continue
      if (logged) {
        found.push(logged)
        open.set(session, logged)
      }
      continue
    }
    const refused = failureOf(line, line.user, open.get(session))
    if (refused) found.push(refused)
    if (line.statement !== undefined) open.delete(session)
  }
  return found
}

function executionOf(line: Line, user: string): Logged | 'more of the same' | undefined {
  const { message = '', detail = '' } = line
  const execute = EXECUTE.exec(message)
  if (execute) {
    // the rest of a portal's rows: its first Execute stands for all of them, as in the recording
    if (execute[1] !== undefined) return 'more of the same'
    const values = valuesOf(PARAMETERS.exec(detail)?.[1] ?? '')
    const text = fromSql(execute[2] ?? '', execute[3] ?? '')
    return {
      user,
      text,
      source: execute[3] ?? '',
      isExtended: true,
      values,
      ran: true,
      sqlstate: null,
    }
  }
  const statement = STATEMENT.exec(message)
  if (statement) {
    const text = statement[1] ?? ''
    return { user, text, source: text, isExtended: false, values: [], ran: true, sqlstate: null }
  }
  const call = FUNCTION_CALL.exec(message)
  if (!call) return undefined
  const text = `function call oid ${call[1] ?? ''}`
  return { user, text, source: '', isExtended: false, values: undefined, ran: true, sqlstate: null }
}

/**
 * SQL's own PREPARE and DECLARE share the protocol's names. The wire does not say what they stand for,
 * so the recording has the name; the log has the text that made them.
 */
function fromSql(name: string, text: string): string {
  const [statement = '', portal] = name.split('/')
  if (text.startsWith(`prepare ${statement} `)) return `SQL prepared statement ${statement}`
  if (portal && text.includes(`declare ${portal} cursor`)) return `SQL cursor ${portal}`
  return text
}

/** What the process title says while nothing runs yet, and while a function is called. */
const BEFORE_IT_RUNS: ReadonlySet<string | undefined> = new Set(['PARSE', 'BIND'])
const CALLING = '<FASTPATH>'

/** An error belongs to what the session ran last, if that is what it was about and has none yet. */
function failureOf(line: Line, user: string, last: Logged | undefined): Logged | undefined {
  const { error_severity: severity, state_code: sqlstate = '', statement: text } = line
  if (severity !== 'ERROR' && severity !== 'FATAL') return undefined
  if (last && isAbout(last, line)) {
    last.sqlstate = sqlstate
    return undefined
  }
  if (severity === 'ERROR' && text === undefined) return undefined
  // a FATAL without a text is the answer to whatever was on its way
  const source = text ?? ''
  return {
    user,
    text: severity === 'FATAL' ? undefined : source,
    source,
    isExtended: undefined,
    values: undefined,
    ran: false,
    sqlstate,
  }
}

function isAbout(last: Logged, { ps, statement }: Line): boolean {
  // an error of a function call comes without a text
  if (last.values === undefined) return ps === CALLING
  return !BEFORE_IT_RUNS.has(ps) && statement === last.source
}

function valuesOf(text: string): (string | null)[] {
  const values: (string | null)[] = []
  VALUE.lastIndex = 0
  for (let found = VALUE.exec(text); found; found = VALUE.exec(text)) {
    values.push(shortened(found[1]?.replaceAll("''", "'") ?? null))
    if (VALUE.lastIndex === text.length) break
  }
  return values
}
