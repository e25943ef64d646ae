import assert from 'node:assert/strict'
import pg from 'pg'
import { countChoices } from '../../db/audit-choices.ts'
import { NO_FILTER, type AuditFilter } from '../../db/audit-filter.ts'
import { searchRecords } from '../../db/audit-search.ts'
import { rows } from '../../db/store.ts'
import { openTrail, write, type Trail } from '../support/trail.ts'

const ALL: AuditFilter = { ...NO_FILTER, view: 'all' }
/** Enough that reading all of it would cost more than looking something up. */
const MANY = 20_000
/** The indexes of values, as a month's tables have them. */
const OF_RECORDS = 'records_\\d{4}_\\d\\d_record_keys_search'
const OF_PAYLOADS = 'record_payloads_\\d{4}_\\d\\d_keys_payload_search'

describe('how the trail is searched', () => {
  let trail: Trail
  let client: pg.Client

  before(async () => {
    trail = await openTrail()
    client = new pg.Client({ connectionString: trail.portal.url })
    await client.connect()
    await fill(trail)
  })

  after(async () => {
    await client.end()
    await trail.close()
  })

  const RARE: readonly (readonly [string, Partial<AuditFilter>, string])[] = [
    ['an actor', { actor: 'rare one' }, OF_RECORDS],
    ['a requester', { requester: 'rare one' }, OF_RECORDS],
    ['a role', { role: 'rare role' }, OF_RECORDS],
    ['a username', { username: 'dp_rare' }, OF_RECORDS],
    ['a data source', { dataSource: 'rare source' }, OF_RECORDS],
    ['a subject', { subject: 'rare subject' }, OF_RECORDS],
    ['a company', { company: 'rare company' }, OF_RECORDS],
    ['an account', { accountId: '4711' }, OF_RECORDS],
    ['a state', { states: ['TERMINATED'] }, 'records_\\d{4}_\\d\\d_organization_id_state'],
    [
      'several actions',
      { actions: ['settings.changed', 'policy.changed'] },
      'organization_id_action',
    ],
    ['an area', { areas: ['settings'] }, `(?:${OF_RECORDS}|\\S*organization_id_action)`],
    ['a pattern', { actor: '*are one' }, OF_RECORDS],
    ['a pattern that begins with some letters', { actor: 'rare*' }, OF_RECORDS],
    ['a pattern of one letter', { actor: 'r*' }, OF_RECORDS],
    ['a pattern of a company', { company: 'rare*' }, OF_RECORDS],
    ['two that are frequent alone', { actor: 'many', dataSource: 'rare source' }, OF_RECORDS],
    ['a client address', { clientIp: '192.0.2.99' }, OF_PAYLOADS],
    ['a client address and an actor', { clientIp: '192.0.2.1', actor: 'rare one' }, OF_PAYLOADS],
    ['part of a client address', { clientIp: '192.0.2.9*' }, OF_PAYLOADS],
    ['a pattern beside a frequent address', { clientIp: '192.0.2.1', actor: 'r*' }, OF_PAYLOADS],
    ['a reason', { reason: 'quokka' }, OF_PAYLOADS],
  ]
  for (const [what, filter, index] of RARE) {
    it(`looks ${what} up in an index`, async () => {
      const [plan = ''] = await plansOf(trail, client, filter, 'offset 0')
      assert.match(plan, new RegExp(`Index Scan (?:on|using) \\S*${index}`), plan)
      assert.doesNotMatch(plan, /Seq Scan on records_2/, plan)
    })
  }

  it('looks up free text in both of its indexes', async () => {
    const [plan = ''] = await plansOf(trail, client, { q: 'quokka' }, 'offset 0')
    assert.match(plan, new RegExp(`Bitmap Index Scan on ${OF_RECORDS}`), plan)
    assert.match(plan, new RegExp(`Bitmap Index Scan on ${OF_PAYLOADS}`), plan)
  })

  it('walks through time where nothing is asked for, and leaves other months alone', async () => {
    const [plan = ''] = await plansOf(trail, client, {}, 'order by r.at desc')
    assert.match(
      plan,
      /Index Scan Backward using records_\d{4}_\d\d_(?:organization_id_at_seq_idx|pkey)/,
    )
    assert.doesNotMatch(plan, /Sort  \(|Seq Scan on records_2/)
  })

  it('asks the newest records one by one before it looks anything up', async () => {
    const statements = await statementsOf(trail, { actor: 'many' })
    assert.equal(statements.filter(({ sql }) => sql.includes('limit 1000)')).length, 1)
    assert.ok(!statements.some(({ sql }) => /limit 10000\)|offset 0/.test(sql)))
  })

  it('asks more of them where the first promise to fill the page, and none where they do not', async () => {
    const glances = async (filter: Partial<AuditFilter>): Promise<number[]> =>
      (await statementsOf(trail, filter)).flatMap(({ sql }) => {
        const [, newest] = /limit (\d+)\) as r/.exec(sql) ?? []
        return newest === undefined ? [] : [Number(newest)]
      })
    assert.deepEqual(await glances({ actor: 'rare one' }), [1_000])
    assert.deepEqual(await glances({ actor: 'now and then' }), [1_000, 10_000])
  })

  it('gives counts up in time, and nothing else with them', async () => {
    assert.equal(
      await countChoices(trail.portal.db, trail.audrey, ALL, { deadlineMs: 0 }),
      undefined,
    )
    const counts = await countChoices(trail.portal.db, trail.audrey, ALL)
    assert.ok(counts !== undefined && counts.matching > 10_000)
  })

  it('keeps beside private values the keys that the record itself has', async () => {
    const [found] = await rows<{ all: string; differing: string }>(
      trail.store.owner.db,
      `select count(*) as all,
              count(*) filter (where p.keys is distinct from payload_keys(
                record_keys(r.organization_id, r.action, r.area, r.scope, r.state, r.actor_name, r.requester, r.roles,
                            r.username, r.data_source, r.subject, r.company, r.account_id),
                r.organization_id, p.payload)) as differing
         from records r
         join record_payloads p using (at, seq)`,
    )
    assert.ok(Number(found?.all) >= 3)
    assert.equal(found?.differing, '0')
  })
})

interface Statement {
  readonly sql: string
  readonly bindings: readonly unknown[]
}

/** What a search says to the store. */
async function statementsOf(trail: Trail, filter: Partial<AuditFilter>): Promise<Statement[]> {
  const said: Statement[] = []
  const listen = ({ sql, bindings }: { sql: string; bindings?: readonly unknown[] }): void => {
    said.push({ sql, bindings: bindings ?? [] })
  }
  trail.portal.db.on('query', listen)
  try {
    await searchRecords(trail.portal.db, trail.audrey, { ...ALL, ...filter })
  } finally {
    trail.portal.db.removeListener('query', listen)
  }
  return said
}

async function plansOf(
  trail: Trail,
  client: pg.Client,
  filter: Partial<AuditFilter>,
  marked: string,
): Promise<string[]> {
  const statements = await statementsOf(trail, filter)
  const plans: string[] = []
  for (const { sql, bindings } of statements.filter((said) => said.sql.includes(marked))) {
    const { rows: lines } = await client.query<{ 'QUERY PLAN': string }>(`explain ${sql}`, [
      ...bindings,
    ])
    plans.push(lines.map((line) => line['QUERY PLAN']).join('\n'))
  }
  return plans
}

/** This month: many copies of one record with its private values, and a few of other kinds. */
async function fill(trail: Trail): Promise<void> {
  const { db } = trail.store.owner
  const at = new Date().toISOString()
  const clientIp = '192.0.2.1'
  await write(trail, [
    { at, actor: 'many', subject: { type: 'person', id: 'm', name: 'many' }, clientIp },
    { at, actor: 'rare one', reason: 'quokka', clientIp: '192.0.2.99' },
    { at, actor: 'rare one', clientIp },
    { at, action: 'settings.changed', area: 'settings', clientIp },
  ])
  await rows(
    db,
    `with made as (
       insert into records (at, event_id, organization_id, action, area, scope, state, session_id, actor_name, requester,
                            roles, username, data_source, outcome, body)
       select date_trunc('month', r.at at time zone 'UTC') at time zone 'UTC' + n * interval '1 millisecond',
              gen_random_uuid(), r.organization_id, r.action, r.area, r.scope, r.state, r.session_id, r.actor_name,
              r.requester, r.roles, r.username, r.data_source, r.outcome, r.body
         from records r
        cross join generate_series(1, :many) n
        where r.actor_name = 'many'
    returning *
     )
     insert into record_payloads (at, seq, organization_id, payload, keys)
     select m.at, m.seq, m.organization_id, p.payload, p.keys
       from made m,
            (select p.payload, p.keys
               from record_payloads p
               join records r on r.at = p.at and r.seq = p.seq
              where r.actor_name = 'many') as p`,
    { many: MANY },
  )
  await write(trail, [{ at, actor: 'now and then' }])
  await rows(
    db,
    `insert into records (at, event_id, organization_id, action, area, scope, state, actor_name, outcome, body)
     select date_trunc('month', r.at at time zone 'UTC') at time zone 'UTC' + n * interval '1 millisecond',
            gen_random_uuid(), r.organization_id, r.action, r.area, r.scope, r.state, r.actor_name, r.outcome, r.body
       from records r
      cross join generate_series(1, :many, 50) n
      where r.actor_name = 'now and then'`,
    { many: MANY },
  )
  await db.raw('vacuum analyze records, record_payloads')
}
