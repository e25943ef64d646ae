import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  approveExtension,
  cancelExtension,
  denyExtension,
} from '../../broker/extension/decisions.ts'
import { requestExtension } from '../../broker/extension/extension.ts'
import { approve, requestSession } from '../../broker/sessions/lifecycle.ts'
import { changeGroupTerms, changeRoleTerms, changeSource } from '../../broker/policy/changes.ts'
import { applyProposal, withdrawProposal } from '../../broker/policy/proposals.ts'
import { repeatSession } from '../../broker/sessions/repetition.ts'
import {
  askForCheck,
  findCheck,
  listChecksOf,
  listLastChecks,
} from '../../db/data-source-checks.ts'
import { findDataSource } from '../../db/data-sources.ts'
import { findExtension, listExtensions } from '../../db/extensions.ts'
import { findGroup } from '../../db/groups.ts'
import { createPerson } from '../../db/people.ts'
import type { Organization } from '../../db/person.ts'
import { findProposal, listOpenProposals } from '../../db/policy-proposals.ts'
import { findPolicyVersion, listPolicyVersions } from '../../db/policy-versions.ts'
import { findRole } from '../../db/roles.ts'
import { systemOrigin, type PersonScope } from '../../db/scope.ts'
import { rows } from '../../db/store.ts'
import { listTasks } from '../../db/tasks.ts'
import type { SessionId } from '../../lib/ids.ts'
import { look, makeBroker, type HandBroker } from '../support/broker.ts'
import { makeWorld, runOn, type Name, type RoleName, type World } from '../support/world.ts'

const EVERY_TASK = {
  task: null,
  outcome: null,
  session: null,
  since: null,
  until: null,
}

describe('somebody who means to get around the approvals', () => {
  let world: World
  let broker: HandBroker

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    broker = makeBroker(world)
  })
  after(() => world.close())

  const as = (who: Name) => [world.portal, world.scopes[who], world.origins[who]] as const

  it('gets no longer session by the vote of one who left before the last vote came', async () => {
    const { id, end } = await granted(['role1', 'role3'])
    const { id: extension } = await extend(id)
    await approveExtension(...as('john'), extension)
    await removeFrom('role1', 'john')
    await addTo('role1', 'audrey')
    const short = await approveExtension(...as('admin'), extension)
    const still = (await look(world, id)).end?.toMillis()
    const done = await approveExtension(...as('audrey'), extension)
    await removeFrom('role1', 'audrey')
    await addTo('role1', 'john')

    assert.equal(short.state, 'CREATED')
    assert.deepEqual(
      short.roles.map(({ name, state }) => [name, state]),
      [
        ['role1', 'PENDING'],
        ['role3', 'APPROVED'],
      ],
    )
    assert.equal(still, end)
    assert.equal(done.state, 'APPROVED')
    const details = await detailsOf(id, 'session.extension_approved')
    assert.deepEqual(
      details.map(({ role, reopened }) => [role, reopened]),
      [
        ['role1', undefined],
        ['role3', 'role1'],
        ['role1', undefined],
      ],
    )
  })

  it('gets no longer session on a role that was found too powerful since', async () => {
    const { id, end } = await granted(['role1'])
    const { id: extension } = await extend(id)
    await find('role1', ['superuser'])
    await assert.rejects(approveExtension(...as('john'), extension), {
      code: 'state_changed',
      message: /role1 was found too powerful to lend since .* \(superuser\)/,
    })
    await mark('role1', { dangerous: true, needed: 2 })
    await assert.rejects(
      approveExtension(...as('john'), extension),
      { code: 'state_changed' },
      'it was asked for under one approval, and a dangerous role takes two',
    )
    await mark('role1', { dangerous: false, needed: 1 })
    await find('role1', [])
    const { state } = await approveExtension(...as('john'), extension)

    assert.equal(state, 'APPROVED')
    assert.ok(((await look(world, id)).end?.toMillis() ?? 0) > end)
  })

  it('has roles looked at when more time is asked for, in time for the approvers', async () => {
    const { id } = await granted(['role1'])
    await runOn(world.shop.superuserUrl, 'alter role orders_reader createdb')
    const { id: extension } = await extend(id)
    // one look answers for the approvals of ten seconds
    await rows(
      world.owner.db,
      `update data_source_checks set ended_at = ended_at - interval '10 seconds' where cause = 'approval'`,
    )
    try {
      await broker.tick()
    } finally {
      await runOn(world.shop.superuserUrl, 'alter role orders_reader nocreatedb')
    }
    await assert.rejects(approveExtension(...as('john'), extension), /\(may create databases\)/)
    const { state } = await denyExtension(...as('john'), extension, { reason: 'too powerful' })
    await find('role1', [])

    assert.equal(state, 'DENIED')
  })

  it('is not granted by one approval a role that was marked dangerous since', async () => {
    const { id } = await ask(['role1'])
    await runOn(world.shop.superuserUrl, 'alter role orders_reader createdb')
    await mark('role1', { dangerous: true, needed: 2 })
    try {
      await approve(...as('john'), id)
      await broker.tick()
    } finally {
      await runOn(world.shop.superuserUrl, 'alter role orders_reader nocreatedb')
      await mark('role1', { dangerous: false, needed: 1 })
      await find('role1', [])
    }
    const { state, endReason } = await look(world, id)

    assert.equal(state, 'TERMINATED')
    assert.match(endReason ?? '', /orders_reader is too powerful to lend/)
  })

  it('gains nothing from a clock that was set back between asking and deciding', async () => {
    const { id } = await granted(['role1'])
    const { id: extension } = await extend(id)
    await rows(
      world.owner.db,
      `update session_extensions set requested_at = requested_at + interval '5 minutes' where id = :extension`,
      { extension },
    )
    const { stateSince, requestedAt } = await approveExtension(...as('john'), extension)

    assert.ok(stateSince >= requestedAt)
  })

  it('of another organization finds nothing, by any id', async () => {
    const { id } = await granted(['role1'])
    const { id: extension } = await extend(id)
    const by = { scope: world.scopes.admin, origin: world.origins.admin }
    const { proposal } = await changeRoleTerms(world.portal, by, {
      id: world.roles.role1.id,
      asked: { approvalsNeeded: 0 },
    })
    assert.ok(proposal)
    const check = await askForCheck(world.portal.db, {
      dataSourceId: world.dataSource.id,
      cause: 'asked',
      askedBy: 'admin',
    })
    const { portal } = world
    const mine = world.scopes.admin
    const theirs = await stranger()
    const { id: dataSourceId } = world.dataSource
    const group = world.roles.role1.approverGroup?.id ?? ''
    const finds: readonly ((scope: PersonScope) => Promise<unknown>)[] = [
      (scope) => findExtension(portal.db, scope, extension),
      (scope) => findProposal(portal.db, scope, proposal.id),
      (scope) => findCheck(portal.db, scope, check),
      (scope) => findRole(portal.db, scope, world.roles.role1.id),
      (scope) => findGroup(portal.db, scope, group),
      (scope) => findDataSource(portal.db, scope, dataSourceId),
      (scope) => findPolicyVersion(portal.db, scope, 2),
      async (scope) => (await listExtensions(portal.db, scope, id))[0],
      async (scope) => (await listOpenProposals(portal.db, scope))[0],
      async (scope) => (await listLastChecks(portal.db, scope))[0],
      async (scope) => (await listChecksOf(portal.db, scope, id))[0],
      async (scope) => (await listPolicyVersions(portal.db, scope, { limit: 1 }))[0],
      async (scope) => (await listTasks(portal.db, scope, EVERY_TASK)).tasks[0],
    ]
    for (const [place, find] of finds.entries()) {
      assert.notEqual(await find(mine), undefined, `${String(place)} is there`)
      assert.equal(await find(theirs), undefined, `${String(place)} is hidden`)
    }
    const as = [portal, theirs, world.origins.admin] as const
    const hidden = { code: 'not_found' }
    await assert.rejects(approveExtension(...as, extension), hidden)
    await assert.rejects(cancelExtension(...as, extension), hidden)
    await assert.rejects(requestExtension(...as, id, { minutes: 1, justification: 'x' }), hidden)
    await assert.rejects(repeatSession(...as, id), hidden)
    const other = { scope: theirs, origin: world.origins.admin }
    await assert.rejects(applyProposal(portal, other, proposal.id), hidden)
    const change = { id: world.roles.role1.id, asked: { maximumMinutes: 5 } }
    await assert.rejects(changeRoleTerms(portal, other, change), hidden)
    await assert.rejects(changeGroupTerms(portal, other, { id: group, asked: {} }), hidden)
    await assert.rejects(changeSource(portal, other, { id: dataSourceId, asked: {} }), hidden)
    await withdrawProposal(portal, by, proposal.id)
  })

  it('takes nothing over by naming a data source like the id of another', async () => {
    const { id } = world.dataSource
    for (let round = 0; round < 2; round += 1) {
      await rows(
        world.owner.db,
        `insert into data_sources (organization_id, name, host, port, databases, default_database, admin_sealed)
         select organization_id, :id, host, port, databases, default_database, admin_sealed
           from data_sources where name = 'shop'`,
        { id },
      )
      assert.equal((await findDataSource(world.portal.db, world.scopes.mark, id))?.name, 'shop')
      // the newer row comes first in the second round
      await rows(world.owner.db, `delete from data_sources where name = :id`, { id })
      await rows(world.owner.db, `vacuum data_sources`)
      await rows(world.owner.db, `update data_sources set host = host`)
    }
  })

  /** An admin of a company of their own. */
  async function stranger(): Promise<PersonScope> {
    const [organization] = await rows<Organization>(
      world.owner.db,
      `insert into organizations (name, account_id) values ('Another', '2')
    returning id, name, account_id as "accountId"`,
    )
    assert.ok(organization)
    const person = await world.owner.change((tx) =>
      createPerson(tx, systemOrigin(organization, randomUUID()), {
        username: 'stranger',
        displayName: 'Stranger',
        passwordHash: null,
        portalUser: true,
        auditUser: true,
        managementPrivilege: 'admin',
      }),
    )
    return { kind: 'person', organization, person }
  }

  function ask(roles: readonly RoleName[]) {
    const request = { dataSource: 'shop', roles, justification: 'ticket 7', minutes: 10 }
    return requestSession(...as('mark'), request)
  }

  async function granted(roles: readonly RoleName[]): Promise<{ id: SessionId; end: number }> {
    const { id } = await ask(roles)
    for (const [role, who] of [
      ['role1', 'john'],
      ['role3', 'admin'],
    ] as const) {
      if (roles.includes(role)) await approve(...as(who), id, { roles: [role] })
    }
    await broker.tick()
    const { state, end } = await look(world, id)
    assert.equal(state, 'GRANTED')
    return { id, end: end?.toMillis() ?? 0 }
  }

  async function extend(id: SessionId) {
    const { id: made } = await requestExtension(...as('mark'), id, {
      minutes: 5,
      justification: 'nearly done',
    })
    const found = await findExtension(world.owner.db, { kind: 'part', part: 'operator' }, made)
    assert.ok(found)
    return found
  }

  async function detailsOf(id: SessionId, action: string): Promise<Record<string, string>[]> {
    const found = await rows<{ body: string }>(
      world.owner.db,
      `select body from records where session_id = :id and action = :action order by at, seq`,
      { id, action },
    )
    return found.map(
      ({ body }) => (JSON.parse(body) as { details: Record<string, string> }).details,
    )
  }

  /** A test of a role that ended with these dangers. */
  function find(name: RoleName, dangers: readonly string[]): Promise<unknown> {
    return rows(
      world.owner.db,
      `insert into data_source_checks (id, organization_id, data_source_id, role_id, cause, asked_by, asked_at,
                                       ended_at, ok, dangers)
       select gen_random_uuid(), organization_id, data_source_id, id, 'asked', 'admin', now(), clock_timestamp(),
              true, :dangers
         from roles where name = :name`,
      { name, dangers },
    )
  }

  function mark(
    name: RoleName,
    { dangerous, needed }: { dangerous: boolean; needed: number },
  ): Promise<unknown> {
    return rows(
      world.owner.db,
      `update roles set dangerous = :dangerous, approvals_needed = :needed where name = :name`,
      { name, dangerous, needed },
    )
  }

  function addTo(role: RoleName, who: Name): Promise<unknown> {
    return rows(
      world.owner.db,
      `insert into group_members (group_id, person_id, organization_id)
       select approver_group_id, :person, organization_id from roles where name = :role`,
      { role, person: world.people[who].id },
    )
  }

  function removeFrom(role: RoleName, who: Name): Promise<unknown> {
    return rows(
      world.owner.db,
      `delete from group_members g using roles r
        where r.approver_group_id = g.group_id and r.name = :role and g.person_id = :person`,
      { role, person: world.people[who].id },
    )
  }
})
