import assert from 'node:assert/strict'
import pg from 'pg'
import { rows } from '../../db/store.ts'
import type { Session } from '../../db/sessions.ts'
import type { Reached } from '../../broker/work/steps.ts'
import { look, makeBroker, until, type HandBroker } from '../support/broker.ts'
import { createDatabase, dropDatabase } from '../support/clusters.ts'
import { openShop, type ShopSessions } from '../support/sessions-on-shop.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

describe('a removal that something stands in the way of', () => {
  let world: World
  let broker: HandBroker
  let shop: ShopSessions

  before(async () => {
    world = await makeWorld()
    broker = makeBroker(world)
    shop = await openShop(world, broker)
  })
  after(() => world.close())

  const end = async (session: Session): Promise<Session> => {
    await shop.cancel(session)
    await broker.tick()
    return look(world, session.id)
  }
  const isGone = (session: Session) =>
    until('the role is gone', async () => {
      await shop.hurry()
      await broker.tick()
      return (await shop.userOf(session)) === undefined
    })
  const isDone = (session: Session) =>
    until('the removal is done', async () => {
      await shop.hurry()
      await broker.tick()
      return (await look(world, session.id)).removal.state === 'done'
    })
  /** Takes everything from a session user that it is known by, but its OID. */
  const loseSigns = async ({ username }: Session, name: string): Promise<void> => {
    const version = await shop.onShop<{ v: number }>(
      `select cast(current_setting('server_version_num') as integer) as v`,
    )
    const by = (version[0]?.v ?? 0) < 160_000 ? '' : ` granted by ${world.shop.adminName}`
    await shop.onShop(
      `alter role ${username ?? ''} rename to ${name};
       comment on role ${name} is null;
       revoke daypass_session from ${name}${by}`,
    )
  }
  const failures = (session: Session) =>
    rows<{ body: string }>(
      world.owner.db,
      `select body from records where session_id = :id and action = 'task.failed'`,
      { id: session.id },
    )

  it('visits databases that nobody may ask for, and says what a closed one needs', async () => {
    const other = await createDatabase(world.shop.cluster)
    const session = await shop.grant()
    const url = await shop.urlOf(session, other)
    await runOn(world.shop.cluster.superuserUrl(other), 'grant create on schema public to public')
    await runOn(
      url,
      `create table elsewhere (n integer); begin; insert into elsewhere values (1);
                      prepare transaction 'left elsewhere'`,
    )
    await shop.onShop(`alter database ${other} allow_connections false`)
    const blocked = await end(session)
    const meanwhile = await shop.userOf(session)
    await shop.onShop(`alter database ${other} allow_connections true`)
    await isGone(session)

    assert.equal(blocked.removal.state, 'pending')
    assert.match(
      blocked.removal.detail ?? '',
      new RegExp(`alter database "${other}" allow_connections true;`),
    )
    assert.equal(meanwhile?.login, false)
    assert.equal((await look(world, session.id)).removal.state, 'done')
    await dropDatabase(world.shop.cluster, other)
  })

  it('ends connections whose role somebody dropped already', async () => {
    const session = await shop.grant(['role1'])
    const client = new pg.Client({ connectionString: await shop.urlOf(session) })
    client.on('error', () => undefined)
    const ended = new Promise<void>((resolve) => client.once('end', resolve))
    await client.connect()
    await shop.onShop(
      `drop owned by ${session.username ?? ''}; drop role ${session.username ?? ''}`,
    )
    const { removal } = await end(session)
    const left = await shop.onShop(
      `select from pg_stat_activity
        where usesysid is not null and not exists (select from pg_roles where oid = usesysid)`,
    )

    assert.equal(removal.state, 'done')
    assert.deepEqual(left, [])
    await ended
  })

  it('takes back memberships that the user granted to others', async () => {
    const session = await shop.grant(['role1'])
    const name = session.username ?? ''
    await shop.onShop(`create role friend; grant orders_reader to ${name} with admin option;
                       set role ${name}; grant orders_reader to friend; reset role`)
    const { removal } = await end(session)
    const left = await shop.onShop(`select from pg_auth_members where member = 'friend'::regrole`)
    await shop.onShop('drop role friend')

    assert.deepEqual(removal, { state: 'done', detail: null })
    assert.deepEqual(left, [])
  })

  it('names the SQL that takes back what a third party gave, and is told once', async () => {
    const session = await shop.grant(['role1'])
    const name = session.username ?? ''
    await shop.onShop(`grant select on customers to ${name}`)
    const { removal } = await end(session)
    await shop.hurry()
    await broker.tick()
    const told = await failures(session)
    await rows(
      world.owner.db,
      `update sessions set ended_at = ended_at - interval '1 minute' where id = :id`,
      { id: session.id },
    )
    await shop.hurry()
    await broker.tick()
    const late = await look(world, session.id)

    assert.equal(removal.state, 'pending')
    assert.equal(told.length, 1)
    assert.equal(late.removal.state, 'blocked')
    const sql =
      /runs, in database (\S+): (drop owned by .*;)$/.exec(late.removal.detail ?? '') ?? []
    assert.equal(sql[1], world.shop.database)
    await shop.onShop(sql[2] ?? '')
    await isGone(session)
  })

  it('waits for a broker login that lost CREATEROLE, says how to give it back, and goes on alone', async () => {
    const session = await shop.grant(['role1'])
    const { adminName } = world.shop
    await shop.onShop(`alter role ${adminName} nocreaterole`)
    const { removal } = await end(session)
    const waiting = await shop.ask(['role1'])
    await broker.tick()
    const { waitingFor, state } = await look(world, waiting)
    await shop.onShop(`alter role ${adminName} createrole`)
    await isGone(session)

    assert.match(removal.detail ?? '', new RegExp(`alter role "${adminName}" createrole;`))
    assert.equal(state, 'APPROVED')
    assert.match(waitingFor ?? '', /createrole/)
    const granted = await look(world, waiting)
    assert.equal(granted.state, 'GRANTED')
    assert.equal(granted.waitingFor, null)
    assert.equal((await end(granted)).removal.state, 'done')
  })

  it('goes on although the data source is disabled, where nothing new is granted', async () => {
    const session = await shop.grant(['role1'])
    const id = await shop.ask(['role1'])
    const able = (at: string) =>
      rows(world.owner.db, `update data_sources set disabled_at = ${at} where name = 'shop'`)
    await able('now()')
    await broker.tick()
    const { removal } = await end(session)
    const waiting = await look(world, id)
    await able('null')
    await broker.tick()

    assert.equal(removal.state, 'done')
    assert.equal(waiting.state, 'APPROVED')
    assert.equal(waiting.waitingFor, 'the data source is disabled.')
    const granted = await look(world, id)
    assert.equal(granted.state, 'GRANTED')
    await end(granted)
  })

  it('holds up no other where its user is a superuser that nobody but one may end', async () => {
    const [mighty, plain] = [await shop.grant(), await shop.grant()]
    const client = new pg.Client({ connectionString: await shop.urlOf(mighty) })
    client.on('error', () => undefined)
    await client.connect()
    await shop.onShop(`alter role ${mighty.username ?? ''} superuser`)
    for (const session of [mighty, plain]) await shop.cancel(session)
    await broker.tick()
    const removals = [await look(world, mighty.id), await look(world, plain.id)].map(
      ({ removal }) => removal.state,
    )
    await shop.onShop(`alter role ${mighty.username ?? ''} nosuperuser`)
    await isGone(mighty)
    await client.end().catch(() => undefined)

    assert.deepEqual(removals, ['pending', 'done'])
  })

  it('holds up no other where its user becomes a superuser once it is shut out', async () => {
    const [mighty, plain] = [await shop.grant(), await shop.grant()]
    const client = new pg.Client({ connectionString: await shop.urlOf(mighty) })
    client.on('error', () => undefined)
    await client.connect()
    const reached: Reached = async (step, id) => {
      if (step !== 'r2.after' || id !== mighty.id) return
      await shop.onShop(`alter role ${mighty.username ?? ''} superuser`)
    }
    for (const session of [mighty, plain]) await shop.cancel(session)
    await makeBroker(world, { reached }).tick()
    const removals = [await look(world, mighty.id), await look(world, plain.id)].map(
      ({ removal }) => removal,
    )
    await shop.onShop(`alter role ${mighty.username ?? ''} nosuperuser`)
    await isGone(mighty)
    await client.end().catch(() => undefined)

    assert.deepEqual(
      removals.map(({ state }) => state),
      ['pending', 'done'],
    )
    assert.match(removals[0]?.detail ?? '', /superuser/i)
  })

  it('never calls a user removed that lives on without name, comment and marker', async () => {
    const session = await shop.grant(['role1'])
    const ghost = `ghost_${world.shop.database}`
    await loseSigns(session, ghost)
    const { removal, removedAt } = await end(session)
    const meanwhile = await shop.onShop(`select rolcanlogin from pg_roles where rolname = $1`, [
      ghost,
    ])
    const [sql] = /comment on role \S+ is '[^']*';/.exec(removal.detail ?? '') ?? []
    await shop.onShop(sql ?? '')
    await isGone(session)

    assert.equal(removedAt, null)
    assert.equal(removal.state, 'pending')
    assert.match(removal.detail ?? '', new RegExp(`"${ghost}"`))
    // perhaps it is somebody else's
    assert.deepEqual(meanwhile, [{ rolcanlogin: true }])
    assert.equal((await look(world, session.id)).removal.state, 'done')
    assert.deepEqual(await shop.onShop(`select from pg_roles where rolname = $1`, [ghost]), [])
  })

  it('leaves a role alone that has its OID and is said to be no session user', async () => {
    const session = await shop.grant(['role1'])
    const other = `other_${world.shop.database}`
    const client = new pg.Client({ connectionString: await shop.urlOf(session) })
    client.on('error', () => undefined)
    await client.connect()
    await loseSigns(session, other)
    const { removal } = await end(session)
    const [, sql] = /somebody else's: (comment on role .*;)/.exec(removal.detail ?? '') ?? []
    await shop.onShop(sql ?? '')
    await isDone(session)
    const alive = await client.query('select 1 as alive')
    await client.end()
    const left = await shop.onShop(`select rolcanlogin from pg_roles where rolname = $1`, [other])
    await shop.onShop(`drop owned by ${other}; drop role ${other}`)

    assert.deepEqual(alive.rows, [{ alive: 1 }])
    assert.deepEqual(left, [{ rolcanlogin: true }])
  })

  it('names the SQL that hands over what lies where nobody lent it may create any more', async () => {
    const session = await shop.grant()
    await shop.onShop('create schema closed; grant usage, create on schema closed to orders_writer')
    await runOn(
      await shop.urlOf(session),
      "create function closed.mine() returns integer language sql as 'select 1'",
    )
    await shop.onShop('revoke create on schema closed from orders_writer')
    const { removal } = await end(session)
    const sql = /in database (\S+): (reassign owned by .*;)$/.exec(removal.detail ?? '') ?? []
    await shop.onShop(sql[2] ?? '')
    await isGone(session)
    const left = await shop.onShop(
      `select proowner::regrole::text as owner from pg_proc where proname = 'mine'`,
    )
    await shop.onShop('drop schema closed cascade')

    assert.equal(removal.state, 'pending')
    assert.match(removal.detail ?? '', /permission denied for schema closed/)
    assert.equal(sql[1], world.shop.database)
    assert.deepEqual(left, [{ owner: 'daypass_residue' }])
  })

  for (const place of ['role', 'role in database', 'database'] as const) {
    it(`says how the admin login may write again where its ${place} was set read-only`, async () => {
      const session = await shop.grant(['role1'])
      const { adminName, database } = world.shop
      const whose = {
        role: `role ${adminName}`,
        'role in database': `role ${adminName} in database ${database}`,
        database: `database ${database}`,
      }[place]
      await shop.onShop(`alter ${whose} set default_transaction_read_only = on`)
      const { removal } = await end(session)
      const [, sql] = /runs: (alter .*;)$/.exec(removal.detail ?? '') ?? []
      await shop.onShop(`set transaction_read_only = off; ${sql ?? ''}`)
      await shop
        .onShop(
          `set transaction_read_only = off; alter ${whose} reset default_transaction_read_only`,
        )
        .catch(() => undefined)
      await isGone(session)

      assert.equal(sql?.replaceAll('"', ''), `alter ${whose} reset default_transaction_read_only;`)
    })
  }

  it('grants nothing through a role that became too powerful between approval and start', async () => {
    const id = await shop.ask(['role1'])
    await shop.onShop('alter role orders_reader createdb')
    try {
      await broker.tick()
    } finally {
      await shop.onShop('alter role orders_reader nocreatedb')
    }
    const session = await look(world, id)
    await broker.tick()

    assert.equal(session.state, 'TERMINATED')
    assert.equal(session.username, null)
    assert.match(session.endReason ?? '', /orders_reader is too powerful to lend/)
    assert.equal(await shop.userOf(session), undefined)
  })
})
