import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { SessionId } from '../../lib/ids.ts'
import { listSessions } from '../../db/sessions.ts'
import { storeTime } from '../../db/store.ts'
import { makeCredential } from '../../broker/sessions/credentials.ts'
import { requestExtension } from '../../broker/extension/extension.ts'
import { approveExtension } from '../../broker/extension/decisions.ts'
import {
  approve,
  cancel,
  deny,
  requestSession,
  terminate,
} from '../../broker/sessions/lifecycle.ts'
import type { History } from './history.ts'
import type { Random } from './random.ts'
import type { Stage, Walker } from './stage.ts'

const THINKING_MS = [100, 700] as const
const CONNECT_DEADLINE_MS = 8_000
const STATEMENT_DEADLINE_MS = 15_000
const MOST_CONNECTIONS = 3
/** Then those who decide start afresh: most of what waits is over. */
const MOST_WAITING = 40

/** A session somebody asked for, and what its owner holds of it. */
interface Asked {
  readonly id: SessionId
  readonly owner: number
  secret?: { readonly username: string; readonly password: string; readonly database: string }
}

/** What all walkers know of each other. */
export interface Street {
  readonly asked: Asked[]
  readonly waiting: Set<SessionId>
  operations: number
}

interface Connection {
  readonly session: SessionId
  readonly client: pg.Client
  isOver: boolean
}

type Step = () => Promise<unknown>

/** One person who asks, decides, connects and ends, as the dice say, until told to stop. */
export class Client {
  readonly #stage: Stage
  readonly #history: History
  readonly #dice: Random
  readonly #street: Street
  readonly #number: number
  readonly #walker: Walker
  #connections: Connection[] = []

  constructor(
    number: number,
    {
      stage,
      history,
      dice,
      street,
    }: { stage: Stage; history: History; dice: Random; street: Street },
  ) {
    const walker = stage.walkers[number]
    if (walker === undefined) throw new Error('nobody of that number was hired')
    this.#number = number
    this.#walker = walker
    this.#stage = stage
    this.#history = history
    this.#dice = dice
    this.#street = street
  }

  async walk(signal: AbortSignal): Promise<void> {
    const steps: readonly [Step, ...Step[]] = [
      () => this.#request(),
      () => this.#decide(),
      () => this.#decide(),
      () => this.#decide(),
      () => this.#end(),
      () => this.#enter(),
      () => this.#enter(),
      () => this.#enter(),
      () => this.#enter(),
      () => this.#run(),
      () => this.#run(),
      () => this.#run(),
      () => this.#run(),
      () => this.#run(),
      () => this.#leave(),
      () => this.#extend(),
    ]
    while (!signal.aborted) {
      this.#street.operations += 1
      await this.#dice.pick(steps)()
      this.#connections = this.#connections.filter(({ isOver }) => !isOver)
      await sleep(this.#dice.between(...THINKING_MS))
    }
    await Promise.all(this.#connections.map(({ client }) => client.end().catch(() => undefined)))
  }

  async #request(): Promise<void> {
    const { portal } = this.#stage.world
    const roles = this.#dice.pick(['role1', 'role2', 'role2', 'role3', 'role1 role3']).split(' ')
    const minutes = this.#dice.between(0.1, 1.5)
    const isLater = this.#dice.number() < 0.3
    const pauseMs = this.#dice.between(500, 6_000)
    const session = await this.#do('request', undefined, async () => {
      const now = isLater ? await storeTime(portal.db) : undefined
      return requestSession(portal, this.#walker.scope, this.#walker.origin, {
        dataSource: 'shop',
        roles,
        minutes,
        ...(now === undefined ? {} : { start: now.plus({ milliseconds: Math.round(pauseMs) }) }),
        justification: 'a walk',
      })
    })
    if (session === undefined) return
    this.#street.asked.push({ id: session.id, owner: this.#number })
    if (session.state === 'CREATED') this.#street.waiting.add(session.id)
  }

  async #decide(): Promise<void> {
    const { portal, scopes, origins } = this.#stage.world
    const who = this.#dice.pick(['john', 'admin', 'admin', 'john'])
    const isDenied = this.#dice.number() < 0.1
    const isLate = this.#dice.number() < 0.1
    const waiting = this.#dice.find([...this.#street.waiting])
    const id = isLate ? this.#recent(30)?.id : waiting
    if (id === undefined) return
    const decided = await this.#do(`${isDenied ? 'deny' : 'approve'} as ${who}`, id, () =>
      isDenied
        ? deny(portal, scopes[who], origins[who], id, { reason: 'no' })
        : approve(portal, scopes[who], origins[who], id),
    )
    if (decided !== undefined && decided.state !== 'CREATED') this.#street.waiting.delete(id)
    if (this.#street.waiting.size > MOST_WAITING) this.#street.waiting.clear()
  }

  /** More time for the same user; the new approvals it may need come from john or admin. */
  async #extend(): Promise<void> {
    const { portal, scopes, origins } = this.#stage.world
    const minutes = this.#dice.between(0.1, 0.5)
    const asked = await this.#granted()
    if (asked === undefined) return
    const extension = await this.#do('ask for more time', asked.id, () =>
      requestExtension(portal, this.#walker.scope, this.#walker.origin, asked.id, {
        minutes,
        justification: 'a longer walk',
      }),
    )
    if (extension?.state !== 'CREATED') return
    for (const who of ['john', 'admin'] as const) {
      await this.#do(`approve more time as ${who}`, asked.id, () =>
        approveExtension(portal, scopes[who], origins[who], extension.id),
      )
    }
  }

  async #end(): Promise<void> {
    const { portal, scopes, origins } = this.#stage.world
    const isAdmins = this.#dice.number() < 0.4
    const asked = isAdmins ? this.#recent(20) : this.#mine()
    if (asked === undefined) return
    await this.#do(isAdmins ? 'terminate' : 'cancel', asked.id, () =>
      isAdmins
        ? terminate(portal, scopes.admin, origins.admin, asked.id, { reason: 'a walk' })
        : cancel(portal, this.#walker.scope, this.#walker.origin, asked.id),
    )
  }

  /** With an old secret too, when the session may long be over: then nobody must get in. */
  async #enter(): Promise<void> {
    const isAny = this.#dice.number() < 0.2
    const proxy = this.#dice.find(this.#stage.proxies)
    const isFresh = this.#dice.number() < 0.5
    if (this.#connections.length >= MOST_CONNECTIONS) return
    const asked = isAny ? this.#mine() : await this.#granted()
    if (asked === undefined || proxy === undefined) return
    if (isFresh || asked.secret === undefined) {
      const { portal } = this.#stage.world
      const made = await this.#do('ask for a credential', asked.id, () =>
        makeCredential(portal, this.#walker.scope, this.#walker.origin, asked.id),
      )
      if (made !== undefined) asked.secret = made
    }
    const { secret } = asked
    if (secret === undefined) return
    const client = new pg.Client({
      host: '127.0.0.1',
      port: proxy.port,
      user: secret.username,
      password: secret.password,
      database: secret.database,
      connectionTimeoutMillis: CONNECT_DEADLINE_MS,
      query_timeout: STATEMENT_DEADLINE_MS,
    })
    const connection: Connection = { session: asked.id, client, isOver: false }
    const end = (): void => {
      connection.isOver = true
    }
    client.on('error', end)
    client.on('end', end)
    const inside = await this.#do(`connect through ${proxy.name}`, asked.id, async () => {
      await client.connect()
      return true
    })
    if (inside === true) this.#connections.push(connection)
    else await client.end().catch(() => undefined)
  }

  async #run(): Promise<void> {
    const makes = this.#dice.number() < 0.05
    const connection = this.#dice.find(this.#connections)
    if (connection === undefined || connection.isOver) return
    this.#street.operations += 1
    const operation = `op-${String(this.#number)}-${String(this.#street.operations)}`
    const sql = makes
      ? `create table if not exists made_${String(this.#number)} (n integer) -- ${operation}`
      : `insert into ran values ('${operation}')`
    const facts = { detail: sql }
    await this.#do('statement', connection.session, () => connection.client.query(sql), facts)
  }

  async #leave(): Promise<void> {
    const connection = this.#dice.find(this.#connections)
    if (connection === undefined) return
    connection.isOver = true
    await connection.client.end().catch(() => undefined)
  }

  async #granted(): Promise<Asked | undefined> {
    const { portal } = this.#stage.world
    const choice = this.#dice.number()
    const live = await this.#do('look', undefined, () =>
      listSessions(portal.db, this.#walker.scope, { mine: true, state: ['GRANTED'], limit: 5 }),
    )
    const chosen = live?.[Math.floor(choice * live.length)]?.id
    return this.#street.asked.find(({ id }) => id === chosen)
  }

  #mine(): Asked | undefined {
    return this.#dice.find(
      this.#street.asked.filter(({ owner }) => owner === this.#number).slice(-4),
    )
  }

  #recent(most: number): Asked | undefined {
    return this.#dice.find(this.#street.asked.slice(-most))
  }

  #do<T>(
    what: string,
    session: SessionId | undefined,
    act: () => Promise<T>,
    more: { readonly detail?: string } = {},
  ): Promise<T | undefined> {
    const who = `client-${String(this.#number)}`
    return this.#history.record(
      { who, what, ...(session === undefined ? {} : { session }), ...more },
      act,
    )
  }
}
