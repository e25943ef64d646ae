import { randomUUID } from 'node:crypto'
import { isLoopback } from '../../lib/settings-reader.ts'
import { askForCheck } from '../../db/data-source-checks.ts'
import {
  aboutAdminUrl,
  createDataSource,
  findDataSource,
  moveDataSource,
  type DataSource,
} from '../../db/data-sources.ts'
import { isFree, type Home } from '../../db/embedded.ts'
import { createGroup } from '../../db/groups.ts'
import { findPersonByUsername } from '../../db/people.ts'
import { createRole } from '../../db/roles.ts'
import type { Origin, Scope } from '../../db/scope.ts'
import { openStore, type Store, type Transaction } from '../../db/store.ts'
import { derivePartKey, openingKey, publicBytesOf, seal } from '../../lib/seal.ts'
import { demoFile, type DemoPerson, type DemoWorld, type Keys } from '../home-file.ts'
import { demoOrigin, makeDemoPeople } from './people.ts'
import { startShop, type Shop } from './shop.ts'

const OPERATOR: Scope = { kind: 'part', part: 'operator' }
const SHOP = 'shop'
const DEFAULT_PORT = 5432

/** The demo world, running: its data source's server and what to tell the newcomer. */
export interface Demo {
  readonly shop: Shop
  readonly world: DemoWorld | undefined
}

/** Starts the demo data source and, at the first start, makes people, groups and roles around it. */
export async function startDemo(
  home: Home,
  keys: Keys,
  { ownerUrl, masterKey }: { ownerUrl: string; masterKey: Buffer },
): Promise<Demo> {
  const store = openStore(ownerUrl, { poolSize: 1 })
  try {
    const kept = await findDataSource(store.db, OPERATOR, SHOP)
    const port = kept !== undefined && (await isFree(kept.port)) ? kept.port : undefined
    const shop = await startShop(home, keys, port)
    const sealed = sealingFor(masterKey, shop.adminUrl)
    const file = demoFile(home.dir)
    if (kept === undefined) {
      await makeDemoWorld(store, {
        shopUrl: shop.adminUrl,
        sealed,
        // before the commit: a crash in between leaves no people without passwords
        tell: (people) => file.write({ people, ...addresses(shop, ownerUrl) }),
      })
    } else if (kept.port !== shop.server.port) await moveShop(store, kept, { shop, sealed })
    return { shop, world: refreshFile(home, { shop, ownerUrl }) }
  } finally {
    await store.close()
  }
}

/** Seals the admin URL of a data source, by its id, to the broker of this master key. */
export function sealingFor(masterKey: Buffer, adminUrl: string): (id: string) => Buffer {
  const broker = publicBytesOf(openingKey(derivePartKey(masterKey, 'broker')))
  return (id) => seal(broker, adminUrl, aboutAdminUrl(id))
}

interface Making {
  readonly shopUrl: string
  readonly sealed: (id: string) => Buffer
  readonly tell: (people: readonly DemoPerson[]) => void
}

/** Makes the demo's people, groups, data source and roles in the store, all of them or none. */
export async function makeDemoWorld(
  store: Store,
  { shopUrl, sealed, tell }: Making,
): Promise<void> {
  const { hostname, port } = new URL(shopUrl)
  await store.change(async (tx) => {
    const origin = await demoOrigin(tx)
    const people = await makeDemoPeople(tx, origin)
    const id = randomUUID()
    await createDataSource(tx, origin, {
      id,
      name: SHOP,
      host: hostname,
      port: Number(port === '' ? DEFAULT_PORT : port),
      databases: ['shop'],
      defaultDatabase: 'shop',
      tlsMode: isLoopback(hostname) ? 'disable' : 'require',
      tlsCa: null,
      adminSealed: sealed(id),
    })
    await askForCheck(tx, { dataSourceId: id, cause: 'registration', askedBy: 'system' })
    await makeRoles(tx, origin, id)
    tell(people)
  })
}

async function makeRoles(tx: Transaction, origin: Origin, dataSourceId: string): Promise<void> {
  const readers = await groupOf(tx, origin, { name: 'Order readers', member: 'john' })
  const writers = await groupOf(tx, origin, { name: 'Order writers', member: 'admin' })
  const roles = [
    {
      name: 'role1',
      databaseRole: 'shop_read_orders',
      description: 'Read orders',
      approverGroupId: readers,
      approvalsNeeded: 1,
    },
    {
      name: 'role2',
      databaseRole: 'shop_read_customers',
      description: 'Read customers',
      approverGroupId: null,
      approvalsNeeded: 0,
    },
    {
      name: 'role3',
      databaseRole: 'shop_write_orders',
      description: 'Write orders',
      approverGroupId: writers,
      approvalsNeeded: 1,
    },
  ]
  for (const role of roles) {
    const terms = { dataSourceId, defaultMinutes: 30, maximumMinutes: 60 }
    const { id } = await createRole(tx, origin, { ...role, ...terms })
    await askForCheck(tx, { dataSourceId, roleId: id, cause: 'registration', askedBy: 'system' })
  }
}

async function groupOf(
  tx: Transaction,
  origin: Origin,
  { name, member }: { name: string; member: string },
): Promise<string> {
  const person = await findPersonByUsername(tx, OPERATOR, member)
  const memberIds = person === undefined ? [] : [person.id]
  return (await createGroup(tx, origin, { name, memberIds })).id
}

/** Another program took the port between two starts: the data source answers on a new one. */
async function moveShop(
  store: Store,
  kept: DataSource,
  { shop, sealed }: { shop: Shop; sealed: (id: string) => Buffer },
): Promise<void> {
  await store.change(async (tx) => {
    const origin = await demoOrigin(tx)
    const to = { id: kept.id, port: shop.server.port, adminSealed: sealed(kept.id) }
    await moveDataSource(tx, origin, to)
  })
}

/** The servers' ports differ from start to start; the people stay. */
function refreshFile(
  home: Home,
  { shop, ownerUrl }: { shop: Shop; ownerUrl: string },
): DemoWorld | undefined {
  const file = demoFile(home.dir)
  const kept = file.find()
  if (kept === undefined) return undefined
  const world = { people: kept.people, ...addresses(shop, ownerUrl) }
  file.write(world)
  return world
}

function addresses(shop: Shop, ownerUrl: string): Omit<DemoWorld, 'people'> {
  return { storeUrl: ownerUrl, dataSources: [{ name: SHOP, superuserUrl: shop.superuserUrl }] }
}
