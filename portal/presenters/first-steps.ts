import type { Empty, Link } from './pieces.ts'

/** Data sources before there is one; `action` is for who may add one. */
export function noDataSources(action: Link | undefined): Empty {
  return {
    heading: 'No data sources yet',
    text: 'A data source is a PostgreSQL server with the databases people may ask for.',
    steps: [
      {
        name: 'Make a login for Daypass',
        text: 'On the server, one with CREATEROLE and pg_signal_backend. It makes the session users and removes them; it is no superuser.',
      },
      {
        name: 'Add the server',
        text: 'Daypass tests what you enter and names the SQL of anything that is missing.',
      },
      {
        name: 'Add its roles',
        text: 'People ask for roles: each stands for a role of the database that has just the rights of one task.',
      },
    ],
    action,
  }
}

/** Roles before there is one; without a data source the first thing to add is that. */
export function noRoles(mayAdd: boolean, hasSources: boolean): Empty {
  return {
    heading: 'No roles yet',
    text: 'A role is what people ask for: a role of the database, with its approvers and times.',
    steps: [
      {
        name: 'Choose a role of the database',
        text: 'One without login that has just the rights of one task, such as reading the orders.',
      },
      {
        name: 'Say who approves it',
        text: 'A group or single people, and how many of them must agree. Nobody approves their own request.',
      },
      {
        name: 'Say for how long',
        text: 'The time that is offered, and the most that can be asked for.',
      },
    ],
    action: mayAdd ? nextAction(hasSources) : undefined,
  }
}

function nextAction(hasSources: boolean): Link {
  return hasSources
    ? { href: '/roles/new', label: 'Add a role' }
    : { href: '/data-sources/new', label: 'Add a data source first' }
}

/** Groups before there is one. */
export function noGroups(action: Link | undefined): Empty {
  return {
    heading: 'No groups yet',
    text: 'A group is the people who are told of a request and may approve it. A role names one group; whoever joins it later may approve from then on, whoever leaves may not.',
    action,
  }
}

/** The list of those who are locked out, where nobody is. */
export const NOBODY_LOCKED: Empty = {
  heading: 'Nobody is locked',
  text: "Who is locked can't sign in, their tokens stop at once, and their open sessions are terminated. What they did stays on record. An admin locks and unlocks people on their pages.",
  action: { href: '/users', label: 'See all users' },
}
