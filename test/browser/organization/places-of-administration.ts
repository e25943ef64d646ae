import type { Page } from 'playwright-core'
import { at, type Places } from './place.ts'

/** Pastes the lines of a file and asks what they would do. */
function previewOf(csv: string): (page: Page) => Promise<void> {
  return async (page) => {
    await page.getByLabel('Or its lines').fill(csv)
    await page.getByRole('button', { name: 'Preview' }).click()
    await page.waitForURL(/import/)
    await page.locator('[data-line], #csv-error').first().waitFor()
  }
}

/** What can be asked for, who may, on what terms; and how Daypass itself does. */
export const PLACES_OF_ADMINISTRATION: Places = {
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
    {
      name: 'users-none-found',
      line: 'A search that finds nobody.',
      reader: 'admin',
      path: at('/users?q=nobody'),
    },
  ],
  '/users/duties': [
    {
      name: 'users-duties',
      line: 'Duties that one person holds together.',
      reader: 'admin',
      path: at('/users/duties'),
    },
  ],
  '/users/new': [
    { name: 'user-new', line: 'Add a person.', reader: 'admin', path: at('/users/new') },
  ],
  '/users/import': [
    {
      name: 'users-import',
      line: 'Users from a CSV file: choose it, or paste its lines.',
      reader: 'admin',
      path: at('/users/import'),
    },
    {
      name: 'users-import-unreadable',
      line: 'A file with a column that is not imported.',
      reader: 'admin',
      path: at('/users/import'),
      then: previewOf('Username,Password\nana.silva,secret'),
    },
    {
      name: 'users-import-preview',
      line: 'What a file would do, line by line, before it is done.',
      reader: 'admin',
      path: at('/users/import'),
      then: previewOf(
        [
          'Username,Name,E-mail,Portal User,Management Privilege,Expiration date',
          'ana.silva,Ana Silva,ana.silva@example.com,yes,None,2199-01-31',
          'admin,"=HYPERLINK(""http://example.com"")",,,,',
          'wei.li,,,,,',
        ].join('\n'),
      ),
    },
    {
      name: 'users-import-wrong',
      line: 'Lines that are wrong, each told at its cell.',
      reader: 'admin',
      path: at('/users/import'),
      then: previewOf(
        [
          'Username;Name;E-mail;Portal User;Expiration date',
          'ana silva;Ana Silva;ana.silva;perhaps;yesterday',
          'admin;;;no;',
          'ana.silva;Ana Silva;;;;more',
        ].join('\n'),
      ),
    },
  ],
  '/users/:id': [
    {
      name: 'user',
      line: 'One person: account, flags, groups, and the way in.',
      reader: 'admin',
      path: ({ people }) => `/users/${people['salma.idrissi'].id}`,
    },
    {
      name: 'user-expiry-refused',
      line: 'An expiration date that has passed, refused at the field.',
      reader: 'admin',
      path: ({ people }) => `/users/${people['salma.idrissi'].id}`,
      then: async (page) => {
        await page.getByLabel('Expiration date').fill('2020-01-01')
        await page.getByRole('button', { name: 'Save account' }).click()
        await page.locator('#expiresAt-error').waitFor()
      },
    },
    {
      name: 'user-own',
      line: "One's own account: others change what it may do.",
      reader: 'admin',
      path: ({ people }) => `/users/${people.admin.id}`,
    },
    {
      name: 'user-locked',
      line: 'One who is locked out, for somebody who may only read.',
      reader: 'nadia.horvat',
      path: ({ people }) => `/users/${people['tomas.novak'].id}`,
    },
  ],
  '/users/:id/deletion': [
    {
      name: 'user-deletion',
      line: 'What deleting somebody does, and their name to be typed.',
      reader: 'admin',
      path: ({ people }) => `/users/${people['wei.li'].id}/deletion`,
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
