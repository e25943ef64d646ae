import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { derivePartKey, openingKey, publicBytesOf, seal } from '../../lib/seal.ts'
import type { SessionId } from '../../lib/ids.ts'
import { aboutAdminUrl, moveDataSource } from '../../db/data-sources.ts'
import { rows } from '../../db/store.ts'
import { cancel, requestSession } from '../../broker/sessions/lifecycle.ts'
import type { Session } from '../../db/sessions.ts'
import { look, makeBroker, storyOf, until, type HandBroker } from '../support/broker.ts'
import { createDatabase, dropDatabase } from '../support/clusters.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

describe('session users', () => {
  let world: World
  let broker: HandBroker

  before(async () => {
    world = await makeWorld()
    broker = makeBroker(world)
    await rows(
      world.owner.db,
      `update roles set approvals_needed = 0 where name in ('role1', 'role3')`,
    )
  })
  after(() => world.close())

  const grant = async (roles: readonly string[] = ['role3']): Promise<Session> => {
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles,
      justification: 'ticket 7',
    })
    await broker.tick()
    return look(world, id)
  }
  const end = async (id: SessionId): Promise<Session> => {
    await cancel(world.portal, world.scopes.mark, world.origins.mark, id)
    await broker.tick()
    return look(world, id)
  }
  /** Logs in as a session user, as the proxy would with a secret of its own. */
  const urlOf = async ({ username }: Session, database = world.shop.database): Promise<string> => {
    await onShop(`alter role ${username ?? ''} password 'known'`)
    const url = new URL(world.shop.superuserUrl)
    url.username = username ?? ''
    url.password = 'known'
    url.pathname = database
    return url.href
  }
  const onShop = <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []) =>
    runOn<Row>(world.shop.superuserUrl, sql, values)
  const roleOf = async ({ username }: Session) =>
    (
      await onShop<{ login: boolean; verifier: string; until: string; comment: string }>(
        `select rolcanlogin as login, rolpassword as verifier, rolvaliduntil::text as until,
                shobj_description(oid, 'pg_authid') as comment
           from pg_authid where rolname = $1`,
        [username],
      )
    )[0]

  it('are members of the marker and of what was asked for, and of nothing else', async () => {
    const session = await grant(['role1', 'role2'])
    const memberships = await onShop<{ name: string; inherits: boolean; sets: boolean }>(
      `select g.rolname as name, (to_jsonb(m) ->> 'inherit_option')::boolean as inherits,
              (to_jsonb(m) ->> 'set_option')::boolean as sets
         from pg_auth_members m
         join pg_roles u on u.oid = m.member
         join pg_roles g on g.oid = m.roleid
        where u.rolname = $1
        order by g.rolname`,
      [session.username],
    )
    const role = await roleOf(session)

    assert.deepEqual(
      memberships.map(({ name }) => name),
      ['customers_reader', 'daypass_session', 'orders_reader'],
    )
    assert.ok(memberships.every(({ sets }) => !sets))
    assert.equal(role?.login, true)
    assert.equal(role.comment, session.uuid)
    assert.match(role.verifier, /^SCRAM-SHA-256\$1:/)
    assert.equal(new Date(role.until).getTime(), session.end?.toMillis())
    await end(session.id)
  })

  it('leave nothing behind: tables, functions, types, schemas, large objects, rights, prepared transactions', async () => {
    const session = await grant()
    const user = session.username ?? ''
    const [{ oid } = { oid: 0 }] = await onShop<{ oid: number }>(
      `select oid from pg_roles where rolname = $1`,
      [user],
    )
    const other = await createDatabase(world.shop.cluster)
    await runOn(
      world.shop.cluster.superuserUrl(other),
      'grant create on schema public to orders_writer',
    )
    for (const sql of [
      'create table kept (n integer primary key)',
      'insert into kept values (1)',
      "create type mood as enum ('fine')",
      'create function answer() returns integer language sql security definer as $$ select 42 $$',
      'create schema own',
      'create view own.seen as select * from kept',
      'create function own.inner() returns integer language sql as $$ select 1 $$',
      'select lo_create(0)',
      'alter default privileges grant select on tables to public',
      'alter default privileges in schema own grant select on tables to orders_reader',
      'grant select on kept to orders_reader',
      `begin; insert into kept values (2); prepare transaction 'it''s left'`,
    ]) {
      await runOn(await urlOf(session), sql)
    }
    await runOn(await urlOf(session, other), 'create table elsewhere (n integer)')
    const removed = await end(session.id)

    assert.equal(removed.removal.detail, null)
    assert.notEqual(removed.removedAt, null)
    const left = await onShop<{ roles: number; shared: number; prepared: number }>(
      `select (select count(*)::integer from pg_roles where oid = $1) as roles,
              (select count(*)::integer from pg_shdepend where refobjid = $1) as shared,
              (select count(*)::integer from pg_prepared_xacts) as prepared`,
      [oid],
    )
    assert.deepEqual(left, [{ roles: 0, shared: 0, prepared: 0 }])
    const owners = await onShop<{ owner: string }>(
      `select distinct pg_get_userbyid(owner) as owner
         from (select relowner as owner from pg_class where relname in ('kept', 'seen')
               union all select proowner from pg_proc where proname in ('answer', 'inner')
               union all select typowner from pg_type where typname = 'mood'
               union all select nspowner from pg_namespace where nspname = 'own'
               union all select lomowner from pg_largeobject_metadata) o`,
    )
    assert.deepEqual(owners, [{ owner: 'daypass_residue' }])
    assert.deepEqual(await onShop('select n from kept'), [{ n: 1 }])
    const residue = await onShop(
      `select 1 from pg_auth_members m where m.member = 'daypass_residue'::regrole`,
    )
    assert.deepEqual(residue, [])
    await dropDatabase(world.shop.cluster, other)
    await onShop(`drop owned by daypass_residue cascade`)
  })

  it('are gone although their clients keep coming back', async () => {
    const session = await grant(['role1'])
    const url = await urlOf(session)
    let storming = true
    const clients = Array.from({ length: 8 }, async () => {
      while (storming) {
        await runOn(url, 'select pg_sleep(0.02)').catch(() => undefined)
      }
    })
    const patient = runOn(url, 'select pg_sleep(60)').catch((error: unknown) => error)
    await until('clients are in', async () => {
      const seen = await onShop(`select 1 from pg_stat_activity where usename = $1`, [
        session.username,
      ])
      return seen.length > 2
    })
    const { removedAt } = await end(session.id)
    const backends = await onShop(
      `select 1 from pg_stat_activity
        where usesysid is not null
          and not exists (select from pg_roles where oid = usesysid)`,
    )
    storming = false
    await Promise.all(clients)
    const farewell = await Promise.race([patient, sleep(15_000, 'still connected', { ref: false })])

    assert.notEqual(removedAt, null)
    assert.deepEqual(backends, [])
    assert.ok(farewell instanceof pg.DatabaseError && farewell.code === '57P01', String(farewell))
    assert.equal(await roleOf(session), undefined)
  })

  it('lose their login at once although their objects are locked', async () => {
    const session = await grant()
    await runOn(await urlOf(session), 'create table held (n integer)')
    const reader = new pg.Client({ connectionString: world.shop.superuserUrl })
    await reader.connect()
    await reader.query('begin; lock table held in access share mode')
    const ended = await end(session.id)
    const meanwhile = await roleOf(session)
    await reader.query('rollback')
    await reader.end()
    await until('the role is gone', async () => {
      await broker.tick()
      return (await roleOf(session)) === undefined
    })

    assert.equal(meanwhile?.login, false)
    assert.match(ended.removal.detail ?? '', /lock timeout/)
    assert.equal((await look(world, session.id)).removal.detail, null)
    await onShop('drop owned by daypass_residue cascade')
  })

  it('say what stands in the way of their removal, once in the trail', async () => {
    const session = await grant(['role1'])
    const user = session.username ?? ''
    await onShop(`grant select on customers to ${user}`)
    const { removal } = await end(session.id)
    const login = (await roleOf(session))?.login
    for (let round = 0; round < 2; round += 1) {
      await rows(
        world.owner.db,
        `with ended as (update sessions set ended_at = ended_at - interval '1 minute' where id = :id)
         update session_jobs set due_at = now() - interval '1 second' where session_id = :id`,
        { id: session.id },
      )
      await broker.tick()
    }
    await onShop(`revoke select on customers from ${user}`)
    await until('the role is gone', async () => {
      await broker.tick()
      return (await roleOf(session)) === undefined
    })
    const records = await rows<{ action: string }>(
      world.owner.db,
      `select action from records where session_id = :id and action like 'session.remov%' order by seq`,
      { id: session.id },
    )

    assert.match(removal.detail ?? '', /privileges for table public\.customers/)
    assert.equal(login, false)
    assert.deepEqual(
      records.map(({ action }) => action),
      ['session.removal_blocked', 'session.removed'],
    )
  })

  it('count as removed when somebody dropped them by hand', async () => {
    const session = await grant(['role1'])
    await cancel(world.portal, world.scopes.mark, world.origins.mark, session.id)
    await onShop(`drop owned by ${session.username ?? ''}; drop role ${session.username ?? ''}`)
    await broker.tick()

    assert.notEqual((await look(world, session.id)).removedAt, null)
  })

  for (const [step, told] of [
    ['g1.after', []],
    ['g2.after', [{ action: 'session.removed', login: 'never' }]],
    ['g5.after', [{ action: 'session.removed', login: null }]],
  ] as const) {
    it(`are told of as removed only where they were made: stopped at ${step}`, async () => {
      const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
        dataSource: 'shop',
        roles: ['role1'],
        justification: 'x',
      })
      const reached = (at: string): Promise<void> =>
        at === step ? Promise.reject(new Error('stopped')) : Promise.resolve()
      await makeBroker(world, { reached }).tick()
      const ended = await end(id)
      const records = await rows(
        world.owner.db,
        `select action, body::jsonb -> 'details' ->> 'login' as login
           from records
          where session_id = :id and action = 'session.removed'`,
        { id },
      )

      assert.notEqual(ended.removedAt, null)
      assert.deepEqual(records, told)
    })
  }

  it("never take the place of somebody else's role of that name", async () => {
    const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role1'],
      justification: 'x',
    })
    await rows(
      world.owner.db,
      `insert into session_users (session_id, organization_id, data_source_id, username, upstream_sealed,
                                  upstream_verifier, intended_at)
       select id, organization_id, data_source_id, 'dp_foreign', '\\x00', 'SCRAM-SHA-256$1:AAAA$AAAA:AAAA', now()
         from sessions where id = :id`,
      { id },
    )
    await onShop(`create role dp_foreign login; grant daypass_session to dp_foreign;
                  comment on role dp_foreign is 'a colleague''s'`)
    await broker.tick()
    await rows(world.owner.db, `update session_jobs set due_at = now() - interval '1 second'`)
    await broker.tick()
    const session = await look(world, id)
    await end(id)
    await broker.reconcile()
    const foreign = await onShop(
      `select rolcanlogin as login, shobj_description(oid, 'pg_authid') as comment
         from pg_roles where rolname = 'dp_foreign'`,
    )
    await onShop('drop role dp_foreign')

    assert.equal(session.state, 'GRANTED')
    assert.notEqual(session.username, 'dp_foreign')
    assert.deepEqual(foreign, [{ login: true, comment: "a colleague's" }])
  })

  it('are removed again when a restore brings them back', async () => {
    const session = await grant(['role1'])
    await end(session.id)
    const name = session.username ?? ''
    await runOn(
      world.shop.adminUrl,
      `create role ${name} login; grant daypass_session to ${name};
       comment on role ${name} is '${session.uuid}'`,
    )
    await broker.reconcile()
    await broker.tick()

    assert.equal(await roleOf(session), undefined)
    assert.equal(
      await storyOf(world, session.id),
      'CREATED role_approved APPROVED GRANTED CANCELED',
    )
  })

  it('take their session with them when they vanish', async () => {
    const session = await grant(['role1'])
    await onShop(`drop role ${session.username ?? ''}`)
    await broker.reconcile()
    await broker.tick()
    const ended = await look(world, session.id)

    assert.equal(ended.state, 'TERMINATED')
    assert.match(ended.endReason ?? '', /no longer on shop/)
    assert.notEqual(ended.removedAt, null)
  })

  it("get back the proxy's secret when they change it", async () => {
    const session = await grant(['role1'])
    const before = await roleOf(session)
    await onShop(`alter role ${session.username ?? ''} password 'mine now'`)
    await broker.reconcile()

    assert.equal((await roleOf(session))?.verifier, before?.verifier)
    await end(session.id)
  })

  it("can't log in between their making and their grant", async () => {
    const session = await grant(['role1'])
    await rows(world.owner.db, `update session_users set login_at = null where session_id = :id`, {
      id: session.id,
    })
    await onShop(`alter role ${session.username ?? ''} nologin`)
    await broker.tick()

    assert.equal((await roleOf(session))?.login, true)
    const ended = await end(session.id)
    assert.notEqual(ended.removedAt, null)
  })

  it('are removed as soon as a data source that was away is back', async () => {
    const relay = await openRelay(world.shop.cluster.port)
    await pointAt(relay.port)
    const session = await grant(['role1'])
    relay.cut()
    const ended = await end(session.id)
    relay.mend()
    await until('the role is gone', async () => {
      await broker.tick()
      return (await roleOf(session)) === undefined
    })
    await pointAt(world.shop.cluster.port)
    relay.close()

    assert.equal(session.state, 'GRANTED')
    assert.match(ended.removal.detail ?? '', /can't be reached/)
    assert.notEqual((await look(world, session.id)).removedAt, null)
  })

  async function pointAt(port: number): Promise<void> {
    const url = new URL(world.shop.adminUrl)
    url.port = String(port)
    const key = publicBytesOf(openingKey(derivePartKey(world.masterKey, 'broker')))
    const { id } = world.dataSource
    await world.owner.change((tx) =>
      moveDataSource(tx, world.origins.admin, {
        id,
        port,
        adminSealed: seal(key, url.href, aboutAdminUrl(id)),
      }),
    )
  }
})

interface Relay {
  readonly port: number
  cut(): void
  mend(): void
  close(): void
}

/** A wire that can be cut: everything through it breaks off, and nothing new gets in. */
async function openRelay(to: number): Promise<Relay> {
  const open = new Set<Socket>()
  let whole = true
  const server: Server = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        open.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    if (!whole) near.destroy()
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the relay has no port')
  const cut = (): void => {
    whole = false
    for (const socket of open) socket.destroy()
  }
  return {
    port: address.port,
    cut,
    mend: () => {
      whole = true
    },
    close: () => {
      cut()
      server.close()
    },
  }
}
