import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import { getGate } from '../../broker/sessions/gate.ts'
import { digestOf, type PrivateValue } from '../../db/audit-log.ts'
import { canonicalize } from '../../db/canonical.ts'
import { changeAndTell } from '../../db/told-changes.ts'
import { iso, rows } from '../../db/store.ts'
import { GrantedWorld } from '../support/granted.ts'

describe('a change and its record in one statement', () => {
  let world: GrantedWorld

  before(async () => {
    world = await GrantedWorld.make()
  })
  after(() => world.close())

  /** Something of a session is changed, by somebody who tries to look like a record's time. */
  async function change(sql: string) {
    const { id } = await world.grant()
    const { organization, snapshot } = await getGate(world.store.db, id)
    const isTold = await changeAndTell(world.store.db, {
      sql,
      bindings: { id },
      origin: {
        actor: { type: 'person', id: 'x', name: `"at":"${iso(DateTime.utc())}"` },
        organization,
        correlationId: 'c',
        clientIp: '10.1.2.3',
      },
      draft: {
        action: 'connection.opened',
        area: 'connections',
        outcome: 'ok',
        session: { ...snapshot, roles: ['role 1', 'a "role", {quoted}\\'] },
        details: { at: 'noon' },
      },
    })
    const records = await rows<Told>(
      world.store.db,
      `select r.body, r.at, r.roles, p.payload, s.state_since as changed
         from records r
         join sessions s on s.id = r.session_id
         left join record_payloads p using (at, seq)
        where r.session_id = :id`,
      { id },
    )
    return { isTold, records }
  }

  it('tells of the very moment, in canonical bytes, with the private values beside them', async () => {
    const { isTold, records } = await change(
      `update sessions set state_since = clock_timestamp() where id = :id returning state_since as at`,
    )
    const [told] = records
    assert.ok(isTold && told && records.length === 1)
    const body = JSON.parse(told.body) as Body
    assert.equal(body.at, iso(told.at))
    assert.equal(body.at, iso(told.changed))
    assert.equal(canonicalize(body), told.body)
    assert.deepEqual(told.roles, body.session.roles)
    assert.equal(told.payload.client_ip.value, '10.1.2.3')
    assert.equal(digestOf(told.payload.client_ip), body.client_ip)
  })

  it('tells of nothing where nothing was changed', async () => {
    const { isTold, records } = await change(
      `update sessions set state_since = now() where id = :id and false returning state_since as at`,
    )
    assert.equal(isTold, false)
    assert.deepEqual(records, [])
  })

  it('changes nothing that could not be told of', async () => {
    const sql = `update sessions set state_since = '2001-01-01' where id = :id returning cast(null as timestamptz) as at`
    await assert.rejects(change(sql), { code: '23502' })
    const changed = await rows(
      world.store.db,
      `select from sessions where state_since = '2001-01-01'`,
    )
    assert.deepEqual(changed, [])
  })
})

interface Told {
  readonly body: string
  readonly at: DateTime<true>
  readonly changed: DateTime<true>
  readonly roles: readonly string[]
  readonly payload: { readonly client_ip: PrivateValue }
}

type Body = {
  readonly at: string
  readonly client_ip: string
  readonly session: { readonly roles: readonly string[] }
}
