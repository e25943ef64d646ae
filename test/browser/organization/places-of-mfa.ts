import { PASSWORD } from '../../support/portal.ts'
import { at, type Places } from './place.ts'

/** Second factors; those with a passkey are looked at in mfa.browser.ts, where the portal has a name. */
export const PLACES_OF_MFA: Places = {
  '/sign-in/mfa': [
    {
      name: 'sign-in-mfa',
      line: 'A second factor, after the right password.',
      reader: 'nobody',
      world: 'setup',
      path: at('/sign-in'),
      then: async (page) => {
        await page.getByLabel('Username').fill('john')
        await page.getByLabel('Password').fill(PASSWORD)
        await page.getByRole('button', { name: 'Sign in' }).click()
        await page.getByRole('heading', { name: 'One more step' }).waitFor()
      },
    },
  ],
  '/step-up': [
    {
      name: 'step-up',
      line: 'A second factor, asked for again before a decision.',
      reader: 'mark',
      path: at('/step-up'),
    },
  ],
  '/account/mfa': [
    {
      name: 'account-mfa',
      line: "One's own second factors.",
      reader: 'mark',
      path: at('/account/mfa'),
    },
  ],
  '/account/mfa/totp': [
    {
      name: 'account-mfa-totp',
      line: 'The secret of an authenticator app, until its first code.',
      reader: 'audrey',
      path: at('/account/mfa'),
      then: async (page) => {
        await page.getByRole('button', { name: 'Add an authenticator app' }).click()
        await page.getByRole('img', { name: /QR code/ }).waitFor()
      },
    },
  ],
  '/settings/mfa': [
    {
      name: 'settings-mfa',
      line: 'Of whom second factors are asked, what for, and from where not.',
      reader: 'admin',
      path: at('/settings/mfa'),
    },
  ],
  '/users/:id/mfa': [
    {
      name: 'user-mfa',
      line: 'What somebody has who lost it, and taking it away.',
      reader: 'admin',
      path: ({ people }) => `/users/${people['tomas.novak'].id}/mfa`,
    },
  ],
}
