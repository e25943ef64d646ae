import { userInfo } from 'node:os'
import { readConfig } from '../config.ts'
import { getDefaultOrganization } from '../db/people.ts'
import type { Origin, Scope } from '../db/scope.ts'
import { openStore, rows, StoreUnreachable, type Store } from '../db/store.ts'
import { AppError } from '../lib/errors.ts'
import { uuidv7 } from '../lib/ids.ts'
import { findRunning } from './home-file.ts'

export const OPERATOR: Scope & { kind: 'part' } = { kind: 'part', part: 'operator' }

/**
 * Runs an operator's command on the store as its owner: from the settings, or on the embedded
 * store of this data dir while it runs. Errors: `store_unreachable`, `not_running`.
 */
export async function onStore<T>(work: (store: Store, origin: Origin) => Promise<T>): Promise<T> {
  const store = openStore(findOwnerUrl(), { poolSize: 1 })
  try {
    const organization = await getDefaultOrganization(store.db).catch((cause: unknown) => {
      throw new StoreUnreachable(cause)
    })
    await rows(store.db, 'select 1')
    return await work(store, {
      actor: { type: 'system', id: 'operator', name: `operator (${userInfo().username})` },
      organization,
      correlationId: uuidv7(),
    })
  } finally {
    await store.close()
  }
}

function findOwnerUrl(): string {
  const config = readConfig()
  const set = config.storeOwnerUrl ?? config.storeUrl
  if (set !== undefined) return set
  const running = findRunning(config.dataDir)
  if (running !== undefined) return running.storeOwnerUrl
  throw new AppError(
    'store_unreachable',
    'No store found: set DAYPASS_STORE_OWNER_URL, or start Daypass with npm start and call this from the same folder (or with the same DAYPASS_DATA_DIR).',
  )
}
