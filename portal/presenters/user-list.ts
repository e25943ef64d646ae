import type { Duty } from '../../broker/policy/duties.ts'
import type { Person } from '../../db/people.ts'
import type { PersonScope } from '../../db/scope.ts'
import { EXPIRING_DAYS, USER_STATUSES, type UserStatus } from '../../db/user-list.ts'
import { usersHref, USERS_ON_A_PAGE, type AskedUsers } from '../forms/user-search.ts'
import { mayAdminister, mayAudit } from '../privileges.ts'
import type { Shell } from '../shell.ts'
import { counted } from './counted.ts'
import { NOBODY_LOCKED } from './first-steps.ts'
import type { Empty } from './pieces.ts'
import type { DutiesPage, UsersPage } from './user-pages.ts'
import { presentUser } from './users.ts'
import { visible } from './visible.ts'

/** One page of the list, how many there are of each status, and what the check of duties found. */
export interface UsersFound {
  readonly people: readonly Person[]
  readonly counts: Readonly<Record<UserStatus, number>>
  readonly duties: readonly Duty[]
  readonly search: AskedUsers
}

const LABELS: Readonly<Record<UserStatus, string>> = {
  all: 'All',
  active: 'Active',
  locked: 'Locked',
  disabled: 'Disabled',
  expired: 'Expired',
  expiring: `Expire within ${EXPIRING_DAYS} days`,
  deleted: 'Deleted',
}

/** The list of users. */
export function presentUsers(
  { page, zones }: Shell,
  scope: PersonScope,
  { people, counts, duties, search }: UsersFound,
): UsersPage {
  const warnings = duties.filter(({ severity }) => severity === 'warning')
  return {
    page,
    countText: countText(counts[search.status], search),
    rows: people.map((person) => ({
      ...presentUser(person, zones),
      duty: dutyOf(duties, person),
    })),
    empty: nobody(search),
    views: USER_STATUSES.filter((status) => status !== 'deleted' || mayAudit(scope)).map(
      (status) => ({
        href: usersHref({ ...search, status, page: 1 }),
        label: LABELS[status],
        current: status === search.status,
        count: counts[status],
      }),
    ),
    search: {
      q: search.q,
      status: search.status === 'all' ? '' : search.status,
      clearHref: search.q === '' ? undefined : usersHref({ ...search, q: '', page: 1 }),
    },
    pager: pagerOf(counts[search.status], search),
    duties: {
      href: '/users/duties',
      text:
        warnings.length === 0
          ? 'Separation of duties: nothing to mend'
          : `Separation of duties: ${counted(warnings.length, 'warning')}`,
      warns: warnings.length > 0,
    },
    freshHref: mayAdminister(scope) ? '/users/new' : undefined,
  }
}

/** Every combination of duties that one person holds and two should. */
export function presentDuties({ page }: Shell, duties: readonly Duty[]): DutiesPage {
  return {
    page,
    rows: duties.map(({ person, severity, sentence }) => ({
      href: `/users/${person.id}`,
      username: visible(person.username),
      severity,
      text: visible(sentence),
    })),
    empty: {
      heading: 'Every duty stands apart',
      text: 'Nobody holds duties together that are meant to watch each other.',
      action: { href: '/users', label: 'See all users' },
    },
  }
}

/** What weighs most in a row; the page of the user says it all. */
function dutyOf(duties: readonly Duty[], { id }: Person) {
  const [first, ...more] = duties.filter(({ person }) => person.id === id)
  if (first === undefined) return undefined
  return {
    severity: first.severity,
    text: visible(first.sentence),
    more: more.length === 0 ? '' : `and ${more.length} more`,
  }
}

function countText(count: number, { page }: AskedUsers): string {
  const whole = count.toLocaleString('en')
  if (count <= USERS_ON_A_PAGE) return `${whole} ${count === 1 ? 'user' : 'users'}`
  const first = (page - 1) * USERS_ON_A_PAGE + 1
  const last = Math.min(count, page * USERS_ON_A_PAGE)
  return `Users ${first.toLocaleString('en')} to ${last.toLocaleString('en')} of ${whole}`
}

function pagerOf(count: number, search: AskedUsers): UsersPage['pager'] {
  const pages = Math.ceil(count / USERS_ON_A_PAGE)
  if (pages <= 1 && search.page === 1) return undefined
  const at = (page: number): string => usersHref({ ...search, page })
  return {
    text: countText(count, search),
    previous: search.page > 1 ? at(search.page - 1) : undefined,
    next: search.page < pages ? at(search.page + 1) : undefined,
  }
}

function nobody({ q, status, page }: AskedUsers): Empty {
  const action = { href: '/users', label: 'See all users' }
  if (page > 1) {
    return {
      heading: 'No users on this page',
      text: 'There are fewer than this page begins at.',
      action,
    }
  }
  if (q !== '') {
    return {
      heading: 'Nobody found',
      text: `No user here has “${visible(q)}” in the username, name or e-mail address.`,
      action,
    }
  }
  if (status === 'locked') return NOBODY_LOCKED
  return { ...(NOBODY[status] ?? { heading: 'No users here', text: 'Add the first one.' }), action }
}

const NOBODY: Partial<Readonly<Record<UserStatus, Pick<Empty, 'heading' | 'text'>>>> = {
  disabled: {
    heading: 'Nobody is disabled',
    text: 'A disabled account has no sign-ins, no tokens and no access until an admin enables it.',
  },
  expired: {
    heading: 'Nobody has expired',
    text: 'An account with an expiration date ends by itself when the date has come.',
  },
  expiring: {
    heading: `Nobody expires within ${EXPIRING_DAYS} days`,
    text: 'Accounts whose expiration date is near are listed here, to be given a later one in time.',
  },
  deleted: {
    heading: 'Nobody was deleted',
    text: 'Deleted users stay here by name, as the history keeps what they did.',
  },
}
