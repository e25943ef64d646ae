import { randomUUID } from 'node:crypto'
import { getGate } from '../broker/sessions/gate.ts'
import { raiseAlert } from '../db/alerts.ts'
import { isRowFault } from '../db/row-faults.ts'
import { systemOrigin } from '../db/scope.ts'
import { storeTime, type Db } from '../db/store.ts'
import { sentenceOf } from '../lib/errors.ts'
import { parseSessionId, type SessionId } from '../lib/ids.ts'
import type { Log } from '../lib/log.ts'
import { changesPassword, mayChangePassword } from './statements/password-changes.ts'

export interface AlarmDeps {
  readonly db: Db
  readonly log: Log
}

/** What an alarm needs of a statement that was put into the store. */
export interface ShippedStatement {
  readonly sessionId: string
  /** Without passwords. */
  readonly text: string
  readonly outcome: string
  readonly rolledBack: boolean
}

/** An answer that says the statement changed nothing. */
const IN_VAIN: ReadonlySet<string> = new Set(['error', 'skipped'])
/** A recording does not say how its connection read backslashes: either reading counts. */
const DIALECTS = [{ backslashEscapes: false }, { backslashEscapes: true }]

/**
 * Raises an alert for each session whose recorded statements changed a password: PostgreSQL lets
 * every user change their own. Errors: the store's, and then it must be told again.
 */
export async function raiseAlarms(
  deps: AlarmDeps,
  batch: readonly ShippedStatement[],
): Promise<void> {
  for (const id of sessionsIn(batch.filter(isPasswordChange))) await raise(deps, id)
}

function isPasswordChange({ text, outcome, rolledBack }: ShippedStatement): boolean {
  if (!mayChangePassword(text) || rolledBack || IN_VAIN.has(outcome)) return false
  return DIALECTS.some((dialect) => changesPassword(text, dialect))
}

function sessionsIn(batch: readonly ShippedStatement[]): SessionId[] {
  const ids = new Set(batch.map(({ sessionId }) => sessionId))
  return [...ids].map(parseSessionId).filter((id) => id !== undefined)
}

async function raise({ db, log }: AlarmDeps, id: SessionId): Promise<void> {
  try {
    await db.transaction(async (tx) => {
      const { organization, username, dataSource } = await getGate(tx, id)
      const origin = systemOrigin(organization, randomUUID())
      await raiseAlert(tx, origin, await storeTime(tx), {
        rule: 'password_changed',
        key: id,
        detail: `${username} changed a password on ${dataSource.name}: see the statements of session ${id}.`,
        sessionId: id,
        dataSourceId: dataSource.id,
      })
    })
  } catch (error) {
    if (!isRowFault(error)) throw error
    // trying again would change nothing, and keep every statement behind it waiting
    log.error({ session: id, error: sentenceOf(error) }, 'an alert was refused')
  }
}
