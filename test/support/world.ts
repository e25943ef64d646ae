import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { derivePartKey, openingKey, publicBytesOf, seal } from '../../lib/seal.ts'
import { aboutAdminUrl, createDataSource, type DataSource } from '../../db/data-sources.ts'
import { createGroup } from '../../db/groups.ts'
import { migrate } from '../../db/migrate.ts'
import { providePartLogins } from '../../db/part-logins.ts'
import { createPerson, getDefaultOrganization, type Person } from '../../db/people.ts'
import { createRole, type Role } from '../../db/roles.ts'
import { systemOrigin, type Origin, type PersonScope } from '../../db/scope.ts'
import { announceKey } from '../../db/sealing-keys.ts'
import { openStore, type Store, type Transaction } from '../../db/store.ts'
import { createDatabase, dataSourceCluster, dropDatabase, storeCluster } from './clusters.ts'
import type { TestCluster } from './clusters.ts'
import { createStoreDatabase } from './store-template.ts'

export const NAMES = ['mark', 'admin', 'john', 'audrey'] as const
export type Name = (typeof NAMES)[number]
export type RoleName = 'role1' | 'role2' | 'role3'

/** A migrated store with people and roles, beside a data source that has something to ask for. */
export interface World {
  /** The store under each part's own login, and as its owner. */
  readonly portal: Store
  readonly broker: Store
  readonly proxy: Store
  readonly owner: Store
  readonly masterKey: Buffer
  readonly people: Readonly<Record<Name, Person>>
  readonly scopes: Readonly<Record<Name, PersonScope>>
  readonly origins: Readonly<Record<Name, Origin>>
  readonly dataSource: DataSource
  readonly roles: Readonly<Record<RoleName, Role>>
  readonly shop: Shop
  close(): Promise<void>
}

/** The data source as a superuser sees it. */
export interface Shop {
  readonly database: string
  readonly cluster: TestCluster
  readonly superuserUrl: string
  /** The broker's own login there: CREATEROLE and pg_signal_backend, not a superuser. */
  readonly adminUrl: string
  readonly adminName: string
}

/** Servers of a test's own, for one that stops or breaks them. */
export interface Clusters {
  readonly store: TestCluster
  readonly source: TestCluster
}

/** Makes a world of its own, by default on clusters that the whole test run shares. */
export async function makeWorld(own: Partial<Clusters> = {}): Promise<World> {
  const cluster = own.store ?? (await storeCluster())
  const database = await makeStoreDatabase(cluster, own)
  const ownerUrl = cluster.superuserUrl(database)
  const masterKey = randomBytes(32)
  const urls = await providePartLogins(ownerUrl, masterKey)
  const stores = {
    owner: openStore(ownerUrl, { poolSize: 2 }),
    portal: openStore(urls.portal),
    broker: openStore(urls.broker),
    proxy: openStore(urls.proxy, { poolSize: 4 }),
  }
  const shop = await makeShop(own.source ?? (await dataSourceCluster()))
  const made = await stores.owner.change((tx) => furnish(tx, masterKey, shop))
  return {
    ...stores,
    ...made,
    masterKey,
    shop,
    close: async () => {
      await Promise.all(Object.values(stores).map((store) => store.close()))
      await dropDatabase(cluster, database)
      await dropShop(shop)
    },
  }
}

/** Runs one statement on a data source as whoever the address names. */
export async function runOn<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 15_000 })
  // a server that ends the connection says so to the statement under way, and then once more
  client.on('error', () => undefined)
  await client.connect()
  try {
    const answer = await againWhenRaced(() => client.query<Row>(sql, [...values]))
    return answer.rows
  } finally {
    await client.end()
  }
}

const RACED_TRIES = 5

/**
 * PostgreSQL refuses one of two GRANTs, REVOKEs or DROP OWNEDs that change one object's rights at
 * once ("tuple concurrently updated"), and the broker may be at it: a DBA would try again.
 */
export async function againWhenRaced<Answer>(query: () => Promise<Answer>): Promise<Answer> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await query()
    } catch (error) {
      if (tried === RACED_TRIES || !String(error).includes('tuple concurrently')) throw error
    }
  }
}

async function makeStoreDatabase(cluster: TestCluster, own: Partial<Clusters>): Promise<string> {
  if (own.store === undefined) return createStoreDatabase(cluster)
  const database = await createDatabase(cluster)
  await migrate(cluster.superuserUrl(database))
  return database
}

async function furnish(
  tx: Transaction,
  masterKey: Buffer,
  shop: Shop,
): Promise<Pick<World, 'people' | 'scopes' | 'origins' | 'dataSource' | 'roles'>> {
  const organization = await getDefaultOrganization(tx)
  const setUp = systemOrigin(organization, randomUUID(), 'set-up')
  const person = (username: Name, flags: Partial<Person> = {}): Promise<Person> =>
    createPerson(tx, setUp, {
      username,
      displayName: username,
      passwordHash: null,
      portalUser: true,
      auditUser: flags.auditUser ?? false,
      managementPrivilege: flags.managementPrivilege ?? 'none',
    })
  const people = {
    mark: await person('mark'),
    admin: await person('admin', { managementPrivilege: 'admin' }),
    john: await person('john'),
    audrey: await person('audrey', { auditUser: true }),
  }
  const brokerKey = publicKeyOf(masterKey, 'broker')
  await announceKey(tx, 'broker', brokerKey)
  await announceKey(tx, 'proxy', publicKeyOf(masterKey, 'proxy'))

  const id = randomUUID()
  const dataSource = await createDataSource(tx, setUp, {
    id,
    name: 'shop',
    host: shop.cluster.host,
    port: shop.cluster.port,
    databases: [shop.database],
    defaultDatabase: shop.database,
    tlsMode: 'disable',
    tlsCa: null,
    adminSealed: seal(brokerKey, shop.adminUrl, aboutAdminUrl(id)),
  })
  const group = async (member: Person): Promise<string> =>
    (await createGroup(tx, setUp, { name: `${member.username}s`, memberIds: [member.id] })).id
  const role = (name: RoleName, databaseRole: string, approverGroupId: string | null) =>
    createRole(tx, setUp, {
      dataSourceId: dataSource.id,
      name,
      databaseRole,
      approverGroupId,
      approvalsNeeded: approverGroupId === null ? 0 : 1,
      defaultMinutes: 30,
      maximumMinutes: 60,
    })
  const roles = {
    role1: await role('role1', 'orders_reader', await group(people.john)),
    role2: await role('role2', 'customers_reader', null),
    role3: await role('role3', 'orders_writer', await group(people.admin)),
  }
  return {
    people,
    scopes: mapNames((name) => ({ kind: 'person', organization, person: people[name] })),
    origins: mapNames((name) => ({
      actor: { type: 'person', id: people[name].id, name },
      organization,
      correlationId: randomUUID(),
      authMethod: 'password',
      clientIp: '127.0.0.1',
    })),
    dataSource,
    roles,
  }
}

function mapNames<T>(make: (name: Name) => T): Record<Name, T> {
  return { mark: make('mark'), admin: make('admin'), john: make('john'), audrey: make('audrey') }
}

function publicKeyOf(masterKey: Buffer, part: 'broker' | 'proxy'): Buffer {
  return publicBytesOf(openingKey(derivePartKey(masterKey, part)))
}

async function makeShop(cluster: TestCluster): Promise<Shop> {
  const database = await createDatabase(cluster)
  const superuserUrl = cluster.superuserUrl(database)
  const adminName = `broker_${randomBytes(6).toString('hex')}`
  const password = randomBytes(12).toString('hex')
  await runOn(superuserUrl, SHARED_ROLES)
  const [{ version } = { version: 0 }] = await runOn<{ version: number }>(
    superuserUrl,
    `select current_setting('server_version_num')::int as version`,
  )
  await runOn(
    superuserUrl,
    `create role ${adminName} login createrole password '${password}';
     grant pg_signal_backend to ${adminName};
     grant orders_reader, customers_reader, orders_writer, daypass_session, daypass_residue
        to ${adminName} with admin option${version >= 160_000 ? ', inherit true, set true' : ''};
     grant connect on database ${database} to ${adminName};
     create table orders (id integer primary key, item text not null, state text not null default 'open');
     create table customers (id integer primary key, name text not null);
     insert into orders select n, 'item ' || n from generate_series(1, 50) n;
     insert into customers select n, 'customer ' || n from generate_series(1, 20) n;
     grant select on orders to orders_reader;
     grant select on customers to customers_reader;
     grant select, insert, update, delete on orders to orders_writer;
     grant create on schema public to public;
     grant create on database ${database} to public`,
  )
  const url = new URL(superuserUrl)
  url.username = adminName
  url.password = password
  return { database, cluster, superuserUrl, adminUrl: url.href, adminName }
}

/** Roles belong to the cluster, which other worlds share. */
const SHARED_ROLES = `
do $$
declare
  shared text;
begin
  perform pg_advisory_xact_lock(1);
  foreach shared in array array['orders_reader', 'customers_reader', 'orders_writer', 'daypass_session', 'daypass_residue'] loop
    if not exists (select from pg_roles where rolname = shared) then
      execute format('create role %I nologin', shared);
    end if;
  end loop;
end
$$`

async function dropShop({ cluster, database, superuserUrl, adminName }: Shop): Promise<void> {
  const users = await runOn<{ name: string }>(
    superuserUrl,
    `select quote_ident(r.rolname) as name
       from pg_roles r
       join pg_auth_members m on m.member = r.oid and m.roleid = 'daypass_session'::regrole
      where r.rolname like 'dp!_%' escape '!'
        -- before 16 who makes a role is no member of it
        and (m.grantor = to_regrole($1)
             or exists (select from pg_auth_members a
                         where a.roleid = r.oid and a.member = to_regrole($1)))`,
    [adminName],
  )
  for (const { name } of users) {
    await runOn(superuserUrl, `drop owned by ${name}; drop role ${name}`)
  }
  await runOn(superuserUrl, `drop owned by ${adminName}`)
  await dropDatabase(cluster, database)
  await runOn(cluster.superuserUrl(), `drop role ${adminName}`)
}
