import type { Page } from 'playwright-core'
import type { Organization } from './organization.ts'
import type { Username } from './words.ts'

/** One page as somebody comes to see it. */
export interface Place {
  /** Of its picture, and of the test that looks at it. */
  readonly name: string
  /** What it shows, in a line. */
  readonly line: string
  readonly reader: Username | 'nobody'
  /** The busy organization, one in which nothing happened yet, or one without anything to ask for. */
  readonly world?: 'quiet' | 'bare' | 'demo' | 'away'
  readonly path: (organization: Organization) => string
  /** The answer's status where it is not 200. */
  readonly status?: number
  /** What its reader does there before it is looked at. */
  readonly then?: (page: Page) => Promise<void>
}

const session =
  (which: keyof Organization['sessions']): Place['path'] =>
  ({ sessions }) =>
    `/sessions/${sessions[which]}`

const at =
  (path: string): Place['path'] =>
  () =>
    path

/** Every page by its route; a route of routes.ts that is in neither table makes the test fail. */
export const PLACES: Readonly<Record<string, readonly Place[]>> = {
  '/sign-in': [
    { name: 'sign-in', line: 'The door.', reader: 'nobody', path: at('/sign-in') },
    {
      name: 'sign-in-demo',
      line: 'The door of the demo, which tells its accounts.',
      reader: 'nobody',
      world: 'demo',
      path: at('/sign-in'),
    },
    {
      name: 'sign-in-refused',
      line: 'A password that does not fit.',
      reader: 'nobody',
      path: at('/sign-in'),
      then: async (page) => {
        await page.getByLabel('Username').fill('mark')
        await page.getByLabel('Password').fill('not it')
        await page.getByRole('button', { name: 'Sign in' }).click()
        await page.getByText(/do not fit/).waitFor()
      },
    },
    {
      name: 'store-away',
      line: 'The store does not answer.',
      reader: 'nobody',
      world: 'away',
      path: at('/sign-in'),
      status: 503,
    },
  ],
  '/sessions': [
    {
      name: 'sessions',
      line: 'Sessions under way, by what they wait for.',
      reader: 'mark',
      path: at('/sessions'),
    },
    {
      name: 'sessions-of-all',
      line: 'An admin sees everyone’s, and may end them all.',
      reader: 'admin',
      path: at('/sessions?whose=all'),
    },
    {
      name: 'sessions-none',
      line: 'Before the first request.',
      reader: 'mark',
      world: 'quiet',
      path: at('/sessions'),
    },
  ],
  '/sessions/new': [
    {
      name: 'request',
      line: 'Request Access: eligible roles, those that are not explain themselves.',
      reader: 'john',
      path: at('/sessions/new?dataSource=shop'),
    },
    {
      name: 'request-filled',
      line: 'A link filled it in: the window in both zones, and who must approve.',
      reader: 'mark',
      path: at(
        '/sessions/new?dataSource=shop&roles=role1&roles=role3&minutes=45&when=approval&justification=INC-2291',
      ),
    },
    {
      name: 'request-refused',
      line: 'What is wrong stands at its field; nothing typed is lost.',
      reader: 'mark',
      path: at('/sessions/new?dataSource=shop&justification=INC-2291'),
      then: async (page) => {
        await page.getByRole('button', { name: 'Request access' }).click()
        await page.getByRole('alert').first().waitFor()
      },
    },
    {
      name: 'request-nothing',
      line: 'Nothing to ask for yet.',
      reader: 'mark',
      world: 'bare',
      path: at('/sessions/new'),
    },
  ],
  '/sessions/:id': [
    {
      name: 'session-created',
      line: 'CREATED: it waits for its approvals.',
      reader: 'mark',
      path: session('created'),
    },
    {
      name: 'session-to-decide',
      line: 'The same for an approver of a dangerous role, who decides here.',
      reader: 'john',
      path: session('dangerous'),
    },
    {
      name: 'session-approved',
      line: 'APPROVED: it waits for its start.',
      reader: 'wei.li',
      path: session('approved'),
    },
    {
      name: 'session-granted',
      line: 'GRANTED: connections, what runs now, every statement, more time asked for.',
      reader: 'mark',
      path: session('granted'),
    },
    {
      name: 'session-credential',
      line: 'A credential, shown once.',
      reader: 'mark',
      path: session('granted'),
      then: async (page) => {
        await page.getByRole('button', { name: 'Make a credential' }).click()
        await page.locator('#credential-url').waitFor()
      },
    },
    {
      name: 'session-denied',
      line: 'DENIED, with the reason.',
      reader: 'mark',
      path: session('denied'),
    },
    {
      name: 'session-canceled',
      line: 'CANCELED by its requester.',
      reader: 'mark',
      path: session('canceled'),
    },
    {
      name: 'session-expired',
      line: 'EXPIRED: its time ran out.',
      reader: 'mark',
      path: session('expired'),
    },
    {
      name: 'session-lapsed',
      line: 'EXPIRED: nobody approved it in time.',
      reader: 'mark',
      path: session('lapsed'),
    },
    {
      name: 'session-terminated',
      line: 'TERMINATED by an admin; what it left behind.',
      reader: 'salma.idrissi',
      path: session('terminated'),
    },
  ],
  '/sessions/:id/running': [
    {
      name: 'running',
      line: 'What runs in a session at this moment.',
      reader: 'audrey',
      path: ({ sessions }) => `/sessions/${sessions.granted}/running`,
    },
  ],
  '/sessions/:id/statements/:connection/:number': [
    {
      name: 'statement',
      line: 'One statement whole, with its neighbours.',
      reader: 'audrey',
      path: ({ sessions }) => `/sessions/${sessions.granted}/statements/${sessions.connection}/2`,
    },
  ],
  '/approvals': [
    {
      name: 'approvals',
      line: 'Pending Approvals: what only this person can decide, with what is unusual about it.',
      reader: 'admin',
      path: at('/approvals'),
    },
    {
      name: 'approvals-none',
      line: 'Nothing waits.',
      reader: 'john',
      world: 'quiet',
      path: at('/approvals'),
    },
  ],
  '/history': [
    {
      name: 'history',
      line: 'Session History, with what was hidden.',
      reader: 'mark',
      path: at('/history?deleted=true'),
    },
    {
      name: 'history-none',
      line: 'Before the first session ended.',
      reader: 'mark',
      world: 'quiet',
      path: at('/history'),
    },
  ],
  '/audit': [
    {
      name: 'audit',
      line: 'The Audit tab: one row for each state reached.',
      reader: 'audrey',
      path: at('/audit'),
    },
    {
      name: 'audit-popover',
      line: 'A session in its popover: roles with approvers, window in both zones.',
      reader: 'audrey',
      path: at('/audit'),
      then: async (page) => {
        await page.locator('[data-peek]').first().focus()
        await page.locator('.peek:popover-open').waitFor()
      },
    },
    {
      name: 'audit-filtered',
      line: 'Filters as chips, and the panel they come from.',
      reader: 'audrey',
      path: at('/audit?state=DENIED&state=TERMINATED&requester=mark'),
      then: (page) => page.getByText('Filter by column').click(),
    },
    {
      name: 'audit-all',
      line: 'All records of everything.',
      reader: 'audrey',
      path: at('/audit?view=all'),
    },
    {
      name: 'audit-resources',
      line: 'Resource audit: changes of what people can ask for.',
      reader: 'audrey',
      path: at('/audit?view=resources'),
    },
    {
      name: 'audit-users',
      line: 'User audit: sign-ins and people.',
      reader: 'audrey',
      path: at('/audit?view=users'),
    },
    {
      name: 'audit-tasks',
      line: 'Task audit: what Daypass did by itself.',
      reader: 'audrey',
      path: at('/audit?view=tasks'),
    },
    {
      name: 'audit-download',
      line: 'The download, with both counts.',
      reader: 'audrey',
      path: at('/audit?state=DENIED'),
      then: (page) => page.getByRole('button', { name: 'Download options' }).click(),
    },
    {
      name: 'audit-nothing-found',
      line: 'Nothing fits the filter.',
      reader: 'audrey',
      path: at('/audit?q=nowhere-at-all'),
    },
    {
      name: 'audit-wrong-time',
      line: 'A wrong time is told at its field, and the rows stay.',
      reader: 'audrey',
      path: at('/audit?zone=Europe/Warsaw&since=2025-10-26T02:30'),
    },
    {
      name: 'audit-none',
      line: 'Before the first request.',
      reader: 'audrey',
      world: 'quiet',
      path: at('/audit'),
    },
  ],
  '/audit/news': [
    {
      name: 'audit-news',
      line: 'New records, for who has no JavaScript.',
      reader: 'audrey',
      path: at('/audit/news'),
    },
  ],
  '/audit/filters': [
    {
      name: 'saved-filters',
      line: 'Saved filters, private and shared.',
      reader: 'audrey',
      path: at('/audit/filters'),
    },
    {
      name: 'save-filter',
      line: 'A filter gets a name.',
      reader: 'audrey',
      path: at('/audit/filters?range=7d&state=DENIED'),
    },
    {
      name: 'saved-filters-none',
      line: 'Before the first saved filter.',
      reader: 'audrey',
      world: 'quiet',
      path: at('/audit/filters'),
    },
  ],
  '/audit/:record': [
    {
      name: 'record',
      line: 'One record whole: the Audit summary.',
      reader: 'audrey',
      path: ({ recordId }) => `/audit/${recordId}`,
    },
    {
      name: 'record-none',
      line: 'There is no such page, or not for this person: the answer is the same.',
      reader: 'mark',
      path: ({ recordId }) => `/audit/${recordId}`,
      status: 404,
    },
  ],
  '/data-sources': [
    {
      name: 'data-sources',
      line: 'Data sources, and how their last test went.',
      reader: 'admin',
      path: at('/data-sources'),
    },
    {
      name: 'data-sources-none',
      line: 'First run: what a data source takes.',
      reader: 'admin',
      world: 'bare',
      path: at('/data-sources'),
    },
  ],
  '/data-sources/new': [
    {
      name: 'data-source-new',
      line: 'Add a data source.',
      reader: 'admin',
      path: at('/data-sources/new'),
    },
  ],
  '/data-sources/:id/policy': [
    {
      name: 'data-source',
      line: 'What a data source asks of requests.',
      reader: 'admin',
      path: ({ world }) => `/data-sources/${world.dataSource.id}/policy`,
    },
  ],
  '/checks/:id': [
    {
      name: 'check',
      line: 'A tested data source.',
      reader: 'admin',
      path: ({ administered }) => `/checks/${administered.checks.ofSource}`,
    },
    {
      name: 'check-danger',
      line: 'A tested role that lends more than data.',
      reader: 'nadia.horvat',
      path: ({ administered }) => `/checks/${administered.checks.ofRole}`,
    },
  ],
  '/roles': [
    { name: 'roles', line: 'Roles and who approves them.', reader: 'admin', path: at('/roles') },
    {
      name: 'roles-none',
      line: 'First run: what a role takes.',
      reader: 'admin',
      world: 'bare',
      path: at('/roles'),
    },
  ],
  '/roles/new': [
    { name: 'role-new', line: 'Add a role.', reader: 'admin', path: at('/roles/new') },
  ],
  '/roles/:id/policy': [
    {
      name: 'role',
      line: 'The terms of a role.',
      reader: 'admin',
      path: ({ world }) => `/roles/${world.roles.role3.id}/policy`,
    },
  ],
  '/users': [
    { name: 'users', line: 'People and what they may do.', reader: 'admin', path: at('/users') },
    {
      name: 'users-none-locked',
      line: 'Nobody is locked.',
      reader: 'admin',
      world: 'quiet',
      path: at('/users?status=locked'),
    },
  ],
  '/users/new': [
    { name: 'user-new', line: 'Add a person.', reader: 'admin', path: at('/users/new') },
  ],
  '/users/:id': [
    {
      name: 'user',
      line: 'One person: flags, and the lock.',
      reader: 'admin',
      path: ({ people }) => `/users/${people['salma.idrissi'].id}`,
    },
    {
      name: 'user-locked',
      line: 'One who is locked out, for somebody who may only read.',
      reader: 'nadia.horvat',
      path: ({ people }) => `/users/${people['tomas.novak'].id}`,
    },
  ],
  '/groups': [
    { name: 'groups', line: 'Approver groups.', reader: 'admin', path: at('/groups') },
    {
      name: 'groups-none',
      line: 'First run: what a group is for.',
      reader: 'admin',
      world: 'bare',
      path: at('/groups'),
    },
  ],
  '/groups/new': [
    { name: 'group-new', line: 'Add a group.', reader: 'admin', path: at('/groups/new') },
  ],
  '/groups/:id': [
    {
      name: 'group',
      line: 'One group: members, roles, and who may be added.',
      reader: 'admin',
      path: ({ administered }) => `/groups/${administered.groupId}`,
    },
  ],
  '/groups/:id/definition': [
    {
      name: 'group-definition',
      line: 'Rename a group.',
      reader: 'admin',
      path: ({ administered }) => `/groups/${administered.groupId}/definition`,
    },
  ],
  '/policy': [
    {
      name: 'policy',
      line: 'The policy in force, what waits for a second admin, every version.',
      reader: 'admin',
      path: at('/policy'),
    },
    {
      name: 'policy-bare',
      line: 'The policy before there is anything to lend.',
      reader: 'admin',
      world: 'bare',
      path: at('/policy'),
    },
  ],
  '/policy/versions/:version': [
    {
      name: 'policy-version',
      line: 'One version, and what it changed.',
      reader: 'audrey',
      path: at('/policy/versions/9'),
    },
  ],
  '/policy/justification': [
    {
      name: 'policy-justification',
      line: 'The rule for justifications, with a trial.',
      reader: 'admin',
      path: at('/policy/justification'),
    },
  ],
  '/policy/request-life': [
    {
      name: 'policy-request-life',
      line: 'How long a request waits.',
      reader: 'admin',
      path: at('/policy/request-life'),
    },
  ],
  '/policy/recordings': [
    {
      name: 'policy-recordings',
      line: 'How long recordings are kept.',
      reader: 'admin',
      path: at('/policy/recordings'),
    },
  ],
  '/alerts': [
    {
      name: 'alerts',
      line: 'Promises that do not hold at this moment.',
      reader: 'admin',
      path: at('/alerts'),
    },
    {
      name: 'alerts-none',
      line: 'Nothing is wrong.',
      reader: 'admin',
      world: 'quiet',
      path: at('/alerts'),
    },
  ],
  '/alerts/rules': [
    {
      name: 'alert-rules',
      line: 'What is watched, and who is told.',
      reader: 'admin',
      path: at('/alerts/rules'),
    },
  ],
  '/tasks': [
    { name: 'tasks', line: 'What Daypass did by itself.', reader: 'admin', path: at('/tasks') },
    {
      name: 'tasks-none',
      line: 'Before it did anything.',
      reader: 'admin',
      world: 'quiet',
      path: at('/tasks'),
    },
  ],
}

/** Routes that lead on to a page of the table. */
export const REDIRECTS: readonly string[] = [
  '/',
  '/sessions/preview',
  '/sessions/termination',
  ...'approval denial cancellation termination credential hiding hiding/removal repetition extension'
    .split(' ')
    .map((resource) => `/sessions/:id/${resource}`),
  '/extensions/:id',
  '/extensions/:id/approval',
  '/extensions/:id/denial',
  '/extensions/:id/cancellation',
  '/audit/filters/:id',
  '/audit/filters/:id/deletion',
  '/policy/justification/trial',
  '/data-sources/:id/policy/trial',
  '/groups/:id/members',
  '/groups/:id/members/removal',
]

/** Routes that answer with a file. */
export const FILES: readonly string[] = ['/sessions/:id/statements/download', '/audit/download']

/** The place of a name. */
export function placeOf(name: string): Place {
  const found = Object.values(PLACES)
    .flat()
    .find((place) => place.name === name)
  if (found === undefined) throw new Error(`no place ${name}`)
  return found
}
