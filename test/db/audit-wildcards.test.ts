import assert from 'node:assert/strict'
import fc from 'fast-check'
import { countRecords } from '../../db/audit-counts.ts'
import { NO_FILTER, type AuditFilter } from '../../db/audit-filter.ts'
import { searchRecords } from '../../db/audit-search.ts'
import { rows } from '../../db/store.ts'
import { openTrail, snapshot, write, type Entry, type Trail } from '../support/trail.ts'

const ALL: AuditFilter = { ...NO_FILTER, view: 'all' }
const WRITTEN = 250
const PAGE = 1_000

/** Long and short, alike in their first letters, of several cases and alphabets, and with what LIKE gives a meaning. */
const VALUES = [
  ...[
    'anna.kim',
    'Anna.Ito',
    'ANNABEL',
    'annaëk',
    'an',
    'a',
    'Ann',
    'mark',
    'mark.adler',
    'MARKUS',
    'q',
  ],
  ...['İzmir', 'ΣΑΣ', 'ΣΑΣΑ', 'straße', 'Straẞe', '😀face', '😀', 'أحمد.علي', '王芳'],
  ...[
    'dp_anna_1',
    'dp%anna',
    'dp\\anna',
    'prod-orders',
    'prod-billing',
    'PROD',
    'shop 1',
    'shop',
    'role1',
    'role12',
  ],
]
const ADDRESSES = [
  '10.0.0.1',
  '10.0.0.12',
  '10.77.9.3',
  '192.168.1.1',
  '2001:db8::1',
  '2001:DB8::a',
]
const ACTIONS = [
  'session.created',
  'session.denied',
  'auth.login',
  'auth.logout',
  'user.locked',
] as const

/** Each column that takes wildcards, as plain SQL asks for it. */
const COLUMNS = {
  action: 'r.action',
  actor: 'r.actor_name',
  requester: 'r.requester',
  username: 'r.username',
  dataSource: 'r.data_source',
  subject: `cast(r.body as jsonb) #>> '{subject,name}'`,
  company: `cast(r.body as jsonb) #>> '{organization,name}'`,
  accountId: `cast(r.body as jsonb) #>> '{organization,account_id}'`,
  clientIp: `p.payload #>> '{client_ip,value}'`,
  role: 'role',
} as const
type Column = keyof typeof COLUMNS
/** Those that hold values of every kind. */
const NAMES = [
  'actor',
  'requester',
  'username',
  'dataSource',
  'subject',
  'company',
  'role',
] as const

describe('patterns in the trail', () => {
  let trail: Trail

  before(async () => {
    trail = await openTrail()
    await write(trail, fc.sample(ENTRIES, { numRuns: WRITTEN, seed: 8 }).map(ownEntry(trail)))
    const { organization } = trail.stranger
    const others = fc.sample(ENTRIES, { numRuns: 30, seed: 9 })
    await write(
      trail,
      others.map((entry) => ({ ...entryOf(entry), organization })),
    )
  })

  after(() => trail.close())

  const check = async (patterns: readonly [Column, string][]): Promise<number> => {
    const filter = { ...ALL, ...Object.fromEntries(patterns) }
    const expected = await plainly(trail, patterns)
    const { records } = await searchRecords(trail.portal.db, trail.audrey, filter, { size: PAGE })
    assert.deepEqual(
      records.map(({ id }) => id),
      expected,
      JSON.stringify(patterns),
    )
    assert.equal(await countRecords(trail.portal.db, trail.audrey, filter), expected.length)
    return expected.length
  }

  for (const column of NAMES) {
    it(`find what plain SQL finds, in any case, by how ${column} begins`, async () => {
      for (const pattern of ['A*', 'aN*', 'Ann*', 'anna.*', 'ANNA.i*', 'anna.it*', 'anna.Ito']) {
        assert.ok((await check([[column, pattern]])) > 0, pattern)
      }
    })
  }

  it('find what plain SQL finds that knows of no key, in any two columns', async () => {
    await fc.assert(
      fc.asyncProperty(PATTERNS, async (patterns) => (await check(patterns)) >= 0),
      {
        numRuns: 40,
        examples: EXAMPLES.map((patterns) => [patterns]),
      },
    )
  })
})

/** What random patterns may miss. */
const EXAMPLES: [Column, string][][] = [
  [['actor', '*']],
  [['actor', 'A*']],
  [
    ['subject', 'anna.*'],
    ['action', 'SESSION.*'],
  ],
  [['subject', 'İz*']],
  [['subject', 'ΣΑΣ*']],
  [['role', '😀*']],
  [['role', '😀f*']],
  [['username', 'dp_*']],
  [['clientIp', '10.*']],
  [
    ['company', 'def*'],
    ['accountId', '1*'],
  ],
]

const VALUE = fc.constantFrom(...VALUES)
const ENTRIES = fc.record({
  day: fc.integer({ min: 1, max: 27 }),
  month: fc.integer({ min: 6, max: 11 }),
  action: fc.constantFrom(...ACTIONS),
  actor: VALUE,
  subject: fc.option(VALUE),
  dataSource: fc.option(VALUE),
  requester: fc.option(VALUE),
  username: VALUE,
  roles: fc.array(VALUE, { maxLength: 3 }),
  clientIp: fc.option(fc.constantFrom(...ADDRESSES)),
  company: VALUE,
})
type Drawn = typeof ENTRIES extends fc.Arbitrary<infer T> ? T : never

function entryOf({
  day,
  month,
  action,
  actor,
  subject,
  dataSource,
  clientIp,
  ...of
}: Drawn): Entry {
  const { requester, username, roles } = of
  return {
    at: `2026-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}T10:00:00.000Z`,
    action,
    actor,
    ...(subject === null ? {} : { subject: { type: 'person', id: '1', name: subject } }),
    ...(dataSource === null ? {} : { dataSource: { id: '1', name: dataSource } }),
    ...(requester === null ? {} : { session: snapshot({ requester, username, roles }) }),
    ...(clientIp === null ? {} : { clientIp }),
  }
}

/** The company has had several names. */
function ownEntry(trail: Trail): (drawn: Drawn) => Entry {
  const { organization } = trail.audrey
  return (drawn) => ({ ...entryOf(drawn), organization: { ...organization, name: drawn.company } })
}

/** A value cut anywhere, with anything before, behind or within it; some of them are values still. */
const PATTERN = fc
  .tuple(
    fc.constantFrom(...VALUES, ...ADDRESSES, ...ACTIONS, 'Default organization', '1'),
    fc.constantFrom('start', 'start', 'start', 'end', 'middle', 'within', 'whole'),
    fc.nat(),
    fc.boolean(),
  )
  .map(([value, how, place, upper]) => {
    const letters = Array.from(upper ? value.toUpperCase() : value)
    const at = place % (letters.length + 1)
    const [before, behind] = [letters.slice(0, at).join(''), letters.slice(at).join('')]
    return {
      start: `${before}*`,
      end: `*${behind}`,
      middle: `*${behind}*`,
      within: `${before}*${behind}`,
      whole: value,
    }[how]
  })

const COLUMN = fc.constantFrom(...Object.keys(COLUMNS).filter(isColumn))
const PATTERNS: fc.Arbitrary<[Column, string][]> = fc
  .tuple(COLUMN, COLUMN, PATTERN, PATTERN)
  .map(([one, other, first, second]) =>
    one === other
      ? [[one, first]]
      : [
          [one, first],
          [other, second],
        ],
  )

function isColumn(name: string): name is Column {
  return name in COLUMNS
}

/** The ids of what matches, newest first, by a statement that reads everything. */
async function plainly(trail: Trail, patterns: readonly [Column, string][]): Promise<string[]> {
  const asked = patterns.map(([column], index) =>
    column === 'role'
      ? `exists (select from unnest(r.roles) as role where lower(role) like lower(:pattern${String(index)}) escape '^')`
      : `lower(${COLUMNS[column]}) like lower(:pattern${String(index)}) escape '^'`,
  )
  const found = await rows<{ id: string }>(
    trail.store.owner.db,
    `select r.event_id as id
       from records r
       left join record_payloads p using (at, seq)
      where r.organization_id = :organization
        and ${asked.join(' and ')}
      order by r.at desc, r.seq desc`,
    {
      organization: trail.audrey.organization.id,
      ...Object.fromEntries(
        patterns.map(([, text], index) => [
          `pattern${String(index)}`,
          text.replaceAll(/[\^%_]/g, '^$&').replaceAll('*', '%'),
        ]),
      ),
    },
  )
  return found.map(({ id }) => id)
}
