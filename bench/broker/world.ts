import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DateTime } from 'luxon'
import pg from 'pg'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { environmentWith } from '../../config.ts'
import { createToken } from '../../db/tokens.ts'
import { getRow } from '../../db/store.ts'
import { freePort } from '../../db/embedded.ts'
import type { SessionId } from '../../lib/ids.ts'
import { projectRoot } from '../../lib/project.ts'
import { stopClusters } from '../../test/support/clusters.ts'
import { makeWorld, runOn, type World } from '../../test/support/world.ts'

/** A world with a crowded data source, and the built broker and portal running on it. */
export interface BenchWorld {
  readonly world: World
  /** A long-lived connection each: what bare SQL is given too. */
  readonly store: pg.Client
  readonly source: pg.Client
  readonly portal: PortalProbe
  ask(window: { readonly startMs?: number; readonly endMs: number }): Promise<SessionId>
  close(): Promise<void>
}

/** Asks the portal for pages of the API as a person's script would, one after another. */
export interface PortalProbe {
  /** Milliseconds of each answer while the work ran. */
  during<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly answers: number[] }>
}

const PROGRAM = path.join(projectRoot, 'dist/scripts/daypass.js')
const ROLES_AT_ONCE = 1_000
const PROBE_PAUSE_MS = 20

/** Builds it; both servers are durable as a user's are. */
export async function makeBenchWorld({ roles }: { roles: number }): Promise<BenchWorld> {
  const world = await makeWorld()
  await crowd(world, roles)
  const ports = { portal: await freePort(), proxy: await freePort() }
  const parts = [startPart('broker', world, ports), startPart('portal', world, ports)]
  await Promise.all(parts.map(ready))
  const store = await connect(world.owner.url)
  const source = await connect(world.shop.adminUrl)
  const token = await tokenFor(world)
  return {
    world,
    store,
    source,
    portal: probe(`http://127.0.0.1:${String(ports.portal)}/api/v1`, token),
    ask: async ({ startMs, endMs }) => {
      const { id } = await requestSession(world.portal, world.scopes.mark, world.origins.mark, {
        dataSource: 'shop',
        roles: ['role2'],
        ...(startMs === undefined ? {} : { start: instant(startMs) }),
        end: instant(endMs),
        justification: 'measure it',
      })
      return id
    },
    close: async () => {
      for (const part of parts) await end(part)
      await store.end()
      await source.end()
      await runOn(world.shop.superuserUrl, DROP_CROWD)
      await world.close()
      await stopClusters()
    },
  }
}

function instant(ms: number): DateTime<true> {
  const at = DateTime.fromMillis(ms, { zone: 'utc' })
  if (at.isValid) return at
  throw new Error(`no instant: ${String(ms)}`)
}

async function crowd({ shop }: World, roles: number): Promise<void> {
  for (let made = 0; made < roles; made += ROLES_AT_ONCE) {
    const last = Math.min(roles, made + ROLES_AT_ONCE)
    await runOn(
      shop.superuserUrl,
      `do $$ begin
         for n in ${String(made + 1)} .. ${String(last)} loop
           execute format('create role crowd_%s login in role customers_reader', n);
         end loop;
       end $$`,
    )
  }
}

const DROP_CROWD = `
do $$
declare
  crowd text;
begin
  for crowd in select rolname from pg_roles where rolname like 'crowd\\_%' loop
    execute format('drop role %I', crowd);
  end loop;
end $$`

function startPart(
  part: 'broker' | 'portal',
  world: World,
  ports: { readonly portal: number; readonly proxy: number },
): ChildProcess {
  return fork(PROGRAM, ['serve', part], {
    execArgv: [],
    env: environmentWith({
      DAYPASS_STORE_URL: world[part].url,
      DAYPASS_MASTER_KEY: world.masterKey.toString('base64'),
      DAYPASS_PORTAL_PORT: String(ports.portal),
      DAYPASS_PROXY_PORT: String(ports.proxy),
      DAYPASS_DEMO: 'false',
    }),
  })
}

/** Errors: the part ended before it was ready, which it has told on its standard error. */
async function ready(part: ChildProcess): Promise<void> {
  const ended = once(part, 'exit').then(() => {
    throw new Error('a part did not start')
  })
  await Promise.race([once(part, 'message'), ended])
}

async function end(part: ChildProcess): Promise<void> {
  if (part.exitCode !== null) return
  const ended = once(part, 'exit')
  part.kill('SIGTERM')
  await ended
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  return client
}

function tokenFor(world: World): Promise<string> {
  const person = world.people.mark
  return world.owner.change(
    async (tx) => (await createToken(tx, world.origins.mark, { person, name: 'bench' })).token,
  )
}

function probe(url: string, token: string): PortalProbe {
  const ask = async (answers: number[]): Promise<void> => {
    const began = performance.now()
    const answer = await fetch(`${url}/sessions?mine=true`, {
      headers: { authorization: `Bearer ${token}` },
    })
    await answer.arrayBuffer()
    if (!answer.ok) throw new Error(`the portal answered ${String(answer.status)}`)
    answers.push(performance.now() - began)
  }
  return {
    during: async (work) => {
      const answers: number[] = []
      const over = new AbortController()
      const asking = (async () => {
        while (!over.signal.aborted) {
          await ask(answers)
          await sleep(PROBE_PAUSE_MS)
        }
      })()
      try {
        return { result: await work(), answers }
      } finally {
        over.abort()
        await asking
      }
    },
  }
}

/** Waits until so many rows answer, and returns when by the store's clock, in milliseconds. */
export async function awaitCount(
  client: pg.Client,
  sql: string,
  { least, deadlineMs = 120_000 }: { readonly least: number; readonly deadlineMs?: number },
): Promise<void> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const { rows: found } = await client.query<{ count: number }>(sql)
    if ((found[0]?.count ?? 0) >= least) return
    if (performance.now() > deadline) throw new Error(`waited in vain: ${sql}`)
    await sleep(20)
  }
}

/** The store's clock, which every part goes by, in milliseconds. */
export async function storeNow({ world }: BenchWorld): Promise<number> {
  const { now } = await getRow<{ now: number }>(
    world.owner.db,
    `select cast(extract(epoch from clock_timestamp()) * 1000 as double precision) as now`,
  )
  return now
}
