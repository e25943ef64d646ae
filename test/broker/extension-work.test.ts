import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import { approveExtension } from '../../broker/extension/decisions.ts'
import { moveValidity } from '../../broker/extension/work.ts'
import { onDataSource } from '../../broker/sources/data-source.ts'
import { cancel, terminate } from '../../broker/sessions/lifecycle.ts'
import { findExtensionJob } from '../../db/extensions.ts'
import { rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { look } from '../support/broker.ts'
import { openExtensions, type ExtensionBench } from '../support/extensions.ts'
import { runOn } from '../support/world.ts'

const MINUTE = 60_000

describe('an extension of a session under way', () => {
  let bench: ExtensionBench

  before(async function () {
    this.timeout(60_000)
    bench = await openExtensions()
  })
  after(() => bench.close())

  it('gives one winner when its approval meets the end of the session', async () => {
    for (const [round, { id, end }] of (await bench.grantedAll(4, ['role1'])).entries()) {
      const asked = await bench.extend(id, { minutes: 5 })
      const [approved, ended] = await Promise.allSettled([
        approveExtension(...bench.as('john'), asked.id),
        round % 2 === 0
          ? cancel(...bench.as('mark'), id)
          : terminate(...bench.as('admin'), id, { reason: 'x' }),
      ])
      const extension = await bench.stateOf(asked)
      const session = await look(bench.world, id)

      assert.equal(ended.status, 'fulfilled')
      assert.equal(extension.state, approved.status === 'fulfilled' ? 'APPROVED' : 'EXPIRED')
      const expected = approved.status === 'fulfilled' ? end + 5 * MINUTE : end
      assert.equal(session.end?.toMillis(), expected)
    }
  })

  it('meets the expiry of its session at one row: either goes on or is over, never both', async () => {
    for (const [round, { id }] of (await bench.grantedAll(4, ['role1'])).entries()) {
      const asked = await bench.extend(id, { minutes: 5 })
      await rows(
        bench.world.owner.db,
        `with ending as (
           update sessions set end_at = date_trunc('milliseconds', clock_timestamp()) + interval '60 ms'
            where id = :id returning end_at
         )
         update session_extensions set old_end = ending.end_at from ending where session_id = :id`,
        { id },
      )
      await new Promise((resolve) => setTimeout(resolve, 45 + 8 * round))
      const [approved] = await Promise.allSettled([
        approveExtension(...bench.as('john'), asked.id),
        bench.broker.tick(),
      ])
      await bench.broker.tick()
      const extended = approved.status === 'fulfilled'
      const { state } = await look(bench.world, id)
      if (extended) {
        assert.equal(state, 'GRANTED')
      } else {
        assert.equal((approved.reason as { code?: string }).code, 'state_changed')
        await untilOver(id)
        assert.equal((await bench.stateOf(asked)).state, 'EXPIRED')
      }
    }
  })

  it('loses no vote when two approvers decide at once', async () => {
    for (const { id, end } of await bench.grantedAll(3, ['role1', 'role3'])) {
      const asked = await bench.extend(id, { minutes: 5 })
      await Promise.all([
        approveExtension(...bench.as('john'), asked.id),
        approveExtension(...bench.as('admin'), asked.id),
      ])

      assert.equal((await bench.stateOf(asked)).state, 'APPROVED')
      assert.equal((await look(bench.world, id)).end?.toMillis(), end + 5 * MINUTE)
      const extended = (await bench.recordsOf(id)).filter((line) =>
        line.startsWith('session.extended'),
      )
      assert.equal(extended.length, 1)
    }
  })

  it('never lets a user in again whose removal has begun', async () => {
    const { id, end } = await bench.granted(['role2'])
    const { name } = await bench.userOf(id)
    await runOn(
      bench.world.shop.superuserUrl,
      `alter role ${name} nologin connection limit 0 valid until 'now'`,
    )
    const { uuid } = await look(bench.world, id)
    const later = DateTime.fromMillis(end + MINUTE, { zone: 'utc' })
    assert.ok(later.isValid)
    const moved = await onDataSource(bench.broker.deps, bench.world.dataSource.id, (target) =>
      moveValidity(target, { name, sessionUuid: uuid, end: later }, () => Promise.resolve()),
    )
    await bench.extend(id, { minutes: 5 })
    await bench.broker.tick()

    assert.equal(moved, false)
    const user = await bench.userOf(id)
    assert.equal(user.login, false)
    assert.ok(user.until < end)
  })

  it('leaves an end alone that is not its to move any more', async () => {
    const { id, end } = await bench.granted(['role2'])
    const { name } = await bench.userOf(id)
    const { uuid } = await look(bench.world, id)
    const later = DateTime.fromMillis(end + MINUTE, { zone: 'utc' })
    assert.ok(later.isValid)
    const late = onDataSource(bench.broker.deps, bench.world.dataSource.id, (target) =>
      moveValidity(target, { name, sessionUuid: uuid, end: later }, () =>
        Promise.reject(new Error('taken over')),
      ),
    )

    await assert.rejects(late, /taken over/)
    assert.equal((await bench.userOf(id)).until, end)
  })

  it('waits for a data source that is away, and the store has the new end meanwhile', async () => {
    const { id, end } = await bench.granted(['role2'])
    const [{ port } = { port: 0 }] = await rows<{ port: number }>(
      bench.world.owner.db,
      `select port from data_sources where id = :id`,
      { id: bench.world.dataSource.id },
    )
    const sealed = await breakLogin()
    await bench.extend(id, { minutes: 5 })
    await bench.broker.tick()
    const waiting = await findExtensionJob(bench.world.owner.db, id)
    await mendLogin(sealed)
    await rows(
      bench.world.owner.db,
      `update session_jobs set due_at = now() - interval '1 second', claimed_until = null`,
    )
    await bench.broker.tick()

    assert.ok(port > 0)
    assert.ok((waiting?.tries ?? 0) > 0 && waiting?.detail !== null)
    assert.equal((await look(bench.world, id)).end?.toMillis(), end + 5 * MINUTE)
    assert.equal((await bench.userOf(id)).until, end + 5 * MINUTE)
  })

  it('is followed by the data source to the last of several', async () => {
    const { id, end } = await bench.granted(['role2'])
    await bench.extend(id, { minutes: 5 })
    await bench.extend(id, { minutes: 5 })
    await bench.broker.tick()

    assert.equal((await bench.userOf(id)).until, end + 10 * MINUTE)
  })

  it('moves what expiry goes by', async () => {
    const { id } = await bench.granted(['role2'])
    await bench.extend(id, { minutes: 20 })
    await rows(
      bench.world.owner.db,
      `update sessions set start_at = start_at - interval '15 minutes', end_at = end_at - interval '15 minutes'
        where id = :id`,
      { id },
    )
    await bench.broker.tick()

    assert.equal(
      (await look(bench.world, id)).state,
      'GRANTED',
      'its old end is over, its new one is not',
    )
  })

  async function untilOver(id: SessionId): Promise<void> {
    for (let patience = 20; patience > 0; patience -= 1) {
      if ((await look(bench.world, id)).state === 'EXPIRED') return
      await bench.broker.tick()
    }
    assert.fail('it does not expire')
  }

  async function breakLogin(): Promise<Buffer> {
    const [{ sealed } = { sealed: Buffer.alloc(0) }] = await rows<{ sealed: Buffer }>(
      bench.world.owner.db,
      `select admin_sealed as sealed from data_sources where id = :id`,
      { id: bench.world.dataSource.id },
    )
    await rows(bench.world.owner.db, `update data_sources set admin_sealed = '' where id = :id`, {
      id: bench.world.dataSource.id,
    })
    return sealed
  }

  function mendLogin(sealed: Buffer): Promise<unknown> {
    return rows(
      bench.world.owner.db,
      `update data_sources set admin_sealed = :sealed where id = :id`,
      {
        id: bench.world.dataSource.id,
        sealed,
      },
    )
  }
})
