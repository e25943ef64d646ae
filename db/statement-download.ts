import { AppError } from '../lib/errors.ts'
import type { SessionId } from '../lib/ids.ts'
import type { Scope } from './scope.ts'
import { findSession } from './sessions.ts'
import {
  parseStatement,
  STATEMENT_COLUMNS,
  type Statement,
  type StatementRead,
} from './statements.ts'
import { getRow, rows, unhurried, type Store, type Transaction } from './store.ts'

/** What a reader of a whole recording is given. */
export interface StatementsOpened {
  /** Exactly as many rows as `statements` will yield, gaps among them. */
  readonly count: number
  readonly statements: AsyncIterable<readonly Statement[]>
}

/** Counting millions of statements takes its time; a reader may be slow, and holds no lock that anyone waits for. */
const LIMITS = { deadlineMs: 300_000, frozenMs: 120_000 }
/** What a batch should take, in characters; a text and its values take up to some 64 kB each. */
const BATCH_WEIGHT = 1_000_000
/** However light the statements before were, the next may be as heavy as they come. */
const BATCH_MOST = 500
const BATCH_LEAST = 10

/**
 * Opens the recording of a session for reading to its end, at one moment. Has a connection of its own until
 * `work` is over, however it ends. Errors: `not_found` where the scope may not see the session.
 */
export function withStatements(
  store: Store,
  { scope, sessionId }: { readonly scope: Scope; readonly sessionId: SessionId },
  work: (opened: StatementsOpened) => Promise<void>,
): Promise<void> {
  return unhurried(store, LIMITS, ({ db }) =>
    db.transaction(
      async (tx) => {
        await getSession(tx, scope, sessionId)
        const count = await countExactly(tx, sessionId)
        await work({ count, statements: readStatements(tx, sessionId) })
      },
      { isolationLevel: 'repeatable read', readOnly: true },
    ),
  )
}

async function getSession(tx: Transaction, scope: Scope, sessionId: SessionId): Promise<void> {
  if ((await findSession(tx, scope, sessionId)) !== undefined) return
  throw new AppError('not_found', 'There is no such session for you to see.')
}

async function countExactly(tx: Transaction, sessionId: SessionId): Promise<number> {
  const { count } = await getRow<{ count: string }>(
    tx,
    `select count(*) as count
       from statements
      where session_id = :sessionId`,
    { sessionId },
  )
  return Number(count)
}

/** Runs on a cursor: nothing else reads from the transaction meanwhile. */
async function* readStatements(
  tx: Transaction,
  sessionId: SessionId,
): AsyncGenerator<readonly Statement[], void, undefined> {
  await rows(
    tx,
    `declare statements_read no scroll cursor for
      select ${STATEMENT_COLUMNS}
        from statements
       where session_id = :sessionId
       order by started_at, connection_id, number, part`,
    { sessionId },
  )
  for (let size = BATCH_LEAST; ;) {
    const batch = await rows<StatementRead>(
      tx,
      `fetch forward ${String(size)} from statements_read`,
    )
    if (batch.length === 0) return
    yield batch.map(parseStatement)
    size = nextSize(batch)
  }
}

/** As many as should fit, if they are like those before. */
function nextSize(batch: readonly StatementRead[]): number {
  const weight = batch.reduce((sum, { text, values }) => sum + text.length + weightOf(values), 1)
  const fitting = Math.floor((BATCH_WEIGHT * batch.length) / weight)
  return Math.min(Math.max(fitting, BATCH_LEAST), BATCH_MOST)
}

function weightOf(values: Statement['values']): number {
  return values.reduce(
    (sum, value) => sum + (typeof value === 'string' ? value : (value?.text ?? '')).length,
    0,
  )
}
