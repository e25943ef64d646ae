import assert from 'node:assert/strict'
import {
  putMissingJobs,
  listExpiring,
  listKnownUsers,
  listOrphaned,
} from '../../db/session-scans.ts'
import { listDataSourcesWithWork } from '../../db/session-jobs.ts'
import { getRow, rows, type Db } from '../../db/store.ts'
import { makeWorld, type World } from '../support/world.ts'

/** Enough for a plan that reads history to show, quick enough to be made for each run. */
const HISTORY = 100_000
const UNDER_WAY = 50

describe('what is looked for every second, beside a hundred thousand ended sessions', function () {
  this.timeout(60_000)
  let world: World

  before(async () => {
    world = await makeWorld()
    const { id: organization } = world.scopes.mark.organization
    await rows(
      world.owner.db,
      `with made as (
         insert into sessions (organization_id, data_source_id, requester_id, state, state_since, justification,
                               start_at, end_at, request_hash, created_at, dies_at, ended_at, removed_at,
                               username, granted_at)
         select :organization, :source, :mark, case when n <= cast(:history as integer) then 'EXPIRED' else 'GRANTED' end, now(), 'x',
                t.start_at, t.start_at + interval '1 hour', '', t.start_at, t.start_at + interval '1 hour',
                case when n <= cast(:history as integer) then t.start_at + interval '1 hour' end,
                case when n <= cast(:history as integer) then t.start_at + interval '1 hour' end, 'dp_mark_' || n, t.start_at
           from generate_series(1, cast(:total as integer)) n
          cross join lateral (
                select now() - case when n <= cast(:history as integer) then make_interval(hours => n / 100 + 2)
                                    else interval '1 minute' end as start_at) t
      returning id, username, ended_at
       )
       insert into session_users (session_id, organization_id, data_source_id, username, upstream_sealed,
                                  upstream_verifier, intended_at, login_at, removed_at)
       select id, :organization, :source, username, '\\x00', 'SCRAM-SHA-256$1:AAAA$AAAA:AAAA', now(), now(), ended_at
         from made`,
      {
        organization,
        source: world.dataSource.id,
        mark: world.people.mark.id,
        history: HISTORY,
        total: HISTORY + UNDER_WAY,
      },
    )
    await rows(world.owner.db, 'analyze sessions, session_users')
  })
  after(() => world.close())

  const scans: Readonly<Record<string, (db: Db) => Promise<unknown>>> = {
    'sessions that ran out': (db) => listExpiring(db, 500),
    'sessions of the disabled': (db) => listOrphaned(db, 500),
    'jobs that got lost': (db) => putMissingJobs(db),
    'grants that are due': (db) => listDataSourcesWithWork(db, 'grant'),
    'removals that are due': (db) => listDataSourcesWithWork(db, 'removal'),
    'users that should be there': (db) => listKnownUsers(db, world.dataSource.id, []),
  }
  for (const [name, scan] of Object.entries(scans)) {
    it(`${name}: reads what is under way and not what is over`, async () => {
      const read = await world.owner.change(async (tx) => {
        const before = await readSoFar(tx)
        await scan(tx)
        return (await readSoFar(tx)) - before
      })

      assert.ok(read <= UNDER_WAY * 8, `${name} read ${String(read)} rows`)
    })
  }

  /** Rows that this transaction's scans fetched, by index or by walking the table. */
  async function readSoFar(db: Db): Promise<number> {
    const { read } = await getRow<{ read: string }>(
      db,
      `select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) as read
         from pg_stat_xact_user_tables
        where relname in ('sessions', 'session_users', 'session_jobs')`,
    )
    return Number(read)
  }
})
