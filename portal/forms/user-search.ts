import { USER_STATUSES, type UserStatus } from '../../db/user-list.ts'
import { fieldsOf } from './fields.ts'

export const USERS_ON_A_PAGE = 200
/** Far beyond any organization, and far within an integer of the store. */
const LAST_PAGE = 100_000

/** Which part of the list of users an address asks for. */
export interface AskedUsers {
  readonly q: string
  readonly status: UserStatus
  /** From 1 on. */
  readonly page: number
}

/** Reads the address of the list; whoever may not audit finds nobody who was deleted. */
export function readUserSearch(query: unknown, mayAudit: boolean): AskedUsers {
  const fields = fieldsOf(query)
  const asked = USER_STATUSES.find((status) => status === fields.text('status')) ?? 'all'
  return {
    q: fields.text('q').slice(0, 200),
    status: asked === 'deleted' && !mayAudit ? 'all' : asked,
    page: pageIn(fields.text('page')),
  }
}

/** The address of a part of the list. */
export function usersHref({ q, status, page }: AskedUsers): string {
  const query = new URLSearchParams({
    ...(q === '' ? {} : { q }),
    ...(status === 'all' ? {} : { status }),
    ...(page === 1 ? {} : { page: String(page) }),
  }).toString()
  return query === '' ? '/users' : `/users?${query}`
}

function pageIn(text: string): number {
  const page = Number(text)
  return Number.isInteger(page) && page >= 1 && page <= LAST_PAGE ? page : 1
}
