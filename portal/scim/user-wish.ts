import { userBody } from '../api/bodies.ts'
import { badSyntax, badValue } from './errors.ts'
import { attributesOf, readResource, textOf, truthOf, type Attributes } from './resource.ts'
import { USER } from './urns.ts'

/** What a directory wants of a user; absent members stay as they are. */
export interface UserWish {
  readonly userName?: string
  readonly displayName?: string
  /** Null: none. */
  readonly email?: string | null
  /** Null: none. */
  readonly externalId?: string | null
  readonly active?: boolean
}

const EXTERNAL_ID_MOST = 200

/** Reads the body of a POST. Errors: `invalidSyntax`, `invalidValue`. */
export function readNewUser(body: unknown): UserWish & { readonly userName: string } {
  const { userName, ...wish } = readReplacement(body)
  return { ...wish, userName }
}

/**
 * Reads the body of a PUT. What is absent is cleared where it may be (e-mail, external id); a name or
 * the status that is not said stays (RFC 7644, 3.5.1). Errors: `invalidSyntax`, `invalidValue`.
 */
export function readReplacement(body: unknown): UserWish & { readonly userName: string } {
  const attributes = readResource(body, USER)
  const { userName } = userNameWish(attributes.get('username'))
  return {
    ...nameWish(attributes),
    ...emailWish(chooseEmail(attributes.get('emails'))),
    ...externalIdWish(attributes.get('externalid')),
    ...activeWish(attributes.get('active')),
    userName,
  }
}

/** A username; it is the same in any case, and kept in small letters. Errors: `invalidValue`. */
export function userNameWish(value: unknown): { readonly userName: string } {
  const text = textOf(value, 'userName')
  if (text === undefined) throw badValue('Give userName.')
  return { userName: checked('userName', userBody.shape.username.safeParse(text.toLowerCase())) }
}

/** The name that is shown: displayName, else the whole name, else its two parts together. */
export function nameWish(attributes: Attributes): UserWish {
  const name = attributesOf(attributes.get('name') ?? {})
  if (name === undefined) throw badValue('Give name as an object.')
  const parts = ['givenname', 'familyname'].map((part) => textOf(name.get(part), `name.${part}`))
  const whole = parts.every((part) => part !== undefined) ? parts.join(' ') : undefined
  const said =
    textOf(attributes.get('displayname'), 'displayName') ??
    textOf(name.get('formatted'), 'name.formatted') ??
    whole
  if (said === undefined) return {}
  return { displayName: checked('displayName', userBody.shape.displayName.safeParse(said)) ?? said }
}

/** Where letters go; absent: nowhere. Errors: `invalidValue`. */
export function emailWish(value: unknown): UserWish {
  const text = textOf(value, 'emails.value')
  if (text === undefined) return { email: null }
  return { email: checked('emails.value', userBody.shape.email.safeParse(text)) ?? null }
}

/** The directory's own name of a user; absent: none. Errors: `invalidValue`. */
export function externalIdWish(value: unknown): UserWish {
  const externalId = textOf(value, 'externalId') ?? null
  if (externalId === null || externalId.length <= EXTERNAL_ID_MOST) return { externalId }
  throw badValue(`Give externalId of at most ${EXTERNAL_ID_MOST} characters.`)
}

/** Whether the account is to be Enabled; absent: as it is. Errors: `invalidValue`. */
export function activeWish(value: unknown): UserWish {
  const active = truthOf(value, 'active')
  return active === undefined ? {} : { active }
}

/** Of several addresses the primary one, else the one for work, else the first. */
export function chooseEmail(value: unknown): unknown {
  if (value === undefined || value === null) return undefined
  const list: unknown[] = Array.isArray(value) ? value : [value]
  const emails = list.map((each) => {
    const email = typeof each === 'string' ? new Map([['value', each]]) : attributesOf(each)
    if (email === undefined) throw badSyntax('Give emails as objects with a value.')
    return email
  })
  const primary = emails.find((email) => truthOf(email.get('primary'), 'emails.primary') === true)
  const work = emails.find((email) => email.get('type') === 'work')
  return (primary ?? work ?? emails[0])?.get('value')
}

/** What the API asks of the same field. */
function checked<T>(
  attribute: string,
  result: { success: true; data: T } | { success: false; error: { issues: { message: string }[] } },
): T {
  if (result.success) return result.data
  throw badValue(`${attribute}: ${result.error.issues[0]?.message ?? 'give another value.'}`)
}
