import type { Scope } from './scope.ts'

/** Own ones, ones the person may decide or decided (an extension of theirs too), and for overseers the whole organization. */
export const VISIBLE = `
            (cast(:organization as uuid) is null or s.organization_id = cast(:organization as uuid))
        and (cast(:oversees as boolean)
             or s.requester_id = cast(:person as uuid)
             or exists (select
                          from session_roles r
                          left join group_members g on g.group_id = r.approver_group_id
                         where r.session_id = s.id
                           and cast(:person as uuid) in (g.person_id, r.decided_by))
             or exists (select
                          from session_approvals a
                         where a.session_id = s.id
                           and a.person_id = cast(:person as uuid))
             or exists (select
                          from session_extensions e
                          join extension_roles r on r.extension_id = e.id
                          left join group_members g on g.group_id = r.approver_group_id
                          left join extension_approvals a on a.extension_id = e.id and a.role_id = r.role_id
                         where e.session_id = s.id
                           and cast(:person as uuid) in (g.person_id, a.person_id)))`

/** Requests that wait for a vote of this person. */
export const DECIDABLE = `
            s.state = 'CREATED'
        and s.dies_at > now()
        and not same_hands(s.requester_id, cast(:person as uuid))
        and exists (select
                      from session_roles r
                      join group_members g on g.group_id = r.approver_group_id
                     where r.session_id = s.id
                       and r.state = 'PENDING'
                       and g.person_id = cast(:person as uuid)
                       and not exists (select
                                         from session_approvals a
                                        where a.session_id = s.id
                                          and a.role_id = r.role_id
                                          and a.person_id = g.person_id))`

/** The values that the conditions above bind. */
export function readerOf(scope: Scope): Readonly<Record<string, unknown>> {
  if (scope.kind === 'part') return { organization: null, oversees: true, person: null }
  const { person, organization } = scope
  const oversees = person.managementPrivilege !== 'none' || person.auditUser
  return { organization: organization.id, oversees, person: person.id }
}
