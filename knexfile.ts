import { readConfig } from './config.ts'
import { migrations as steps, migrationSource } from './db/migrations/index.ts'
import { MIGRATIONS_TABLE } from './db/migrate.ts'

// What knex's own command line reads: `npm run status` lists landed and pending migrations of the
// store named by DAYPASS_STORE_OWNER_URL. The product migrates through db/migrate.ts, same source.
const config = readConfig()

export const client = 'pg'
export const connection = config.storeOwnerUrl ?? config.storeUrl ?? ''
export const migrations = {
  tableName: MIGRATIONS_TABLE,
  migrationSource: {
    ...migrationSource,
    // what its command line calls a step that has not landed
    getMigrations: () => Promise.resolve(steps.map((step) => ({ ...step, file: step.name }))),
  },
}
