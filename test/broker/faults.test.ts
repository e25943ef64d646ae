import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { derivePartKey, openingKey, publicBytesOf, seal } from '../../lib/seal.ts'
import { aboutAdminUrl, createDataSource, moveDataSource } from '../../db/data-sources.ts'
import { createRole } from '../../db/roles.ts'
import { rows } from '../../db/store.ts'
import { cancel, requestSession } from '../../broker/sessions/lifecycle.ts'
import { sweep } from '../../broker/scheduling/sweep.ts'
import type { Session } from '../../db/sessions.ts'
import { bestOf } from '../support/best-of.ts'
import { look, makeBroker, storyOf, until, type HandBroker } from '../support/broker.ts'
import { createDatabase, dropDatabase } from '../support/clusters.ts'
import { openRelay, type Relay } from '../support/relay.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

/** How long backends are waited for (broker/session-users/backends.ts). */
const BACKEND_WAIT_MS = 1_500

describe('what the broker survives', () => {
  let world: World
  let broker: HandBroker
  let relay: Relay

  before(async () => {
    world = await makeWorld()
    relay = await openRelay(world.shop.cluster.port)
    broker = makeBroker(world)
    await rows(
      world.owner.db,
      `update roles set approvals_needed = 0 where name in ('role1', 'role3')`,
    )
  })
  after(async () => {
    relay.close()
    await world.close()
  })

  const request = (roles: readonly string[] = ['role3'], dataSource = 'shop', minutes = 30) =>
    requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource,
      roles,
      minutes,
      justification: 'ticket 7',
    })
  const grant = async (): Promise<Session> => {
    const { id } = await request()
    await broker.tick()
    return look(world, id)
  }
  const cancelIt = ({ id }: Session) =>
    cancel(world.portal, world.scopes.mark, world.origins.mark, id)
  const onShop = <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []) =>
    runOn<Row>(world.shop.superuserUrl, sql, values)
  const roleOf = async ({ username }: Session) =>
    (
      await onShop<{ oid: number; login: boolean }>(
        `select oid, rolcanlogin as login from pg_roles where rolname = $1`,
        [username],
      )
    )[0]
  const sealed = (url: string, id: string): Buffer =>
    seal(
      publicBytesOf(openingKey(derivePartKey(world.masterKey, 'broker'))),
      url,
      aboutAdminUrl(id),
    )
  const adminUrlAt = (port: number): string => {
    const url = new URL(world.shop.adminUrl)
    url.port = String(port)
    return url.href
  }
  const pointAt = (port: number): Promise<void> =>
    world.owner.change((tx) =>
      moveDataSource(tx, world.origins.admin, {
        id: world.dataSource.id,
        port,
        adminSealed: sealed(adminUrlAt(port), world.dataSource.id),
      }),
    )
  /** Connects as a session user and returns the backend's process id. */
  const enter = async (session: Session): Promise<{ client: pg.Client; pid: number }> => {
    await onShop(`alter role ${session.username ?? ''} password 'known'`)
    const url = new URL(world.shop.superuserUrl)
    url.username = session.username ?? ''
    url.password = 'known'
    const client = new pg.Client({ connectionString: url.href })
    client.on('error', () => undefined)
    await client.connect()
    const { rows: found } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    return { client, pid: found[0]?.pid ?? 0 }
  }

  it('removes a user whose marker and comment somebody took away', async () => {
    const session = await grant()
    await onShop(
      `revoke daypass_session from ${session.username ?? ''} granted by ${world.shop.adminName};
       comment on role ${session.username ?? ''} is null`,
    )
    await cancelIt(session)
    await broker.tick()

    assert.equal(await roleOf(session), undefined)
    assert.notEqual((await look(world, session.id)).removedAt, null)
  })

  it('removes a user that somebody gave another name', async () => {
    const session = await grant()
    const made = await roleOf(session)
    await onShop(`alter role ${session.username ?? ''} rename to renamed_by_hand`)
    await cancelIt(session)
    await broker.tick()
    const left = await onShop('select rolname from pg_roles where oid = $1', [made?.oid])

    assert.deepEqual(left, [])
  })

  it('takes every login before it waits for those whose backends do not end', async () => {
    const took = await bestOf(BACKEND_WAIT_MS, shutOutStuck)

    assert.ok(took < BACKEND_WAIT_MS, `it took ${String(took)} ms`)
  }).timeout(120_000)

  /** How long it takes to shut out two who end together, the backend of each being stopped. */
  async function shutOutStuck(): Promise<number> {
    const stuck = [await grant(), await grant()] as const
    const inside = [await enter(stuck[0]), await enter(stuck[1])]
    const canLogIn = async (session: Session) => (await roleOf(session))?.login === true
    for (const { pid } of inside) process.kill(pid, 'SIGSTOP')
    try {
      for (const session of stuck) await cancelIt(session)
      const begun = performance.now()
      const ticking = broker.tick()
      for (const session of stuck) while (await canLogIn(session)) await sleep(10)
      const took = performance.now() - begun
      await ticking
      return took
    } finally {
      for (const { pid } of inside) process.kill(pid, 'SIGCONT')
      for (const { client } of inside) await client.end().catch(() => undefined)
      await until('both are gone', async () => {
        await broker.tick()
        return (await Promise.all(stuck.map(roleOf))).every((role) => role === undefined)
      })
    }
  }

  it('lets no session that somebody holds locked keep the others waiting', async () => {
    const [held, other] = [await grant(), await grant()]
    const holder = new pg.Client({ connectionString: world.owner.url })
    await holder.connect()
    await rows(
      world.owner.db,
      `update sessions
          set start_at = start_at - interval '1 hour', end_at = now() - interval '1 second',
              dies_at = now() - interval '1 second',
              state_since = state_since - interval '1 hour'
        where id in (:held, :other)`,
      { held: held.id, other: other.id },
    )
    await holder.query(`begin; select 1 from sessions where id = ${held.id} for update`)
    const begun = performance.now()
    await broker.tick()
    const took = performance.now() - begun
    const states = [await look(world, held.id), await look(world, other.id)].map(
      ({ state }) => state,
    )
    await holder.query('rollback')
    await holder.end()
    await broker.tick()

    assert.deepEqual(states, ['GRANTED', 'EXPIRED'])
    // the store gives a statement up after 30 s, and the holder never lets go by itself
    assert.ok(took < 20_000, `a tick took ${String(took)} ms`)
    assert.equal((await look(world, held.id)).state, 'EXPIRED')
  })

  it('has at most two connections open to one data source', async () => {
    const counted = await openRelay(world.shop.cluster.port)
    await pointAt(counted.port)
    const other = await createDatabase(world.shop.cluster)
    await runOn(
      world.shop.cluster.superuserUrl(other),
      'grant create on schema public to orders_writer',
    )
    const session = await grant()
    await onShop(`alter role ${session.username ?? ''} password 'known'`)
    for (const database of [world.shop.database, other]) {
      const url = new URL(world.shop.cluster.superuserUrl(database))
      url.username = session.username ?? ''
      url.password = 'known'
      await runOn(url.href, 'create table left_behind (n integer)')
    }
    await cancelIt(session)
    await request()
    await Promise.all([broker.tick(), broker.reconcile()])
    await until('the role is gone', async () => {
      await broker.tick()
      return (await roleOf(session)) === undefined
    })
    await dropDatabase(world.shop.cluster, other)
    await onShop('drop owned by daypass_residue cascade')
    await pointAt(world.shop.cluster.port)
    const { most } = counted
    counted.close()

    assert.ok(most > 0 && most <= 2, `${String(most)} connections at the same time`)
  })

  it('serves the others while one data source is a black hole', async () => {
    const hole = await openRelay(world.shop.cluster.port)
    hole.stall()
    const id = randomUUID()
    await world.owner.change(async (tx) => {
      await createDataSource(tx, world.origins.admin, {
        id,
        name: 'hole',
        host: '127.0.0.1',
        port: hole.port,
        databases: ['x'],
        defaultDatabase: 'x',
        tlsMode: 'disable',
        tlsCa: null,
        adminSealed: sealed(adminUrlAt(hole.port), id),
      })
      await createRole(tx, world.origins.admin, {
        dataSourceId: id,
        name: 'lost',
        databaseRole: 'orders_reader',
        approverGroupId: null,
        approvalsNeeded: 0,
        defaultMinutes: 30,
        maximumMinutes: 60,
      })
    })
    const lost = await request(['lost'], 'hole')
    await sweep(broker.deps)
    const { id: served } = await request()
    const begun = performance.now()
    await sweep(broker.deps)
    // before the call that hangs is given up
    await until('granted', async () => (await look(world, served)).state === 'GRANTED', 4_800)
    await until(
      'the call was given up',
      async () => (await look(world, lost.id)).waitingFor !== null,
    )
    const took = performance.now() - begun
    const waited = await look(world, lost.id)
    await cancelIt(lost)
    hole.close()
    await broker.deps.lanes.idle()

    assert.equal(waited.state, 'APPROVED')
    assert.match(waited.waitingFor ?? '', /can't be reached/)
    assert.ok(took < 20_000, `the call that hung took ${String(took)} ms`)
  })

  it('takes over the removals of a broker that was killed, within ten seconds', async () => {
    const session = await grant()
    await pointAt(relay.port)
    relay.stall()
    const child = await startChild()
    await cancelIt(session)
    await until('claimed by the child', async () => {
      const [job] = await rows<{ claim: string | null }>(
        world.owner.db,
        `select claimed_by as claim from session_jobs where session_id = :id and kind = 'removal'`,
        { id: session.id },
      )
      return typeof job?.claim === 'string'
    })
    child.kill('SIGKILL')
    const [claim] = await rows<{ soon: boolean }>(
      world.owner.db,
      `select coalesce(claimed_until, now()) < clock_timestamp() + interval '10 seconds' as soon
         from session_jobs
        where session_id = :id and kind = 'removal'`,
      { id: session.id },
    )
    relay.mend()
    await pointAt(world.shop.cluster.port)
    await until('the role is gone', async () => {
      await broker.tick()
      return (await roleOf(session)) === undefined
    })

    assert.equal(claim?.soon, true)
    assert.equal(
      await storyOf(world, session.id),
      'CREATED role_approved APPROVED GRANTED CANCELED',
    )
  }).timeout(90_000)

  async function startChild(): Promise<ChildProcess> {
    const child = spawn(
      process.execPath,
      [
        '--import',
        'tsx',
        'test/broker/broker-child.ts',
        world.broker.url,
        world.masterKey.toString('hex'),
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    await once(child.stdout, 'data')
    return child
  }
})
