import type { DateTime } from 'luxon'
import { AppError } from '../lib/errors.ts'
import { storeTime, type Transaction } from './store.ts'

/** Errors: `invalid_request` for an expiration date that has come by the store's clock. */
export async function refusePast(
  tx: Transaction,
  expiresAt: DateTime<true> | null | undefined,
): Promise<void> {
  if (!expiresAt || expiresAt > (await storeTime(tx))) return
  const sentence =
    'Choose an expiration date in the future, or none; to end the account now, disable it.'
  throw new AppError('invalid_request', sentence, { facts: { fields: { expiresAt: sentence } } })
}
