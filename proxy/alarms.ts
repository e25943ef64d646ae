import { randomUUID } from 'node:crypto'
import { getGate } from '../broker/sessions/gate.ts'
import { raiseAlert } from '../db/alerts.ts'
import { isRowFault } from '../db/row-faults.ts'
import { systemOrigin } from '../db/scope.ts'
import { storeTime, type Db } from '../db/store.ts'
import { sentenceOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { knownSession } from './known-session.ts'
import { changesPassword, mayChangePassword } from './statements/password-changes.ts'
import { KEPT_MOST } from './wire/limits.ts'

export interface AlarmDeps {
  readonly db: Db
  readonly log: Log
}

/** What an alarm needs of a statement that was put into the store. */
export interface ShippedStatement {
  readonly sessionId: string
  /** Without passwords. */
  readonly text: string
  /** Length of the whole text. */
  readonly textBytes: number
  /** Of a text that was cut; null where there are signs of a password in it, and of a whole one. */
  readonly textDigest: string | null
  readonly tag: string | null
  readonly outcome: string
  readonly rolledBack: boolean
}

/** An answer that says the statement changed nothing. */
const IN_VAIN: ReadonlySet<string> = new Set(['error', 'skipped'])
/** The tag of what can change a password: what it says of an unread part of a text counts. */
const ALTERS_ROLE = 'ALTER ROLE'
/** Tags of code, whose unread part counts where there are signs of a password in it. */
const CODE: ReadonlySet<string | null> = new Set(['DO', 'CREATE FUNCTION', 'CREATE PROCEDURE'])
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
  for (const id of sessionsIn(batch.filter(isAlarming))) await raise(deps, id)
}

/** Whether what happened to this statement may be worth an alert: `raiseAlarms` is to be told of it. */
export function isAlarming(statement: ShippedStatement): boolean {
  const { text, outcome, rolledBack } = statement
  const mayBeHidden = isTelling(statement) && !isWhole(statement)
  if (!(mayBeHidden || mayChange(text)) || rolledBack || IN_VAIN.has(outcome)) return false
  return mayBeHidden || DIALECTS.some((dialect) => changesPassword(text, dialect))
}

/** Whether its tag, and its digest that was held back, say enough of a part that nobody has read. */
function isTelling({ tag, textDigest }: ShippedStatement): boolean {
  return tag === ALTERS_ROLE || (CODE.has(tag) && textDigest === null)
}

/** Of a cut one more than is kept of any was sent; one that is said again by its beginning was longer. */
function isWhole({ text, textBytes }: ShippedStatement): boolean {
  return textBytes <= KEPT_MOST && textBytes === Buffer.byteLength(text)
}

/** What was prepared once runs again and again: its text is looked at once. */
const lastLook = { text: '', found: false }

function mayChange(text: string): boolean {
  if (text !== lastLook.text) Object.assign(lastLook, { text, found: mayChangePassword(text) })
  return lastLook.found
}

function sessionsIn(batch: readonly ShippedStatement[]): Set<string> {
  return new Set(batch.map(({ sessionId }) => sessionId))
}

async function raise({ db, log }: AlarmDeps, session: string): Promise<void> {
  try {
    await db.transaction(async (tx) => {
      const id = await knownSession(tx, session)
      if (id === undefined) {
        log.warn({ session }, 'a password was changed in a session that the store does not know')
        return
      }
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
    log.error({ session, error: sentenceOf(error) }, 'an alert was refused')
  }
}
