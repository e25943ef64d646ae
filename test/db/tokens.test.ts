import assert from 'node:assert/strict'
import {
  changeApplication,
  createApplication,
  noteApplicationUse,
  type Application,
} from '../../db/applications.ts'
import { listSharingHands } from '../../db/hands.ts'
import { findRow, rows } from '../../db/store.ts'
import { endToken, endTokensOf } from '../../db/token-ends.ts'
import { findToken, listTokensOf } from '../../db/token-lists.ts'
import { createToken, findPersonByToken, TokenExpired, type NewToken } from '../../db/tokens.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

const INSUFFICIENT_PRIVILEGE = '42501'

describe('tokens and applications in the store', () => {
  let world: World

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
  })
  after(() => world.close())

  const make = (asked: Omit<NewToken, 'name'>, by: Name = 'admin') =>
    world.portal.change((tx) => createToken(tx, world.origins[by], { name: 'of a test', ...asked }))
  const find = (token: string, from?: string) => findPersonByToken(world.portal.db, token, from)

  it('knows a token by its beginning and end, and keeps neither the rest nor its hash readable', async () => {
    const { mark } = world.people
    const { id, token } = await make({ person: mark, scopes: ['audit', 'request'], days: 30 })
    const kept = await findToken(world.portal.db, world.scopes.admin, id)
    assert.equal(kept?.prefix, token.slice(0, 12))
    assert.equal(kept.suffix, token.slice(-4))
    assert.deepEqual(kept.scopes, ['request', 'audit'])
    assert.equal(kept.createdBy, 'admin')
    const all = await rows<{ row: string }>(world.owner.db, 'select t::text as row from tokens t')
    const middle = token.slice(12, -4)
    assert.ok(all.length > 0 && all.every(({ row }) => !row.includes(middle)))
  })

  it('answers for a token until the store’s clock says that its time is over', async () => {
    const { mark } = world.people
    const { id, token } = await make({ person: mark, days: 1 })
    assert.equal((await find(token))?.person.username, 'mark')
    await rows(
      world.owner.db,
      `update tokens set expires_at = now() - interval '1 s' where id = :id`,
      { id },
    )
    await assert.rejects(find(token), (error) => {
      assert.ok(error instanceof TokenExpired)
      assert.equal(error.code, 'token_expired')
      assert.equal(error.username, 'mark')
      return true
    })
    assert.equal((await findToken(world.portal.db, world.scopes.mark, id))?.state, 'expired')
  })

  it('is not said to have expired to whom it would tell that a person who is out had it', async () => {
    const { john } = world.people
    const { id, token } = await make({ person: john, days: 1 })
    await rows(
      world.owner.db,
      `update tokens set expires_at = now() - interval '1 s' where id = :id`,
      { id },
    )
    await rows(
      world.owner.db,
      `update people set disabled_at = now(), out_as = 'locked' where id = :id`,
      { id: john.id },
    )
    try {
      assert.equal(await find(token), undefined)
    } finally {
      await rows(
        world.owner.db,
        `update people set disabled_at = null, out_as = null where id = :id`,
        { id: john.id },
      )
    }
  })

  it('keeps last use and address, and writes them once a minute at most', async () => {
    const { id, token } = await make({ person: world.people.mark })
    await find(token, '192.0.2.1')
    const first = await usesOf(id)
    assert.equal(first?.ip, '192.0.2.1')
    assert.equal(first.seconds, 0, 'to the minute')

    await rows(world.owner.db, `update tokens set last_used_at = now() where id = :id`, { id })
    await find(token, '192.0.2.2')
    assert.equal((await usesOf(id))?.ip, '192.0.2.1')

    await rows(
      world.owner.db,
      `update tokens set last_used_at = now() - interval '2 minutes' where id = :id`,
      { id },
    )
    await find(token, '192.0.2.3')
    assert.equal((await usesOf(id))?.ip, '192.0.2.3')
  })

  it('ends one token or all of a person’s, each with who did it and a record', async () => {
    const { audrey } = world.people
    const made = await Promise.all([1, 2, 3].map(() => make({ person: audrey })))
    const [first] = made
    assert.ok(first)
    const ended = await world.portal.change((tx) =>
      endToken(tx, world.origins.audrey, { id: first.id, reason: 'leaked' }),
    )
    assert.equal(ended, true)
    assert.equal(await find(first.token), undefined)

    const asked = { personId: audrey.id }
    const again = await world.portal.change(async (tx) => ({
      first: await endToken(tx, world.origins.admin, { id: first.id }),
      others: await endTokensOf(tx, world.origins.admin, asked),
    }))
    assert.deepEqual(again, { first: false, others: 2 })
    const listed = await listTokensOf(world.portal.db, world.scopes.audrey, audrey.id)
    assert.deepEqual(
      listed.map(({ id, endedBy }) => [id === first.id, endedBy]).sort(),
      [
        [false, 'admin'],
        [false, 'admin'],
        [true, 'audrey'],
      ].sort(),
    )
    const records = await rows<{ actor: string }>(
      world.owner.db,
      `select actor_name as actor from records where action = 'token.deleted' order by at, seq`,
    )
    assert.deepEqual(
      records.map(({ actor }) => actor),
      ['audrey', 'admin', 'admin'],
    )
  })

  it('lets no part widen a token or read it: what it may do is said once', async () => {
    for (const [part, sql] of [
      ['portal', `update tokens set scopes = '{admin}'`],
      ['portal', 'update tokens set expires_at = null'],
      ['portal', 'update tokens set person_id = person_id'],
      ['portal', 'delete from tokens'],
      ['portal', 'delete from application_hands'],
      ['portal', 'update application_hands set person_id = person_id'],
      ['portal', 'update applications set created_by = null'],
      ['broker', 'select hash from tokens'],
      ['broker', 'insert into application_hands select * from application_hands'],
      ['proxy', 'select * from applications'],
      ['proxy', 'select * from application_hands'],
    ] as const) {
      await assert.rejects(rows(world[part].db, sql), { code: INSUFFICIENT_PRIVILEGE }, sql)
    }
  })

  it('refuses an application that could sign in', async () => {
    const application = await add('robot-1')
    for (const change of ['portal_user = true', "password_hash = 'x'"]) {
      await assert.rejects(
        rows(world.owner.db, `update people set ${change} where id = :id`, {
          id: application.id,
        }),
        /applications_never_sign_in/,
      )
    }
  })

  it('records the use of an application once an hour for each address', async () => {
    const application = await add('robot-2')
    const { token } = await make({ person: application })
    const use = async (from: string): Promise<boolean> => {
      const found = await find(token, from)
      assert.ok(found)
      const { id, username } = found.person
      if (found.isUseDue) {
        await world.portal.change((tx) =>
          noteApplicationUse(tx, world.origins.admin, { id, username, from }),
        )
      }
      return found.isUseDue
    }
    assert.deepEqual(
      [await use('192.0.2.1'), await use('192.0.2.1'), await use('192.0.2.2')],
      [true, false, true],
    )
    assert.equal(await countUses(application), 2)
    await rows(
      world.owner.db,
      `update application_uses set noted_at = now() - interval '61 minutes' where client_ip = '192.0.2.1'`,
    )
    assert.deepEqual([await use('192.0.2.1'), await use('192.0.2.2')], [true, false])
    assert.equal(await countUses(application), 3)
    assert.equal((await find((await make({ person: world.people.mark })).token))?.isUseDue, false)
  })

  it('holds an application to be in the hands of whoever answers for it, made it or made its tokens', async () => {
    const { mark, john, audrey, admin } = world.people
    const [one, two, apart] = [
      await add('hand-1'),
      await add('hand-2', 'john'),
      await add('hand-3', 'audrey', 'audrey'),
    ]
    await make({ person: one }, 'mark')
    const shared = (of: { readonly id: string }, others: readonly { readonly id: string }[]) =>
      world.portal.change(async (tx) => {
        const ids = others.map(({ id }) => id)
        const found = await listSharingHands(tx, of.id, ids)
        return others.map(({ id }) => found.has(id))
      })
    assert.deepEqual(await shared(one, [one, admin, mark, john, two, apart]), [
      true,
      true,
      true,
      false,
      true,
      false,
    ])
    assert.deepEqual(await shared(mark, [mark, one, two, john]), [true, true, false, false])
    assert.deepEqual(await shared(apart, [audrey, one, two]), [true, false, false])

    const terms = { purpose: 'other', owner: john }
    await world.portal.change((tx) =>
      changeApplication(tx, world.origins.admin, { before: apart, terms }),
    )
    assert.deepEqual(
      await shared(apart, [audrey, john, two]),
      [true, true, true],
      'who once answered for it may still hold its token',
    )
  })

  it('ends for good with who made it, who may know it', async () => {
    const { john } = world.people
    const service = await add('leaving')
    const { token } = await make({ person: service, days: 1 }, 'john')
    const { token: other } = await make({ person: service, days: 1 }, 'admin')
    await world.portal.change((tx) => endTokensOf(tx, world.origins.admin, { personId: john.id }))
    assert.equal(await find(token), undefined)
    assert.ok(await find(other))
  })

  function add(username: string, owner: Name = 'admin', by: Name = 'admin'): Promise<Application> {
    return world.portal.change((tx) =>
      createApplication(tx, world.origins[by], {
        username,
        displayName: username,
        purpose: '',
        auditUser: false,
        managementPrivilege: 'none',
        owner: world.people[owner],
      }),
    )
  }

  async function countUses({ username }: Application): Promise<number> {
    const found = await rows(
      world.owner.db,
      `select from records where action = 'application.used' and subject = :username`,
      { username },
    )
    return found.length
  }

  function usesOf(id: string): Promise<{ ip: string; seconds: number } | undefined> {
    return findRow(
      world.owner.db,
      `select last_used_ip as ip, cast(extract(second from last_used_at) as float) as seconds
         from tokens
        where id = :id`,
      { id },
    )
  }
})
