import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { derivePartKey, openingKey, publicBytesOf, seal } from '../../lib/seal.ts'
import type { SessionId } from '../../lib/ids.ts'
import { aboutAdminUrl, createDataSource, moveDataSource } from '../../db/data-sources.ts'
import { createRole } from '../../db/roles.ts'
import { rows } from '../../db/store.ts'
import type { Session } from '../../db/sessions.ts'
import { cancel, requestSession } from '../../broker/sessions/lifecycle.ts'
import { look, until } from '../support/broker.ts'
import type { TestCluster } from '../support/clusters.ts'
import { violations } from '../support/oracles.ts'
import { awaitGone, Late, seconds } from '../support/oracles-ends.ts'
import { startPart, type PartProcess } from '../support/part-process.ts'
import { openRelay, type Relay } from '../support/relay.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'
import { secretLeaks, upstreamSecretOf } from './secrets.ts'
import type { OwnServers } from './servers.ts'

export interface BrokerPlan {
  readonly failpoint?: string
  readonly clockOffMs?: number
  /** Default: the world's store under the broker's login. */
  readonly storeUrl?: string
}

/** One cell's own world and everything it started; what it found out goes into its line. */
export class Bench {
  readonly world: World
  readonly notes: string[] = []
  /** True once the fault was really injected; a cell that never got there does not count as run. */
  injected = false
  readonly #closings: (() => Promise<unknown>)[] = []
  readonly #own: OwnServers | undefined
  readonly #parts: PartProcess[] = []

  private constructor(world: World, own: OwnServers | undefined) {
    this.world = world
    this.#own = own
  }

  /** On servers of its own, or on a data source that is lent to it and the store all cells share. */
  static async open(on: OwnServers | TestCluster): Promise<Bench> {
    const own = 'clusters' in on ? on : undefined
    const clusters = 'clusters' in on ? on.clusters : { source: on }
    const bench = new Bench(await oneAtATime(() => makeWorld(clusters)), own)
    // so that a session that may make things is granted at once
    await rows(
      bench.world.owner.db,
      `update roles set approvals_needed = 0 where name in ('role1', 'role3')`,
    )
    return bench
  }

  /** Runs at the end, last things first, whatever happens. */
  onClose(close: () => Promise<unknown>): void {
    this.#closings.push(close)
  }

  async close(): Promise<void> {
    for (const part of this.#parts) await part.kill()
    for (const close of this.#closings.reverse()) await close()
    const { portal, broker, proxy, owner } = this.world
    await Promise.all([portal, broker, proxy, owner].map((store) => store.close()))
    // what a failed cell left on a lent data source goes with that server
    await this.#own?.remove()
  }

  /** Ends it with this cell, and looks through what it printed. */
  keepPart(part: PartProcess): void {
    this.#parts.push(part)
  }

  /** The servers that are this cell's alone. */
  get own(): OwnServers {
    if (this.#own === undefined) throw new Error('this cell runs on shared servers')
    return this.#own
  }

  note(text: string): void {
    this.notes.push(text)
  }

  broker({
    failpoint,
    clockOffMs = 0,
    storeUrl = this.world.broker.url,
  }: BrokerPlan = {}): PartProcess {
    const started = startPart({
      part: 'broker',
      settings: { storeUrl, masterKey: this.world.masterKey.toString('hex'), clockOffMs },
      ...(failpoint === undefined ? {} : { failpoint }),
    })
    this.keepPart(started)
    return started
  }

  /** A broker that is up; resolves with it. */
  async readyBroker(plan: BrokerPlan = {}): Promise<PartProcess> {
    const broker = this.broker(plan)
    const said = await broker.line('ready')
    assert.equal(said, 'ready', `a broker did not start: ${broker.printed()}`)
    return broker
  }

  request(
    roles: readonly string[] = ['role2'],
    { dataSource = 'shop', minutes = 30 }: { dataSource?: string; minutes?: number } = {},
  ): Promise<Session> {
    const { portal, scopes, origins } = this.world
    return requestSession(portal, scopes.mark, origins.mark, {
      dataSource,
      roles,
      minutes,
      justification: 'ticket 7',
    })
  }

  cancel(id: SessionId): Promise<Session> {
    const { portal, scopes, origins } = this.world
    return cancel(portal, scopes.mark, origins.mark, id)
  }

  look(id: SessionId): Promise<Session> {
    return look(this.world, id)
  }

  /** Waits until a session is granted and its user let in. */
  async granted(id: SessionId, withinMs = 45_000): Promise<Session> {
    await until(
      `session ${id} is granted and let in`,
      async () =>
        (
          await rows(
            this.world.owner.db,
            `select from session_users u
               join sessions s on s.id = u.session_id
              where s.id = :id and s.state = 'GRANTED' and u.login_at is not null`,
            { id },
          )
        ).length === 1,
      withinMs,
    )
    return this.look(id)
  }

  /** Lets the window of sessions run out now, or so many milliseconds on, by the store's clock. */
  async runOut(ids: readonly SessionId[], inMs = 0): Promise<void> {
    await rows(
      this.world.owner.db,
      `update sessions
          set start_at = start_at - interval '1 hour', end_at = clock_timestamp() + make_interval(secs => :secs),
              dies_at = clock_timestamp() + make_interval(secs => :secs)
        where id = any (cast(:ids as bigint[]))`,
      { ids, secs: inMs / 1_000 },
    )
  }

  /** As a superuser, in the data source's database. */
  onShop<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return runOn<Row>(this.world.shop.superuserUrl, sql, values)
  }

  onStore<Row>(sql: string, bindings: Record<string, unknown> = {}): Promise<Row[]> {
    return rows<Row>(this.world.owner.db, sql, bindings)
  }

  /** Connects as a session user, past the proxy, with the secret that the proxy has. */
  async enter(session: Session, database = this.world.shop.database): Promise<pg.Client> {
    const url = new URL(this.world.shop.cluster.superuserUrl(database))
    url.username = session.username ?? ''
    url.password = await upstreamSecretOf(this.world, session.id)
    const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 5_000 })
    client.on('error', () => undefined)
    await client.connect()
    this.onClose(() => client.end().catch(() => undefined))
    return client
  }

  async relay(): Promise<Relay> {
    const relay = await openRelay(this.world.shop.cluster.port)
    this.onClose(() => {
      relay.close()
      return Promise.resolve()
    })
    return relay
  }

  /** Lets brokers reach the data source at another port. */
  pointAt(port: number): Promise<void> {
    const { dataSource, owner, origins } = this.world
    const adminSealed = this.#seal(this.#adminUrlAt(port), dataSource.id)
    return owner.change((tx) =>
      moveDataSource(tx, origins.admin, { id: dataSource.id, port, adminSealed }),
    )
  }

  /** A second data source, with a role of the same name that needs no approval. */
  async addDataSource(
    name: string,
    { port, url = this.#adminUrlAt(port) }: { port: number; url?: string },
  ): Promise<string> {
    const { owner, origins } = this.world
    const id = randomUUID()
    const database = new URL(url).pathname.slice(1)
    await owner.change(async (tx) => {
      await createDataSource(tx, origins.admin, {
        id,
        name,
        host: '127.0.0.1',
        port,
        databases: [database],
        defaultDatabase: database,
        tlsMode: 'disable',
        tlsCa: null,
        adminSealed: this.#seal(url, id),
      })
      await createRole(tx, origins.admin, {
        dataSourceId: id,
        name: `${name}_role`,
        databaseRole: 'customers_reader',
        approverGroupId: null,
        approvalsNeeded: 0,
        defaultMinutes: 30,
        maximumMinutes: 60,
      })
    })
    return id
  }

  /** I2 for what has ended, measured from a moment; the times go into the cell's line. */
  async gone(
    from: number,
    options: { ids?: readonly SessionId[]; accessWithinMs?: number; goneWithinMs?: number } = {},
  ): Promise<void> {
    const { accessMs, roleMs, faults, isLate } = await awaitGone(this.world, { from, ...options })
    this.note(`access ended ${seconds(accessMs)}, role gone ${seconds(roleMs)}`)
    if (isLate) throw new Late(faults.join(' '))
    assert.deepEqual(faults, [])
  }

  /** I1, I3, I4, I5 and I8 as they stand. */
  async sound(): Promise<void> {
    assert.deepEqual(await violations(this.world), [])
    assert.deepEqual(await secretLeaks(this.world, this.#parts), [])
  }

  #adminUrlAt(port: number): string {
    const url = new URL(this.world.shop.adminUrl)
    url.port = String(port)
    return url.href
  }

  #seal(url: string, id: string): Buffer {
    const key = openingKey(derivePartKey(this.world.masterKey, 'broker'))
    return seal(publicBytesOf(key), url, aboutAdminUrl(id))
  }
}

let last: Promise<unknown> = Promise.resolve()

/** Roles are a cluster's: two worlds made at once would trip over each other. */
function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  const mine = last.then(work)
  last = mine.catch(() => undefined)
  return mine
}
