import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import { lintPolicy, type LintedPolicy } from '../../broker/policy/lint.ts'
import type { DataSource } from '../../db/data-sources.ts'
import type { Group } from '../../db/groups.ts'
import type { Role } from '../../db/roles.ts'

const SHOP = { id: 'd1', name: 'shop' }

describe('lint of the policy', () => {
  it('finds nothing where every role has an approver more than it needs', () => {
    assert.deepEqual(codesOf({ roles: [role({})] }), [])
    assert.deepEqual(codesOf({ roles: [role({ needed: 2, approvers: ['a', 'b', 'c'] })] }), [])
  })

  it('counts the requester in: approvers needed plus one', () => {
    for (const [needed, approvers, short] of [
      [1, ['a', 'b'], false],
      [1, ['a'], true],
      [1, [], true],
      [2, ['a', 'b', 'c'], false],
      [2, ['a', 'b'], true],
      [0, [], false],
    ] as const) {
      const found = codesOf({ roles: [role({ needed, approvers })] })
      assert.equal(found.includes('approvers_short'), short, `${needed} of ${approvers.join()}`)
    }
    const [warning] = lint({ roles: [role({ needed: 1, approvers: ['ann'] })] })
    assert.match(
      warning?.sentence ?? '',
      /role of shop takes 1 approval and has 1 approver .*\(ann\)/,
    )
    assert.match(warning?.sentence ?? '', /Have at least 2 approvers/)
  })

  it('leaves roles alone that are not offered', () => {
    const shelved = role({ approvers: [], offered: false })
    assert.deepEqual(codesOf({ roles: [shelved] }), [])
  })

  it('tells a role approved at once from a powerful one approved at once', () => {
    const plain = lint({ roles: [role({ needed: 0 })] })
    assert.deepEqual(
      plain.map(({ code, severity }) => [code, severity]),
      [['auto_approved', 'info']],
    )
    for (const databaseRole of ['pg_write_all_data', 'postgres', 'rds_superuser']) {
      const codes = codesOf({ roles: [role({ needed: 0, databaseRole })] })
      assert.deepEqual(codes, ['powerful_auto_approved'], databaseRole)
    }
    const tested = role({ needed: 0, dangers: ['it may make roles'] })
    assert.deepEqual(codesOf({ roles: [tested] }), ['powerful_auto_approved'])
    const guarded = role({ dangers: ['it may make roles'] })
    assert.deepEqual(codesOf({ roles: [guarded] }), ['powerful_unmarked'])
    assert.deepEqual(codesOf({ roles: [{ ...guarded, dangerous: true }] }), [])
  })

  it('sees a role that lends for less what another lends for more', () => {
    const guarded = role({ id: 'r1', name: 'guarded', needed: 1 })
    const open = role({ id: 'r2', name: 'open', needed: 0 })
    const [warning] = lint({ roles: [guarded, open] })
    assert.equal(warning?.code, 'way_around')
    assert.equal(warning.about.id, 'r2')
    const elsewhere = { ...open, dataSource: { id: 'd2', name: 'other' } }
    assert.ok(!codesOf({ roles: [guarded, elsewhere] }).includes('way_around'))
    const shop = source(null, null)
    for (const [host, port, around] of [
      ['127.0.0.1', 5432, true],
      ['LOCALHOST.', 5432, true],
      ['/run/postgresql', 5432, true],
      ['localhost', 5433, false],
      ['db.example.com', 5432, false],
    ] as const) {
      const sources = [shop, { ...shop, id: 'd2', name: 'other', host, port }]
      const codes = codesOf({ roles: [guarded, elsewhere], sources })
      assert.equal(codes.includes('way_around'), around, `${host}:${port}`)
    }
    const all = { ...open, databaseRole: 'pg_read_all_data' }
    assert.ok(codesOf({ roles: [guarded, all] }).includes('way_around'))
  })

  it('sees a person without whom nothing moves', () => {
    const one = role({ id: 'r1', approvers: ['ann'] })
    const other = role({ id: 'r2', databaseRole: 'else', approvers: ['ann'] })
    assert.ok(codesOf({ roles: [one, other] }).includes('sole_approver'))
    const free = role({ id: 'r2', databaseRole: 'else', approvers: ['bob'] })
    assert.ok(!codesOf({ roles: [one, free] }).includes('sole_approver'))
  })

  it('sees times over a day, empty groups and members who are locked out', () => {
    assert.deepEqual(codesOf({ roles: [role({ maximumMinutes: 1_440 })] }), [])
    assert.deepEqual(codesOf({ roles: [role({ maximumMinutes: 1_441 })] }), ['maximum_over_a_day'])
    assert.deepEqual(codesOf({ groups: [group([])] }), ['group_empty'])
    assert.deepEqual(codesOf({ groups: [group(['ann'])] }), [])
    const locked = { ...group(['ann']), members: [{ id: 'a', username: 'ann', locked: true }] }
    assert.deepEqual(codesOf({ groups: [locked] }), ['member_locked'])
  })

  it('sees rules that are broken or say nothing, of a data source and of all', () => {
    for (const [pattern, message, expected] of [
      ['(', 'Write it so.', ['pattern_broken']],
      ['^X', '', ['pattern_without_message']],
      ['^X', 'Write it so.', []],
      ['', '', []],
    ] as const) {
      assert.deepEqual(codesOf({ sources: [source(pattern, message)] }), expected, pattern)
      assert.deepEqual(codesOf({ global: { pattern, message } }), expected, pattern)
    }
    assert.deepEqual(codesOf({ sources: [source(null, null)] }), [])
  })
})

function lint(policy: Partial<LintedPolicy>) {
  return lintPolicy({ roles: [], groups: [], sources: [], global: undefined, ...policy })
}

function codesOf(policy: Partial<LintedPolicy>): string[] {
  return lint(policy).map(({ code }) => code)
}

interface RoleFacts {
  readonly id?: string
  readonly name?: string
  readonly databaseRole?: string
  readonly needed?: number
  readonly approvers?: readonly string[]
  readonly maximumMinutes?: number
  readonly offered?: boolean
  readonly dangers?: readonly string[]
}

function role(facts: RoleFacts): Role {
  const { id = 'r1', name = 'role', databaseRole = 'reader', needed = 1 } = facts
  const { approvers = ['ann', 'bob'], maximumMinutes = 60, offered = true, dangers = [] } = facts
  return {
    id,
    organizationId: 'o',
    dataSource: SHOP,
    name,
    databaseRole,
    description: '',
    approverGroup: null,
    approvers: approvers.map((username) => ({ id: username, username, displayName: username })),
    approvalsNeeded: needed,
    defaultMinutes: 30,
    maximumMinutes,
    dangerous: false,
    dangers,
    disabledAt: offered ? null : DateTime.utc(),
  }
}

function group(members: readonly string[]): Group {
  return {
    id: 'g',
    name: 'group',
    description: '',
    members: members.map((username) => ({ id: username, username, locked: false })),
  }
}

function source(pattern: string | null, message: string | null): DataSource {
  return {
    ...SHOP,
    organizationId: 'o',
    host: 'localhost',
    port: 5432,
    databases: ['shop'],
    defaultDatabase: 'shop',
    tlsMode: 'disable',
    tlsCa: null,
    residueOwner: 'daypass_residue',
    justificationPattern: pattern,
    justificationMessage: message,
    disabledAt: null,
  }
}
