import type { AccountChange } from '../../broker/accounts.ts'
import { createPerson, type Person } from '../../db/people.ts'
import type { Origin } from '../../db/scope.ts'
import type { Transaction } from '../../db/store.ts'
import { AppError } from '../../lib/errors.ts'
import { named } from '../administration/rules.ts'
import { InvalidRequest, mistakesOf } from '../errors.ts'
import type { ImportPlan, PlannedLine } from './plan.ts'

/** How a user is changed by whoever imports. */
export type ChangePerson = (
  tx: Transaction,
  command: { readonly person: Person; readonly change: AccountChange },
) => Promise<unknown>

/**
 * Does what a plan says, each user with records of their own. Errors: `invalid_request`, where a line is
 * wrong or what it asks can no longer be done; the plan is then not done at all.
 */
export async function applyImport(
  tx: Transaction,
  { origin, change }: { readonly origin: Origin; readonly change: ChangePerson },
  { lines }: ImportPlan,
): Promise<void> {
  for (const line of lines) {
    try {
      await named(applyLine(tx, { origin, change }, line))
    } catch (error) {
      throw atLine(line, error)
    }
  }
}

async function applyLine(
  tx: Transaction,
  { origin, change }: { readonly origin: Origin; readonly change: ChangePerson },
  { outcome, person, values, cells }: PlannedLine,
): Promise<void> {
  if (outcome === 'wrong') throw new InvalidRequest({ line: 'The line is wrong.' })
  if (outcome === 'same') return
  const { username, email, ...rest } = values
  if (username === undefined) throw new InvalidRequest({ username: 'Give the username.' })
  if (person === undefined) {
    await createPerson(tx, origin, {
      displayName: username,
      portalUser: true,
      auditUser: false,
      managementPrivilege: 'none',
      ...rest,
      username,
      ...(typeof email === 'string' ? { email } : {}),
      passwordHash: null,
    })
    return
  }
  const changed = cells.filter(({ before }) => before !== undefined)
  const fields = new Set<string>(changed.map(({ column }) => column.field))
  const asked = Object.fromEntries(Object.entries(values).filter(([field]) => fields.has(field)))
  await change(tx, { person, change: asked })
}

/** The same failure, and which line it came from. */
function atLine({ line }: PlannedLine, error: unknown): unknown {
  if (!(error instanceof AppError)) return error
  const mistakes = Object.entries(mistakesOf(error))
  const sentences = mistakes.length === 0 ? [error.message] : mistakes.map(([, text]) => text)
  const facts = { fields: { [`line ${line}`]: `Line ${line}: ${sentences.join(' ')}` } }
  return new AppError(error.code, `Line ${line}: ${sentences.join(' ')}`, { facts })
}
