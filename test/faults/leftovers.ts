import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { storyOf, until } from '../support/broker.ts'
import { createDatabase, dropDatabase } from '../support/clusters.ts'
import { awaitAlert, listOurRoles } from '../support/oracles.ts'
import { ACCESS_ENDS_MS, Late, seconds } from '../support/oracles-ends.ts'
import { onServer } from '../support/own-servers.ts'
import { runOn } from '../support/world.ts'
import type { Bench } from './bench.ts'
import type { Cell } from './cell.ts'
import { upstreamSecretOf } from './secrets.ts'

/** What session users, and people with other tools, do on the data source. */
export const LEFTOVERS: readonly Cell[] = [
  {
    name: 'the user owns everything there is to own, in two databases',
    holds: 'I2; handed over or gone; named in session_residue',
    run: ownsEverything,
  },
  {
    name: 'a DBA gave the user a right that the broker may not take',
    holds: 'access ends at once, I12 names the object, the role goes when the right does',
    run: foreignRight,
  },
  {
    name: 'a reconnect storm while ending',
    holds: 'I2: none left, by OID',
    run: reconnectStorm,
  },
  {
    name: 'a dump holds locks on what the user made',
    holds: 'access ends at once, the objects follow',
    run: locksHeld,
  },
  {
    name: 'a role of that name exists and is not ours',
    holds: 'never adopted, never dropped; granted under another name',
    run: nameIsTaken,
  },
  {
    name: 'a DBA drops the user by hand, with somebody inside',
    holds: 'success: the session ends with that reason; who is inside is found by OID',
    run: droppedByHand,
  },
  {
    name: 'the broker loses CREATEROLE',
    holds: 'I12: an alert within 60 s; the removal is done when it has it again',
    run: losesCreaterole,
  },
]

const MAKES = [
  'create table kept (n integer primary key)',
  'insert into kept values (1)',
  "create type mood as enum ('fine')",
  'create function answer() returns integer language sql security definer as $$ select 42 $$',
  'create schema own',
  'create view own.seen as select * from kept',
  'create sequence own.counted',
  'select lo_create(0)',
  'alter default privileges grant select on tables to public',
  'grant select on kept to orders_reader',
  `begin; insert into kept values (2); prepare transaction 'left'`,
]

async function ownsEverything(bench: Bench): Promise<void> {
  const { cluster, database } = bench.world.shop
  const other = await createDatabase(cluster)
  await runOn(cluster.superuserUrl(other), 'grant create on schema public to orders_writer')
  bench.onClose(() => dropDatabase(cluster, other))
  await bench.readyBroker()
  const { id } = await bench.request(['role3'])
  const session = await bench.granted(id)
  const client = await bench.enter(session)
  for (const sql of MAKES) await client.query(sql.replace(`'left'`, `'left ${database}'`))
  const elsewhere = await bench.enter(session, other)
  await elsewhere.query('create table elsewhere (n integer)')
  await runOn(
    cluster.superuserUrl(other),
    `create table given (n integer);
     alter table given owner to orders_writer;
     set role orders_writer;
     grant select on given to ${session.username ?? ''}`,
  )
  bench.injected = true
  await bench.cancel(id)
  await bench.gone(performance.now())
  const owners = await bench.onShop<{ owner: string }>(
    `select distinct pg_get_userbyid(owner) as owner
       from (select relowner as owner from pg_class where relname in ('kept', 'seen', 'counted')
             union all select proowner from pg_proc where proname = 'answer'
             union all select typowner from pg_type where typname = 'mood'
             union all select nspowner from pg_namespace where nspname = 'own'
             union all select lomowner from pg_largeobject_metadata) o`,
  )
  assert.deepEqual(owners, [{ owner: 'daypass_residue' }])
  assert.deepEqual(await bench.onShop('select n from kept'), [{ n: 1 }])
  assert.deepEqual(await bench.onShop('select from pg_default_acl'), [])
  await bench.sound()
  await until(
    'what was left behind is named',
    async () => {
      const found = await bench.onStore<{ name: string }>(
        `select name from session_residue where session_id = :id`,
        { id },
      )
      const names = found.map(({ name }) => name).join(' ')
      return ['kept', 'mood', 'answer', 'own', 'elsewhere'].every((name) => names.includes(name))
    },
    30_000,
  )
  await bench.onShop('drop owned by daypass_residue cascade')
}

async function foreignRight(bench: Bench): Promise<void> {
  await bench.readyBroker()
  const { id } = await bench.request()
  const session = await bench.granted(id)
  const user = session.username ?? ''
  await bench.enter(session)
  // PostgreSQL lets only an owner, or one who may grant, take a right back: not a CREATEROLE login
  await bench.onShop(`create table given (n integer); grant select on given to ${user}`)
  bench.injected = true
  await bench.cancel(id)
  await accessEnds(bench)
  assert.ok(
    await awaitAlert(bench.world, ['removal_late', 'end_late']),
    'I12: no alert within 60 s',
  )
  const [job] = await bench.onStore<{ detail: string }>(
    `select detail from session_jobs where session_id = :id and kind = 'removal'`,
    { id },
  )
  assert.match(job?.detail ?? '', /given/)
  await bench.onShop(`revoke all on given from ${user}`)
  await bench.gone(performance.now())
  await bench.sound()
}

/** The half of I2 that nothing may delay. */
async function accessEnds(bench: Bench): Promise<void> {
  const begun = performance.now()
  await until('nobody can log in and nobody is connected', async () =>
    (await listOurRoles(bench.world)).every(({ login, backends }) => !login && backends === 0),
  )
  const took = performance.now() - begun
  bench.note(`access ended ${seconds(took)}`)
  if (took > ACCESS_ENDS_MS) throw new Late(`access ended after ${seconds(took)}`)
}

async function reconnectStorm(bench: Bench): Promise<void> {
  await bench.readyBroker()
  const { id } = await bench.request()
  const session = await bench.granted(id)
  const url = new URL(bench.world.shop.superuserUrl)
  url.username = session.username ?? ''
  // a password of our own would be set right by the next comparison
  url.password = await upstreamSecretOf(bench.world, session.id)
  let entered = 0
  let isOver = false
  const storm = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 5_000 })
      client.on('error', () => undefined)
      try {
        await client.connect()
        entered += 1
        await client.query('select pg_sleep(0.2)')
      } catch {
        // refused or cut off: that is what is wanted
      }
      await client.end().catch(() => undefined)
    }
  })
  bench.onClose(() => {
    isOver = true
    return Promise.all(storm)
  })
  await until('the storm blows', () => Promise.resolve(entered > 50), 20_000)
  bench.injected = true
  await bench.cancel(id)
  await bench.gone(performance.now())
  bench.note(`${String(entered)} connections got in before`)
  await bench.sound()
}

async function locksHeld(bench: Bench): Promise<void> {
  await bench.readyBroker()
  const { id } = await bench.request(['role3'])
  const session = await bench.granted(id)
  const client = await bench.enter(session)
  await client.query('create table dumped (n integer)')
  const dump = new pg.Client({ connectionString: bench.world.shop.superuserUrl })
  dump.on('error', () => undefined)
  await dump.connect()
  bench.onClose(() => dump.end())
  await dump.query('begin; lock table dumped in access share mode')
  bench.injected = true
  await bench.cancel(id)
  await accessEnds(bench)
  await sleep(6_000)
  assert.equal((await listOurRoles(bench.world)).length, 1, 'the lock held nothing up')
  await dump.query('commit')
  await bench.gone(performance.now())
  await bench.sound()
}

async function nameIsTaken(bench: Bench): Promise<void> {
  // the broker dies between its intent and the making, and somebody takes the name meanwhile
  const first = await bench.readyBroker({ failpoint: 'g1.after:kill9' })
  const { id } = await bench.request()
  assert.ok(await first.line('reached'), first.printed())
  await first.exited()
  const [intent] = await bench.onStore<{ name: string }>(
    'select username as name from session_users',
  )
  const taken = intent?.name ?? ''
  await bench.onShop(`create role ${taken} login password 'mine'`)
  bench.onClose(() => bench.onShop(`drop role ${taken}`))
  bench.injected = true
  await bench.readyBroker()
  const session = await bench.granted(id)
  assert.notEqual(session.username, taken)
  await bench.cancel(id)
  await bench.gone(performance.now())
  const still = await bench.onShop(
    `select rolcanlogin as login, rolconnlimit as "limit" from pg_roles where rolname = $1`,
    [taken],
  )
  assert.deepEqual(still, [{ login: true, limit: -1 }])
  await bench.sound()
}

const UNNAMED = `
  select cast(count(*) as integer) as count
    from pg_stat_activity
   where datname = current_database() and usesysid is not null and usename is null`

async function droppedByHand(bench: Bench): Promise<void> {
  await bench.readyBroker()
  const { id } = await bench.request()
  const session = await bench.granted(id)
  const user = session.username ?? ''
  await bench.enter(session)
  await onServer(bench.world.shop.superuserUrl, async (dba) => {
    await dba.query(`begin; drop owned by ${user}; drop role ${user}`)
    // whose name PostgreSQL does not know any more; before a broker can have seen it
    assert.deepEqual((await dba.query(UNNAMED)).rows, [{ count: 1 }])
    await dba.query('commit')
  })
  bench.injected = true
  await until('it ended', async () => (await bench.look(id)).state === 'TERMINATED', 20_000)
  const ended = await bench.look(id)
  assert.match(ended.endReason ?? '', /no longer on shop/)
  await bench.gone(performance.now())
  assert.equal(await storyOf(bench.world, id), 'CREATED role_approved APPROVED GRANTED TERMINATED')
  // and one that was dropped after its end is as good as removed
  const second = await bench.granted((await bench.request()).id)
  const other = second.username ?? ''
  await bench.enter(second)
  await bench.cancel(second.id)
  await bench.onShop(`drop role if exists ${other}`).catch(() => undefined)
  await bench.gone(performance.now())
  assert.deepEqual(await bench.onShop(UNNAMED), [{ count: 0 }])
  await bench.sound()
}

async function losesCreaterole(bench: Bench): Promise<void> {
  const { adminName } = bench.world.shop
  await bench.readyBroker()
  const { id } = await bench.request()
  await bench.granted(id)
  await bench.onShop(`alter role ${adminName} nocreaterole`)
  bench.injected = true
  await bench.cancel(id)
  const rule = await awaitAlert(bench.world, ['removal_late', 'end_late'])
  assert.ok(rule, 'I12: no alert within 60 s')
  bench.note(`alert ${rule}`)
  const waiting = await bench.request()
  await sleep(2_000)
  assert.equal((await bench.look(waiting.id)).state, 'APPROVED')
  await bench.onShop(`alter role ${adminName} createrole`)
  await bench.gone(performance.now(), { ids: [id] })
  await bench.granted(waiting.id)
  await bench.cancel(waiting.id)
  await bench.gone(performance.now())
  await bench.sound()
}
