import { DateTime } from 'luxon'
import pg from 'pg'
import { ACTIONS, AREAS, type Area } from '../../db/audit-log.ts'
import { iso } from '../../db/store.ts'
import { CAST, WORDS } from './cast-sql.ts'
import { monthSql } from './month-sql.ts'

/** How long the made-up trail goes back. */
const MONTHS = 36
const FILLING_AT_ONCE = 2
const SEQS_A_MONTH = 100_000_000
/** Of a hundred records so many belong to sessions, which have about so many records each. */
const SESSION_SHARE = 0.75
const RECORDS_A_SESSION = 9.9
/** What began late in a month ends in it. */
const LONGEST_SESSION_HOURS = 5

interface Month {
  readonly start: DateTime<true>
  readonly seconds: number
  readonly name: string
  readonly sessions: number
  readonly others: number
  readonly number: number
}

/** Fills an empty store with about so many records of one organization, months at a time on every core. */
export async function fillTrail(
  ownerUrl: string,
  { records, organization }: { records: number; organization: { id: string; name: string } },
): Promise<void> {
  const [first, ...others] = await Promise.all(
    Array.from({ length: FILLING_AT_ONCE }, () => connect(ownerUrl)),
  )
  if (first === undefined) return
  const loaders = [first, ...others]
  try {
    await first.query(CAST)
    await first.query(
      `insert into bench_verbs select * from json_to_recordset($1)
      as v(action text, area text, detail text, least double precision, most double precision)`,
      [JSON.stringify(otherVerbs())],
    )
    const months = monthsOf(records)
    await Promise.all(
      loaders.map(async (loader) => {
        for (let month = months.pop(); month !== undefined; month = months.pop()) {
          await fillMonth(loader, month, organization)
        }
      }),
    )
    await first.query(`select setval(pg_get_serial_sequence('records', 'seq'), $1)`, [
      MONTHS * SEQS_A_MONTH,
    ])
    await first.query(`drop table bench_people, bench_sources, bench_verbs, bench_steps`)
  } finally {
    await Promise.all(loaders.map((loader) => loader.end()))
  }
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(
    `set maintenance_work_mem = '512MB'; set work_mem = '256MB'; set timezone = 'UTC'; set jit = off`,
  )
  return client
}

/** Verbs that sessions do not write, each with its share of the rest: the last of them are rare. */
function otherVerbs(): object[] {
  const ofSessions = /^(session|role|connection|recording|task)\./
  const rare = ACTIONS.filter((action) => !ofSessions.test(action) && !action.startsWith('auth.'))
  const shares: [string, number][] = [
    ['auth.login', 0.45],
    ['auth.logout', 0.3],
    ['auth.login_failed', 0.03],
    ...rare.map((action, index): [string, number] => [action, 0.066 * 0.7 ** index]),
    ...['task.failed', 'session.removal_blocked', 'recording.gap', 'recording.dropped'].map(
      (action): [string, number] => [action, 0.0001],
    ),
  ]
  let least = 0
  return shares.map(([action, share]) => {
    const verb = {
      action,
      area: areaOf(action),
      detail: `by ${action}`,
      least,
      most: least + share,
    }
    least = verb.most
    return verb
  })
}

function areaOf(action: string): Area {
  const category = action.slice(0, action.indexOf('.')).replaceAll('_', ' ')
  const area = AREAS.find((name) => name === category || name === `${category}s`)
  return area ?? (category === 'auth' || category === 'access' ? 'sign-in' : 'sessions')
}

/** Oldest first; the newest ends now. Ever more happens: the last month has three times the first one's. */
function monthsOf(records: number): Month[] {
  const now = DateTime.utc()
  const starts = Array.from({ length: MONTHS }, (_, index) =>
    now.startOf('month').minus({ months: MONTHS - 1 - index }),
  )
  const weights = starts.map((_, index) => 1 + (2 * index) / (MONTHS - 1))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return starts.map((start, index) => {
    const end = DateTime.min(start.plus({ months: 1 }), now)
    const own = (records * (weights[index] ?? 0)) / total
    return {
      start,
      seconds: Math.max(60, end.diff(start).as('seconds') - LONGEST_SESSION_HOURS * 3600),
      name: start.toFormat('yyyy_LL'),
      sessions: Math.round((own * SESSION_SHARE) / RECORDS_A_SESSION),
      others: Math.round(own * (1 - SESSION_SHARE)),
      number: index,
    }
  })
}

/** A month's tables as add_partitions would make them; their indexes are made once they are full. */
async function fillMonth(
  loader: pg.Client,
  month: Month,
  organization: { id: string; name: string },
): Promise<void> {
  const tables = { records: `records_${month.name}`, payloads: `record_payloads_${month.name}` }
  const bounds = `for values from ('${iso(month.start)}') to ('${iso(month.start.plus({ months: 1 }))}')`
  // by itself: it locks the whole trail, and the other loader with it
  await loader.query(`drop table if exists ${tables.records}, ${tables.payloads}`)
  await loader.query('begin')
  for (const [child, parent] of [
    [tables.records, 'records'],
    [tables.payloads, 'record_payloads'],
  ] as const) {
    await loader.query(
      `create table ${child} (like ${parent} including defaults including constraints including generated)`,
    )
  }
  const values: Record<string, unknown> = {
    org: organization.id,
    company: organization.name,
    start: iso(month.start),
    seconds: month.seconds,
    sessions: month.sessions,
    others: month.others,
    firstSession: month.number * 10_000_000,
    firstSeq: month.number * SEQS_A_MONTH,
    words: WORDS,
  }
  await loader.query(bound(monthSql(tables.records, tables.payloads), values))
  await index(loader, 'records', tables.records)
  await index(loader, 'record_payloads', tables.payloads)
  await loader.query('commit')
  await loader.query(`alter table records attach partition ${tables.records} ${bounds}`)
  await loader.query(`alter table record_payloads attach partition ${tables.payloads} ${bounds}`)
  await loader.query(`vacuum (analyze) ${tables.records}, ${tables.payloads}`)
}

async function index(loader: pg.Client, parent: string, child: string): Promise<void> {
  const { rows } = await loader.query<{ definition: string }>(
    `select pg_get_indexdef(indexrelid) as definition from pg_index where indrelid = $1::regclass and not indisprimary`,
    [parent],
  )
  for (const { definition } of rows) {
    await loader.query(
      definition.replace(/INDEX \S+ ON ONLY public\.\S+ /, `INDEX ON public.${child} `),
    )
  }
  await loader.query(`alter table ${child} add primary key (at, seq)`)
}

/** Named values as pg binds them. */
function bound(text: string, values: Readonly<Record<string, unknown>>): pg.QueryConfig {
  const names: string[] = []
  const sql = text.replaceAll(/(?<!:):([a-zA-Z]+)\b/g, (found, name: string) => {
    if (!(name in values)) return found
    names.push(name)
    return `$${String(names.length)}`
  })
  return { text: sql, values: names.map((name) => values[name]) }
}
