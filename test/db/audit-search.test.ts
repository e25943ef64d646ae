import assert from 'node:assert/strict'
import { countChoices } from '../../db/audit-choices.ts'
import { NO_FILTER, type AuditFilter } from '../../db/audit-filter.ts'
import type { AuditRecord } from '../../db/audit-record.ts'
import { findRecord, listSessionRecords, searchRecords } from '../../db/audit-search.ts'
import { parseSessionId } from '../../lib/ids.ts'
import { openStory, STORY } from '../support/audit-story.ts'
import { instant, type Trail } from '../support/trail.ts'

const ALL: AuditFilter = { ...NO_FILTER, view: 'all' }

describe('searching the trail', () => {
  let trail: Trail

  before(async () => {
    trail = await openStory()
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
    ['free text in a subject, in any case', { q: 'EQUEST 6' }, ['mark session.created']],
    ['free text in a detail, quotes and all', { q: 'night "b"' }, ['mark session.created']],
    ['free text in no name of a detail', { q: 'shift' }, []],
    ['free text across no two values', { q: 'mark request' }, []],
    ['subject in any case', { subject: 'REQUEST 68' }, ['mark session.created']],
    ['subject whole', { subject: 'request 6' }, []],
    ['subject with a star', { subject: 'req*8' }, ['mark session.created']],
    [
      'several actions',
      { actions: ['auth.login', 'session.denied'] },
      ['john session.denied', 'mark auth.login'],
    ],
    ['an action to the letter, without wildcards', { actions: ['auth.*', 'AUTH.LOGIN'] }, []],
    ['several areas', { areas: ['sign-in', 'roles'] }, ['mark auth.login']],
    ['an area and a state that never meet', { areas: ['sign-in'], states: ['DENIED'] }, []],
    [
      'company and account',
      { company: 'DEFAULT organization', accountId: '1', actor: 'admin' },
      ['admin role.approved'],
    ],
    ['another company', { company: 'Elsewhere' }, []],
    ['another account', { accountId: '2' }, []],
    [
      'client address with a star',
      { clientIp: '192.0.2.*', actor: 'admin' },
      ['admin role.approved'],
    ],
    ['a star as the whole', { requester: '*', states: ['DENIED'] }, ['john session.denied']],
    ['an underscore beside a star, literally', { username: 'dp?mark*' }, []],
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

  it("never shows another organization's records, whatever is asked", async () => {
    const own = await searchRecords(trail.portal.db, trail.stranger, ALL)
    assert.equal(own.records.length, STORY.length + 1)
    assert.ok(own.records.every(({ body }) => body.organization.name === 'Elsewhere'))
    assert.deepEqual(await search({ q: 'elsewhere' }), [])
    assert.deepEqual(await search({ company: 'elsewhere' }), [])
    const choices = await countChoices(trail.portal.db, trail.stranger, ALL)
    assert.equal(choices?.matching, STORY.length + 1)

    const sessionId = parseSessionId('68')
    assert.ok(sessionId)
    const ofSession = await listSessionRecords(trail.portal.db, trail.audrey, sessionId)
    assert.ok(ofSession.length > 0)
    for (const { id } of own.records) {
      assert.equal(await findRecord(trail.portal.db, trail.audrey, id), undefined)
      assert.equal((await findRecord(trail.portal.db, trail.stranger, id))?.id, id)
      assert.ok(ofSession.every((record) => record.id !== id))
    }
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

function shortly({ actor, action }: AuditRecord): string {
  return `${actor} ${action}`
}
