import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DateTime } from 'luxon'
import pg from 'pg'
import { appendRecord } from '../../db/audit-log.ts'
import { notify } from '../../db/notices.ts'
import { providePartLogins } from '../../db/part-logins.ts'
import { getDefaultOrganization } from '../../db/people.ts'
import type { PartScope } from '../../db/scope.ts'
import { listStatements, type Statement } from '../../db/statements.ts'
import { getRow, iso, openStore, rows, storeTime, type Store } from '../../db/store.ts'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import { silentLog } from '../../lib/log.ts'
import { makeVerifier } from '../../lib/scram.ts'
import { derivePartKey, openingKey, publicBytesOf, seal } from '../../lib/seal.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { startProxy, type ProxyParts } from '../../proxy/main.ts'
import { createDatabase, dataSourceCluster, dropDatabase, storeCluster } from './clusters.ts'
import type { TestCluster } from './clusters.ts'
import { createStoreDatabase } from './store-template.ts'
import { againWhenRaced } from './world.ts'

/** What a granted session's owner holds. */
export interface Granted {
  readonly id: SessionId
  readonly username: string
  readonly secret: string
}

export interface GrantOptions {
  readonly state?: 'APPROVED' | 'GRANTED'
  /** From now; negative for a window that is over. */
  readonly endsInSeconds?: number
  readonly connectionLimit?: number
  readonly isLetIn?: boolean
}

export interface TestProxy {
  readonly port: number
  readonly dataDir: string
  stop(): Promise<void>
}

/** Promised are 2 s; a busy machine has its time too. */
const RECORDED_MS = 6_000
const PATIENCE_MS = 15_000

export const OPERATOR: PartScope = { kind: 'part', part: 'operator' }

/** A store with a data source, where sessions are granted by hand: rows here, a role there. */
export class GrantedWorld {
  readonly masterKey = randomBytes(32)
  /** As the store's owner, who may do everything. */
  readonly store: Store
  /** The login that the proxy itself has on the store. */
  readonly proxyUrl: string
  readonly shopUrl: string
  readonly #shop: string
  readonly #cluster: TestCluster
  readonly #storeName: string
  readonly #closings: (() => Promise<unknown>)[] = []
  #people = 0

  private constructor(made: {
    store: Store
    proxyUrl: string
    shopUrl: string
    cluster: TestCluster
    names: string[]
  }) {
    this.store = made.store
    this.#cluster = made.cluster
    this.proxyUrl = made.proxyUrl
    this.shopUrl = made.shopUrl
    const [storeName = '', shop = ''] = made.names
    this.#storeName = storeName
    this.#shop = shop
  }

  /** On the servers that the whole run shares, or with a data source of a test's own. */
  static async make(own?: TestCluster): Promise<GrantedWorld> {
    const [storeHost, source] = await Promise.all([storeCluster(), own ?? dataSourceCluster()])
    const [storeName, shop] = [await createStoreDatabase(storeHost), await createDatabase(source)]
    const ownerUrl = storeHost.superuserUrl(storeName)
    const world = new GrantedWorld({
      store: openStore(ownerUrl),
      proxyUrl: '',
      shopUrl: source.superuserUrl(shop),
      cluster: source,
      names: [storeName, shop],
    })
    const logins = await providePartLogins(ownerUrl, world.masterKey)
    await world.onShop(
      'create table goods (id serial primary key, name text, at timestamptz default now())',
      'grant all on goods, goods_id_seq to public',
      'grant create on schema public to public',
    )
    return Object.assign(world, { proxyUrl: logins.proxy })
  }

  get database(): string {
    return this.#shop
  }

  /** Ends what was started, newest first, and drops both databases. */
  async close(): Promise<void> {
    for (const close of this.#closings.reverse()) await close()
    await this.store.close()
    await dropDatabase(await storeCluster(), this.#storeName)
    await dropDatabase(this.#cluster, this.#shop)
  }

  /** Runs SQL on the data source as its superuser and returns the last answer's rows. */
  async onShop(...statements: readonly string[]): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({
      connectionString: this.shopUrl,
      connectionTimeoutMillis: 15_000,
    })
    await client.connect()
    try {
      let last: Record<string, unknown>[] = []
      for (const sql of statements) {
        const answer = await againWhenRaced(() => client.query<Record<string, unknown>>(sql))
        last = answer.rows
      }
      return last
    } finally {
      await client.end()
    }
  }

  async grant(options: GrantOptions = {}): Promise<Granted> {
    const {
      state = 'GRANTED',
      endsInSeconds = 3600,
      connectionLimit = 20,
      isLetIn = true,
    } = options
    const db = this.store.db
    const organization = await getDefaultOrganization(db)
    const person = await this.#person(organization.id)
    const source = await this.#source(organization.id)
    const username = `dp_mark_${randomBytes(6).toString('hex')}`
    const { id: text } = await getRow<{ id: string }>(
      db,
      `insert into sessions (organization_id, data_source_id, requester_id, state, state_since, justification,
                             start_at, end_at, request_hash, created_at, dies_at, username, granted_at)
       values (:organization, :source, :person, :state, now(), 'test',
               now() + make_interval(secs => :ends) - interval '4 hours',
               now() + make_interval(secs => :ends), '', now(), now() + interval '1 day', :username,
               now())
    returning id`,
      { organization: organization.id, source, person, state, ends: endsInSeconds, username },
    )
    const id = parseSessionId(text)
    if (id === undefined) throw new Error('not a session id')
    await rows(
      db,
      `with made as (
         insert into roles (organization_id, data_source_id, name, database_role)
         values (:organization, :source, 'role1', 'role1')
             on conflict (data_source_id, name) do update set name = excluded.name
      returning id
       )
       insert into session_roles (session_id, role_id, organization_id, name, database_role, approvals_needed,
                                  place, state)
       select :id, made.id, :organization, 'role1', 'role1', 0, 0, 'APPROVED' from made`,
      { id, organization: organization.id, source },
    )
    const [secret, password] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
    const key = publicBytesOf(openingKey(derivePartKey(this.masterKey, 'proxy')))
    const verifier = await makeVerifier(password)
    await rows(
      db,
      `insert into session_users (session_id, organization_id, data_source_id, username, upstream_sealed,
                                  upstream_verifier, connection_limit, intended_at, login_at)
       values (:id, :organization, :source, :username, :sealed, :verifier, :connectionLimit, now(),
               case when :isLetIn then now() end)`,
      {
        id,
        organization: organization.id,
        source,
        username,
        sealed: seal(key, password, `session_users.upstream_sealed:${id}`),
        verifier,
        connectionLimit,
        isLetIn,
      },
    )
    await rows(
      db,
      `insert into session_credentials (session_id, organization_id, verifier, made_at)
       values (:id, :organization, :verifier, now())`,
      { id, organization: organization.id, verifier: await makeVerifier(secret) },
    )
    await this.onShop(`create role ${username} login password '${verifier}'`)
    this.#closings.push(() =>
      this.onShop(`drop owned by ${username} cascade`, `drop role ${username}`),
    )
    return { id, username, secret }
  }

  /** Ends a session as the broker would, with its record and its notice. */
  async end(
    id: SessionId,
    state: 'CANCELED' | 'TERMINATED' | 'EXPIRED',
    by: string,
  ): Promise<void> {
    await this.store.change(async (tx) => {
      const organization = await getDefaultOrganization(tx)
      const at = await storeTime(tx)
      await rows(
        tx,
        `update sessions set state = :state, state_since = :at, ended_at = :at where id = :id`,
        { id, state, at: iso(at) },
      )
      const actor = { type: 'person' as const, id: by, name: by }
      await appendRecord(tx, { actor, organization, correlationId: randomUUID() }, at, {
        action: 'session.canceled',
        area: 'sessions',
        outcome: 'ok',
        scope: 'session',
        state,
        session: {
          id,
          uuid: randomUUID(),
          ordinal: 4,
          requester: 'mark',
          roles: [],
          username: '-',
          start: null,
          end: null,
        },
      })
      await notify(tx, 'daypass_ends', id)
    })
  }

  /** A proxy in this process, on a port of its own. */
  async startProxy(
    more: Partial<ProxyParts['config']> &
      Pick<ProxyParts, 'write' | 'sync' | 'exit' | 'lookMs'> & { url?: string } = {},
  ): Promise<TestProxy> {
    const { url = this.proxyUrl, write, sync, exit, lookMs, ...config } = more
    const log = silentLog
    const dataDir = more.dataDir ?? (await mkdtemp(join(tmpdir(), 'daypass-proxy-')))
    const store = openStore(url)
    const shutdown = new Shutdown(log)
    shutdown.onClose('store', () => store.close())
    const stop = () => shutdown.close()
    // before the start: one that is refused has things open too
    this.#closings.push(async () => {
      await stop()
      await rm(dataDir, { recursive: true, force: true })
    })
    const { port } = await startProxy({
      config: {
        dataDir,
        masterKey: this.masterKey,
        partKey: undefined,
        recording: 'prompt',
        proxy: { host: '127.0.0.1', port: 0, tls: undefined },
        ...config,
      },
      store,
      log,
      shutdown,
      ...(write ? { write } : {}),
      ...(sync ? { sync } : {}),
      ...(exit ? { exit } : {}),
      ...(lookMs === undefined ? {} : { lookMs }),
    })
    return { port, dataDir, stop }
  }

  /** Waits until so many statements of a session are in the store; fewer where they don't come. */
  async statements(id: SessionId, count: number): Promise<readonly Statement[]> {
    const end = performance.now() + RECORDED_MS
    for (;;) {
      const { statements } = await listStatements(this.store.db, OPERATOR, id, { limit: 1000 })
      if (statements.length >= count || performance.now() > end) return statements
      await sleep(20)
    }
  }

  /** Where the data source is said to be from now on; nothing means where it is. */
  async moveShop(to: {
    readonly host?: string
    readonly port?: number
    readonly tlsMode?: string
    readonly tlsCa?: string
  }): Promise<void> {
    const { host = '127.0.0.1', tlsMode = 'disable', tlsCa = null } = to
    const port = to.port ?? Number(new URL(this.shopUrl).port)
    await rows(
      this.store.db,
      `update data_sources set host = :host, port = :port, tls_mode = :tlsMode, tls_ca = :tlsCa`,
      { host, port, tlsMode, tlsCa },
    )
  }

  /** Waits until a backend is in pg_sleep. */
  async waitUntilAsleep(pid: number): Promise<void> {
    const sql = `select from pg_stat_activity where pid = ${String(pid)} and wait_event = 'PgSleep'`
    for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
      if ((await this.onShop(sql)).length > 0) return
    }
    throw new Error('the statement never began')
  }

  /** Waits until a backend has ended, at most so many milliseconds. */
  async waitUntilGone(pid: number, most = 10_000): Promise<void> {
    const deadline = Date.now() + most
    const sql = `select from pg_stat_activity where pid = ${String(pid)}`
    while ((await this.onShop(sql)).length > 0) {
      if (Date.now() > deadline) throw new Error('the backend is still there')
      await sleep(50)
    }
  }

  /** A store that nobody answers for. */
  unreachable(): Store['db'] {
    const store = openStore('postgres://nobody@127.0.0.1:1/none')
    this.#closings.push(() => store.close())
    return store.db
  }

  async #person(organization: string): Promise<string> {
    this.#people += 1
    const { id } = await getRow<{ id: string }>(
      this.store.db,
      `insert into people (organization_id, username, display_name)
       values (:organization, :username, 'Mark')
    returning id`,
      { organization, username: this.#people === 1 ? 'mark' : `mark${String(this.#people)}` },
    )
    return id
  }

  async #source(organization: string): Promise<string> {
    const url = new URL(this.shopUrl)
    const { id } = await getRow<{ id: string }>(
      this.store.db,
      `insert into data_sources (organization_id, name, host, port, databases, default_database, tls_mode,
                                 admin_sealed)
       values (:organization, 'shop', '127.0.0.1', :port, array[:database], :database, 'disable', '')
           on conflict (organization_id, name) do update set port = excluded.port
    returning id`,
      { organization, port: Number(url.port), database: this.#shop },
    )
    return id
  }
}

/** A node-postgres client through a proxy. */
export function clientOf(
  port: number,
  { username, secret }: Granted,
  more: pg.ClientConfig = {},
): pg.Client {
  return new pg.Client({
    host: '127.0.0.1',
    port,
    user: username,
    password: secret,
    connectionTimeoutMillis: 15_000,
    ...more,
  })
}

/** The error that a promise must end with. */
export async function failureOf(promise: Promise<unknown>): Promise<pg.DatabaseError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error
    throw error
  }
  throw new Error('it should have failed')
}

/** An instant some seconds from now. */
export function inSeconds(seconds: number): DateTime<true> {
  return DateTime.utc().plus({ seconds })
}
