import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import knex from 'knex'
import {
  NO_FILTER,
  isAuditUser,
  type AuditFilter,
  type AuditUserScope,
} from '../../db/audit-filter.ts'
import { searchRecords } from '../../db/audit-search.ts'
import { migrate, MIGRATIONS_TABLE } from '../../db/migrate.ts'
import { migrations, migrationSource } from '../../db/migrations/index.ts'
import { createPerson, getDefaultOrganization } from '../../db/people.ts'
import { systemOrigin } from '../../db/scope.ts'
import { openStore, rows, type Store } from '../../db/store.ts'
import { createDatabase, dropDatabase, storeCluster } from '../support/clusters.ts'

const ALL: AuditFilter = { ...NO_FILTER, view: 'all' }
const THIS_MONTH = `date_trunc('month', now() at time zone 'UTC') at time zone 'UTC'`
/** Long ago and soon: their months have no table yet. This month has one. */
const WHEN = [`timestamptz '2019-05-05 10:00Z'`, THIS_MONTH, `${THIS_MONTH} + interval '40 days'`]

describe('a trail that was written before beginnings were keys', () => {
  let name: string
  let store: Store
  let audrey: AuditUserScope

  before(async () => {
    const cluster = await storeCluster()
    name = await createDatabase(cluster)
    const url = cluster.superuserUrl(name)
    store = openStore(url, { options: '-c enable_seqscan=off' })
    await migrateBefore(url, 'search')
    await writeOldRecords(store)
    await migrate(url)
    audrey = await makeAuditor(store)
  })
  after(async () => {
    await store.close()
    await dropDatabase(await storeCluster(), name)
  })

  const FILTERS: readonly Partial<AuditFilter>[] = [
    { actor: 'ANNA.kim' },
    { actor: 'a*' },
    { actor: 'an*' },
    { actor: 'ann*' },
    { actor: 'anna.*' },
    { actor: 'anna.k*' },
    { actor: 'anna.kim*' },
    { actor: '*.kim' },
    { requester: 'Anna.*', role: 'role1*' },
    { role: 'ROLE1' },
    { role: 'r*', dataSource: 's*' },
    { username: 'dp_an*', clientIp: '192.*' },
    { clientIp: '192.0.2.1' },
    { clientIp: '1*', reason: 'ticket' },
    { subject: 'request*', company: 'def*', accountId: '1' },
    { action: 'session.c*', q: 'quest' },
  ]
  const findEach = async (): Promise<number[]> => {
    const found: number[] = []
    for (const filter of FILTERS) {
      const { records } = await searchRecords(store.db, audrey, { ...ALL, ...filter })
      found.push(records.filter(({ actor }) => actor === 'Anna.Kim').length)
    }
    return found
  }

  it('is found by all of them, wherever its tables were made', async () => {
    assert.deepEqual(
      await findEach(),
      FILTERS.map(() => WHEN.length),
    )
    const { records } = await searchRecords(store.db, audrey, { ...ALL, actor: 'q*' })
    assert.deepEqual(records, [])
  })

  it('is found in months that are made when it is there already', async () => {
    const [moved] = await rows<{ made: number }>(
      store.db,
      `select add_partitions(cast(${THIS_MONTH} + interval '40 days' as date)) as made`,
    )
    assert.equal(moved?.made, 3)
    assert.deepEqual(
      await findEach(),
      FILTERS.map(() => WHEN.length),
    )
  })

  it('has beside private values the keys of its records', async () => {
    const found = await rows<{ same: boolean; keys: number }>(
      store.db,
      `select cardinality(p.keys) as keys,
              p.keys = payload_keys(
                record_keys(r.organization_id, r.action, r.area, r.scope, r.state, r.actor_name, r.requester, r.roles,
                            r.username, r.data_source, r.subject, r.company, r.account_id),
                r.organization_id, p.payload) as same
         from records r
         join record_payloads p using (at, seq)
        where r.actor_name = 'Anna.Kim'`,
    )
    assert.equal(found.length, WHEN.length)
    for (const { same, keys } of found) assert.ok(same && keys > 30, String(keys))
  })
})

/** Everything up to a migration, which is not landed. */
async function migrateBefore(url: string, left: string): Promise<void> {
  const steps = migrations.slice(
    0,
    migrations.findIndex(({ name }) => name.endsWith(left)),
  )
  assert.ok(steps.length > 0)
  const db = knex({ client: 'pg', connection: url })
  try {
    await db.migrate.latest({
      migrationSource: { ...migrationSource, getMigrations: () => Promise.resolve(steps) },
      tableName: MIGRATIONS_TABLE,
    })
    await db.raw(`select add_partitions(cast(now() at time zone 'UTC' as date))`)
  } finally {
    await db.destroy()
  }
}

/** As the version before wrote them. */
async function writeOldRecords({ db }: Store): Promise<void> {
  for (const at of WHEN) {
    await rows(
      db,
      `with written as (
         insert into records (at, event_id, organization_id, action, area, scope, state, actor_name, requester, roles,
                              username, data_source, outcome, body)
         select ${at}, event, o.id, 'session.created', 'sessions', 'session', 'CREATED', 'Anna.Kim', 'anna.kim',
                '{role1,role12}', 'dp_anna_1', 'Shop', 'ok',
                json_build_object('version', '1', 'event_id', event, 'at', to_char(${at}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                  'organization', json_build_object('id', o.id, 'name', o.name, 'account_id', o.account_id),
                  'action', 'session.created', 'area', 'sessions', 'outcome', 'ok', 'correlation_id', event,
                  'actor', json_build_object('type', 'person', 'id', 'a', 'name', 'Anna.Kim'),
                  'subject', json_build_object('type', 'session', 'id', '1', 'name', 'Request 1'))::text
           from organizations o, gen_random_uuid() as event
      returning *
       )
       insert into record_payloads (at, seq, organization_id, payload, keys)
       select at, seq, organization_id, payload,
              payload_keys(record_keys(organization_id, action, area, scope, state, actor_name, requester, roles,
                                       username, data_source, subject, company, account_id),
                           organization_id, payload)
         from written,
              (select cast('{"client_ip": {"salt": "", "value": "192.0.2.1"}, "justification": {"salt": "", "value": "ticket"}}' as jsonb) as payload) as p`,
    )
  }
}

async function makeAuditor(store: Store): Promise<AuditUserScope> {
  const organization = await getDefaultOrganization(store.db)
  const person = await store.change((tx) =>
    createPerson(tx, systemOrigin(organization, randomUUID()), {
      username: 'audrey',
      displayName: 'audrey',
      passwordHash: null,
      portalUser: true,
      auditUser: true,
      managementPrivilege: 'none',
    }),
  )
  const scope = { kind: 'person', organization, person } as const
  assert.ok(isAuditUser(scope))
  return scope
}
