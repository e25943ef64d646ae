import assert from 'node:assert/strict'
import { createPerson, findAnyPerson, findPasswordHash, findPerson } from '../../db/people.ts'
import { findPersonByUsername, listPeople, type Person } from '../../db/people.ts'
import {
  deletePerson,
  disablePerson,
  enablePerson,
  lockPerson,
  unlockPerson,
} from '../../db/person-changes.ts'
import { changeEmail, changeExpiry, changeName, changeUsername } from '../../db/person-edits.ts'
import { changeFlags } from '../../db/person-flags.ts'
import { createSignIn, findLiveSignIn } from '../../db/sign-ins.ts'
import { rows, storeTime } from '../../db/store.ts'
import { createToken, findPersonByToken } from '../../db/tokens.ts'
import { countUsers, searchUsers, type UserStatus } from '../../db/user-list.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { makeWorld, type World } from '../support/world.ts'

const PORTAL = { kind: 'part', part: 'portal' } as const

describe('an account', () => {
  let world: World
  let made = 0

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    // an admin who can't sign in is none to keep
    await rows(world.owner.db, `update people set password_hash = 'hash' where kind = 'person'`)
  })
  after(() => world.close())

  const add = (more: Partial<Person> = {}): Promise<Person> =>
    world.portal.change((tx) => {
      made += 1
      return createPerson(tx, world.origins.admin, {
        username: `person${made}`,
        displayName: `Person ${made}`,
        email: `person${made}@example.com`,
        passwordHash: 'hash',
        portalUser: true,
        auditUser: false,
        managementPrivilege: more.managementPrivilege ?? 'none',
        expiresAt: more.expiresAt ?? null,
      })
    })
  const change = <T>(
    work: (
      tx: Parameters<Parameters<typeof world.portal.change>[0]>[0],
      origin: World['origins']['admin'],
    ) => Promise<T>,
  ): Promise<T> => world.portal.change((tx) => work(tx, world.origins.admin))
  const signIn = async (person: Person): Promise<string> => {
    const id = uuidv7()
    await change((tx, origin) => createSignIn(tx, origin, { id, person, authMethod: 'password' }))
    return id
  }
  const token = (person: Person) =>
    change((tx, origin) => createToken(tx, origin, { person, name: 'of a test' }))
  const now = async (id: string): Promise<Person> => {
    const person = await findAnyPerson(world.portal.db, PORTAL, id)
    assert.ok(person)
    return person
  }
  const expire = (id: string): Promise<unknown> =>
    rows(world.owner.db, `update people set expires_at = now() - interval '1 s' where id = :id`, {
      id,
    })
  const told = async (id: string): Promise<{ action: string; details: Details }[]> =>
    rows(
      world.owner.db,
      `select action, cast(body as jsonb)->'details' as details
         from records
        where cast(body as jsonb)->'subject'->>'id' = :id
          and action like 'user.%'
          and action <> 'user.created'
        order by at, seq`,
      { id },
    )

  it('is edited a record at a time, each with how it was and how it is', async () => {
    const person = await add()
    const at = (await storeTime(world.portal.db)).plus({ days: 3 })
    await change(async (tx, origin) => {
      await changeUsername(tx, origin, { person, username: 'renamed' })
      await changeName(tx, origin, { person, displayName: 'Renamed' })
      await changeEmail(tx, origin, { person, email: null })
      await changeExpiry(tx, origin, { person, expiresAt: at })
      const flags = { auditUser: true, mayEndSignIns: true }
      await changeFlags(tx, origin, { person, flags })
      assert.equal(await changeName(tx, origin, { person, displayName: 'Renamed' }), false)
    })
    const { email } = person
    assert.deepEqual(await told(person.id), [
      {
        action: 'user.username_changed',
        details: { username_before: person.username, username_after: 'renamed' },
      },
      {
        action: 'user.name_changed',
        details: { display_name_before: person.displayName, display_name_after: 'Renamed' },
      },
      { action: 'user.email_changed', details: { email_before: email, email_after: '' } },
      {
        action: 'user.expiration_changed',
        details: { expires_at_before: '', expires_at_after: at.toISO() },
      },
      {
        action: 'user.role_changed',
        details: {
          audit_user_before: 'false',
          audit_user_after: 'true',
          end_sign_ins_before: 'false',
          end_sign_ins_after: 'true',
        },
      },
    ])
  })

  it('is renamed in the policy, too, where it approves something', async () => {
    const { john: person } = world.people
    await change((tx, origin) => changeUsername(tx, origin, { person, username: 'johann' }))
    const [version] = await rows<{ summary: string; members: readonly string[] }>(
      world.owner.db,
      `select summary, jsonb_path_query_array(policy, '$.groups[*].members[*]') as members
         from policy_versions
        order by version desc
        limit 1`,
    )
    assert.equal(version?.summary, 'user john is now called johann')
    assert.ok(version.members.includes('johann') && !version.members.includes('john'))
    const taken = change((tx, origin) => changeUsername(tx, origin, { person, username: 'mark' }))
    await assert.rejects(taken, { constraint: 'usernames_are_unique' })
  })

  it('keeps its tokens while it is locked, and its sign-ins end', async () => {
    const person = await add()
    const [id, { token: secret }] = [await signIn(person), await token(person)]
    assert.ok(await findLiveSignIn(world.portal.db, id))
    assert.equal(await change((tx, origin) => lockPerson(tx, origin, person.id, 'odd')), true)
    assert.equal(await change((tx, origin) => lockPerson(tx, origin, person.id)), false)
    assert.equal(await findPersonByToken(world.portal.db, secret), undefined)
    assert.equal(await findPasswordHash(world.portal.db, PORTAL, person.username), undefined)
    assert.equal(await change((tx, origin) => enablePerson(tx, origin, person.id)), false)
    assert.equal(await change((tx, origin) => unlockPerson(tx, origin, person.id)), true)
    assert.equal(await findLiveSignIn(world.portal.db, id), undefined)
    assert.ok(await findPersonByToken(world.portal.db, secret))
    assert.ok(await findPasswordHash(world.portal.db, PORTAL, person.username))
  })

  it('loses its tokens for good when it is disabled', async () => {
    const person = await add()
    const { token: secret, id } = await token(person)
    await change((tx, origin) => lockPerson(tx, origin, person.id))
    assert.equal(await change((tx, origin) => disablePerson(tx, origin, person.id, 'left')), true)
    assert.equal(await change((tx, origin) => unlockPerson(tx, origin, person.id)), false)
    assert.equal((await now(person.id)).outAs, 'disabled')
    assert.equal(await change((tx, origin) => enablePerson(tx, origin, person.id)), true)
    assert.equal(await findPersonByToken(world.portal.db, secret), undefined)
    const ended = await rows(
      world.owner.db,
      `select seq from records
        where action = 'token.deleted' and cast(body as jsonb)->'subject'->>'id' = :id`,
      { id },
    )
    assert.equal(ended.length, 1)
    assert.deepEqual(
      (await told(person.id)).map(({ action, details }) => [action, details['status_after']]),
      [
        ['user.locked', 'locked'],
        ['user.disabled', 'disabled'],
        ['user.enabled', 'locked'],
      ],
    )
    assert.equal(await findPasswordHash(world.portal.db, PORTAL, person.username), undefined)
    assert.equal(await change((tx, origin) => unlockPerson(tx, origin, person.id)), true)
    assert.equal((await now(person.id)).outAs, null)
  })

  it('stays by name when it is deleted, and its username is free again', async () => {
    const person = await add()
    await token(person)
    await change((tx, origin) => deletePerson(tx, origin, person.id))
    assert.equal(await findPerson(world.portal.db, PORTAL, person.id), undefined)
    assert.equal(await findPersonByUsername(world.portal.db, PORTAL, person.username), undefined)
    const names = (await listPeople(world.portal.db, PORTAL)).map(({ username }) => username)
    assert.ok(!names.includes(person.username))
    const left = await now(person.id)
    assert.equal(left.username, person.username)
    assert.equal(left.displayName, person.displayName)
    assert.equal(left.outAs, 'deleted')
    assert.equal(left.email, null)
    const [secrets] = await rows<{ passwordHash: string | null }>(
      world.owner.db,
      `select password_hash as "passwordHash" from people where id = :id`,
      { id: person.id },
    )
    assert.equal(secrets?.passwordHash, null)
    const again = await change((tx, origin) =>
      createPerson(tx, origin, { ...person, passwordHash: null, email: 'new@example.com' }),
    )
    assert.notEqual(again.id, person.id)
    for (const letIn of [unlockPerson, enablePerson]) {
      assert.equal(await change((tx, origin) => letIn(tx, origin, person.id)), false)
    }
    assert.equal(
      await change((tx, origin) => changeName(tx, origin, { person, displayName: 'Nobody' })),
      false,
    )
  })

  it('is worth nothing from its expiry on, also before anybody has written so', async () => {
    const person = await add()
    const [id, { token: secret }] = [await signIn(person), await token(person)]
    const later = (await storeTime(world.portal.db)).plus({ hours: 1 })
    await change((tx, origin) => changeExpiry(tx, origin, { person, expiresAt: later }))
    assert.ok(await findPersonByToken(world.portal.db, secret))
    await expire(person.id)
    assert.equal((await now(person.id)).outAs, 'expired')
    assert.notEqual((await now(person.id)).disabledAt, null)
    assert.equal(await findPersonByToken(world.portal.db, secret), undefined)
    assert.equal(await findPasswordHash(world.portal.db, PORTAL, person.username), undefined)
    assert.equal(await findLiveSignIn(world.portal.db, id), undefined)
    const enabling = change((tx, origin) => enablePerson(tx, origin, person.id))
    await assert.rejects(enabling, { code: 'account_expired' })
    const expired = await now(person.id)
    await change((tx, origin) =>
      changeExpiry(tx, origin, { person: expired, expiresAt: later.plus({ hours: 1 }) }),
    )
    assert.equal((await now(person.id)).outAs, null)
    assert.ok(await findPersonByToken(world.portal.db, secret))
    assert.equal((await told(person.id)).at(-1)?.action, 'user.enabled')
  })

  it('takes no expiration date in the past, and none when it is made', async () => {
    const person = await add()
    const past = (await storeTime(world.portal.db)).minus({ seconds: 1 })
    const moved = change((tx, origin) => changeExpiry(tx, origin, { person, expiresAt: past }))
    await assert.rejects(moved, /in the future/)
    await assert.rejects(add({ expiresAt: past }), /in the future/)
  })

  it('never is the last admin when it goes, whichever way', async () => {
    const { admin } = world.people
    const soon = (await storeTime(world.portal.db)).plus({ days: 1 })
    await add({ managementPrivilege: 'admin', expiresAt: soon })
    const ways = {
      lock: () => change((tx, origin) => lockPerson(tx, origin, admin.id)),
      disable: () => change((tx, origin) => disablePerson(tx, origin, admin.id)),
      delete: () => change((tx, origin) => deletePerson(tx, origin, admin.id)),
      demote: () =>
        change((tx, origin) =>
          changeFlags(tx, origin, { person: admin, flags: { managementPrivilege: 'none' } }),
        ),
      'take the portal away': () =>
        change((tx, origin) =>
          changeFlags(tx, origin, { person: admin, flags: { portalUser: false } }),
        ),
      expire: () =>
        change((tx, origin) => changeExpiry(tx, origin, { person: admin, expiresAt: soon })),
    }
    for (const [way, go] of Object.entries(ways)) {
      await assert.rejects(go(), { code: 'last_admin' }, way)
    }
    const { outAs, expiresAt, managementPrivilege, portalUser } = await now(admin.id)
    assert.deepEqual(
      [outAs, expiresAt, managementPrivilege, portalUser],
      [null, null, 'admin', true],
    )
    assert.deepEqual(await told(admin.id), [])
  })

  it('stays an admin where two admins lock each other at the same moment', async () => {
    for (let round = 0; round < 5; round += 1) {
      const second = await add({ managementPrivilege: 'admin' })
      const both = [world.people.admin, second]
      const outcomes = await Promise.allSettled(
        both.map(({ id }) => change((tx, origin) => lockPerson(tx, origin, id))),
      )
      const refused = outcomes.filter(({ status }) => status === 'rejected')
      assert.equal(refused.length, 1)
      await rows(
        world.owner.db,
        `update people set disabled_at = null, out_as = null,
                management_privilege = case when username = 'admin' then 'admin' else 'none' end
          where deleted_at is null`,
      )
    }
  })

  it('is found by any part of what it is called, under what it is', async () => {
    const people = {
      active: await add(),
      locked: await add(),
      disabled: await add(),
      expired: await add(),
      expiring: await add({ expiresAt: (await storeTime(world.portal.db)).plus({ days: 13 }) }),
      deleted: await add(),
    }
    const marked = 'ünïque_%'
    for (const person of Object.values(people)) {
      await change((tx, origin) => changeName(tx, origin, { person, displayName: `x ${marked} y` }))
    }
    await change((tx, origin) => lockPerson(tx, origin, people.locked.id))
    await change((tx, origin) => disablePerson(tx, origin, people.disabled.id))
    await change((tx, origin) => deletePerson(tx, origin, people.deleted.id))
    await expire(people.expired.id)
    const { admin: scope } = world.scopes
    const found = async (status: UserStatus): Promise<readonly string[]> => {
      const part = { q: 'ünïQUE_%', status, limit: 10, offset: 0 }
      return (await searchUsers(world.portal.db, scope, part)).map(({ id }) => id)
    }
    const { active, locked, disabled, expired, expiring, deleted } = people
    assert.deepEqual(await found('locked'), [locked.id])
    assert.deepEqual(await found('disabled'), [disabled.id])
    assert.deepEqual(await found('expired'), [expired.id])
    assert.deepEqual(await found('expiring'), [expiring.id])
    assert.deepEqual(await found('deleted'), [deleted.id])
    assert.deepEqual(new Set(await found('active')), new Set([active.id, expiring.id]))
    assert.equal((await found('all')).length, 5)
    assert.deepEqual(await countUsers(world.portal.db, scope, marked), {
      all: 5,
      active: 2,
      locked: 1,
      disabled: 1,
      expired: 1,
      expiring: 1,
      deleted: 1,
    })
  })
})

type Details = Readonly<Record<string, string>>
