import assert from 'node:assert/strict'
import fc from 'fast-check'
import { countChoices } from '../../db/audit-choices.ts'
import { countExactly, countRecords } from '../../db/audit-counts.ts'
import { NO_FILTER, type AuditFilter } from '../../db/audit-filter.ts'
import type { AuditRecord } from '../../db/audit-record.ts'
import { searchRecords } from '../../db/audit-search.ts'
import { openStory } from '../support/audit-story.ts'
import { instant, write, type Entry, type Trail } from '../support/trail.ts'

const ALL: AuditFilter = { ...NO_FILTER, view: 'all' }

describe('a search of the trail', () => {
  let trail: Trail

  before(async () => {
    trail = await openStory()
  })

  after(() => trail.close())

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
        const choices = await countChoices(trail.portal.db, trail.audrey, filter)
        const among = (chosen: Partial<AuditFilter>): number =>
          records.filter((record) => matches(record, { ...filter, ...chosen })).length
        assert.equal(choices?.matching, expected.length)
        assert.equal(choices.states.get('GRANTED'), among({ states: ['GRANTED'] }))
        assert.equal(choices.actions.get('auth.login') ?? 0, among({ actions: ['auth.login'] }))
        assert.equal(choices.areas.get('sessions') ?? 0, among({ areas: ['sessions'] }))
      }),
      { numRuns: 40 },
    )
  })

  it('counts every state, action and area where time is all that narrows, or nearly all', async () => {
    // one action in several areas, in several states and in none
    const at = '2026-11-23T10:30:00.000Z'
    await write(trail, [
      { at, action: 'session.denied', area: 'connections' },
      { at, action: 'session.denied', area: 'sessions', state: 'CREATED', scope: 'session' },
      { at, action: 'session.denied', area: 'sessions', state: 'DENIED', scope: 'session' },
      { at, action: 'session.denied', area: 'sessions' },
      { at, action: 'session.denied', area: 'tasks', state: 'GRANTED', scope: 'session' },
    ])
    // nearly everything is the company's as it is called now
    const login = { at, action: 'auth.login', area: 'sign-in' } as const
    await write(trail, Array<Entry>(60).fill(login))
    const { organization } = trail.audrey
    await write(trail, [{ ...login, organization: { ...organization, name: 'Former name' } }])
    const { records } = await searchRecords(trail.portal.db, trail.audrey, ALL, { size: 1_000 })
    const since = instant('2026-11-23T09:20:00Z')
    for (const view of ['all', 'sessions'] as const) {
      for (const filter of [
        { ...NO_FILTER, view },
        { ...NO_FILTER, view, since },
        { ...NO_FILTER, view, until: since },
        { ...NO_FILTER, view, company: organization.name },
        { ...NO_FILTER, view, states: ['APPROVED', 'DENIED'] as const, areas: ['sessions'] },
      ]) {
        const choices = await countChoices(trail.portal.db, trail.audrey, filter)
        const among = (chosen: Partial<AuditFilter>): number =>
          records.filter((record) => matches(record, { ...filter, ...chosen })).length
        assert.equal(choices?.matching, among({}))
        for (const [state, count] of choices.states) {
          assert.equal(count, among({ states: [state] }), state)
        }
        for (const { action, area } of records) {
          assert.equal(choices.actions.get(action) ?? 0, among({ actions: [action] }), action)
          assert.equal(choices.areas.get(area) ?? 0, among({ areas: [area] }), area)
        }
      }
    }
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
  action: fc.constantFrom(null, 'role.approved', 'SESSION.*'),
  actions: fc.subarray(['role.approved', 'session.denied', 'auth.login'], { maxLength: 2 }),
  areas: fc.subarray(['roles', 'sessions', 'sign-in'], { maxLength: 2 }),
  actor: fc.constantFrom(null, 'john', 'System'),
  requester: fc.constantFrom(null, 'mark'),
  role: fc.constantFrom(null, 'role1', 'ROLE3'),
  username: fc.constantFrom(null, 'TBD', '-'),
  dataSource: fc.constantFrom(null, 'shop'),
  clientIp: fc.constantFrom(null, '192.0.2.1', '192.0.*'),
  subject: fc.constantFrom(null, 'request 68', 'Request *'),
  company: fc.constantFrom(null, 'default ORGANIZATION', 'Elsewhere', 'def*'),
  accountId: fc.constantFrom(null, '1', '2', '*'),
  reason: fc.constantFrom(null, 'sale', 'ticket'),
  q: fc.constantFrom(null, 'shop', 'john', 'done', 'quest 6', 'night', '0.2.2'),
})

/** The same rules once more, over what was read. */
function matches(record: AuditRecord, filter: AuditFilter): boolean {
  const { body } = record
  const among = (chosen: readonly string[], value: string | null): boolean =>
    chosen.length === 0 || chosen.includes(value ?? '')
  return (
    (filter.view === 'all' || record.state !== null) &&
    (filter.since === null || record.at >= filter.since) &&
    (filter.until === null || record.at <= filter.until) &&
    isMeant(filter.session, record.sessionId) &&
    among(filter.states, record.state) &&
    among(filter.actions, record.action) &&
    among(filter.areas, record.area) &&
    isMeant(filter.scope, record.scope) &&
    isMeant(filter.action, record.action) &&
    isMeant(filter.actor, record.actor) &&
    isMeant(filter.requester, record.requester) &&
    (filter.role === null || record.roles.some((role) => isMeant(filter.role, role))) &&
    isMeant(filter.username, record.username) &&
    isMeant(filter.dataSource, record.dataSource) &&
    isMeant(filter.clientIp, record.clientIp) &&
    isMeant(filter.subject, body.subject?.name ?? null) &&
    isMeant(filter.company, body.organization.name) &&
    isMeant(filter.accountId, body.organization.account_id) &&
    (filter.reason === null || (record.reason ?? '').toLowerCase().includes(filter.reason)) &&
    (filter.q === null || saidIn(record).toLowerCase().includes(filter.q))
  )
}

function isMeant(wanted: string | null, value: string | null): boolean {
  if (wanted === null) return true
  const parts = wanted.split('*').map((part) => part.replaceAll(/[.]/g, '\\.'))
  return value !== null && new RegExp(`^${parts.join('.*')}$`, 'i').test(value)
}

function saidIn({ body, ...record }: AuditRecord): string {
  return [
    record.actor,
    record.requester,
    ...record.roles,
    record.username,
    record.dataSource,
    record.action,
    body.subject?.name,
    ...Object.values(body.details ?? {}),
    record.reason,
    record.clientIp,
  ].join('\n')
}
