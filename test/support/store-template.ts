import { migrate } from '../../db/migrate.ts'
import { createDatabase, type TestCluster } from './clusters.ts'

/** By month, since a store is migrated with the tables of the one it is made in. */
const templates = new Map<string, Promise<string>>()

/** Makes a migrated store on the server that plays it: a copy of a template costs tens of milliseconds. */
export async function createStoreDatabase(cluster: TestCluster): Promise<string> {
  const month = new Date().toISOString().slice(0, 'YYYY-MM'.length)
  const template = templates.get(month) ?? makeTemplate(cluster)
  templates.set(month, template)
  return createDatabase(cluster, { template: await template })
}

async function makeTemplate(cluster: TestCluster): Promise<string> {
  const name = await createDatabase(cluster)
  await migrate(cluster.superuserUrl(name))
  return name
}
