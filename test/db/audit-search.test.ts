import assert from 'node:assert/strict'
import fc from 'fast-check'
import { NO_FILTER, type AuditFilter } from '../../db/audit-filter.ts'
import type { AuditRecord } from '../../db/audit-record.ts'
import {
  countExactly,
  countRecords,
  countStates,
  findRecord,
  listSessionRecords,
  searchRecords,
} from '../../db/audit-search.ts'
import { rows } from '../../db/store.ts'
import { parseSessionId } from '../../lib/ids.ts'
import { instant, openTrail, snapshot, write, type Entry, type Trail } from '../support/trail.ts'

const ALL: AuditFilter = { ...NO_FILTER, view: 'all' }

/** The seed's own example, told as records, and a few of other kinds around it. */
const STORY: readonly Entry[] = [
  { at: '2026-11-23T09:00:00.000Z', action: 'auth.login', area: 'sign-in', clientIp: '192.0.2.1' },
  {
    at: '2026-11-23T09:10:00.000Z',
    action: 'session.created',
    scope: 'session',
    state: 'CREATED',
    session: snapshot(),
    justification: 'ticket 100%_done',
    clientIp: '192.0.2.1',
    dataSource: { id: 'd', name: 'shop' },
  },
  {
    at: '2026-11-23T09:20:00.000Z',
    action: 'role.approved',
    scope: 'role',
    state: 'APPROVED',
    actor: 'admin',
    session: snapshot({ roles: ['role3'], start: null, end: null }),
    dataSource: { id: 'd', name: 'shop' },
    clientIp: '192.0.2.2',
  },
  {
    at: '2026-11-23T09:20:00.000Z',
    action: 'role.approved',
    scope: 'role',
    state: 'APPROVED',
    actor: 'john',
    session: snapshot({ roles: ['role1'], start: null, end: null }),
    dataSource: { id: 'd', name: 'shop' },
  },
  {
    at: '2026-11-23T09:20:00.000Z',
    action: 'session.approved',
    scope: 'session',
    state: 'APPROVED',
    actor: 'system',
    session: snapshot(),
    dataSource: { id: 'd', name: 'shop' },
  },
  {
    at: '2026-11-23T10:00:00.000Z',
    action: 'session.granted',
    scope: 'session',
    state: 'GRANTED',
    actor: 'system',
    session: snapshot({ username: 'dp_mark_68_x7' }),
    dataSource: { id: 'd', name: 'shop' },
  },
  {
    at: '2026-11-23T10:05:00.500Z',
    action: 'session.denied',
    scope: 'session',
    state: 'DENIED',
    actor: 'john',
    session: snapshot({ id: '680', requester: 'markus', roles: ['role10'], username: '-' }),
    dataSource: { id: 'e', name: 'Shop 2' },
    reason: 'Not During the sale',
  },
]

describe('searching the trail', () => {
  let trail: Trail

  before(async () => {
    trail = await openTrail()
    // what making the people wrote would only be noise here
    await rows(trail.store.owner.db, `delete from record_payloads`)
    await rows(trail.store.owner.db, `delete from records`)
    await write(trail, STORY)
    await write(trail, [
      {
        at: '2026-11-23T09:30:00.000Z',
        organization: trail.stranger.organization,
        reason: 'elsewhere',
      },
    ])
  })

  after(() => trail.close())

  const search = async (filter: Partial<AuditFilter>): Promise<string[]> => {
    const { records } = await searchRecords(trail.portal.db, trail.audrey, { ...ALL, ...filter })
    return records.map(shortly)
  }

  it('holds the state rows alone by default, newest first, the last written first in a millisecond', async () => {
    assert.deepEqual(await search({ view: 'sessions' }), [
      'john session.denied',
      'system session.granted',
      'system session.approved',
      'john role.approved',
      'admin role.approved',
      'mark session.created',
    ])
  })

  const CASES: readonly (readonly [string, Partial<AuditFilter>, readonly string[]])[] = [
    [
      'everything',
      {},
      [
        'john session.denied',
        'system session.granted',
        'system session.approved',
        'john role.approved',
        'admin role.approved',
        'mark session.created',
        'mark auth.login',
      ],
    ],
    [
      'since, inclusive',
      { since: instant('2026-11-23T10:00:00Z') },
      ['john session.denied', 'system session.granted'],
    ],
    [
      'since, to the millisecond',
      { since: instant('2026-11-23T10:00:00.001Z') },
      ['john session.denied'],
    ],
    [
      'until, inclusive',
      { until: instant('2026-11-23T09:10:00Z') },
      ['mark session.created', 'mark auth.login'],
    ],
    ['session, not its beginnings', { session: '680' }, ['john session.denied']],
    ['one state', { states: ['GRANTED'] }, ['system session.granted']],
    [
      'several states',
      { states: ['GRANTED', 'DENIED'] },
      ['john session.denied', 'system session.granted'],
    ],
    ['scope role', { scope: 'role' }, ['john role.approved', 'admin role.approved']],
    ['actor in any case', { actor: 'ADMIN' }, ['admin role.approved']],
    ['requester whole', { requester: 'mark', states: ['DENIED'] }, []],
    ['requester with a star', { requester: 'mark*', states: ['DENIED'] }, ['john session.denied']],
    ['role whole', { role: 'role1', scope: 'role' }, ['john role.approved']],
    ['username with a star', { username: 'dp_*' }, ['system session.granted']],
    ['username, underscore literal', { username: 'dp?mark*' }, []],
    ['data source in any case', { dataSource: 'SHOP 2' }, ['john session.denied']],
    ['action with a star', { action: 'auth.*' }, ['mark auth.login']],
    ['client address', { clientIp: '192.0.2.2' }, ['admin role.approved']],
    ['reason, any part in any case', { reason: 'during THE' }, ['john session.denied']],
    ['reason also looks in the justification', { reason: 'ticket' }, ['mark session.created']],
    ['a percent sign is itself', { reason: '100%_done' }, ['mark session.created']],
    ['a percent sign is no wildcard', { reason: 't%100' }, []],
    ['free text in a reason', { q: 'sale' }, ['john session.denied']],
    ['free text in a username', { q: 'k_68_x' }, ['system session.granted']],
    ['free text in a role', { q: 'role10' }, ['john session.denied']],
    ['free text in an action', { q: 'auth.' }, ['mark auth.login']],
    [
      'all of them together',
      {
        actor: 'john',
        requester: 'mark*',
        states: ['APPROVED', 'DENIED'],
        since: instant('2026-11-23T09:15:00Z'),
        until: instant('2026-11-23T10:00:00Z'),
        q: 'shop',
      },
      ['john role.approved'],
    ],
    ['text that looks like SQL', { actor: `' or true --` }, []],
  ]
  for (const [what, filter, expected] of CASES) {
    it(`finds ${what}`, async () => assert.deepEqual(await search(filter), expected))
  }

  it('agrees with a filter written by hand on any combination, and so do all its counts', async () => {
    const { records } = await searchRecords(trail.portal.db, trail.audrey, ALL)
    await fc.assert(
      fc.asyncProperty(FILTERS, async (filter) => {
        const expected = records.filter((record) => matches(record, filter)).map(({ id }) => id)
        const found = await searchRecords(trail.portal.db, trail.audrey, filter)
        assert.deepEqual(
          found.records.map(({ id }) => id),
          expected,
        )
        assert.equal(await countRecords(trail.portal.db, trail.audrey, filter), expected.length)
        assert.equal(await countExactly(trail.portal.db, trail.audrey, filter), expected.length)
        const states = await countStates(trail.portal.db, trail.audrey, filter)
        const granted = { ...filter, states: ['GRANTED' as const] }
        assert.equal(
          states.get('GRANTED'),
          records.filter((record) => matches(record, granted)).length,
        )
      }),
      { numRuns: 60 },
    )
  })

  it("never shows another organization's records, whatever is asked", async () => {
    const own = await searchRecords(trail.portal.db, trail.stranger, ALL)
    assert.deepEqual(
      own.records.map(({ reason }) => reason),
      ['elsewhere'],
    )
    assert.deepEqual(await search({ q: 'elsewhere' }), [])

    const [theirs] = own.records
    assert.ok(theirs)
    assert.equal(await findRecord(trail.portal.db, trail.audrey, theirs.id), undefined)
    assert.equal((await findRecord(trail.portal.db, trail.stranger, theirs.id))?.id, theirs.id)
    const sessionId = parseSessionId('68')
    assert.ok(sessionId)
    const ofSession = await listSessionRecords(trail.portal.db, trail.audrey, sessionId)
    assert.ok(ofSession.length > 0 && ofSession.every(({ id }) => id !== theirs.id))
  })

  it('tells the story of one session oldest first', async () => {
    const sessionId = parseSessionId('68')
    assert.ok(sessionId)
    const told = await listSessionRecords(trail.portal.db, trail.audrey, sessionId)
    assert.deepEqual(told.map(shortly), [
      'mark session.created',
      'admin role.approved',
      'john role.approved',
      'system session.approved',
      'system session.granted',
    ])
  })
})

const FILTERS: fc.Arbitrary<AuditFilter> = fc.record({
  view: fc.constantFrom('sessions', 'all'),
  since: fc.constantFrom(
    null,
    instant('2026-11-23T09:20:00Z'),
    instant('2026-11-23T10:00:00.001Z'),
  ),
  until: fc.constantFrom(null, instant('2026-11-23T09:20:00Z'), instant('2026-11-23T10:05:00Z')),
  session: fc.constantFrom(null, '68', '680', '1'),
  states: fc.subarray(['CREATED', 'APPROVED', 'GRANTED', 'DENIED'], { maxLength: 2 }),
  scope: fc.constantFrom(null, 'role', 'session'),
  action: fc.constantFrom(null, 'role.approved'),
  actor: fc.constantFrom(null, 'john', 'System'),
  requester: fc.constantFrom(null, 'mark'),
  role: fc.constantFrom(null, 'role1', 'ROLE3'),
  username: fc.constantFrom(null, 'TBD', '-'),
  dataSource: fc.constantFrom(null, 'shop'),
  clientIp: fc.constantFrom(null, '192.0.2.1'),
  reason: fc.constantFrom(null, 'sale', 'ticket'),
  q: fc.constantFrom(null, 'shop', 'john', 'done'),
})

/** The same rules once more, over what was read. */
function matches(record: AuditRecord, filter: AuditFilter): boolean {
  const same = (wanted: string | null, value: string | null): boolean =>
    wanted === null || value?.toLowerCase() === wanted.toLowerCase()
  const said = `${record.actor} ${record.requester ?? ''} ${record.roles.join(' ')} ${record.username ?? ''} ${record.dataSource ?? ''} ${record.action} ${record.reason ?? ''}`
  return (
    (filter.view === 'all' || record.state !== null) &&
    (filter.since === null || record.at >= filter.since) &&
    (filter.until === null || record.at <= filter.until) &&
    same(filter.session, record.sessionId) &&
    (filter.states.length === 0 || filter.states.some((state) => state === record.state)) &&
    same(filter.scope, record.scope) &&
    same(filter.action, record.action) &&
    same(filter.actor, record.actor) &&
    same(filter.requester, record.requester) &&
    (filter.role === null || record.roles.some((role) => same(filter.role, role))) &&
    same(filter.username, record.username) &&
    same(filter.dataSource, record.dataSource) &&
    same(filter.clientIp, record.clientIp) &&
    (filter.reason === null || (record.reason ?? '').toLowerCase().includes(filter.reason)) &&
    (filter.q === null || said.toLowerCase().includes(filter.q))
  )
}

function shortly({ actor, action }: AuditRecord): string {
  return `${actor} ${action}`
}
