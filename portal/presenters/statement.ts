import { usernameIn } from '../../broker/sessions/session.ts'
import type { Connection } from '../../db/connections.ts'
import { cursorTo, type Statement } from '../../db/statements.ts'
import type { Session } from '../../db/sessions.ts'
import type { Shell } from '../shell.ts'
import { connectionName, grouped } from './connections.ts'
import { presentMoment } from './moments.ts'
import { fullName } from './names.ts'
import type { StatementPage } from './recording-pages.ts'
import { GLOSSES } from './session-states.ts'
import { explainOutcome, kindText, marksOf, transactionText } from './statement-marks.ts'
import {
  copyText,
  errorText,
  partOf,
  presentRows,
  sayCut,
  spansOf,
  statementHref,
  tookText,
  valueText,
} from './statements.ts'
import { visible } from './visible.ts'

/** What the page of one statement is made of. */
export interface StatementFacts {
  readonly shell: Shell
  readonly session: Session
  /** It, and those around it on its connection, in their order. */
  readonly around: readonly Statement[]
  readonly statement: Statement
  readonly connections: readonly Connection[]
}

/** A value is shown whole, as far as it was kept. */
const WHOLE = Number.MAX_SAFE_INTEGER

/** One statement with everything that its record says, and its neighbours. */
export function presentStatementPage(facts: StatementFacts): StatementPage {
  const { shell, session, around, statement, connections } = facts
  const { zones } = shell
  const href = `/sessions/${session.id}`
  const place = around.indexOf(statement)
  const hrefAt = (at: number): string | undefined => {
    const neighbour = around[at]
    return neighbour && statementHref(href, neighbour)
  }
  return {
    page: shell.page,
    id: session.id,
    number: String(statement.number),
    heading: statementHeading(statement, connections),
    connection: connectionName(statement.connection, connections),
    requester: fullName(session.requester),
    username: usernameIn(session.state, session),
    roles: session.roles.map(({ name }) => visible(name)),
    state: { name: session.state, gloss: GLOSSES[session.state] },
    marks: marksOf(statement),
    spans: spansOf(statement),
    cut: sayCut(statement),
    // UTC has a line of its own
    at: { ...presentMoment(statement.startedAt, zones), ...(zones.own ? {} : { also: undefined }) },
    utc: `${statement.startedAt.toUTC().toFormat('yyyy-LL-dd HH:mm:ss.SSS')} UTC`,
    facts: factsOf(statement),
    explanation: explainOutcome(statement),
    error: errorText(statement),
    values: statement.values.map((value, index) => ({
      name: `$${index + 1}`,
      text: valueText(value, WHOLE),
    })),
    copyDigest: statement.copyDigest ?? undefined,
    previousHref: hrefAt(place - 1),
    nextHref: hrefAt(place + 1),
    rows: presentRows(around, { href, zones, connections }),
    listHref: `${href}?after=${cursorTo(statement)}#s-${statement.connection}-${statement.number}`,
  }
}

/** `Statement 5 of connection 1`: numbers begin anew on each connection. */
export function statementHeading(
  { number, connection }: Pick<Statement, 'number' | 'connection'>,
  connections: readonly Connection[],
): string {
  const place = connections.findIndex(({ id }) => id === connection)
  return `Statement ${number}${place < 0 ? '' : ` of connection ${place + 1}`}`
}

/** What is known of it, in words; what is not stays away. */
function factsOf(statement: Statement): StatementPage['facts'] {
  const { kind, tag, rows, bytes, transaction, textBytes } = statement
  const isGap = kind === 'gap'
  const known: readonly (readonly [string, string | null | undefined])[] = [
    ['Sent as', kindText(kind)],
    ['Part', partOf(statement)],
    ['Tag', tag],
    ['Took', tookText(statement)],
    ['Rows', isGap || rows === null ? null : grouped(rows)],
    ['Data', isGap ? null : (copyText(statement) ?? dataText(bytes))],
    ['Text', `${grouped(textBytes)} bytes`],
    ['Transaction', isGap ? null : transactionText(transaction)],
  ]
  return known.flatMap(([name, text]) => (text ? [{ name, text }] : []))
}

function dataText(bytes: number | null): string | undefined {
  return bytes === null ? undefined : `${grouped(bytes)} bytes of rows`
}
