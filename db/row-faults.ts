import pg from 'pg'

/**
 * SQLSTATE classes that say "this row", not "this store": data exception, constraint violation, program
 * limit exceeded (it is too large).
 */
const ROW_FAULT = /^(?:22|23|54)/

/**
 * True where what was written can't be taken, now or ever, by the store or already by us (a string or a
 * number out of range): trying again is no use.
 */
export function isRowFault(error: unknown): boolean {
  if (error instanceof RangeError) return true
  return error instanceof pg.DatabaseError && ROW_FAULT.test(error.code ?? '')
}
