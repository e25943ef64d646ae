import { at, type Places } from './place.ts'

/** The door. */
export const PLACES_OF_SIGN_IN: Places = {
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
}
