import { PASSWORD } from '../../support/portal.ts'
import { LINKS } from './links.ts'
import { at, type Places } from './place.ts'

/** Choosing a password, and the account it belongs to. */
export const PLACES_OF_PASSWORDS: Places = {
  '/password/new': [
    {
      name: 'password-new',
      line: 'Behind a reset link: a new password.',
      reader: 'nobody',
      path: at(LINKS.reset),
    },
    {
      name: 'password-new-refused',
      line: 'A password that is easy to guess, and typed in two ways.',
      reader: 'nobody',
      path: at(LINKS.reset),
      then: async (page) => {
        await page.getByLabel('New password', { exact: true }).fill('passwordpassword')
        await page.getByLabel('New password again').fill('passw0rdpassword')
        await page.getByRole('button', { name: 'Set password' }).click()
        await page
          .getByText(/easy to guess/)
          .first()
          .waitFor()
      },
    },
    {
      name: 'password-link-worthless',
      line: 'A link that was used, is over, or never was.',
      reader: 'nobody',
      path: at('/password/new'),
      world: 'bare',
      status: 404,
    },
  ],
  '/password/forgotten': [
    {
      name: 'password-forgotten',
      line: 'Asking for a reset link.',
      reader: 'nobody',
      path: at('/password/forgotten'),
    },
    {
      name: 'password-forgotten-sent',
      line: 'The answer, the same for every name.',
      reader: 'nobody',
      path: at('/password/forgotten?sent=yes'),
    },
    {
      name: 'password-forgotten-off',
      line: 'The same where no mail goes.',
      reader: 'nobody',
      world: 'bare',
      path: at('/password/forgotten'),
    },
  ],
  '/setup': [
    {
      name: 'setup',
      line: 'The first admin, by the setup link.',
      reader: 'nobody',
      world: 'setup',
      path: at(LINKS.setup),
    },
  ],
  '/sign-in/password': [
    {
      name: 'password-at-sign-in',
      line: 'A password that was set by somebody else is changed first.',
      reader: 'nobody',
      world: 'bare',
      path: at('/sign-in'),
      then: async (page) => {
        await page.getByLabel('Username').fill('john')
        await page.getByLabel('Password').fill(PASSWORD)
        await page.getByRole('button', { name: 'Sign in' }).click()
        await page.getByRole('heading', { name: 'Choose your own password' }).waitFor()
      },
    },
  ],
  '/account': [
    {
      name: 'account',
      line: "One's own account.",
      reader: 'audrey',
      path: at('/account'),
    },
  ],
  '/account/password': [
    {
      name: 'account-password',
      line: "Changing one's own password.",
      reader: 'mark',
      path: at('/account/password'),
    },
  ],
  '/users/:id/password': [
    {
      name: 'user-password',
      line: 'A password in the hands of an admin: set it, or send a link.',
      reader: 'admin',
      path: ({ people }) => `/users/${people['wei.li'].id}/password`,
    },
    {
      name: 'user-password-link',
      line: "A link that is shown once, where it can't be mailed.",
      reader: 'admin',
      path: ({ people }) => `/users/${people['salma.idrissi'].id}/password`,
      then: async (page) => {
        await page.getByRole('button', { name: /link|invitation/ }).click()
        await page.getByText('Shown this once').waitFor()
      },
    },
  ],
}
