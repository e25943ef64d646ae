import type { Request } from 'express'
import type { StatementAddress } from '../db/statements.ts'
import { isUuid } from '../lib/ids.ts'
import { NotFound } from './errors.ts'

const NUMBER = /^[1-9][0-9]{0,14}$/

/** The statement in the address, by its connection and its number there. Errors: `not_found`. */
export function statementIn(req: Request): StatementAddress {
  const { connection, number } = req.params
  if (typeof connection !== 'string' || !isUuid(connection)) throw new NotFound()
  if (typeof number !== 'string' || !NUMBER.test(number)) throw new NotFound()
  return { connection, number: Number(number) }
}
