import { randomBytes } from 'node:crypto'
import { providePartLogins } from '../../db/part-logins.ts'
import { openStore, type Store } from '../../db/store.ts'
import type { KeyHolder } from '../../lib/seal.ts'
import { dropDatabase, storeCluster } from './clusters.ts'
import { createStoreDatabase } from './store-template.ts'

/** A store of a test's own, migrated, with the addresses of every login. */
export interface TestStore {
  readonly name: string
  /** The superuser here; in production the login that owns the tables. */
  readonly ownerUrl: string
  readonly owner: Store
  readonly masterKey: Buffer
  readonly partUrls: Readonly<Record<KeyHolder, string>>
  close(): Promise<void>
}

/** Makes one on the server that plays the store. */
export async function createStore(): Promise<TestStore> {
  const cluster = await storeCluster()
  const name = await createStoreDatabase(cluster)
  const ownerUrl = cluster.superuserUrl(name)
  const owner = openStore(ownerUrl)
  const masterKey = randomBytes(32)
  const partUrls = await providePartLogins(ownerUrl, masterKey)
  return {
    name,
    ownerUrl,
    owner,
    masterKey,
    partUrls,
    close: async () => {
      await owner.close()
      await dropDatabase(cluster, name)
    },
  }
}
