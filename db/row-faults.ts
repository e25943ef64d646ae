import pg from 'pg'

/** SQLSTATE classes that say "this row", not "this store": data exception, constraint violation. */
const ROW_FAULT = /^(?:22|23)/

/** True where the store refused what was written and would refuse it for ever: trying again is no use. */
export function isRowFault(error: unknown): boolean {
  return error instanceof pg.DatabaseError && ROW_FAULT.test(error.code ?? '')
}
