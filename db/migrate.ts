import knex from 'knex'
import { AppError, sentenceOf } from '../lib/errors.ts'
import { migrations, migrationSource } from './migrations/index.ts'
import { QUIET, rows, type Db } from './store.ts'

/** Where knex notes what has landed. */
export const MIGRATIONS_TABLE = 'migrations'
const MIGRATION_DEADLINE_MS = 600_000

/**
 * Brings the store's schema up to this version, as the owner of its tables. Safe to run again and
 * from several machines at once. Returns the names of the steps it took.
 */
export async function migrate(ownerUrl: string): Promise<readonly string[]> {
  const db = knex({ client: 'pg', connection: ownerUrl, pool: { min: 0, max: 2 }, log: QUIET })
  try {
    await refuseNewerStore(db)
    // knex's own lock row survives a killed migration; an advisory lock goes with its connection
    return await db.transaction(async (tx) => {
      await tx.raw(`set local statement_timeout = ${String(MIGRATION_DEADLINE_MS)}`)
      await tx.raw(`select pg_advisory_xact_lock(hashtext('daypass migrate'))`)
      const [, taken] = (await tx.migrate.latest({
        migrationSource,
        tableName: MIGRATIONS_TABLE,
        disableMigrationsListValidation: false,
      })) as [number, string[]]
      // the trail needs its months before the first record is written
      await tx.raw(`select add_partitions((now() at time zone 'UTC')::date)`)
      return taken
    })
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw new AppError('migration_failed', `The store could not be migrated: ${hintOf(cause)}`, {
      cause,
    })
  } finally {
    await db.destroy()
  }
}

/**
 * Proves that the store has exactly the schema this version was written for. Errors:
 * `store_not_migrated` with what to run, `store_is_newer` when this program is too old.
 */
export async function checkSchema(db: Db): Promise<void> {
  const landed = await landedMigrations(db)
  const missing = migrations.filter(({ name }) => !landed.includes(name))
  refuseUnknown(landed)
  if (missing.length === 0) return
  throw new AppError(
    'store_not_migrated',
    `The store lacks ${missing.map(({ name }) => name).join(', ')}: run "daypass migrate" with DAYPASS_STORE_OWNER_URL set, then start again.`,
  )
}

async function refuseNewerStore(db: Db): Promise<void> {
  refuseUnknown(await landedMigrations(db))
}

function refuseUnknown(landed: readonly string[]): void {
  const known = new Set(migrations.map(({ name }) => name))
  const unknown = landed.filter((name) => !known.has(name))
  if (unknown.length === 0) return
  throw new AppError(
    'store_is_newer',
    `The store was migrated by a newer Daypass (${unknown.join(', ')}): start that version, or restore the backup made before it.`,
  )
}

async function landedMigrations(db: Db): Promise<string[]> {
  const [found] = await rows<{ there: boolean }>(
    db,
    `select to_regclass('public.${MIGRATIONS_TABLE}') is not null as there`,
  )
  if (found?.there !== true) return []
  return (await rows<{ name: string }>(db, `select name from ${MIGRATIONS_TABLE} order by id`)).map(
    ({ name }) => name,
  )
}

/** knex puts the whole statement in front of what the server said; the server's words suffice. */
function wordsOf(cause: unknown): string {
  const sentence = sentenceOf(cause)
  return sentence.slice(sentence.lastIndexOf(' - ') + 1).replace(/^- /, '')
}

function hintOf(cause: unknown): string {
  const hint = cause instanceof Error && 'hint' in cause ? cause.hint : undefined
  return typeof hint === 'string' ? `${wordsOf(cause)}. To mend it: ${hint}.` : wordsOf(cause)
}
