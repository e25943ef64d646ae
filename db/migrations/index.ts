import type { Knex } from 'knex'
import { foundation } from './001-foundation.ts'
import { rights } from './002-rights.ts'
import { tighter } from './003-tighter.ts'
import { broker } from './004-broker.ts'
import { wire } from './005-wire.ts'
import { audit } from './006-audit.ts'
import { people } from './007-people.ts'
import { search } from './008-search.ts'
import { tokens } from './009-tokens.ts'
import { mfa } from './010-mfa.ts'
import { passwords } from './011-passwords.ts'

/** One step of the store's schema: a name that never changes and raw SQL that imports nothing. */
export interface Migration {
  readonly name: string
  readonly sql: string
}

/** Every migration in order. A landed one is never edited: add the next. */
export const migrations: readonly Migration[] = [
  foundation,
  rights,
  tighter,
  broker,
  wire,
  audit,
  people,
  search,
  tokens,
  mfa,
  passwords,
]

/**
 * The list above as knex wants it. Names carry no file extension, so that the same store is
 * recognized from source, from dist/ and from a bundle.
 */
export const migrationSource: Knex.MigrationSource<Migration> = {
  getMigrations: () => Promise.resolve([...migrations]),
  getMigrationName: (migration) => migration.name,
  getMigration: (migration) =>
    Promise.resolve({
      up: (knex: Knex) => knex.raw(migration.sql),
      down: () =>
        Promise.reject(new Error('the store only moves forward: restore a backup instead')),
    }),
}
