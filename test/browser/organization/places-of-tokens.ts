import type { Page } from 'playwright-core'
import { at, type Places } from './place.ts'

/** Makes a token with the form on the page. */
async function makeToken(page: Page): Promise<void> {
  await page.getByLabel('What it is for').first().fill('backup of the orders')
  await page.getByLabel('request', { exact: true }).check()
  await page.getByRole('button', { name: 'Make token' }).click()
  await page.getByText('Copy it now').waitFor()
}

/** Programs that work with Daypass: tokens, and applications with theirs. */
export const PLACES_OF_TOKENS: Places = {
  '/account/tokens': [
    {
      name: 'tokens',
      line: 'Your API tokens: live, expired, ended; and the form of another.',
      reader: 'admin',
      path: at('/account/tokens'),
    },
    {
      name: 'tokens-none',
      line: 'Before there is one.',
      reader: 'john',
      world: 'quiet',
      path: at('/account/tokens'),
    },
    {
      name: 'token-shown',
      line: 'A token just made: its secret, this once.',
      reader: 'mark',
      path: at('/account/tokens'),
      then: makeToken,
    },
  ],
  '/users/:id/tokens': [
    {
      name: 'user-tokens',
      line: "A user's tokens, for somebody who may only read.",
      reader: 'nadia.horvat',
      path: ({ people }) => `/users/${people.admin.id}/tokens`,
    },
  ],
  '/applications': [
    {
      name: 'applications',
      line: 'Programs with an account of their own.',
      reader: 'admin',
      path: at('/applications'),
    },
    {
      name: 'applications-none',
      line: 'Before there is one.',
      reader: 'admin',
      world: 'quiet',
      path: at('/applications'),
    },
  ],
  '/applications/new': [
    {
      name: 'application-new',
      line: 'Add an application.',
      reader: 'admin',
      path: at('/applications/new'),
    },
  ],
  '/applications/:id': [
    {
      name: 'application',
      line: 'One application: its tokens, its rights, its end.',
      reader: 'admin',
      path: ({ application }) => `/applications/${application.id}`,
    },
  ],
  '/audit/applications': [
    {
      name: 'audit-applications',
      line: 'All that an application did, and the others to switch to.',
      reader: 'audrey',
      path: ({ application }) => `/audit/applications?application=${application.id}`,
    },
    {
      name: 'audit-applications-none',
      line: 'Before there is an application.',
      reader: 'audrey',
      world: 'quiet',
      path: at('/audit/applications'),
    },
  ],
}
