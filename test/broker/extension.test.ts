import assert from 'node:assert/strict'
import type { DateTime } from 'luxon'
import {
  approveExtension,
  cancelExtension,
  denyExtension,
} from '../../broker/extension/decisions.ts'
import { terminate } from '../../broker/sessions/lifecycle.ts'
import { findExtensionJob } from '../../db/extensions.ts'
import { rows } from '../../db/store.ts'
import { look, storyOf } from '../support/broker.ts'
import { fault, openExtensions, type ExtensionBench } from '../support/extensions.ts'

const MINUTE = 60_000
const GRANTED = 'CREATED role_approved APPROVED GRANTED'

describe('an extension', () => {
  let bench: ExtensionBench

  before(async function () {
    this.timeout(60_000)
    bench = await openExtensions()
  })
  after(() => bench.close())

  it('moves the end once its own approvals are there, and the same user goes on', async () => {
    const { id, end } = await bench.granted(['role1', 'role2'])
    const before = await bench.userOf(id)
    const asked = await bench.extend(id, { minutes: 20 })

    assert.equal(asked.state, 'CREATED')
    assert.deepEqual(
      asked.roles.map(({ name, state }) => [name, state]),
      [
        ['role1', 'PENDING'],
        ['role2', 'APPROVED'],
      ],
    )
    assert.equal((await look(bench.world, id)).end?.toMillis(), end)
    const done = await approveExtension(...bench.as('john'), asked.id, { comment: 'go on' })
    const { state, end: moved, diesAt, username } = await look(bench.world, id)
    await bench.broker.tick()
    const after = await bench.userOf(id)

    assert.equal(done.state, 'APPROVED')
    assert.equal(state, 'GRANTED')
    assert.equal(moved?.toMillis(), end + 20 * MINUTE)
    assert.equal(diesAt.toMillis(), end + 20 * MINUTE)
    assert.equal(before.until, end)
    assert.deepEqual(after, { ...before, until: end + 20 * MINUTE })
    assert.equal(username, before.name)
    assert.equal(await findExtensionJob(bench.world.owner.db, id), undefined)
    assert.equal(
      await storyOf(bench.world, id),
      'CREATED role_approved role_approved APPROVED GRANTED',
      'the states of the session are what they were',
    )
    assert.deepEqual(await bench.recordsOf(id), [
      'session.extension_requested mark',
      'session.extension_approved system (auto-approve)',
      'session.extension_approved john',
      'session.extended john',
      'task.succeeded system',
    ])
    const [extended] = await rows<{ end: DateTime<true>; body: string }>(
      bench.world.owner.db,
      `select end_at as "end", body from records where session_id = :id and action = 'session.extended'`,
      { id },
    )
    assert.equal(extended?.end.toMillis(), end + 20 * MINUTE)
    const { details } = JSON.parse(extended.body) as { details: Record<string, string> }
    assert.equal(details['old_end'], new Date(end).toISOString())
    assert.equal(details['new_end'], new Date(end + 20 * MINUTE).toISOString())
  })

  it('is approved at once where no role needs an approval', async () => {
    const { id, end } = await bench.granted(['role2'])
    const extension = await bench.extend(id, { minutes: 5 })

    assert.equal(extension.state, 'APPROVED')
    assert.equal((await look(bench.world, id)).end?.toMillis(), end + 5 * MINUTE)
  })

  it('reaches no further than the shortest maximum from now on, and says whose it is', async () => {
    const { id, end } = await bench.granted(['role1'])

    await assert.rejects(
      bench.extend(id, { minutes: 51 }),
      fault('minutes', /^role1 .* enter 50 more/),
    )
    await assert.rejects(
      bench.extend(id, { justification: ' ' }),
      fault('justification', /Say why/),
    )
    const asked = await bench.extend(id, { minutes: 49 })
    assert.equal(asked.newEnd.toMillis(), end + 49 * MINUTE)
  })

  it('is judged by the policy of today', async () => {
    const { id } = await bench.granted(['role1'])
    await bench.setRole('role1', { needed: 2 })
    await bench.addTo('role1', 'admin')
    const asked = await bench.extend(id, { minutes: 5 })
    const first = await approveExtension(...bench.as('john'), asked.id)
    await assert.rejects(approveExtension(...bench.as('john'), asked.id), {
      code: 'already_decided',
    })
    const second = await approveExtension(...bench.as('admin'), asked.id)
    await bench.removeFrom('role1', 'admin')
    await bench.setRole('role1', { needed: 1 })

    assert.equal(first.state, 'CREATED')
    assert.equal(second.state, 'APPROVED')
    await rows(bench.world.owner.db, `update roles set disabled_at = now() where name = 'role1'`)
    const refused = bench.extend(id, { minutes: 5 })
    await assert.rejects(refused, fault('roles', /role1 is no longer offered/))
    await rows(bench.world.owner.db, `update roles set disabled_at = null where name = 'role1'`)
    await rows(
      bench.world.owner.db,
      `update roles set database_role = 'other' where name = 'role1'`,
    )
    const changed = bench.extend(id, { minutes: 5 })
    await assert.rejects(changed, fault('roles', /stands for another database role/))
    await rows(
      bench.world.owner.db,
      `update roles set database_role = 'orders_reader' where name = 'role1'`,
    )
  })

  it('is not approved past what the policy allows by then', async () => {
    const { id, end } = await bench.granted(['role1'])
    const asked = await bench.extend(id, { minutes: 30 })
    const approve = () => approveExtension(...bench.as('john'), asked.id)
    const change = (sql: string) => rows(bench.world.owner.db, sql)
    for (const [made, taken, sentence] of [
      ['maximum_minutes = 35, default_minutes = 35', 'maximum_minutes = 60', /at most 35 minutes/],
      ['disabled_at = now()', 'disabled_at = null', /role1 is no longer offered/],
      [`database_role = 'other'`, `database_role = 'orders_reader'`, /another database role/],
    ] as const) {
      await change(`update roles set ${made} where name = 'role1'`)
      await assert.rejects(approve(), { code: 'state_changed', message: sentence })
      await change(`update roles set ${taken} where name = 'role1'`)
    }
    await change(`update data_sources set disabled_at = now()`)
    await assert.rejects(approve(), { code: 'state_changed', message: /shop is no longer offered/ })
    await change(`update data_sources set disabled_at = null`)
    const before = await look(bench.world, id)
    const done = await approve()

    assert.equal(before.end?.toMillis(), end, 'nothing was changed meanwhile')
    assert.equal(done.state, 'APPROVED')
  })

  it('does not go on for ever where nobody has to approve it', async () => {
    const { id } = await bench.granted(['role2'])
    await rows(
      bench.world.owner.db,
      `update sessions set start_at = start_at - interval '40 minutes' where id = :id`,
      { id },
    )
    await bench.extend(id, { minutes: 5 })
    await assert.rejects(
      bench.extend(id, { minutes: 30 }),
      fault('minutes', /role2 .* 60 minutes in all/),
    )
  })

  it('is nobody’s to approve who asked for it, an admin included', async () => {
    await bench.addTo('role1', 'admin')
    const { id } = await bench.granted(['role1'], 'admin')
    const asked = await bench.extend(id, { minutes: 5 }, 'admin')

    await assert.rejects(approveExtension(...bench.as('admin'), asked.id), { code: 'own_request' })
    const denied = denyExtension(...bench.as('admin'), asked.id, { reason: 'no' })
    await assert.rejects(denied, { code: 'own_request' })
    await bench.removeFrom('role1', 'admin')
    assert.equal((await bench.stateOf(asked)).state, 'CREATED')
  })

  it('is decided by its approvers alone and hidden from others', async () => {
    const { id } = await bench.granted(['role1'], 'john', 'admin')
    const mine = bench.extend(id, { minutes: 5 }, 'mark')
    await assert.rejects(mine, { code: 'not_found' })
    const asked = await bench.extend(id, { minutes: 5 }, 'john')

    await assert.rejects(approveExtension(...bench.as('mark'), asked.id), { code: 'not_found' })
    await assert.rejects(cancelExtension(...bench.as('mark'), asked.id), { code: 'not_found' })
    await assert.rejects(approveExtension(...bench.as('audrey'), asked.id), {
      code: 'not_entitled',
    })
    await assert.rejects(cancelExtension(...bench.as('admin'), asked.id), { code: 'not_entitled' })
    await assert.rejects(bench.extend(id, { minutes: 5 }, 'admin'), { code: 'not_entitled' })
    await assert.rejects(approveExtension(...bench.as('john'), 'x'), { code: 'not_found' })
    await bench.removeFrom('role1', 'admin')
  })

  it('that is denied leaves the session as it was, and another may be asked for', async () => {
    const { id, end } = await bench.granted(['role1'])
    const asked = await bench.extend(id, { minutes: 5 })
    await assert.rejects(bench.extend(id, { minutes: 6 }), { code: 'state_changed' })
    await assert.rejects(denyExtension(...bench.as('john'), asked.id, { reason: ' ' }), {
      code: 'reason_required',
    })
    const denied = await denyExtension(...bench.as('john'), asked.id, { reason: 'not today' })

    assert.equal(denied.state, 'DENIED')
    assert.equal(denied.reason, 'not today')
    assert.equal((await look(bench.world, id)).end?.toMillis(), end)
    assert.equal(await storyOf(bench.world, id), GRANTED)
    await assert.rejects(approveExtension(...bench.as('john'), asked.id), {
      code: 'already_decided',
    })

    const again = await bench.extend(id, { minutes: 6 })
    const canceled = await cancelExtension(...bench.as('mark'), again.id)
    assert.equal(canceled.state, 'CANCELED')
    await assert.rejects(approveExtension(...bench.as('john'), again.id), { code: 'state_changed' })
    assert.equal((await look(bench.world, id)).end?.toMillis(), end)
  })

  it('needs an open session, and dies with it', async () => {
    const waiting = await bench.ask(['role1'])
    await assert.rejects(bench.extend(waiting.id, { minutes: 5 }), { code: 'session_not_granted' })
    const { id } = await bench.granted(['role1'])
    const asked = await bench.extend(id, { minutes: 5 })
    await terminate(...bench.as('admin'), id, { reason: 'drill' })

    assert.equal((await bench.stateOf(asked)).state, 'EXPIRED')
    assert.equal((await bench.recordsOf(id)).at(-1), 'session.extension_expired system')
    await assert.rejects(approveExtension(...bench.as('john'), asked.id), { code: 'state_changed' })
    await assert.rejects(bench.extend(id, { minutes: 5 }), { code: 'state_changed' })
  })
})
