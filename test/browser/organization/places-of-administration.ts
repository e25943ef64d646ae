import { at, type Places } from './place.ts'

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
