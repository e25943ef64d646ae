import { AppError } from '../lib/errors.ts'
import { findRow, rows, type Db } from './store.ts'

/** The parts that others seal secrets to. */
export type SealingPart = 'broker' | 'proxy'

/** Tells the others which public key to seal with for a part; the part says it itself at its start. */
export async function announceKey(db: Db, part: SealingPart, publicKey: Buffer): Promise<void> {
  await rows(
    db,
    `insert into sealing_keys (part, public_key, announced_at)
     values (:part, :publicKey, now())
         on conflict (part) do update
        set public_key = excluded.public_key, announced_at = excluded.announced_at
      where sealing_keys.public_key <> excluded.public_key`,
    { part, publicKey },
  )
}

/** The key to seal with for a part. Errors: `part_not_started` until that part has run once. */
export async function getSealingKey(db: Db, part: SealingPart): Promise<Buffer> {
  const row = await findRow<{ publicKey: Buffer }>(
    db,
    `select public_key as "publicKey"
       from sealing_keys
      where part = :part`,
    { part },
  )
  if (row !== undefined) return row.publicKey
  throw new AppError(
    'part_not_started',
    `The ${part} has not run on this store yet, so nothing can be sealed to it: start it once, then try again.`,
  )
}
