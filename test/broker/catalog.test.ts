import assert from 'node:assert/strict'
import pg from 'pg'
import type { SessionId } from '../../lib/ids.ts'
import { rows } from '../../db/store.ts'
import { keepOwned } from '../../broker/catalogs/owned.ts'
import { visitCatalogs } from '../../broker/catalogs/visit.ts'
import { onDataSource } from '../../broker/sources/data-source.ts'
import { cancel, requestSession } from '../../broker/sessions/lifecycle.ts'
import { findRole } from '../../broker/session-users/session-users.ts'
import type { Session } from '../../db/sessions.ts'
import { look, makeBroker, until, type HandBroker } from '../support/broker.ts'
import { createDatabase, dropDatabase } from '../support/clusters.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

describe('what a session leaves behind', () => {
  let world: World
  let broker: HandBroker
  let version: number

  before(async () => {
    world = await makeWorld()
    broker = makeBroker(world)
    await rows(world.owner.db, `update roles set approvals_needed = 0`)
    const [server] = await onShop<{ version: number }>(
      `select cast(current_setting('server_version_num') as integer) as version`,
    )
    version = server?.version ?? 0
    await onShop(`grant trigger on orders to orders_writer`)
  })
  after(() => world.close())

  const onShop = <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []) =>
    runOn<Row>(world.shop.superuserUrl, sql, values)
  /** Reads the catalogs now, as a broker does by itself every so often. */
  const readCatalogs = async (): Promise<void> => {
    await rows(
      world.owner.db,
      `update catalog_visits set visited_at = '-infinity', held_until = now() - interval '1 second'`,
    )
    await broker.tick()
  }
  const grant = async (roles: readonly string[] = ['role3']): Promise<Session> => {
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles,
      justification: 'ticket 7',
    })
    await broker.tick()
    return look(world, id)
  }
  const end = async ({ id }: Session): Promise<void> => {
    await cancel(world.portal, world.scopes.mark, world.origins.mark, id)
    await until('the session user is gone', async () => {
      await broker.tick()
      return (await look(world, id)).removedAt !== null
    })
  }
  /** Compares what has ended, as if a minute had passed. */
  const compare = async (): Promise<void> => {
    await rows(
      world.owner.db,
      `update sessions set removed_at = removed_at - interval '1 minute'
        where id in (select session_id from session_catalogs where compared_at is null)`,
    )
    await rows(world.owner.db, `update catalog_visits set held_until = now() - interval '1 second'`)
    await broker.tick()
  }
  const as = async ({ username }: Session, ...statements: readonly string[]): Promise<void> => {
    await onShop(`alter role ${username ?? ''} password 'known'`)
    const url = new URL(world.shop.superuserUrl)
    url.username = username ?? ''
    url.password = 'known'
    for (const sql of statements) await runOn(url.href, sql)
  }
  const residueOf = async ({ id, username }: Session): Promise<string[]> => {
    const found = await rows<{ line: string }>(
      world.owner.db,
      `select concat_ws(' ', attribution || ':', kind, name, change, '(' || detail || ')',
                        case database when '' then 'on the server' when :shop then '' else 'in ' || database end) as line
         from session_residue
        where session_id = :id
        order by attribution = 'changed meanwhile', kind, name`,
      { id, shop: world.shop.database },
    )
    return found.map(({ line }) => line.trim().replaceAll(username ?? '-', 'USER'))
  }
  const recordsOf = (id: SessionId) =>
    rows<{ action: string; outcome: string; details: Record<string, string> }>(
      world.owner.db,
      `select action, outcome, cast(body as json) -> 'details' as details
         from records
        where session_id = :id
          and (action = 'session.residue' or cast(body as json) -> 'details' ->> 'task' = 'comparison')
        order by seq`,
      { id },
    )
  const alertsOf = (id: SessionId) =>
    rows<{ rule: string; detail: string; resolved: boolean }>(
      world.owner.db,
      `select rule, detail, resolved_at is not null as resolved
         from alerts
        where session_id = :id
          and rule = 'residue'`,
      { id },
    )
  const isCompared = async ({ id }: Session): Promise<boolean> => {
    const waiting = await rows<{ done: boolean }>(
      world.owner.db,
      `select compared_at is not null as done from session_catalogs where session_id = :id`,
      { id },
    )
    return waiting.length > 0 && waiting.every(({ done }) => done)
  }

  it('is told with what and where, and is its own beyond doubt', async () => {
    await readCatalogs()
    const session = await grant()
    await as(
      session,
      'create table kept (id serial primary key)',
      'grant select on kept to orders_reader',
      `create type mood as enum ('fine')`,
      'create schema own',
      'create view own.seen as select * from kept',
      'create function own.answer(integer) returns integer language sql security definer as $$ select 42 $$',
      'create function own.tell() returns trigger language plpgsql as $$ begin return new; end $$',
      'create trigger told before update on orders for each row execute function own.tell()',
      'select lo_create(0), lo_create(0)',
      'alter default privileges grant select on tables to public',
      'alter role current_user set work_mem = 1024',
      `begin; insert into kept values (2); prepare transaction 'half done'`,
    )
    await end(session)
    const kept = await residueOf(session)
    await compare()

    const found = await residueOf(session)
    assert.deepEqual(found, kept, 'the comparison finds nothing that was not known')
    const withoutDetail = found.map((line) => line.replace(/ \(.*\)$/, ''))
    assert.deepEqual(withoutDetail, [
      'left behind: default acl for role USER on tables dropped',
      'left behind: function own.answer(integer) handed over',
      'left behind: function own.tell() handed over',
      'left behind: large object 2 large objects handed over',
      'left behind: prepared transaction half done dropped',
      'left behind: schema own handed over',
      'left behind: sequence public.kept_id_seq handed over',
      'left behind: table public.kept handed over',
      'left behind: trigger told on public.orders created',
      'left behind: type public.mood handed over',
      'left behind: view own.seen handed over',
    ])
    assert.ok(
      found.some((line) => line.includes('own.answer(integer) handed over (SECURITY DEFINER)')),
    )
    assert.ok(
      found.some((line) => line.includes('public.kept handed over (SELECT to orders_reader)')),
    )
    const [record, task] = await recordsOf(session.id)
    assert.equal(record?.action, 'session.residue')
    assert.equal(record.details['left_behind'], '11')
    assert.equal(record.details['changed_meanwhile'], '0')
    assert.match(
      record.details['names'] ?? '',
      /table public\.kept in database t_\w+ \(handed over\)/,
    )
    assert.equal(task?.action, 'task.succeeded')
    const alerts = await alertsOf(session.id)
    assert.equal(alerts[0]?.rule, 'residue')
    assert.match(alerts[0].detail, /left 11 objects behind\. On .*function own\.answer\(integer\)/)
    assert.doesNotMatch(alerts[0].detail, /half done/)

    await onShop('drop trigger told on orders')
    await readCatalogs()
    const [open] = await alertsOf(session.id)
    await onShop('drop owned by daypass_residue cascade')
    await readCatalogs()
    const [over] = await alertsOf(session.id)
    assert.equal(open?.resolved, false)
    assert.equal(over?.resolved, true, 'nobody is alarmed by what is gone')
  })

  it('keeps nobody from being removed by the length of its name', async () => {
    await readCatalogs()
    const session = await grant()
    await as(
      session,
      `do $$
       declare
         argument text;
         arguments text[];
       begin
         for n in 1..90 loop
           argument := 'a' || n || substr(md5(random()::text) || md5(random()::text), 1, 50);
           execute format('create domain %I as integer', argument);
           arguments := arguments || argument;
         end loop;
         execute format('create function longer(%s) returns integer language sql as ''select 1''',
                        array_to_string(arguments, ', '));
       end $$`,
    )
    await end(session)
    await compare()

    const found = await residueOf(session)
    const functions = found.filter((line) => line.includes(' function '))
    assert.equal(functions.length, 1, 'the comparison knows it by the name that is kept')
    assert.match(functions[0] ?? '', /… [0-9a-f]{32} handed over \(public\.longer\(.*a90\w+\)/)
    await onShop('drop owned by daypass_residue cascade')
  })

  it('was not handed over where it could only be dropped', async () => {
    await onShop(`create extension if not exists postgres_fdw;
                  create server far foreign data wrapper postgres_fdw;
                  grant usage on foreign server far to orders_reader`)
    await readCatalogs()
    const session = await grant(['role1'])
    await as(session, 'create user mapping for current_user server far')
    await end(session)
    await compare()

    assert.deepEqual((await residueOf(session)).map(withoutDetail), [
      'left behind: user mapping USER on server far dropped',
    ])
    assert.deepEqual(await alertsOf(session.id), [], 'what is gone alarms nobody')
    await onShop('drop extension postgres_fdw cascade')
  })

  it('alarms nobody any more once its database is dropped', async () => {
    const other = await createDatabase(world.shop.cluster)
    const url = new URL(world.shop.cluster.superuserUrl(other))
    await runOn(url.href, 'grant create on schema public to public')
    await readCatalogs()
    const session = await grant()
    await onShop(`alter role ${session.username ?? ''} password 'known'`)
    url.username = session.username ?? ''
    url.password = 'known'
    await runOn(url.href, 'create table elsewhere (n integer)')
    await end(session)
    await compare()
    await readCatalogs()
    const [open] = await alertsOf(session.id)
    await dropDatabase(world.shop.cluster, other)
    await readCatalogs()
    const [over] = await alertsOf(session.id)

    assert.equal(open?.resolved, false)
    assert.equal(over?.resolved, true)
  })

  it('is told of the server where it is a database, and alarms for as long as that is there', async () => {
    const owned = `owned_${world.shop.database}`
    // 15.20 asks for it before it lets anybody hand over a database
    await onShop(`alter role ${world.shop.adminName} createdb`)
    await readCatalogs()
    const session = await grant(['role1'])
    await onShop(`create database ${owned} owner ${session.username ?? ''}`)
    await end(session)
    await compare()
    await readCatalogs()
    const found = await residueOf(session)
    const [open] = await alertsOf(session.id)
    await dropDatabase(world.shop.cluster, owned)
    await readCatalogs()
    const [over] = await alertsOf(session.id)
    await onShop(`alter role ${world.shop.adminName} nocreatedb`)

    assert.deepEqual(found, [`left behind: database ${owned} handed over () on the server`])
    assert.deepEqual([open?.resolved, over?.resolved], [false, true])
  })

  it('is not how names and times are written', async () => {
    const { adminName, database } = world.shop
    await onShop(`alter role ${adminName} valid until '2100-01-01'`)
    await readCatalogs()
    const session = await grant(['role1'])
    await onShop(`alter database ${database} set timezone to 'Asia/Tokyo';
                  alter database ${database} set quote_all_identifiers to on`)
    await end(session)
    await compare()
    const found = await residueOf(session)
    await onShop(`alter database ${database} reset all`)

    assert.deepEqual(found.map(withoutDetail), [
      `changed meanwhile: role setting every role in database ${database} created`,
    ])
  })

  it('is nothing where a session only worked', async () => {
    await readCatalogs()
    const session = await grant()
    await as(
      session,
      `update orders set state = 'sent' where id = 1`,
      'create temp table t (n integer)',
    )
    await end(session)
    await compare()

    assert.deepEqual(await residueOf(session), [])
    assert.deepEqual(await recordsOf(session.id), [])
    assert.ok(await isCompared(session))
  })

  it("is each session's own, and a DBA's doing is nobody's", async () => {
    await readCatalogs()
    const one = await grant()
    const two = await grant()
    await as(one, 'create table ones (n integer)', 'create index on ones (n)')
    await as(two, 'create table twos (n integer)')
    await onShop('create table dbas (n integer)')
    await end(one)
    await compare()
    await end(two)
    await compare()

    const [first, second] = [await residueOf(one), await residueOf(two)]
    assert.deepEqual(first.map(withoutDetail), [
      'left behind: table public.ones handed over',
      'changed meanwhile: table public.dbas created',
    ])
    assert.deepEqual(second.map(withoutDetail), [
      'left behind: table public.twos handed over',
      'changed meanwhile: table public.dbas created',
    ])
    await onShop('drop table dbas; drop owned by daypass_residue cascade')
  })

  it('is told apart from rights, settings, memberships, triggers and default privileges that changed meanwhile', async () => {
    const member = `member_${world.shop.database}`
    await onShop(`create role ${member}`)
    await readCatalogs()
    const session = await grant()
    await onShop(`grant insert on customers to orders_reader;
                  alter default privileges grant select on tables to orders_reader;
                  alter role ${member} set work_mem = 1024;
                  grant orders_reader to ${member};
                  revoke connect on database ${world.shop.database} from public;
                  alter table customers add column note text;
                  create trigger once before update on customers
                         for each row execute function suppress_redundant_updates_trigger();
                  create policy mine on customers using (true)`)
    await end(session)
    await compare()
    const found = (await residueOf(session)).map((line) =>
      line.replaceAll(member, 'MEMBER').replaceAll(world.shop.database, 'SHOP'),
    )
    await onShop(`drop owned by ${member}; drop role ${member};
                  revoke insert on customers from orders_reader;
                  alter default privileges revoke select on tables from orders_reader;
                  grant connect on database ${world.shop.database} to public;
                  drop trigger once on customers; drop policy mine on customers`)

    assert.deepEqual(found.map(withoutDetail), [
      'changed meanwhile: database SHOP changed',
      'changed meanwhile: default acl for role postgres on tables created',
      'changed meanwhile: policy mine on public.customers created',
      'changed meanwhile: role membership orders_reader to MEMBER created',
      'changed meanwhile: role setting role MEMBER created',
      'changed meanwhile: table public.customers changed',
      'changed meanwhile: trigger once on public.customers created',
    ])
    assert.ok(
      found.some((line) =>
        line.includes(
          'rights customers_reader=r/postgres → customers_reader=r/postgres, orders_reader=a/postgres',
        ),
      ),
      found.join('\n'),
    )
    assert.ok(found.some((line) => line.includes('columns changed')))
    assert.ok(!found.some((line) => line.includes('1024')), 'values of settings are not kept')
    assert.deepEqual(await alertsOf(session.id), [], 'what others may have done alarms nobody')
  })

  it('is found although it was made as the role that was asked for', async function () {
    await readCatalogs()
    const session = await grant()
    const made = as(session, 'set role orders_writer; create table borrowed (n integer)')
    if (version >= 160_000) {
      await assert.rejects(made, /permission denied to set role/)
      // the same by a DBA is not held against the session
      await onShop('set role orders_writer; create table borrowed (n integer)')
    } else await made
    await end(session)
    await compare()
    await onShop('drop table borrowed')
    // a check that came meanwhile saw it, and the role would not be lent any more
    await rows(world.owner.db, `update data_source_checks set dangers = '{}'`)

    assert.deepEqual((await residueOf(session)).map(withoutDetail), [
      `${version < 160_000 ? 'left behind' : 'changed meanwhile'}: table public.borrowed created`,
    ])
  })

  it('is found where a transaction was prepared as the role that was asked for', async () => {
    await readCatalogs()
    const session = await grant()
    const sql = `set role orders_writer; begin; select count(*) from orders; prepare transaction 'borrowed'`
    // from 16 on a session user can't; the same by a DBA is not held against the session
    await (version < 160_000 ? as(session, sql) : onShop(sql))
    await end(session)
    await compare()
    const found = await residueOf(session)
    const open = await alertsOf(session.id)
    await onShop(`rollback prepared 'borrowed'`)
    await readCatalogs()
    const over = await alertsOf(session.id)

    const isOurs = version < 160_000
    assert.deepEqual(
      found.map(withoutDetail),
      isOurs ? ['left behind: prepared transaction borrowed created'] : [],
    )
    assert.deepEqual(
      [open, over].map((alerts) => alerts.map(({ resolved }) => resolved)),
      isOurs ? [[false], [true]] : [[], []],
    )
    if (isOurs) assert.match(found[0] ?? '', /owner orders_writer; prepared 20\d\d-/)
  })

  it('is written down once, however often a removal is tried', async () => {
    await readCatalogs()
    const session = await grant()
    await as(session, 'create table tried (n integer)')
    await onDataSource(broker.deps, world.dataSource.id, async (target) => {
      const role = await findRole(target, session.username ?? '')
      assert.ok(role)
      await keepOwned(broker.deps, target, role)
      await keepOwned(broker.deps, target, role)
    })
    await end(session)
    await compare()

    assert.deepEqual(await residueOf(session), ['left behind: table public.tried handed over ()'])
    await onShop('drop owned by daypass_residue cascade')
  })

  it('is never silent: a database that could not be compared is told of', async () => {
    const other = await createDatabase(world.shop.cluster)
    const allow = (databases: readonly string[]) =>
      rows(world.owner.db, `update data_sources set databases = :databases`, { databases })
    await allow([world.shop.database, other])
    await readCatalogs()
    const session = await grant()
    await onShop(`revoke connect on database ${other} from public`)
    await end(session)
    await compare()
    const found = await residueOf(session)
    const [record] = await recordsOf(session.id)
    await allow([world.shop.database])
    await dropDatabase(world.shop.cluster, other)

    assert.ok(
      found.some(
        (line) =>
          line.startsWith('changed meanwhile: comparison not possible changed') &&
          line.includes('permission denied for database') &&
          line.endsWith(`in ${other}`),
      ),
      found.join('\n'),
    )
    assert.equal(record?.outcome, 'failed')
    await readCatalogs()
  })

  it('says so where no snapshot was taken before the grant', async () => {
    await rows(
      world.owner.db,
      `with bound as (update session_catalogs set before_id = null) delete from catalog_snapshots`,
    )
    await rows(world.owner.db, `update catalog_visits set held_until = now() + interval '1 hour'`)
    const session = await grant()
    await onShop('create table unseen (n integer)')
    await as(session, 'create table seen (n integer)')
    await end(session)
    await compare()
    const bound = await rows<{ before: unknown }>(
      world.owner.db,
      `select distinct before_at as before from session_catalogs where session_id = :id`,
      { id: session.id },
    )

    assert.deepEqual((await residueOf(session)).map(withoutDetail), [
      'left behind: table public.seen handed over',
    ])
    assert.deepEqual(bound, [{ before: null }])
    await onShop('drop table unseen; drop owned by daypass_residue cascade')
  })

  it('is looked for behind grants, never before them', async () => {
    await readCatalogs()
    const session = await grant(['role1'])
    await end(session)
    await rows(
      world.owner.db,
      `update sessions set removed_at = now() - interval '20 seconds' where id = :id`,
      {
        id: session.id,
      },
    )
    await visitCatalogs(broker.deps, world.dataSource.id, () => true)
    const whileWanted = await isCompared(session)
    await visitCatalogs(broker.deps, world.dataSource.id, () => false)

    assert.equal(whileWanted, false)
    assert.equal(await isCompared(session), true)
  })

  it('needs no more snapshots than there are sessions to compare, and a last one', async () => {
    await rows(
      world.owner.db,
      `update catalog_snapshots set taken_at = taken_at - interval '10 minutes'`,
    )
    await readCatalogs()
    await rows(
      world.owner.db,
      `update catalog_snapshots set taken_at = taken_at - interval '5 minutes'`,
    )
    await readCatalogs()
    const counts = await rows<{ kept: number }>(
      world.owner.db,
      `select cast(count(*) as integer) as kept from catalog_snapshots where database = ''`,
    )

    // the newest, and the one before it, which a grant may be choosing at this moment
    assert.deepEqual(counts, [{ kept: 2 }])
  })
})

function withoutDetail(line: string): string {
  return line.replace(/ \(.*\)/, '').replace(/ on the server$/, '')
}
