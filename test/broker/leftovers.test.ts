import assert from 'node:assert/strict'
import pg from 'pg'
import { rows } from '../../db/store.ts'
import type { Session } from '../../db/sessions.ts'
import type { Reached } from '../../broker/scheduling/steps.ts'
import { look, makeBroker, type HandBroker } from '../support/broker.ts'
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
    const blocked = await shop.end(session)
    const meanwhile = await shop.userOf(session)
    await shop.onShop(`alter database ${other} allow_connections true`)
    await shop.untilGone(session)

    assert.equal(blocked.removal.state, 'pending')
    assert.match(
      blocked.removal.detail ?? '',
      new RegExp(`alter database "${other}" allow_connections true;`),
    )
    assert.equal(meanwhile?.login, false)
    assert.equal((await look(world, session.id)).removal.state, 'done')
    await dropDatabase(world.shop.cluster, other)
  })

  it('lets nobody wait who ends while it empties one database after another', async () => {
    const others = [
      await createDatabase(world.shop.cluster),
      await createDatabase(world.shop.cluster),
    ]
    const [laden, meanwhile] = [await shop.grant(), await shop.grant(['role1'])]
    for (const other of others) {
      await runOn(world.shop.cluster.superuserUrl(other), 'grant create on schema public to public')
      await runOn(await shop.urlOf(laden, other), 'create table elsewhere (n integer)')
    }
    const now = performance.now.bind(performance)
    const steps: string[] = []
    let isSlow = false
    const reached: Reached = async (step, id) => {
      if (isSlow) steps.push(`${step} ${id === laden.id ? 'laden' : 'meanwhile'}`)
      if (isSlow || step !== 'r5.after') return
      // as if the first database had taken its time
      isSlow = true
      performance.now = () => now() + 4_000
      await shop.cancel(meanwhile)
    }
    await shop.cancel(laden)
    try {
      await makeBroker(world, { reached }).tick()
    } finally {
      performance.now = now
    }
    await shop.untilDone(laden)
    for (const other of others) await dropDatabase(world.shop.cluster, other)

    assert.ok(
      steps.indexOf('r2.after meanwhile') < steps.lastIndexOf('r5.after laden'),
      steps.join(', '),
    )
    assert.ok(steps.includes('r8.after laden'))
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
    const { removal } = await shop.end(session)
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
    const { removal } = await shop.end(session)
    const left = await shop.onShop(`select from pg_auth_members where member = 'friend'::regrole`)
    await shop.onShop('drop role friend')

    assert.deepEqual(removal, { state: 'done', detail: null, login: null })
    assert.deepEqual(left, [])
  })

  it('names the SQL that takes back what a third party gave, and is told once', async () => {
    const session = await shop.grant(['role1'])
    const name = session.username ?? ''
    await shop.onShop(`grant select on customers to ${name}`)
    const { removal } = await shop.end(session)
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
    await shop.untilGone(session)
  })

  it('goes on although the data source is disabled, where nothing new is granted', async () => {
    const session = await shop.grant(['role1'])
    const id = await shop.ask(['role1'])
    const able = (at: string) =>
      rows(world.owner.db, `update data_sources set disabled_at = ${at} where name = 'shop'`)
    await able('now()')
    await broker.tick()
    const { removal } = await shop.end(session)
    const waiting = await look(world, id)
    await able('null')
    await broker.tick()

    assert.equal(removal.state, 'done')
    assert.equal(waiting.state, 'APPROVED')
    assert.equal(waiting.waitingFor, 'the data source is disabled.')
    const granted = await look(world, id)
    assert.equal(granted.state, 'GRANTED')
    await shop.end(granted)
  })

  it('names the SQL that hands over what lies where nobody lent it may create any more', async () => {
    const session = await shop.grant()
    await shop.onShop('create schema closed; grant usage, create on schema closed to orders_writer')
    await runOn(
      await shop.urlOf(session),
      "create function closed.mine() returns integer language sql as 'select 1'",
    )
    await shop.onShop('revoke create on schema closed from orders_writer')
    const { removal } = await shop.end(session)
    const sql = /in database (\S+): (reassign owned by .*;)$/.exec(removal.detail ?? '') ?? []
    await shop.onShop(sql[2] ?? '')
    await shop.untilGone(session)
    const left = await shop.onShop(
      `select proowner::regrole::text as owner from pg_proc where proname = 'mine'`,
    )
    await shop.onShop('drop schema closed cascade')

    assert.equal(removal.state, 'pending')
    assert.match(removal.detail ?? '', /permission denied for schema closed/)
    assert.equal(sql[1], world.shop.database)
    assert.deepEqual(left, [{ owner: 'daypass_residue' }])
  })

  it('goes on where somebody made its database or the admin login read-only by default', async () => {
    const session = await shop.grant()
    const { adminName, database } = world.shop
    const places = [
      `database ${database}`,
      `role ${adminName}`,
      `role ${adminName} in database ${database}`,
    ]
    await runOn(await shop.urlOf(session), 'create table left_behind (n integer)')
    for (const place of places) {
      await shop.onShop(
        `set transaction_read_only = off; alter ${place} set default_transaction_read_only = on`,
      )
    }
    const { removal } = await shop.end(session)
    const left = await shop.userOf(session)
    const later = await shop.grant(['role1'])
    for (const place of places) {
      await shop.onShop(
        `set transaction_read_only = off; alter ${place} reset default_transaction_read_only`,
      )
    }
    await shop.onShop('drop owned by daypass_residue cascade')

    assert.equal(removal.state, 'done')
    assert.equal(left, undefined)
    assert.equal(later.state, 'GRANTED')
    await shop.end(later)
  })
})
