import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { changeGroupTerms, changeRoleTerms, changeSource } from '../../broker/policy/changes.ts'
import { changeGlobalRule } from '../../broker/policy/changes.ts'
import type { PolicyChanger } from '../../broker/policy/changer.ts'
import { applyProposal, rejectProposal, withdrawProposal } from '../../broker/policy/proposals.ts'
import { approve, requestSession } from '../../broker/sessions/lifecycle.ts'
import { changeFlags } from '../../db/person-flags.ts'
import { createPerson, type Person } from '../../db/people.ts'
import { findCurrentVersion, findPolicyVersion } from '../../db/policy-versions.ts'
import { findRole, type Role } from '../../db/roles.ts'
import { getRow, rows, violates } from '../../db/store.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('the policy', () => {
  let world: World
  let admin: PolicyChanger
  let second: PolicyChanger
  let group: string

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    admin = { scope: world.scopes.admin, origin: world.origins.admin }
    second = changerFor(await addAdmin('ada'))
    group = world.roles.role1.approverGroup?.id ?? ''
  })

  after(() => world.close())

  it('has a version for each change, which holds the whole of it', async () => {
    const before = await version()
    await changeRoleTerms(world.portal, admin, { id: role1(), asked: { maximumMinutes: 90 } })
    const now = await version()
    assert.equal(now, before + 1)
    const kept = await findPolicyVersion(world.portal.db, admin.scope, now)
    const was = await findPolicyVersion(world.portal.db, admin.scope, before)
    const minutes = (found: typeof kept) =>
      found?.policy.roles.find(({ name }) => name === 'role1')?.maximumMinutes
    assert.deepEqual([minutes(was), minutes(kept)], [60, 90])
    assert.equal(kept?.changedBy, 'admin')
    assert.equal(kept.summary, 'role1 of shop: maximum minutes 60 -> 90')
    await changeRoleTerms(world.portal, admin, { id: role1(), asked: { maximumMinutes: 90 } })
    assert.equal(await version(), now, 'what changes nothing is no version')
  })

  it('records every change with what was before and after, in the same transaction', async () => {
    const { store, asked } = { store: world.portal, asked: { description: 'reads orders' } }
    await changeRoleTerms(store, admin, { id: role1(), asked })
    assert.deepEqual(await lastDetails('role_definition.changed'), {
      description_before: '',
      description_after: 'reads orders',
    })
    await changeGroupTerms(store, admin, { id: group, asked: { added: ['audrey'] } })
    assert.deepEqual(await lastDetails('group.changed'), {
      members_before: 'john',
      members_after: 'audrey, john',
    })
    await changeGroupTerms(store, admin, { id: group, asked: { removed: ['audrey'] } })
    const rule = { justificationPattern: '^OPS-', justificationMessage: 'Start with OPS-.' }
    await changeSource(store, admin, { id: world.dataSource.id, asked: rule })
    assert.deepEqual(await lastDetails('data_source.changed'), {
      justification_rule_before: 'global',
      justification_rule_after: 'own',
      justification_pattern_before: '',
      justification_pattern_after: '^OPS-',
      justification_message_before: '',
      justification_message_after: 'Start with OPS-.',
    })
    const off = { justificationPattern: null, justificationMessage: null }
    await changeSource(store, admin, { id: world.dataSource.id, asked: off })
    await changeGlobalRule(store, admin, { pattern: '^T', message: 'T first.' })
    assert.equal((await lastDetails('settings.changed'))['justification_pattern_after'], '^T')
    await changeGlobalRule(store, admin, { pattern: '', message: '' })
    const { version_before: from, version_after: to, ...rest } = await lastDetails('policy.changed')
    assert.equal(Number(to), Number(from) + 1)
    assert.equal(Number(to), await version())
    const { digest } = await getRow<{ digest: string }>(
      world.owner.db,
      `select encode(sha256(convert_to(policy::text, 'UTF8')), 'hex') as digest
         from policy_versions where version = :version`,
      { version: Number(to) },
    )
    assert.equal(rest['policy_sha256'], digest)
  })

  it('leaves neither version nor record of a change that fails', async () => {
    const before = await version()
    const asked = { name: 'admins' }
    await assert.rejects(
      changeGroupTerms(world.portal, admin, { id: group, asked }),
      (error: unknown) => violates(error, 'group_names_are_unique'),
    )
    assert.equal(await version(), before)
  })

  it('is not changed from an older look at it, nor by anybody but an admin', async () => {
    const seen = await version()
    await changeRoleTerms(world.portal, second, { id: role1(), asked: { defaultMinutes: 20 } })
    const stale = { ...admin, version: seen }
    const change = { id: role1(), asked: { defaultMinutes: 25 } }
    await assert.rejects(changeRoleTerms(world.portal, stale, change), (error: Error) => {
      assert.match(error.message, /^ada changed the policy meanwhile \(version \d+: role1 of shop/)
      return 'code' in error && error.code === 'state_changed'
    })
    assert.equal((await role()).defaultMinutes, 20)
    for (const name of ['mark', 'john', 'audrey'] as const) {
      const by = { scope: world.scopes[name], origin: world.origins[name] }
      await assert.rejects(changeRoleTerms(world.portal, by, change), { code: 'not_entitled' })
    }
  })

  it('gives two admins who change it at once two versions, one after the other', async () => {
    const before = await version()
    await Promise.all(
      [11, 12, 13, 14].map((defaultMinutes) =>
        changeRoleTerms(world.portal, admin, { id: role1(), asked: { defaultMinutes } }),
      ),
    )
    assert.equal(await version(), before + 4)
  })

  it('refuses what could not work, at the field', async () => {
    for (const [asked, field] of [
      [{ dangerous: true }, 'approvalsNeeded'],
      [{ approvalsNeeded: 2 }, 'approvalsNeeded'],
      [{ defaultMinutes: 91 }, 'defaultMinutes'],
      [{ group: 'nobody knows' }, 'group'],
    ] as const) {
      await assert.rejects(
        changeRoleTerms(world.portal, admin, { id: role1(), asked }),
        (error: { facts?: { fields?: object } }) => Object.hasOwn(error.facts?.fields ?? {}, field),
      )
    }
    const asked = { justificationPattern: '(' }
    const change = changeSource(world.portal, admin, { id: world.dataSource.id, asked })
    await assert.rejects(change, { code: 'invalid_request' })
  })

  it('refuses to offer a data source again whose roles would be a way around approvals', async () => {
    const other = await getRow<{ id: string }>(
      world.owner.db,
      `insert into data_sources (organization_id, name, host, port, databases, default_database, admin_sealed, disabled_at)
       select organization_id, 'mirror', host, port, databases, default_database, admin_sealed, now()
         from data_sources where name = 'shop'
       returning id`,
      {},
    )
    const role = (name: string, databaseRole: string) =>
      getRow<{ id: string }>(
        world.owner.db,
        `insert into roles (organization_id, data_source_id, name, database_role, approvals_needed, default_minutes, maximum_minutes)
         select organization_id, id, :name, :databaseRole, 0, 5, 5 from data_sources where id = :other
         returning id`,
        { name, databaseRole, other: other.id },
      )
    await role('free', 'customers_reader')
    const around = await role('around', 'orders_reader')
    const offer = () =>
      changeSource(world.portal, admin, { id: other.id, asked: { offered: true } })
    await assert.rejects(offer(), (error: { facts?: { fields?: Record<string, string> } }) => {
      assert.match(error.facts?.fields?.['offered'] ?? '', /around of mirror.* a way around/)
      return true
    })
    const rest = { justificationPattern: null }
    await changeSource(world.portal, admin, { id: other.id, asked: rest })
    await changeRoleTerms(world.portal, admin, { id: around.id, asked: { offered: false } })
    assert.equal((await offer()).disabledAt, null)
    const asked = { offered: true }
    await assert.rejects(changeRoleTerms(world.portal, admin, { id: around.id, asked }))
    await rows(world.owner.db, `delete from roles where data_source_id = :id`, { id: other.id })
    await rows(world.owner.db, `delete from data_sources where id = :id`, { id: other.id })
  })

  it('does not change what was asked for before, and says under which version it was', async () => {
    const asked = { dataSource: 'shop', roles: ['role1'], justification: 'ticket 7' }
    const { mark } = world.scopes
    const session = await requestSession(world.portal, mark, world.origins.mark, asked)
    assert.equal(session.policyVersion, await version())
    await changeGroupTerms(world.portal, admin, { id: group, asked: { added: ['audrey'] } })
    await changeRoleTerms(world.portal, admin, { id: role1(), asked: { approvalsNeeded: 2 } })
    const { john } = world.scopes
    const done = await approve(world.portal, john, world.origins.john, session.id)
    assert.equal(done.state, 'APPROVED')
    assert.equal(done.policyVersion, session.policyVersion)
    const later = await requestSession(world.portal, mark, world.origins.mark, asked)
    assert.equal(later.roles[0]?.needed, 2)
    assert.equal(later.policyVersion, await version())
    await changeRoleTerms(world.portal, admin, { id: role1(), asked: { approvalsNeeded: 1 } })
    await changeGroupTerms(world.portal, admin, { id: group, asked: { removed: ['audrey'] } })
  })

  it('takes votes away from those who leave a group, and never lowers what is needed', async () => {
    const asked = { dataSource: 'shop', roles: ['role1'], justification: 'ticket 8' }
    const { mark, john } = world.scopes
    await changeGroupTerms(world.portal, admin, { id: group, asked: { removed: ['john'] } })
    assert.equal((await role()).approvalsNeeded, 1)
    const none = requestSession(world.portal, mark, world.origins.mark, asked)
    await assert.rejects(none, /No approvers found for role1/)
    await changeGroupTerms(world.portal, admin, { id: group, asked: { added: ['john'] } })
    const session = await requestSession(world.portal, mark, world.origins.mark, asked)
    await changeGroupTerms(world.portal, admin, { id: group, asked: { removed: ['john'] } })
    const vote = approve(world.portal, john, world.origins.john, session.id)
    await assert.rejects(vote, { code: /not_entitled|not_found/ })
    await changeGroupTerms(world.portal, admin, { id: group, asked: { added: ['john'] } })
  })

  it('takes two admins to give a role away without approval', async () => {
    const proposal = await propose()
    assert.equal((await role()).approvalsNeeded, 1)
    assert.equal((await lastDetails('policy.proposed'))['approvals_needed_after'], '0')
    const [mail] = await rows<{ person_id: string; facts: Record<string, string> }>(
      world.owner.db,
      `select person_id, facts from mails where kind = 'proposal_waits' and key = :proposal`,
      { proposal },
    )
    assert.equal(mail?.person_id, second.scope.person.id)
    assert.equal(mail.facts['by'], 'admin')
    await assert.rejects(applyProposal(world.portal, admin, proposal), { code: 'own_request' })
    assert.equal((await role()).approvalsNeeded, 1)
    await assert.rejects(propose(), /waits for a second admin already/)
    const applied = await applyProposal(world.portal, second, proposal)
    assert.equal(applied.approvalsNeeded, 0)
    const details = await lastDetails('role_definition.changed')
    assert.deepEqual(details, {
      approvals_needed_before: '1',
      approvals_needed_after: '0',
      proposed_by: 'admin',
    })
    await assert.rejects(applyProposal(world.portal, second, proposal), { code: 'already_decided' })
    await changeRoleTerms(world.portal, admin, { id: role1(), asked: { approvalsNeeded: 1 } })
  })

  it('lets the store refuse whoever applies their own proposal past our code', async () => {
    const id = await propose()
    for (const decidedBy of [admin.scope.person.id, null]) {
      const applying = rows(
        world.portal.db,
        `update policy_proposals set outcome = 'applied', decided_by = :decidedBy, decided_at = now()
          where id = :id`,
        { id, decidedBy },
      )
      await assert.rejects(applying, (error: unknown) =>
        violates(error, 'nobody_applies_their_own_proposal'),
      )
    }
    await withdrawProposal(world.portal, admin, id)
  })

  it('lets the others reject a proposal and the proposer withdraw it, each on record', async () => {
    const one = await propose()
    await assert.rejects(rejectProposal(world.portal, admin, { id: one }), { code: 'own_request' })
    await assert.rejects(withdrawProposal(world.portal, second, one), { code: 'not_entitled' })
    for (const reason of ['x'.repeat(2_001), 'half a character: \ud800']) {
      const unkept = rejectProposal(world.portal, second, { id: one, reason })
      await assert.rejects(unkept, { code: 'invalid_request' })
    }
    const rejected = await rejectProposal(world.portal, second, { id: one, reason: 'no' })
    assert.equal(rejected.outcome, 'rejected')
    assert.equal((await lastDetails('policy.rejected'))['how'], 'rejected')
    const two = await propose()
    assert.equal((await withdrawProposal(world.portal, admin, two)).outcome, 'withdrawn')
    assert.equal((await lastDetails('policy.rejected'))['how'], 'withdrawn')
    assert.equal((await role()).approvalsNeeded, 1)
  })

  it('applies a proposal to nothing but the role it was made for, and of an admin alone', async () => {
    const id = await propose()
    await changeRoleTerms(world.portal, second, { id: role1(), asked: { maximumMinutes: 45 } })
    const applying = applyProposal(world.portal, second, id)
    await assert.rejects(applying, /was changed after this was proposed/)
    await rejectProposal(world.portal, second, { id })
    const namesake = await propose()
    await rows(world.owner.db, `update groups set name = 'older' where id = :group`, { group })
    await rows(
      world.owner.db,
      `with other as (
         insert into groups (organization_id, name)
         select organization_id, 'johns' from groups where id = :group
      returning id
       )
       update roles set approver_group_id = other.id from other where roles.id = :role`,
      { group, role: role1() },
    )
    await assert.rejects(applyProposal(world.portal, second, namesake), /was changed after this/)
    await rejectProposal(world.portal, second, { id: namesake })
    await rows(world.owner.db, `update roles set approver_group_id = :group where id = :role`, {
      group,
      role: role1(),
    })
    const third = await addAdmin('alan')
    const asked = { approvalsNeeded: 0 }
    const made = await changeRoleTerms(world.portal, changerFor(third), { id: role1(), asked })
    const flags = { auditUser: false, managementPrivilege: 'none' } as const
    await world.portal.change((tx) => changeFlags(tx, admin.origin, { person: third, flags }))
    const left = applyProposal(world.portal, second, made.proposal?.id ?? '')
    await assert.rejects(left, /is no admin any more/)
    assert.equal((await role()).approvalsNeeded, 1)
  })

  async function version(): Promise<number> {
    const { id } = world.scopes.admin.organization
    return (await findCurrentVersion(world.portal.db, id))?.version ?? 0
  }

  async function propose(): Promise<string> {
    const asked = { approvalsNeeded: 0 }
    const { proposal } = await changeRoleTerms(world.portal, admin, { id: role1(), asked })
    assert.ok(proposal)
    return proposal.id
  }

  function role1(): string {
    return world.roles.role1.id
  }

  async function role(): Promise<Role> {
    const found = await findRole(world.portal.db, admin.scope, role1())
    assert.ok(found)
    return found
  }

  async function lastDetails(action: string): Promise<Record<string, string>> {
    const { details } = await getRow<{ details: Record<string, string> }>(
      world.owner.db,
      `select cast(body as jsonb) -> 'details' as details
         from records where action = :action order by at desc, seq desc limit 1`,
      { action },
    )
    return details
  }

  function addAdmin(username: string): Promise<Person> {
    return world.portal.change((tx) =>
      createPerson(tx, world.origins.admin, {
        username,
        displayName: username,
        passwordHash: null,
        portalUser: true,
        auditUser: false,
        managementPrivilege: 'admin',
      }),
    )
  }

  function changerFor(person: Person): PolicyChanger {
    const { organization } = world.scopes.admin
    return {
      scope: { kind: 'person', organization, person },
      origin: {
        actor: { type: 'person', id: person.id, name: person.username },
        organization,
        correlationId: randomUUID(),
      },
    }
  }
})
