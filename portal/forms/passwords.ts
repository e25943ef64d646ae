import type { FirstAdmin } from '../../db/first-admin.ts'
import { userBody } from '../api/bodies.ts'
import { findPasswordMistake, type KnownOfPerson } from '../password-strength.ts'
import { PASSWORD_MOST } from '../passwords.ts'
import { fieldsOf, mistakesIn, type Reading } from './fields.ts'

/** Reads a password that somebody chose and typed twice. */
export async function readChosenPassword(
  body: unknown,
  known: KnownOfPerson,
): Promise<Reading<string>> {
  const fields = fieldsOf(body)
  const password = fields.raw('password')
  const mistakes = mistakesIn({
    password: await findPasswordMistake(password, known),
    passwordAgain:
      password === fields.raw('passwordAgain')
        ? undefined
        : 'This is not the password above: type the same twice.',
  })
  return Object.keys(mistakes).length > 0 ? { ok: false, mistakes } : { ok: true, value: password }
}

/** Reads what somebody must know to change their own password; undefined where it can't be one. */
export function readCurrentPassword(body: unknown): string | undefined {
  const password = fieldsOf(body).raw('currentPassword')
  return password === '' || password.length > PASSWORD_MOST ? undefined : password
}

/** Reads whether a password that is set for somebody holds for one sign-in alone. */
export function readMustChange(body: unknown): boolean {
  return fieldsOf(body).text('mustChange') === 'yes'
}

/** Reads the form of the first admin; the password is still to be hashed. */
export async function readFirstAdmin(
  body: unknown,
): Promise<Reading<Omit<FirstAdmin, 'passwordHash'> & { readonly password: string }>> {
  const fields = fieldsOf(body)
  const username = fields.text('username').toLowerCase()
  const displayName = fields.text('displayName')
  const email = fields.text('email')
  const { shape } = userBody
  const chosen = await readChosenPassword(body, { username, displayName, email })
  const mistakes = mistakesIn({
    username: shape.username.safeParse(username).error?.issues[0]?.message,
    displayName:
      displayName === ''
        ? undefined
        : shape.displayName.safeParse(displayName).error?.issues[0]?.message,
    email: email === '' ? undefined : shape.email.safeParse(email).error?.issues[0]?.message,
    ...(chosen.ok ? {} : chosen.mistakes),
  })
  if (!chosen.ok || Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return {
    ok: true,
    value: {
      username,
      displayName: displayName === '' ? username : displayName,
      email: email === '' ? undefined : email,
      password: chosen.value,
    },
  }
}
