import path from 'node:path'
import pg from 'pg'
import { EmbeddedPostgres, type Home } from '../../db/embedded.ts'
import { makeVerifier } from '../../lib/scram.ts'
import { withClient } from '../embedded-store.ts'
import type { Keys } from '../home-file.ts'

/** The demo data source: a second cluster, because session users must not reach the store. */
export interface Shop extends ShopUrls {
  readonly server: EmbeddedPostgres
}

/** How to reach the demo's database. */
export interface ShopUrls {
  readonly superuserUrl: string
  /** The broker's login there: it makes session users and is no superuser. */
  readonly adminUrl: string
}

const DATABASE = 'shop'
const BROKER = 'daypass_broker'

/** Starts the demo data source and, the first time, fills it. */
export async function startShop(home: Home, keys: Keys, port: number | undefined): Promise<Shop> {
  const server = await new EmbeddedPostgres({
    dir: path.join(home.dir, 'shop'),
    password: keys.demoPassword,
    binDir: home.binDir,
    ...(port === undefined ? {} : { port }),
    ...(home.runAs === undefined ? {} : { runAs: home.runAs }),
    settings: { max_connections: '200', max_prepared_transactions: '10' },
  }).start()
  return { server, ...(await provideShop(server.url(), keys.demoBrokerPassword)) }
}

/**
 * Makes the demo's database, tables, roles and broker login on a server, where they are missing.
 * The login that is given must be a superuser's.
 */
export async function provideShop(serverUrl: string, brokerPassword: string): Promise<ShopUrls> {
  const superuserUrl = urlWith(serverUrl, { database: DATABASE })
  await withClient(serverUrl, (client) => provideDatabase(client, brokerPassword))
  await withClient(superuserUrl, fillOnce)
  const adminUrl = urlWith(superuserUrl, { user: BROKER, password: brokerPassword })
  return { superuserUrl, adminUrl }
}

function urlWith(
  from: string,
  { database, user, password }: { database?: string; user?: string; password?: string },
): string {
  const url = new URL(from)
  if (database !== undefined) url.pathname = `/${database}`
  if (user !== undefined) url.username = user
  if (password !== undefined) url.password = password
  return url.href
}

async function provideDatabase(client: pg.Client, brokerPassword: string): Promise<void> {
  const broker = await client.query('select from pg_roles where rolname = $1', [BROKER])
  if (broker.rowCount === 0) {
    const verifier = await makeVerifier(brokerPassword)
    await client.query(`create role ${BROKER} login createrole password '${verifier}'`)
    await client.query(`grant pg_signal_backend to ${BROKER}`)
  }
  const found = await client.query('select from pg_database where datname = $1', [DATABASE])
  if (found.rowCount === 0) await client.query(`create database ${DATABASE}`)
}

/** One transaction: a start that was killed half-way finds nothing and fills again. */
async function fillOnce(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(
    `select to_regclass('public.orders') is not null as there`,
  )
  if (rows[0]?.there === true) return
  await client.query('begin')
  await client.query(TABLES)
  await client.query(GOODS)
  await client.query(ROLES)
  await client.query(await lendingOn(client))
  await client.query('commit')
  await client.query('analyze')
}

const TABLES = /* sql */ `
create table customers (
  id         integer generated always as identity primary key,
  name       text not null,
  email      text not null,
  city       text not null,
  joined_on  date not null
);
create table products (
  id    integer generated always as identity primary key,
  name  text not null,
  price numeric(10, 2) not null
);
create table orders (
  id          integer generated always as identity primary key,
  customer_id integer not null references customers,
  placed_at   timestamptz not null,
  status      text not null check (status in ('open', 'paid', 'shipped', 'returned')),
  total       numeric(10, 2) not null default 0
);
create table order_lines (
  order_id   integer not null references orders,
  product_id integer not null references products,
  quantity   integer not null check (quantity > 0),
  price      numeric(10, 2) not null,
  primary key (order_id, product_id)
);
create index on orders (customer_id);
`

/** Thousands of rows that look like a small shop's and are the same on every machine. */
const GOODS = /* sql */ `
select setseed(0.42);

insert into customers (name, email, city, joined_on)
select first || ' ' || last,
       lower(first || '.' || last || n || '@example.com'),
       (array['Warsaw', 'Lisbon', 'Oslo', 'Turin', 'Ghent', 'Graz', 'Brno', 'Cork'])[1 + floor(random() * 8)],
       date '2022-01-01' + floor(random() * 1400)::int
  from (select n,
               (array['Ada', 'Ben', 'Chiara', 'Dmitri', 'Elena', 'Farid', 'Greta', 'Hugo', 'Ines', 'Jonas',
                      'Katya', 'Liam', 'Mina', 'Noor', 'Otto', 'Pia'])[1 + floor(random() * 16)] as first,
               (array['Albers', 'Baran', 'Costa', 'Duarte', 'Eriksen', 'Fischer', 'Gallo', 'Horvat', 'Ivanov',
                      'Jansen', 'Kowal', 'Larsen', 'Moreau', 'Novak', 'Okafor', 'Peeters'])[1 + floor(random() * 16)] as last
          from generate_series(1, 2000) as n) as people;

insert into products (name, price)
select material || ' ' || thing, round((2 + random() * 180)::numeric, 2)
  from unnest(array['Oak', 'Steel', 'Linen', 'Glass', 'Cork', 'Wool', 'Copper', 'Slate']) as material,
       unnest(array['table lamp', 'tray', 'cushion', 'bowl', 'coaster', 'throw', 'kettle', 'clock', 'shelf', 'stool',
                    'vase', 'frame', 'jug', 'basket', 'mirror']) as thing;

insert into orders (customer_id, placed_at, status)
select 1 + floor(random() * 2000)::int,
       timestamptz '2024-01-01 08:00Z' + random() * interval '1000 days',
       (array['open', 'paid', 'shipped', 'shipped', 'shipped', 'returned'])[1 + floor(random() * 6)]
  from generate_series(1, 6000);

insert into order_lines (order_id, product_id, quantity, price)
select distinct on (o.id, product) o.id, product, 1 + floor(random() * 4)::int, p.price
  from orders o
 cross join lateral (select 1 + floor(random() * 120 + o.id * 0)::int as product
                       from generate_series(1, 1 + o.id % 4)) as picks
  join products p on p.id = picks.product;

update orders o
   set total = l.total
  from (select order_id, sum(quantity * price) as total from order_lines group by order_id) as l
 where l.order_id = o.id;
`

/** What people ask for, each with just its rights. */
const ROLES = /* sql */ `
revoke create on schema public from public;
create role shop_read_orders nologin;
create role shop_read_customers nologin;
create role shop_write_orders nologin;
grant select on orders, order_lines, products to shop_read_orders;
grant select on customers to shop_read_customers;
grant select, insert, update, delete on orders, order_lines to shop_write_orders;
grant select on products to shop_write_orders;
`

/** The broker hands them on, and from 16 on it can't use them itself. */
async function lendingOn(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ options: string }>(
    `select case when current_setting('server_version_num')::int >= 160000
                 then 'with admin true, inherit false, set false'
                 else 'with admin option'
            end as options`,
  )
  const options = rows[0]?.options ?? ''
  return `grant shop_read_orders, shop_read_customers, shop_write_orders to ${BROKER} ${options}`
}
