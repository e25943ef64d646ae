import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { NO_FILTER } from '../../db/audit-filter.ts'
import { digestOf } from '../../db/audit-log.ts'
import type { AuditRecord } from '../../db/audit-record.ts'
import { searchRecords } from '../../db/audit-search.ts'
import { canonicalize } from '../../db/canonical.ts'
import { getRow, rows } from '../../db/store.ts'
import { instant, openTrail, snapshot, write, type Trail } from '../support/trail.ts'

interface Written {
  readonly body: string
  readonly payload: Record<string, { salt: string; value: string }> | null
  readonly columns: Record<string, unknown>
}

describe('a record of the trail', () => {
  let trail: Trail

  beforeEach(async () => {
    trail = await openTrail()
  })

  afterEach(() => trail.close())

  const DENIAL = {
    at: '2026-11-23T10:00:00.123Z',
    action: 'session.denied',
    state: 'DENIED',
    scope: 'session',
    session: snapshot({ username: '-' }),
    dataSource: { id: 'd1', name: 'shop' },
    actor: 'john',
    clientIp: '192.0.2.7',
    reason: 'not today',
    details: { ticket: 'OPS-1' },
  } as const

  it('is canonical: reading its bytes and writing them again gives the same bytes', async () => {
    await write(trail, [DENIAL])
    const { body } = await newest(trail)
    assert.equal(canonicalize(JSON.parse(body) as Record<string, string>), body)
  })

  it('holds private values as digests alone, which their payload proves by hand', async () => {
    await write(trail, [DENIAL])
    const { body, payload } = await newest(trail)
    assert.ok(!body.includes('not today') && !body.includes('192.0.2.7'))
    const digests = JSON.parse(body) as Record<string, string>
    for (const [name, kept] of Object.entries(payload ?? {})) {
      const bytes = Buffer.concat([
        Buffer.from(kept.salt, 'base64'),
        Buffer.from(kept.value, 'utf8'),
      ])
      assert.equal(digests[name], `sha256:${createHash('sha256').update(bytes).digest('hex')}`)
      assert.equal(digestOf(kept), digests[name])
    }
    assert.deepEqual(Object.keys(payload ?? {}).sort(), ['client_ip', 'reason'])
  })

  it('salts each value: the same reason twice has two digests', async () => {
    await write(trail, [DENIAL, DENIAL])
    const found = await rows<{ reason: string }>(
      trail.portal.db,
      `select cast(body as jsonb) ->> 'reason' as reason from records where action = 'session.denied'`,
    )
    assert.equal(new Set(found.map(({ reason }) => reason)).size, 2)
  })

  it('says in its columns what its bytes say', async () => {
    await write(trail, [DENIAL])
    const { body, columns } = await newest(trail)
    const said = JSON.parse(body) as Record<string, unknown> & { session: Record<string, unknown> }
    assert.deepEqual(columns, {
      at: said['at'],
      event_id: said['event_id'],
      organization: trail.audrey.organization.id,
      action: 'session.denied',
      area: said['area'],
      scope: said['scope'],
      state: said['state'],
      session: said.session['id'],
      actor: 'john',
      requester: said.session['requester'],
      roles: said.session['roles'],
      username: '-',
      start_at: said.session['start'],
      end_at: said.session['end'],
      data_source: 'shop',
      outcome: said['outcome'],
    })
  })

  it('is read back as it was written, to the millisecond', async () => {
    await write(trail, [DENIAL])
    const record = await newestState(trail)
    assert.equal(record.at.toISO(), DENIAL.at)
    assert.deepEqual(
      [record.reason, record.clientIp, record.actor, record.dataSource, record.roles.join()],
      ['not today', '192.0.2.7', 'john', 'shop', 'role1,role3'],
    )
    assert.equal(record.start?.toMillis(), instant('2026-11-23T10:00:00Z').toMillis())
    assert.deepEqual(record.unproven, [])
  })

  it('shows a private value that was changed as altered, never as what it says', async () => {
    await write(trail, [DENIAL])
    await rows(
      trail.store.owner.db,
      `update record_payloads
          set payload = jsonb_set(payload, '{reason,value}', '"approved by the board"')
        where payload -> 'reason' is not null`,
    )
    const record = await newestState(trail)
    assert.equal(record.reason, null)
    assert.deepEqual(record.unproven, [{ name: 'reason', why: 'altered' }])
    assert.equal(record.clientIp, '192.0.2.7')
  })

  it('stays readable when its payload was erased', async () => {
    await write(trail, [DENIAL])
    await rows(trail.store.owner.db, `delete from record_payloads`)
    const record = await newestState(trail)
    assert.equal(record.state, 'DENIED')
    assert.deepEqual(
      record.unproven.map(({ name, why }) => `${name} ${why}`),
      ['reason erased', 'client_ip erased'],
    )
  })

  it("refuses text that can't be stored, and then keeps nothing of the change", async () => {
    const before = await countAll(trail)
    await assert.rejects(write(trail, [DENIAL, { ...DENIAL, reason: 'half \ud83d' }]), {
      code: 'text_not_storable',
    })
    assert.equal(await countAll(trail), before)
  })
})

async function newestState(trail: Trail): Promise<AuditRecord> {
  const { records } = await searchRecords(trail.portal.db, trail.audrey, NO_FILTER)
  const [record] = records
  assert.ok(record)
  return record
}

async function countAll(trail: Trail): Promise<number> {
  const { count } = await getRow<{ count: number }>(
    trail.portal.db,
    `select cast(count(*) as integer) as count from records`,
  )
  return count
}

function newest(trail: Trail): Promise<Written> {
  return getRow<Written>(
    trail.portal.db,
    `select r.body, p.payload,
            json_build_object(
              'at', to_char(r.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
              'event_id', r.event_id, 'organization', r.organization_id, 'action', r.action, 'area', r.area,
              'scope', r.scope, 'state', r.state, 'session', cast(r.session_id as text), 'actor', r.actor_name,
              'requester', r.requester, 'roles', r.roles, 'username', r.username,
              'start_at', to_char(r.start_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
              'end_at', to_char(r.end_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
              'data_source', r.data_source, 'outcome', r.outcome) as columns
       from records r
       left join record_payloads p on p.at = r.at and p.seq = r.seq
      order by r.seq desc
      limit 1`,
  )
}
