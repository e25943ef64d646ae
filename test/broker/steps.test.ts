import assert from 'node:assert/strict'
import type { SessionId } from '../../lib/ids.ts'
import { rows } from '../../db/store.ts'
import { STEPS, type Step } from '../../broker/scheduling/steps.ts'
import { look, makeBroker, storyOf, until, type HandBroker } from '../support/broker.ts'
import { openShop, type ShopSessions } from '../support/sessions-on-shop.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

const GRANTING = STEPS.filter((step) => step.startsWith('g'))
/** r1 belongs to ends that Daypass decides; here people do. */
const REMOVING = STEPS.filter((step) => step.startsWith('r') && !step.startsWith('r1'))

describe('no step of a grant or a removal may be the last', () => {
  let world: World
  let broker: HandBroker
  let shop: ShopSessions

  before(async () => {
    world = await makeWorld()
    broker = makeBroker(world)
    shop = await openShop(world, broker)
  })
  after(() => world.close())

  const settle = async (ids: readonly SessionId[], holds: (id: SessionId) => Promise<boolean>) => {
    await until('all is as it should be', async () => {
      await shop.hurry()
      await broker.tick()
      for (const id of ids) if (!(await holds(id))) return false
      return true
    })
  }
  /** A broker that fails once at one step of each session. */
  const faulty = (faults: ReadonlyMap<SessionId, Step>) => {
    const seen = new Set<SessionId>()
    const reached = (step: Step, id: SessionId): Promise<void> => {
      if (faults.get(id) !== step || seen.has(id)) return Promise.resolve()
      seen.add(id)
      return Promise.reject(new Error(`fails at ${step}`))
    }
    return { seen, broker: makeBroker(world, { reached }) }
  }
  const logins = async (): Promise<string[]> =>
    (
      await shop.onShop<{ uuid: string }>(
        `select shobj_description(oid, 'pg_authid') as uuid
           from pg_roles
          where rolcanlogin and rolname like 'dp!_mark!_%' escape '!'`,
      )
    ).map(({ uuid }) => uuid)

  it('goes on after a failure at any step, and nobody logs in without a GRANTED record', async () => {
    const faults = new Map<SessionId, Step>()
    for (const step of GRANTING) faults.set(await shop.ask(), step)
    const first = faulty(faults)
    await first.broker.tick()
    const usable = await logins()
    const granted = await Promise.all([...faults.keys()].map((id) => look(world, id)))

    assert.equal(first.seen.size, GRANTING.length, 'not every step was reached')
    for (const uuid of usable) {
      assert.equal(granted.find((session) => session.uuid === uuid)?.state, 'GRANTED')
    }
    await settle([...faults.keys()], async (id) => {
      const session = await look(world, id)
      return session.state === 'GRANTED' && (await shop.userOf(session))?.login === true
    })

    const ends = new Map<SessionId, Step>()
    for (const [place, id] of [...faults.keys()].entries()) {
      const step = REMOVING[place]
      if (step !== undefined) ends.set(id, step)
      await runOn(await shop.urlOf(await look(world, id)), `create table left_${id} (n integer)`)
      await shop.cancel({ id })
    }
    const second = faulty(ends)
    await second.broker.tick()

    assert.equal(second.seen.size, Math.min(REMOVING.length, faults.size))
    assert.deepEqual(await logins(), [])
    await settle([...faults.keys()], async (id) => (await look(world, id)).removedAt !== null)
    for (const id of faults.keys()) {
      assert.equal(await storyOf(world, id), 'CREATED role_approved APPROVED GRANTED CANCELED')
    }
    assert.deepEqual(
      await shop.onShop(`select from pg_roles where rolname like 'dp!_mark!_%' escape '!'`),
      [],
    )
    await shop.onShop('drop owned by daypass_residue')
  })

  it('lets a broker that was taken for dead change nothing, wherever it stopped', async () => {
    const frozen: { readonly id: SessionId; readonly over: Promise<void> }[] = []
    const thaw: (() => void)[] = []
    for (const stop of ['g1.after', 'g2.after', 'g3.after', 'g4.after'] as const) {
      let arrive = (): void => undefined
      const arrived = new Promise<void>((resolve) => (arrive = resolve))
      const thawed = new Promise<void>((resolve) => thaw.push(resolve))
      const reached = async (step: Step): Promise<void> => {
        if (step !== stop) return
        arrive()
        await thawed
      }
      const id = await shop.ask()
      frozen.push({ id, over: makeBroker(world, { reached }).tick() })
      await arrived
    }
    // as their claims run out while they are frozen
    await rows(
      world.owner.db,
      `update session_jobs set claimed_until = now() - interval '1 second'`,
    )
    await broker.tick()
    for (const { id } of frozen) {
      assert.equal((await look(world, id)).state, 'GRANTED')
      await shop.cancel({ id })
    }
    await broker.tick()
    const before = await rows(world.owner.db, SEEN)
    for (const wake of thaw) wake()
    await Promise.all(frozen.map(({ over }) => over))

    assert.deepEqual(await rows(world.owner.db, SEEN), before)
    assert.deepEqual(
      await shop.onShop(`select rolname from pg_roles where rolname like 'dp!_mark!_%' escape '!'`),
      [],
    )
    assert.deepEqual(await rows(world.owner.db, 'select session_id from session_jobs'), [])
    for (const { id } of frozen) {
      assert.equal(await storyOf(world, id), 'CREATED role_approved APPROVED GRANTED CANCELED')
    }
  })

  for (const [kind, step] of [
    ['grant', 'g4.after'],
    ['removal', 'r7.after'],
  ] as const) {
    it(`leaves the last word on a ${kind} to the broker that has taken it over`, async () => {
      const id = await shop.ask()
      if (kind === 'removal') {
        await broker.tick()
        await shop.cancel({ id })
      }
      // the other one is at it
      const reached = async (at: Step): Promise<void> => {
        if (at !== step) return
        await rows(
          world.owner.db,
          `update session_jobs
              set claimed_by = gen_random_uuid(), claimed_until = now() + interval '1 minute'
            where session_id = :id and kind = :kind`,
          { id, kind },
        )
      }
      await makeBroker(world, { reached }).tick()
      const jobs = await rows(
        world.owner.db,
        'select kind from session_jobs where session_id = :id',
        { id },
      )
      const [said] = await rows<{ login: boolean; removed: boolean }>(
        world.owner.db,
        `select login_at is not null as login, removed_at is not null as removed
           from session_users where session_id = :id`,
        { id },
      )
      await rows(
        world.owner.db,
        `update session_jobs set claimed_until = now() - interval '1 second'`,
      )
      await broker.tick()
      if (kind === 'grant') await shop.cancel({ id })
      await settle([id], async () => (await look(world, id)).removedAt !== null)

      assert.deepEqual(jobs, [{ kind }])
      assert.deepEqual(said, { login: kind === 'removal', removed: false })
    })
  }
})

const SEEN = `select session_id, role_oid, login_at, removed_at from session_users order by session_id`
