import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { derivePartKey, openingKey, publicBytesOf, seal } from '../../lib/seal.ts'
import { aboutAdminUrl, createDataSource } from '../../db/data-sources.ts'
import { reconcileDataSource } from '../../broker/session-users/reconcile.ts'
import { rows } from '../../db/store.ts'
import { look, makeBroker, type HandBroker } from '../support/broker.ts'
import { openShop, type ShopSessions } from '../support/sessions-on-shop.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

const MENDED = /It was set right again\.$/

describe('a comparison of a data source with the store', () => {
  let world: World
  let broker: HandBroker
  let shop: ShopSessions
  /** Before 16, where who may create roles may alter all but superusers. */
  let isOld: boolean

  before(async () => {
    world = await makeWorld()
    broker = makeBroker(world)
    shop = await openShop(world, broker)
    const [server] = await shop.onShop<{ version: number }>(
      `select cast(current_setting('server_version_num') as integer) as version`,
    )
    isOld = (server?.version ?? 0) < 160_000
  })
  after(() => world.close())

  const alerts = () =>
    rows<{ rule: string; key: string; detail: string }>(
      world.owner.db,
      `select rule, key, detail from alerts where resolved_at is null order by raised_at`,
    )
  const tasks = (id: string) =>
    rows<{ outcome: string; body: string }>(
      world.owner.db,
      `select outcome, body from records
        where session_id = :id and area = 'tasks' and body like '%"task":"reconcile"%' order by seq`,
      { id },
    )
  const membershipsOf = async (name: string): Promise<string[]> =>
    (
      await shop.onShop<{ name: string }>(
        `select g.rolname as name from pg_auth_members m join pg_roles g on g.oid = m.roleid
          where m.member = to_regrole($1) order by 1`,
        [name],
      )
    ).map(({ name }) => name)

  it('finds nothing to do where nobody altered anything', async () => {
    const session = await shop.grant()
    await broker.reconcile()

    assert.deepEqual(await alerts(), [])
    assert.deepEqual(await tasks(session.id), [])
    await shop.cancel(session)
    await broker.tick()
  })

  it('sets right what was altered about a session user, and says so once', async () => {
    const session = await shop.grant(['role1'])
    const name = session.username ?? ''
    await shop.onShop(
      `alter role ${name} nologin connection limit -1 valid until 'infinity' createdb;
       revoke orders_reader from ${name} granted by ${world.shop.adminName};
       grant orders_writer to ${name} granted by ${world.shop.adminName}`,
    )
    await broker.reconcile()
    const user = await shop.userOf(session)

    assert.equal(user?.login, true)
    assert.equal(user.limit, 20)
    assert.equal(user.validUntil.getTime(), session.end?.toMillis())
    assert.deepEqual(await membershipsOf(name), ['daypass_session', 'orders_reader'])
    const [alert] = await alerts()
    assert.equal(alert?.rule, 'role_altered')
    assert.match(alert.detail, /its login was taken/)
    assert.match(alert.detail, /it was made a member of orders_writer/)
    assert.match(alert.detail, /it was not a plain member of orders_reader/)
    const recorded = await tasks(session.id)
    assert.equal(recorded.length, 1)
    // from 16 on who may create roles may not take away more than it has
    assert.match(alert.detail, /it was given CREATEDB/)
    assert.match(
      alert.detail,
      isOld ? MENDED : new RegExp(`An administrator runs: alter role "${name}" nocreatedb;`),
    )

    await broker.reconcile()
    assert.equal((await tasks(session.id)).length, 1)
    await shop.onShop(`alter role ${name} nocreatedb`)
    await rows(world.owner.db, `update alerts set raised_at = raised_at - interval '2 minutes'`)
    await broker.reconcile()
    assert.deepEqual(await alerts(), [])
    await shop.cancel(session)
    await broker.tick()
    assert.equal(await shop.userOf(session), undefined)
  })

  it('revokes what a superuser added where it may, and names the SQL where it may not', async () => {
    const session = await shop.grant(['role1'])
    const name = session.username ?? ''
    await shop.onShop(`create role vault; grant vault to ${name}`)
    await broker.reconcile()
    const [alert] = await alerts()

    assert.equal(alert?.rule, 'role_altered')
    assert.match(alert.detail, isOld ? MENDED : new RegExp(`revoke "vault" from "${name}"`))
    await shop.cancel(session)
    await broker.tick()
    assert.equal(await shop.userOf(session), undefined)
    await shop.onShop('drop role vault')
    await rows(world.owner.db, 'update alerts set resolved_at = now()')
  })

  it('takes out whoever was made a member of a session user', async () => {
    const session = await shop.grant(['role1'])
    const name = session.username ?? ''
    const [friend, patron] = [`friend_${world.shop.database}`, `patron_${world.shop.database}`]
    await shop.onShop(`create role ${friend} login; create role ${patron} login`)
    await runOn(world.shop.adminUrl, `grant ${name} to ${friend}`)
    await shop.onShop(`grant ${name} to ${patron}`)
    await broker.reconcile()
    const members = await shop.onShop(
      `select member::regrole::text as name from pg_auth_members
        where roleid = to_regrole($1) and member = any (array[to_regrole($2), to_regrole($3)])`,
      [name, friend, patron],
    )
    const [alert] = await alerts()
    const recorded = await tasks(session.id)
    await shop.onShop(`drop role ${friend}; drop role ${patron}`)

    assert.equal(alert?.rule, 'role_altered')
    assert.match(alert.detail, new RegExp(`${friend} was made a member of it by`))
    assert.match(alert.detail, new RegExp(`${patron} was made a member of it by`))
    // before 16 who may create roles may take anybody out
    if (members.length > 0) {
      assert.deepEqual(members, [{ name: patron }])
      assert.match(alert.detail, new RegExp(`revoke "${name}" from "${patron}" granted by`))
    }
    assert.equal(recorded.length, 1)
    await shop.cancel(session)
    await broker.tick()
    assert.equal(await shop.userOf(session), undefined)
    await rows(world.owner.db, 'update alerts set resolved_at = now()')
  })

  it('tells of a marked login that no session has, and leaves it alone', async () => {
    await shop.onShop(`create role dp_stranger login; grant daypass_session to dp_stranger`)
    await broker.reconcile()
    const found = (await alerts()).filter(({ key }) => key === 'shop dp_stranger')
    const left = await shop.onShop(
      `select rolcanlogin as login from pg_roles where rolname = 'dp_stranger'`,
    )
    await shop.onShop('drop role dp_stranger')

    assert.deepEqual(
      found.map(({ rule }) => rule),
      ['login_unaccounted'],
    )
    assert.deepEqual(left, [{ login: true }])
    await rows(world.owner.db, 'update alerts set resolved_at = now()')
  })

  it('knows the session users of a data source that is the same server', async () => {
    const session = await shop.grant(['role1'])
    const id = randomUUID()
    const key = publicBytesOf(openingKey(derivePartKey(world.masterKey, 'broker')))
    const { database, cluster, adminUrl } = world.shop
    await world.owner.change((tx) =>
      createDataSource(tx, world.origins.admin, {
        id,
        name: 'same server',
        host: '127.0.0.1',
        port: cluster.port,
        databases: [database],
        defaultDatabase: database,
        tlsMode: 'disable',
        tlsCa: null,
        adminSealed: seal(key, adminUrl, aboutAdminUrl(id)),
      }),
    )
    await broker.reconcile()
    const found = await alerts()
    await shop.onShop(`comment on role ${session.username ?? ''} is '${randomUUID()}'`)
    await reconcileDataSource(broker.deps, id)
    const strange = await alerts()
    await rows(world.owner.db, 'delete from data_source_faults')
    await rows(world.owner.db, 'update alerts set resolved_at = now(), data_source_id = null')
    await rows(world.owner.db, 'delete from data_sources where id = :id', { id })

    assert.deepEqual(found, [])
    assert.deepEqual(
      strange.map(({ rule }) => rule),
      ['login_unaccounted'],
    )
    assert.equal((await look(world, session.id)).state, 'GRANTED')
    await shop.cancel(session)
    await broker.tick()
    assert.equal((await look(world, session.id)).removal.state, 'done')
  })

  it('tells of a session user that was made a superuser, which only a superuser can take back', async () => {
    const session = await shop.grant(['role1'])
    const name = session.username ?? ''
    await shop.onShop(`alter role ${name} superuser`)
    await broker.reconcile()
    const [alert] = await alerts()
    await rows(world.owner.db, `update alerts set raised_at = raised_at - interval '2 minutes'`)
    await broker.reconcile()
    const [lasting] = await alerts()
    // while somebody else is at work on that session it can't be compared
    const other = new pg.Client({ connectionString: world.shop.superuserUrl })
    await other.connect()
    await other.query(`select pg_advisory_lock(hashtextextended('daypass ' || $1, 0))`, [
      session.uuid,
    ])
    await broker.reconcile()
    await other.end()
    const [unseen] = await alerts()
    await shop.onShop(`alter role ${name} nosuperuser`)

    assert.equal(alert?.rule, 'role_altered')
    assert.match(alert.detail, /it was given SUPERUSER/)
    assert.match(
      alert.detail,
      new RegExp(`An administrator runs: alter role "${name}" nosuperuser;`),
    )
    assert.deepEqual([lasting?.key, unseen?.key], [session.id, session.id])
    await shop.cancel(session)
    await broker.tick()
    await rows(world.owner.db, 'update alerts set resolved_at = now()')
  })

  it('tells of a session user that it may not alter, and sees to all others', async () => {
    const [taken, lost] = [await shop.grant(['role1']), await shop.grant(['role1'])]
    const { adminName } = world.shop
    await shop.onShop(`drop role ${lost.username ?? ''}`)
    if (!isOld) await shop.onShop(`revoke ${taken.username ?? ''} from ${adminName}`)
    await broker.reconcile()
    const found = await alerts()
    const faults = await rows(world.owner.db, 'select detail from data_source_faults')
    if (!isOld) await shop.onShop(`grant ${taken.username ?? ''} to ${adminName} with admin option`)

    assert.equal((await look(world, lost.id)).state, 'TERMINATED')
    assert.deepEqual(faults, [])
    assert.deepEqual(
      found.map(({ rule, key }) => [rule, key]),
      isOld ? [] : [['role_altered', taken.id]],
    )
    if (!isOld) assert.match(found[0]?.detail ?? '', /grant ".*" to ".*" with admin option;/)
    await shop.cancel(taken)
    await broker.tick()
    await rows(world.owner.db, 'update alerts set resolved_at = now()')
  })

  it('knows a session user whose comment was changed, also to that of another session', async () => {
    const [one, two] = [await shop.grant(['role1']), await shop.grant(['role1'])]
    await shop.onShop(`comment on role ${one.username ?? ''} is '${two.uuid}'`)
    await shop.onShop(`comment on role ${two.username ?? ''} is null`)
    await broker.reconcile()
    const users = [await shop.userOf(one), await shop.userOf(two)]
    const found = await alerts()

    assert.deepEqual(
      users.map((user) => user?.name),
      [one.username, two.username],
    )
    assert.deepEqual(
      found.map(({ rule, key }) => `${rule} ${key}`).toSorted(),
      [one, two].map(({ id }) => `role_altered ${id}`).toSorted(),
    )
    assert.match(found[0]?.detail ?? '', /its comment was changed.*set right again/)
    for (const session of [one, two]) await shop.cancel(session)
    await broker.tick()
    await rows(world.owner.db, 'update alerts set resolved_at = now()')
  })

  it('gives a session user its marker back, and the session goes on', async () => {
    const session = await shop.grant(['role1'])
    const name = session.username ?? ''
    await shop.onShop(
      `revoke daypass_session from ${name}${isOld ? '' : ` granted by ${world.shop.adminName}`}`,
    )
    await broker.reconcile()
    const [alert] = await alerts()

    assert.equal((await look(world, session.id)).state, 'GRANTED')
    assert.deepEqual(await membershipsOf(name), ['daypass_session', 'orders_reader'])
    assert.equal(alert?.rule, 'role_altered')
    assert.match(alert.detail, /not a plain member of daypass_session.*set right again/)
    await shop.end(session)
    await rows(world.owner.db, 'update alerts set resolved_at = now()')
  })

  it('ends a session whose user was given another name, and says so', async () => {
    const session = await shop.grant(['role1'])
    const other = `other_${world.shop.database}`
    await shop.onShop(`alter role ${session.username ?? ''} rename to ${other}`)
    await broker.reconcile()
    await shop.untilDone(session)
    const { state, endReason } = await look(world, session.id)

    assert.equal(state, 'TERMINATED')
    assert.match(endReason ?? '', new RegExp(`another name on shop: ${other}`))
    assert.deepEqual(await membershipsOf(other), [])
  })

  it('removes a second role that passes itself off as the user of a session, and tells of it', async () => {
    const session = await shop.grant(['role1'])
    const stray = `stray_${world.shop.database}`
    await runOn(
      world.shop.adminUrl,
      `create role ${stray} login; grant daypass_session to ${stray};
       comment on role ${stray} is '${session.uuid}'`,
    )
    await broker.reconcile()
    const [alert] = await alerts()
    const told = await tasks(session.id)

    assert.deepEqual(await membershipsOf(stray), [])
    assert.equal((await look(world, session.id)).state, 'GRANTED')
    assert.equal(alert?.rule, 'login_unaccounted')
    assert.match(alert.detail, new RegExp(`^${stray} on shop .* session ${session.id}.*is removed`))
    assert.deepEqual(
      told.map(({ outcome }) => outcome),
      ['ok'],
    )
    await shop.end(session)
    await rows(world.owner.db, 'update alerts set resolved_at = now()')
  })

  it('records once that it fails, however often it does', async () => {
    const { adminName } = world.shop
    const session = await shop.grant(['role1'])
    await shop.onShop(`alter role ${adminName} nocreaterole`)
    await broker.reconcile()
    await broker.reconcile()
    await shop.onShop(`alter role ${adminName} createrole`)
    await broker.reconcile()
    const told = await rows<{ body: string }>(
      world.owner.db,
      `select body from records
        where action = 'task.failed' and body like '%could not be compared with the store%'`,
    )

    assert.equal(told.length, 1)
    await shop.end(session)
  })

  it('takes no login that is on its way to being given', async () => {
    const session = await shop.grant(['role1'])
    await shop.onShop(`alter role ${session.username ?? ''} nologin`)
    await rows(world.owner.db, `update session_users set login_at = null where session_id = :id`, {
      id: session.id,
    })
    await broker.reconcile()
    const between = await shop.userOf(session)
    await broker.tick()

    assert.equal(between?.login, false)
    assert.equal((await shop.userOf(session))?.login, true)
    assert.deepEqual(await alerts(), [])
    await shop.cancel(session)
    await broker.tick()
    assert.equal((await look(world, session.id)).removal.state, 'done')
  })
})
