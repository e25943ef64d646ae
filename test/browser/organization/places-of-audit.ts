import { at, type Places } from './place.ts'

/** The trail, and filters kept for it. */
export const PLACES_OF_AUDIT: Places = {
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
      status: 422,
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
  '/account/sign-ins': [
    {
      name: 'own-sign-ins',
      line: 'Where one is signed in oneself.',
      reader: 'wei.li',
      path: at('/account/sign-ins'),
    },
  ],
  '/sign-ins': [
    {
      name: 'sign-ins',
      line: 'User sign-ins: who is and was signed in today.',
      reader: 'audrey',
      path: at('/sign-ins'),
    },
    {
      name: 'sign-ins-range',
      line: 'A range of time in which nobody was.',
      reader: 'audrey',
      path: at('/sign-ins?since=2001-01-01T00:00&until=2001-02-01T00:00'),
    },
    {
      name: 'sign-ins-wrong-day',
      line: 'A day that there is not.',
      reader: 'audrey',
      path: at('/sign-ins?day=2001-02-30'),
      status: 422,
    },
  ],
  '/sign-ins/:id': [
    {
      name: 'sign-in-active',
      line: 'One of them, which an admin may end; what was done is for Audit Users.',
      reader: 'admin',
      path: ({ signIns }) => `/sign-ins/${signIns.active}`,
      then: (page) => page.getByText('Terminate and Lock', { exact: true }).click(),
    },
    {
      name: 'sign-in-ended',
      line: 'One that was ended: by whom, why, and what was done in it.',
      reader: 'audrey',
      path: ({ signIns }) => `/sign-ins/${signIns.terminated}`,
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
}
