import type { PolicyInForce } from '../../broker/policy/reading.ts'
import type { Group } from '../../db/groups.ts'
import type { Person } from '../../db/people.ts'
import { saidRole, type Role } from '../../db/roles.ts'
import type { PersonScope } from '../../db/scope.ts'
import { fieldsOf, summaryOf } from '../forms/fields.ts'
import { mayAdminister } from '../privileges.ts'
import type { Shell } from '../shell.ts'
import { choice, fieldReader, type Posted } from './administration.ts'
import type { GroupFormPage, GroupPage, GroupRow } from './policy-pages.ts'
import { presentWarning } from './policy.ts'
import { visible } from './visible.ts'

/** A group as its list shows it. */
export function presentGroupRow(group: Group, roles: readonly Role[]): GroupRow {
  const { id, name, description, members } = group
  return {
    id,
    href: `/groups/${id}`,
    name: visible(name),
    description: visible(description),
    members: visible(members.map(({ username }) => username).join(', ')) || '-',
    roles: visible(rolesOf(group, roles).map(saidRole).join(', ')) || '-',
  }
}

/** One group with its members, to be added to and taken from. */
export function presentGroup(
  { page }: Shell,
  scope: PersonScope,
  { group, policy, people }: GroupMaterial,
): GroupPage {
  const { id, members } = group
  const may = mayAdminister(scope)
  const version = String(policy.current?.version ?? 0)
  const taking = (username: string) => ({
    href: `/groups/${id}/members/removal`,
    label: `Take out ${visible(username)}`,
    tone: 'plain' as const,
    fields: [
      { name: 'members', value: username },
      { name: 'policyVersion', value: version },
    ],
  })
  return {
    page,
    id,
    name: visible(group.name),
    description: visible(group.description),
    version,
    warnings: policy.warnings
      .filter(({ about }) => about.id === id)
      .map((warning) => presentWarning(warning, false)),
    members: members.map(({ username, locked }) => ({
      username: visible(username),
      locked,
      actions: may ? [taking(username)] : [],
    })),
    roles: rolesOf(group, policy.roles).map((role) => ({
      href: may ? `/roles/${role.id}/policy` : '/policy',
      label: visible(saidRole(role)),
    })),
    definitionHref: may ? `/groups/${id}/definition` : undefined,
    adding: may
      ? { href: `/groups/${id}/members`, people: choicesOf(people, { but: members, ticked: [] }) }
      : undefined,
  }
}

export interface GroupMaterial {
  readonly group: Group
  readonly policy: PolicyInForce
  readonly people: readonly Person[]
}

/** The form of a new group. */
export function presentFreshGroup(
  { page }: Shell,
  people: readonly Person[],
  posted: Posted,
): GroupFormPage {
  const field = fieldReader(posted)
  const ticked = fieldsOf(posted.body).list('members')
  return {
    page,
    errors: summaryOf(posted.mistakes),
    heading: 'Add a group',
    href: '/groups',
    backHref: '/groups',
    button: 'Add group',
    version: '',
    name: field('name'),
    description: field('description'),
    members: choicesOf(people, { but: [], ticked }),
  }
}

/** Name and description of a group, to be changed. */
export function presentGroupDefinition(
  { page }: Shell,
  { group, version }: { readonly group: Group; readonly version: number },
  posted: Posted,
): GroupFormPage {
  const field = fieldReader(posted)
  return {
    page,
    errors: summaryOf(posted.mistakes),
    heading: `Change group ${visible(group.name)}`,
    href: `/groups/${group.id}/definition`,
    backHref: `/groups/${group.id}`,
    button: 'Save',
    version: String(version),
    name: field('name', group.name),
    description: field('description', group.description),
    members: [],
  }
}

function rolesOf(group: Group, roles: readonly Role[]): Role[] {
  return roles.filter(({ approverGroup }) => approverGroup?.id === group.id)
}

function choicesOf(
  people: readonly Person[],
  { but, ticked }: { but: readonly { readonly id: string }[]; ticked: readonly string[] },
) {
  return people
    .filter(({ id, disabledAt }) => disabledAt === null && !but.some((each) => each.id === id))
    .map(({ username }) => choice(username, ticked.includes(username)))
}
