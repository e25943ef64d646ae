import type { SessionId } from '../../lib/ids.ts'
import type { Journal } from './journal.ts'
import type { FinishedStatement, StartedStatement, StatementSink } from '../statements/record.ts'

/** Whose statements these are. */
export interface RecordedConnection {
  readonly id: string
  readonly sessionId: SessionId
  readonly organizationId: string
}

/** Hands one connection's statements to the journal: whole when they start, what was added at the end. */
export class Recorder implements StatementSink {
  readonly #journal: Journal
  readonly #connection: RecordedConnection
  readonly #open = new Map<number, StartedStatement>()

  constructor(journal: Journal, connection: RecordedConnection) {
    this.#journal = journal
    this.#connection = connection
  }

  started(statement: StartedStatement): void {
    this.#open.set(statement.number, statement)
    const { id, sessionId, organizationId } = this.#connection
    this.#journal.append({
      kind: 'started',
      connection: id,
      session: sessionId,
      organization: organizationId,
      statement,
    })
  }

  finished(statement: FinishedStatement): void {
    const { number } = statement
    const answer = differences(this.#open.get(number), statement)
    this.#open.delete(number)
    this.#journal.append({ kind: 'finished', connection: this.#connection.id, number, answer })
  }

  /** Before the chunk goes on. Errors: JournalError, and then it must not. */
  flush(): void {
    this.#journal.flush()
  }

  /** At the end of the connection, when nothing waits for it. */
  flushOrKeep(): void {
    this.#journal.flushOrKeep()
  }
}

/** The texts and values are the same objects unless they were corrected: a look tells. */
function differences(
  started: StartedStatement | undefined,
  finished: FinishedStatement,
): Partial<FinishedStatement> {
  if (started === undefined) return finished
  const before = new Map<string, unknown>(Object.entries(started))
  return Object.fromEntries(
    Object.entries(finished).filter(([name, value]) => before.get(name) !== value),
  )
}
