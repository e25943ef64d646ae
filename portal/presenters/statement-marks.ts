import type { Statement } from '../../db/statements.ts'
import { effectOf } from '../../lib/statement-effect.ts'

/** What is worth an auditor's eye, as a sign and a word. */
export interface StatementMark {
  readonly kind: 'error' | 'write' | 'ddl' | 'may-write' | 'gap' | 'undone'
  readonly word: string
}

const EFFECT_MARKS: Readonly<Record<NonNullable<ReturnType<typeof effectOf>>, StatementMark>> = {
  write: { kind: 'write', word: 'Write' },
  ddl: { kind: 'ddl', word: 'DDL' },
  'may write': { kind: 'may-write', word: 'May write' },
}

const NOT_DONE: Readonly<Partial<Record<Statement['outcome'], string>>> = {
  skipped: 'Skipped',
  aborted: 'Aborted',
  unknown: 'Unknown',
}

/** The marks of a statement: how it ended where that is news, and what it changed or was to change. */
export function marksOf(statement: Statement): StatementMark[] {
  if (statement.kind === 'gap') return [{ kind: 'gap', word: 'Gap' }]
  const marks: StatementMark[] = []
  if (statement.outcome === 'error') marks.push({ kind: 'error', word: 'Error' })
  const notDone = NOT_DONE[statement.outcome]
  if (notDone !== undefined) marks.push({ kind: 'undone', word: notDone })
  if (statement.rolledBack) marks.push({ kind: 'undone', word: 'Rolled back' })
  const effect = effectOf(statement)
  return effect === undefined ? marks : [...marks, EFFECT_MARKS[effect]]
}

/** What a tag and an error don't say; undefined where one of them says it all. */
export function outcomeOf(statement: Statement): string | undefined {
  const { kind, outcome, rolledBack } = statement
  if (kind === 'gap') return 'Gap: what ran here is in no recording'
  if (isUnsettled(statement)) return 'Outcome unknown: done, and whether it lasted was not seen'
  return OUTCOMES[outcome] ?? (rolledBack ? 'Rolled back by a later error' : undefined)
}

const OUTCOMES: Readonly<Partial<Record<Statement['outcome'], string>>> = {
  skipped: 'Skipped: not run, because of an error before it',
  aborted: 'Aborted: the connection ended before its answer',
  unknown: 'Outcome unknown: the server did not say how it ended',
}

/** How a statement ended, for somebody who has never met the word. */
export function explainOutcome(statement: Statement): string {
  const { kind, outcome, rolledBack } = statement
  if (kind === 'gap') {
    return 'A part of the recording is missing here. Anything may have run on this connection in the meantime, and the text says what is known of it. The trail has a record of the gap.'
  }
  if (outcome === 'ok' && rolledBack) {
    return 'It succeeded, and was undone: an error later in the same batch took it back.'
  }
  if (isUnsettled(statement)) {
    return 'The data source had done it. Whether what it changed lasted was for the end of its batch to decide, and that end was not seen: the connection may have been cut before it.'
  }
  return EXPLAINED[outcome]
}

/** Done, in a batch whose end nobody saw. */
function isUnsettled({ outcome, tag }: Statement): boolean {
  return outcome === 'unknown' && tag !== null
}

const EXPLAINED: Readonly<Record<Statement['outcome'], string>> = {
  ok: 'It succeeded.',
  error:
    'It failed, and what it had changed was taken back, except what PostgreSQL never takes back, such as numbers drawn from a sequence.',
  skipped:
    'It never ran. The client had sent it behind a statement that failed, before it knew of the error, and the data source passes over all that follows until the end of such a batch.',
  aborted:
    'Its connection ended before the data source had answered. It may have run in part or as a whole: a transaction that was still open was taken back, a commit may have been done.',
  unknown:
    'The data source answered, but the answer does not say how this statement ended. It may have run.',
}

/** Where a statement left its transaction. */
export function transactionText(state: string | null): string {
  return (
    TRANSACTIONS[state ?? ''] ?? 'not known: the connection ended before the data source said it'
  )
}

const TRANSACTIONS: Readonly<Partial<Record<string, string>>> = {
  I: 'none was open after it',
  T: 'open after it: what it changed counts only if a COMMIT follows',
  E: 'failed: all that was done in it is taken back',
}

/** How a statement came to the data source. */
export function kindText(kind: string): string {
  return KINDS[kind] ?? kind
}

const KINDS: Readonly<Partial<Record<string, string>>> = {
  simple: 'simple query, as its text stands',
  extended: 'prepared, with its values apart from its text',
  'function call': 'a function called by its number, without SQL',
  'copy in': 'COPY into the data source',
  'copy out': 'COPY out of the data source',
  gap: 'no statement: a part of the recording is missing',
}
