import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { findIntent, renameIntent } from '../../db/session-intents.ts'
import { rows } from '../../db/store.ts'
import type { Session } from '../../db/sessions.ts'
import type { Reached } from '../../broker/scheduling/steps.ts'
import { look, makeBroker, type HandBroker } from '../support/broker.ts'
import { openShop, type ShopSessions } from '../support/sessions-on-shop.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

describe('roles that somebody altered before a removal or a grant', () => {
  let world: World
  let broker: HandBroker
  let shop: ShopSessions

  before(async () => {
    world = await makeWorld()
    broker = makeBroker(world)
    shop = await openShop(world, broker)
  })
  after(() => world.close())

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
    await shop.untilGone(mighty)
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
    await shop.untilGone(mighty)
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
    const { removal, removedAt } = await shop.end(session)
    const meanwhile = await shop.onShop(`select rolcanlogin from pg_roles where rolname = $1`, [
      ghost,
    ])
    const [sql] = /comment on role \S+ is '[^']*';/.exec(removal.detail ?? '') ?? []
    await shop.onShop(sql ?? '')
    await shop.untilGone(session)

    assert.equal(removedAt, null)
    assert.equal(removal.state, 'pending')
    assert.match(removal.detail ?? '', new RegExp(`"${ghost}"`))
    // perhaps it is somebody else's
    assert.deepEqual(meanwhile, [{ rolcanlogin: true }])
    assert.equal((await look(world, session.id)).removal.state, 'done')
    assert.deepEqual(await shop.onShop(`select from pg_roles where rolname = $1`, [ghost]), [])
  })

  it('never calls a user removed that somebody renames between its shutting out and its drop', async () => {
    const session = await shop.grant(['role1'])
    const hidden = `hidden_${world.shop.database}`
    const reached: Reached = async (step) => {
      if (step !== 'r3.after') return
      await shop.onShop(`alter role ${session.username ?? ''} rename to ${hidden}`)
    }
    await shop.cancel(session)
    await makeBroker(world, { reached }).tick()
    const { removal, removedAt } = await look(world, session.id)
    await shop.untilDone(session)

    assert.equal(removedAt, null)
    assert.match(removal.detail ?? '', new RegExp(`named it "${hidden}" meanwhile`))
    assert.deepEqual(await shop.onShop('select from pg_roles where rolname = $1', [hidden]), [])
  })

  it('removes the user of an ended session that came back under another name', async () => {
    const session = await shop.grant(['role1'])
    await shop.end(session)
    const back = `back_${world.shop.database}`
    await runOn(
      world.shop.adminUrl,
      `create role ${back} login; grant daypass_session to ${back};
       comment on role ${back} is '${session.uuid}'`,
    )
    await rows(
      world.owner.db,
      `update session_users set role_oid = cast(:oid as oid) where session_id = :id`,
      { id: session.id, oid: (await shop.userOf(session))?.oid },
    )
    await broker.reconcile()
    await broker.tick()

    assert.equal(await shop.userOf(session), undefined)
  })

  it('is given no other name by a broker that was taken over', async () => {
    const session = await shop.grant(['role1'])
    const { db } = world.owner
    await rows(db, 'update session_users set role_oid = null where session_id = :id', {
      id: session.id,
    })
    const from = session.username ?? ''
    const [ours, lost] = [randomUUID(), randomUUID()]
    await rows(
      db,
      `insert into session_jobs (session_id, organization_id, kind, due_at, claimed_by, claimed_until)
       select id, organization_id, 'grant', now(), :ours, now() + interval '1 minute'
         from sessions where id = :id`,
      { id: session.id, ours },
    )
    const nameAfter = async (claim: string, name: string): Promise<string | undefined> => {
      const job = { sessionId: session.id, kind: 'grant', claim } as const
      await renameIntent(db, job, { from: name, to: 'another' })
      return (await findIntent(db, session.id))?.username
    }
    const names = [
      await nameAfter(lost, from),
      await nameAfter(ours, 'an older one'),
      await nameAfter(ours, from),
    ]
    await rows(
      db,
      `with unclaimed as (delete from session_jobs where session_id = :id)
       update session_users set username = :from where session_id = :id`,
      { id: session.id, from },
    )
    await shop.end(session)

    assert.deepEqual(names, [from, from, 'another'])
  })

  it('leaves a role alone that has its OID and is said to be no session user', async () => {
    const session = await shop.grant(['role1'])
    const other = `other_${world.shop.database}`
    const client = new pg.Client({ connectionString: await shop.urlOf(session) })
    client.on('error', () => undefined)
    await client.connect()
    await loseSigns(session, other)
    const { removal } = await shop.end(session)
    const [, sql] = /somebody else's: (comment on role .*;)/.exec(removal.detail ?? '') ?? []
    await shop.onShop(sql ?? '')
    await shop.untilDone(session)
    const alive = await client.query('select 1 as alive')
    await client.end()
    const left = await shop.onShop(`select rolcanlogin from pg_roles where rolname = $1`, [other])
    await shop.onShop(`drop owned by ${other}; drop role ${other}`)

    assert.deepEqual(alive.rows, [{ alive: 1 }])
    assert.deepEqual(left, [{ rolcanlogin: true }])
  })

  it('waits for a broker login that lost CREATEROLE, says how to give it back, and goes on alone', async () => {
    const session = await shop.grant(['role1'])
    const { adminName } = world.shop
    await shop.onShop(`alter role ${adminName} nocreaterole`)
    const { removal } = await shop.end(session)
    const waiting = await shop.ask(['role1'])
    await broker.tick()
    const { waitingFor, state } = await look(world, waiting)
    await shop.onShop(`alter role ${adminName} createrole`)
    await shop.untilGone(session)

    assert.match(removal.detail ?? '', new RegExp(`alter role "${adminName}" createrole;`))
    assert.equal(state, 'APPROVED')
    assert.match(waitingFor ?? '', /createrole/)
    const granted = await look(world, waiting)
    assert.equal(granted.state, 'GRANTED')
    assert.equal(granted.waitingFor, null)
    assert.equal((await shop.end(granted)).removal.state, 'done')
  })

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
