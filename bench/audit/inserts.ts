import { randomUUID } from 'node:crypto'
import { appendRecord, type SessionSnapshot } from '../../db/audit-log.ts'
import { migrate } from '../../db/migrate.ts'
import { getDefaultOrganization } from '../../db/people.ts'
import type { Origin } from '../../db/scope.ts'
import { getRow, openStore, rows, storeTime, type Store } from '../../db/store.ts'
import { percentile } from '../broker/figures.ts'
import { ms } from './figures.ts'
import { openPage } from './pages.ts'
import type { Search } from './searches.ts'
import type { AuditWorld } from './world.ts'

const WRITERS = 2
const SECONDS = 10
const AUDITORS = 4

/** What the search alone needs of the store; without it, writing is as cheap as it can be. */
const OF_THE_SEARCH = 'records_by_values, records_by_choice, payloads_by_values'

const BARE_STORE = 'bench_without_search'

interface Written {
  readonly rate: number
  readonly p50: number
  readonly p99: number
}

/**
 * Records written one a transaction, as a grant writes them: alone, while auditors read, and in a store
 * without the indexes of the search. The trail is left as it was.
 */
export async function timeInserts(world: AuditWorld, searches: readonly Search[]): Promise<string> {
  const { store, origin } = world
  const alone = await onTheTrail(world, () => write(store, origin))
  const read = await onTheTrail(world, () =>
    whileAuditorsRead(world, searches, () => write(store, origin)),
  )
  const without = await withoutTheSearch(world)
  const line = (name: string, { rate, p50, p99 }: Written): string =>
    `| ${name} | ${rate.toFixed(0)} | ${ms(p50)} | ${ms(p99)} |`
  return `| records written, ${String(WRITERS)} at a time | a second | p50 | p99 |
|---|---|---|---|
${line('nobody reads', alone)}
${line(`${String(AUDITORS)} auditors read (${String(read.pages)} pages)`, read.result)}
${line('without the indexes of the search', without)}`
}

/** Takes away again what was written: the newest records are what every search looks at first. */
async function onTheTrail<T>({ owner }: AuditWorld, work: () => Promise<T>): Promise<T> {
  const { db } = owner
  const { last } = await getRow<{ last: string }>(
    db,
    `select last_value as last from records_seq_seq`,
  )
  try {
    return await work()
  } finally {
    for (const table of ['record_payloads', 'records']) {
      const found = await rows<{ part: string }>(
        db,
        `with gone as (delete from ${table} where seq > :last and at > now() - interval '1 hour' returning tableoid)
         select distinct tableoid::regclass::text as part from gone`,
        { last },
      )
      for (const { part } of found) await db.raw(`vacuum ${part}`)
    }
  }
}

/** In a store of its own on the same server. */
async function withoutTheSearch({ owner, ownerUrl, origin }: AuditWorld): Promise<Written> {
  const url = new URL(ownerUrl)
  url.pathname = `/${BARE_STORE}`
  await owner.db.raw(`create database ${BARE_STORE}`)
  const bare = openStore(url.href)
  try {
    await migrate(url.href)
    await bare.db.raw(`drop index ${OF_THE_SEARCH}`)
    const organization = await getDefaultOrganization(bare.db)
    return await write(bare, { ...origin, organization })
  } finally {
    await bare.close()
    await owner.db.raw(`drop database ${BARE_STORE} with (force)`)
  }
}

async function write(store: Store, origin: Origin): Promise<Written> {
  const times: number[] = []
  const end = performance.now() + SECONDS * 1000
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      while (performance.now() < end) {
        const began = performance.now()
        await store.change(async (tx) =>
          appendRecord(tx, origin, await storeTime(tx), {
            action: 'session.created',
            area: 'sessions',
            outcome: 'ok',
            scope: 'session',
            state: 'CREATED',
            session: snapshot(),
            dataSource: { id: randomUUID(), name: 'shop' },
            justification: `INC-${String(times.length)} incident orders wrong address refund`,
          }),
        )
        times.push(performance.now() - began)
      }
    }),
  )
  return {
    rate: times.length / SECONDS,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  }
}

function snapshot(): SessionSnapshot {
  const number = Math.floor(Math.random() * 1e9)
  return {
    id: String(number),
    uuid: randomUUID(),
    ordinal: 1,
    requester: 'mark.adler',
    roles: ['role1', 'role7'],
    username: `dp_mark_${String(number)}_${randomUUID().slice(0, 6)}`,
    start: null,
    end: null,
  }
}

async function whileAuditorsRead<T>(
  world: AuditWorld,
  searches: readonly Search[],
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly pages: number }> {
  let pages = 0
  const over = new AbortController()
  const visitor = await world.visit()
  const auditors = Array.from({ length: AUDITORS }, async (_, auditor) => {
    for (let turn = auditor; !over.signal.aborted; turn += AUDITORS) {
      const search = searches[turn % searches.length]
      if (search === undefined) return
      await openPage({ visitor }, search.query)
      pages += 1
    }
  })
  try {
    const result = await work()
    return { result, pages }
  } finally {
    over.abort()
    await Promise.all(auditors)
  }
}
