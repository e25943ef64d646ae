import { findPersonByUsername, type Person } from '../../db/people.ts'
import type { Db } from '../../db/store.ts'
import { AppError } from '../../lib/errors.ts'
import { OPERATOR } from '../operator.ts'

/** The person whom an operator names. Errors: `not_found`. */
export async function getPersonNamed(db: Db, username: string): Promise<Person> {
  const person = await findPersonByUsername(db, OPERATOR, username)
  if (person !== undefined) return person
  throw new AppError(
    'not_found',
    `There is nobody called ${username}: daypass user list shows everyone.`,
  )
}
