import assert from 'node:assert/strict'
import { findEndings } from '../../broker/sessions/endings.ts'
import { approve, requestSession } from '../../broker/sessions/lifecycle.ts'
import { lintDuties } from '../../broker/policy/duties.ts'
import { deleteAccount, disableAccount } from '../../broker/accounts.ts'
import { listGroups } from '../../db/groups.ts'
import { findAnyPerson, listPeople, type Person } from '../../db/people.ts'
import { changeFlags } from '../../db/person-flags.ts'
import { lockPerson } from '../../db/person-changes.ts'
import { listRoles } from '../../db/roles.ts'
import { createSignIn } from '../../db/sign-ins.ts'
import { rows } from '../../db/store.ts'
import { createToken, findPersonByToken } from '../../db/tokens.ts'
import { uuidv7, type SessionId } from '../../lib/ids.ts'
import { look, makeBroker } from '../support/broker.ts'
import { makeWorld, type Name, type World } from '../support/world.ts'

const OPERATOR = { kind: 'part', part: 'operator' } as const

describe('the end of an account', () => {
  let world: World

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
  })
  after(() => world.close())

  let since = '0'
  beforeEach(async () => {
    const [last] = await rows<{ seq: string }>(
      world.owner.db,
      `select coalesce(max(seq), 0) as seq from records`,
    )
    since = last?.seq ?? '0'
  })
  afterEach(async () => {
    const { db } = world.owner
    await rows(
      db,
      `update people
          set disabled_at = null, out_as = null, deleted_at = null, expires_at = null,
              management_privilege = case when username = 'admin' then 'admin' else 'none' end`,
    )
    await rows(db, `delete from group_members`)
    await rows(
      db,
      `insert into group_members (group_id, person_id, organization_id)
       select g.id, p.id, p.organization_id from groups g join people p on g.name = p.username || 's'`,
    )
  })

  const ask = async (who: Name, role: string): Promise<SessionId> => {
    const asked = { dataSource: 'shop', roles: [role], justification: 'ticket 7' }
    return (await requestSession(world.portal, world.scopes[who], world.origins[who], asked)).id
  }
  const by = (): { scope: World['scopes']['admin']; origin: World['origins']['admin'] } => ({
    scope: world.scopes.admin,
    origin: world.origins.admin,
  })
  const setExpiry = (who: Name, when: string): Promise<unknown> =>
    rows(
      world.owner.db,
      `update people set expires_at = now() + cast(:when as interval) where id = :id`,
      { id: world.people[who].id, when },
    )
  const written = (action: string): Promise<readonly Written[]> =>
    rows(
      world.owner.db,
      `select r.actor_name as actor, cast(r.body as jsonb)->'details' as details,
              p.payload->'reason'->>'value' as reason
         from records r
         left join record_payloads p using (at, seq)
        where r.action = :action
          and r.seq > :since
        order by r.at, r.seq`,
      { action, since },
    )
  const person = async (who: Name): Promise<Person> => {
    const found = await findAnyPerson(world.owner.db, OPERATOR, world.people[who].id)
    assert.ok(found)
    return found
  }

  it('comes with its expiration date, at the next tick: sign-ins, tokens, sessions', async () => {
    const { mark } = world.people
    const broker = makeBroker(world)
    const granted = await ask('mark', 'role2')
    const waiting = await ask('mark', 'role1')
    await broker.tick()
    assert.equal((await look(world, granted)).state, 'GRANTED')
    const { token } = await world.portal.change(async (tx) => {
      const origin = world.origins.mark
      await createSignIn(tx, origin, { id: uuidv7(), person: mark, authMethod: 'password' })
      return createToken(tx, origin, { person: mark, name: 'of a test' })
    })

    await setExpiry('mark', '1 hour')
    await broker.tick()
    assert.equal((await person('mark')).outAs, null)
    assert.deepEqual(await findEndings(world.proxy.db, [granted]), [])
    await setExpiry('mark', '-1 second')
    // a proxy cuts the connections by what it reads itself, however busy the broker is
    assert.deepEqual(
      (await findEndings(world.proxy.db, [granted])).map(({ id }) => id),
      [granted],
    )
    await broker.tick()

    assert.equal((await person('mark')).outAs, 'expired')
    const signIns = await rows(
      world.owner.db,
      `select p.out_as as out, s.ended_as as ended
         from people p
         join sign_ins s on s.person_id = p.id
        where p.id = :id`,
      { id: mark.id },
    )
    assert.deepEqual(signIns, [{ out: 'expired', ended: 'disabled' }])
    assert.equal(await findPersonByToken(world.portal.db, token), undefined)
    assert.equal((await look(world, granted)).state, 'TERMINATED')
    assert.equal((await look(world, waiting)).state, 'TERMINATED')
    const [record, ...more] = await written('user.disabled')
    assert.deepEqual(more, [])
    assert.equal(record?.actor, 'system')
    assert.equal(record.details?.['status_after'], 'expired')
    const tasks = (await written('task.succeeded')).filter(
      ({ details }) => details?.['task'] === 'accounts',
    )
    assert.equal(tasks.length, 1)
    assert.match(tasks[0]?.details?.['result'] ?? '', /account of mark has expired/)

    await broker.tick()
    assert.equal((await written('user.disabled')).length, 1)
  })

  it('takes away the vote of an approver whose date has come, before any tick', async () => {
    const id = await ask('mark', 'role1')
    await approve(world.portal, world.scopes.john, world.origins.john, id)
    assert.equal((await look(world, id)).state, 'APPROVED')
    const [role] = (await look(world, id)).roles
    assert.equal(role?.approvals[0]?.counts, true)
    await setExpiry('john', '-1 second')
    const [now] = (await look(world, id)).roles
    assert.equal(now?.approvals[0]?.counts, false)
    const offered = await listRoles(world.portal.db, world.scopes.mark)
    assert.deepEqual(offered.find(({ name }) => name === 'role1')?.approvers, [])
    const [johns] = (await listGroups(world.portal.db, world.scopes.mark)).filter(
      ({ name }) => name === 'johns',
    )
    assert.deepEqual(
      johns?.members.map(({ locked }) => locked),
      [true],
    )
  })

  it('by disabling cancels what waits, in the name of the admin, and ends what is granted', async () => {
    const broker = makeBroker(world)
    const granted = await ask('mark', 'role2')
    await broker.tick()
    const waiting = await ask('mark', 'role1')
    const others = await ask('john', 'role3')
    const mark = await person('mark')
    const end = { person: mark, reason: 'left the company' }
    assert.equal(await world.portal.change((tx) => disableAccount(tx, by(), end)), true)

    assert.equal((await look(world, waiting)).state, 'CANCELED')
    assert.equal((await look(world, waiting)).endReason, 'mark was disabled.')
    assert.equal((await look(world, others)).state, 'CREATED')
    const [canceled] = await written('session.canceled')
    assert.equal(canceled?.actor, 'admin')
    await broker.tick()
    assert.equal((await look(world, granted)).state, 'TERMINATED')
  })

  it('by locking ends what waits and what is granted, as ever', async () => {
    const broker = makeBroker(world)
    const granted = await ask('mark', 'role2')
    await broker.tick()
    const waiting = await ask('mark', 'role1')
    await world.portal.change((tx) => lockPerson(tx, world.origins.admin, world.people.mark.id))
    await broker.tick()
    assert.equal((await look(world, granted)).state, 'TERMINATED')
    assert.equal((await look(world, waiting)).state, 'TERMINATED')
  })

  it('by deleting takes them out of their groups, each a record, and keeps the name of the past', async () => {
    const id = await ask('john', 'role3')
    const john = await person('john')
    await world.portal.change((tx) => deleteAccount(tx, by(), { person: john }))
    const groups = await listGroups(world.portal.db, world.scopes.admin)
    assert.deepEqual(groups.find(({ name }) => name === 'johns')?.members, [])
    const [changed] = await written('group.changed')
    assert.deepEqual(changed?.details, { members_before: 'john', members_after: '' })
    const session = await look(world, id)
    assert.equal(session.state, 'CANCELED')
    assert.equal(session.requester.username, 'john')
    const refused = requestSession(world.portal, world.scopes.mark, world.origins.mark, {
      dataSource: 'shop',
      roles: ['role1'],
      justification: 'ticket 7',
    })
    await assert.rejects(refused, /No approvers found for role1/)
  })

  it('leaves duties apart, or says who holds which together', async () => {
    const { admin, audrey } = world.people
    await world.portal.change(async (tx) => {
      const flags = { managementPrivilege: 'admin' } as const
      await changeFlags(tx, world.origins.admin, { person: audrey, flags })
    })
    const duties = async (): Promise<readonly string[]> => {
      const people = await listPeople(world.portal.db, world.scopes.admin)
      const roles = await listRoles(world.portal.db, world.scopes.admin)
      return lintDuties({ people, roles }).map((duty) => `${duty.person.username} ${duty.code}`)
    }
    assert.deepEqual(await duties(), [
      'admin only_approver',
      'admin admin_and_approver',
      'audrey admin_and_auditor',
      'john only_approver',
    ])
    await rows(
      world.owner.db,
      `insert into group_members (group_id, person_id, organization_id)
       select approver_group_id, :id, organization_id from roles where name = 'role1'`,
      { id: audrey.id },
    )
    await world.portal.change((tx) => lockPerson(tx, world.origins.admin, admin.id))
    assert.deepEqual(await duties(), [
      'audrey only_admin',
      'audrey admin_and_auditor',
      'audrey admin_and_approver',
      'audrey auditor_and_approver',
      'audrey approver_may_request',
      'john approver_may_request',
    ])
  })
})

interface Written {
  readonly actor: string
  readonly details: Readonly<Record<string, string>> | null
  readonly reason: string | null
}
