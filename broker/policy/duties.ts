import type { Person } from '../../db/person.ts'
import { saidRole, type Role } from '../../db/roles.ts'
import { refusalOf } from './policy.ts'

export const DUTY_CODES = [
  'only_admin',
  'only_approver',
  'admin_and_auditor',
  'admin_and_approver',
  'auditor_and_approver',
  'approver_may_request',
] as const
export type DutyCode = (typeof DUTY_CODES)[number]

/** Duties that one person holds together, though they are meant to watch each other. */
export interface Duty {
  readonly code: DutyCode
  /** `info` is worth knowing and nothing to mend. */
  readonly severity: 'warning' | 'info'
  readonly person: { readonly id: string; readonly username: string }
  readonly sentence: string
}

/** What the check reads: everyone, and what can be requested. */
export interface CheckedDuties {
  readonly people: readonly Person[]
  readonly roles: readonly Role[]
}

/** Every combination of duties that deserves a look, warnings before what is only worth knowing. */
export function lintDuties({ people, roles }: CheckedDuties): Duty[] {
  const active = people.filter(({ disabledAt, kind }) => disabledAt === null && kind === 'person')
  const guarded = roles.filter(
    ({ disabledAt, approvalsNeeded }) => disabledAt === null && approvalsNeeded > 0,
  )
  const admins = active.filter(isAdmin)
  const found = active.flatMap((person) => {
    const approves = guarded.filter(({ approvers }) => approvers.some(({ id }) => id === person.id))
    return RULES.flatMap(({ code, severity, say }) => {
      const sentence = say({ person, approves, admins })
      const { id, username } = person
      return sentence === undefined ? [] : [{ code, severity, person: { id, username }, sentence }]
    })
  })
  return [
    ...found.filter(({ severity }) => severity === 'warning'),
    ...found.filter(({ severity }) => severity === 'info'),
  ]
}

interface Held {
  readonly person: Person
  /** Roles that take approvals, which this person may give. */
  readonly approves: readonly Role[]
  readonly admins: readonly Person[]
}

interface Rule extends Pick<Duty, 'code' | 'severity'> {
  /** Undefined where the duties are apart. */
  readonly say: (held: Held) => string | undefined
}

const RULES: readonly Rule[] = [
  {
    code: 'only_admin',
    severity: 'warning',
    say: ({ person, admins }) =>
      isAdmin(person) && admins.length === 1
        ? `${person.username} is the only admin: while they are away, nobody else manages Daypass, and nobody watches what they change.`
        : undefined,
  },
  {
    code: 'only_approver',
    severity: 'warning',
    say: ({ person, approves }) => {
      const alone = approves.filter(({ approvers }) => approvers.length === 1)
      return alone.length === 0
        ? undefined
        : `${person.username} is the only approver of ${listed(alone)}: while they are away, nobody gets it.`
    },
  },
  {
    code: 'admin_and_auditor',
    severity: 'warning',
    say: ({ person }) =>
      isAdmin(person) && person.auditUser
        ? `${person.username} is an admin and an Audit User: who changes things here also audits the changes. Have somebody else audit.`
        : undefined,
  },
  {
    code: 'admin_and_approver',
    severity: 'warning',
    say: ({ person, approves }) =>
      isAdmin(person) && approves.length > 0
        ? `${person.username} is an admin and approves ${listed(approves)}: one person sets who must agree, and agrees. Have others approve.`
        : undefined,
  },
  {
    code: 'auditor_and_approver',
    severity: 'warning',
    say: ({ person, approves }) =>
      person.auditUser && approves.length > 0
        ? `${person.username} is an Audit User and approves ${listed(approves)}: they audit their own decisions.`
        : undefined,
  },
  {
    code: 'approver_may_request',
    severity: 'info',
    say: ({ person, approves }) => {
      const both = approves.filter((role) => refusalOf(role, person) === undefined)
      return both.length === 0
        ? undefined
        : `${person.username} approves ${listed(both)} and may request it, too: their own requests wait for another approver.`
    },
  },
]

/** More names than these say nothing more. */
const NAMED_AT_MOST = 3

function listed(roles: readonly Role[]): string {
  const names = roles.slice(0, NAMED_AT_MOST).map(saidRole)
  const more = roles.length - names.length
  return new Intl.ListFormat('en').format(more === 0 ? names : [...names, `${more} more`])
}

function isAdmin({ managementPrivilege }: Person): boolean {
  return managementPrivilege === 'admin'
}
