import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { appendRecords, digestOf, type PrivateValue } from '../../db/audit-log.ts'
import { getDefaultOrganization } from '../../db/people.ts'
import { systemOrigin } from '../../db/scope.ts'
import { rows } from '../../db/store.ts'
import { instant, openTrail, snapshot, type Trail } from '../support/trail.ts'

describe('several records in one statement', () => {
  let trail: Trail

  before(async () => {
    trail = await openTrail()
  })
  after(() => trail.close())

  it('stand in their order, each beside its own private values', async () => {
    const origin = systemOrigin(await getDefaultOrganization(trail.store.owner.db), randomUUID())
    const at = instant('2026-11-23T10:00:00.123Z')
    const reasons = Array.from({ length: 50 }, (_, n) => `reason ${String(n)} "\\ é`)
    await trail.portal.change((tx) =>
      appendRecords(
        tx,
        reasons.map((reason) => ({
          origin,
          at,
          draft: { action: 'session.expired', area: 'sessions', outcome: 'ok', reason, session },
        })),
      ),
    )

    const written = await rows<{ body: string; reason: PrivateValue; roles: string[] }>(
      trail.store.owner.db,
      `select r.body, p.payload -> 'reason' as reason, r.roles
         from records r
         join record_payloads p using (at, seq)
        where r.action = 'session.expired'
        order by r.seq`,
    )
    assert.deepEqual(
      written.map(({ reason }) => reason.value),
      reasons,
    )
    for (const { body, reason, roles } of written) {
      assert.ok(body.includes(digestOf(reason)))
      assert.deepEqual(roles, session.roles)
    }
  })

  it('are refused together where one holds what no record can keep', async () => {
    const origin = systemOrigin(await getDefaultOrganization(trail.store.owner.db), randomUUID())
    const at = instant('2026-11-23T11:00:00.000Z')
    const drafts = ['fine', 'a\u0000b'].map((justification) => ({
      action: 'session.created' as const,
      area: 'sessions' as const,
      outcome: 'ok' as const,
      justification,
    }))
    const writing = trail.portal.change((tx) =>
      appendRecords(
        tx,
        drafts.map((draft) => ({ origin, at, draft })),
      ),
    )
    await assert.rejects(writing, { code: 'text_not_storable' })
  })
})

const session = snapshot()
