import type { Person } from '../../db/people.ts'
import { ScimError } from './errors.ts'
import type { Condition } from './filter.ts'
import type { Operation } from './operations.ts'
import { isExtension } from './urns.ts'
import {
  activeWish,
  chooseEmail,
  emailWish,
  externalIdWish,
  nameWish,
  userNameWish,
  type UserWish,
} from './user-wish.ts'

/**
 * What a PATCH makes of a user, its operations one after another. Errors: `invalidPath` for an
 * attribute no schema of RFC 7643 has, `mutability` for what only Daypass sets, `invalidValue`.
 */
export function patchUser(person: Person, operations: readonly Operation[]): UserWish {
  const wish = operations.reduce<UserWish>(
    (before, operation) => ({ ...before, ...changeOf(person, operation) }),
    {},
  )
  return { ...wish, ...namedByParts(operations, wish) }
}

function changeOf(person: Person, operation: Operation): UserWish {
  const { attribute } = operation
  if (isExtension(attribute) || NOT_KEPT.has(attribute)) return {}
  const change = CHANGES.get(attribute)
  if (change === undefined) {
    throw new ScimError(400, `There is no attribute ${attribute} of a user.`, 'invalidPath')
  }
  return change(operation, person)
}

/** Of RFC 7643's user and of no use here: a directory may send them, and they are not kept. */
const NOT_KEPT: ReadonlySet<string> = new Set([
  'schemas',
  'nickname',
  'profileurl',
  'title',
  'usertype',
  'preferredlanguage',
  'locale',
  'timezone',
  'password',
  'phonenumbers',
  'ims',
  'photos',
  'addresses',
  'entitlements',
  'roles',
  'x509certificates',
])

type Change = (operation: Operation, person: Person) => UserWish

const CHANGES: ReadonlyMap<string, Change> = new Map<string, Change>(
  Object.entries({
    username: ({ op, value }) => {
      if (op === 'remove') throw readOnly('userName can be changed, and not removed.')
      return userNameWish(value)
    },
    displayname: ({ op, value }, { username }) =>
      op === 'remove' ? { displayName: username } : nameWish(new Map([['displayname', value]])),
    name: changeName,
    emails: changeEmail,
    externalid: ({ op, value }) => externalIdWish(op === 'remove' ? undefined : value),
    active: ({ op, value }) => {
      if (op === 'remove') throw readOnly('active can be changed, and not removed.')
      return activeWish(value)
    },
    // Okta sends it back beside what it changes
    id: ({ value }, { id }) => {
      if (value === id) return {}
      throw readOnly('The id of a user never changes.')
    },
    groups: () => {
      throw readOnly("Change a group's members to change the groups of a user.")
    },
    meta: () => {
      throw readOnly('Only Daypass sets meta.')
    },
  } satisfies Record<string, Change>),
)

function changeName({ op, sub, value }: Operation, { username }: Person): UserWish {
  if (op === 'remove')
    return sub === undefined || sub === 'formatted' ? { displayName: username } : {}
  if (sub === undefined) return nameWish(new Map([['name', value]]))
  return sub === 'formatted' ? nameWish(new Map([['displayname', value]])) : {}
}

/** Parts of a name come one at a time; both together are a name where no whole one is said. */
function namedByParts(operations: readonly Operation[], wish: UserWish): UserWish {
  if (wish.displayName !== undefined) return {}
  const parts = operations.filter(({ op, attribute }) => op !== 'remove' && attribute === 'name')
  return nameWish(new Map([['name', Object.fromEntries(parts.map((one) => [one.sub, one.value]))]]))
}

/** A user has one address here, for work and the primary one: changes of others are not kept. */
function changeEmail({ op, sub, value, within }: Operation, person: Person): UserWish {
  if (!within.every((condition) => isOurs(condition, person))) return {}
  if (sub !== undefined && sub !== 'value') return {}
  if (op === 'remove') return { email: null }
  return emailWish(sub === 'value' || typeof value === 'string' ? value : chooseEmail(value))
}

function isOurs({ attribute, value }: Condition, { email }: Person): boolean {
  if (attribute === 'type') return value === 'work'
  if (attribute === 'primary') return value === true
  return attribute === 'value' && String(value).toLowerCase() === email?.toLowerCase()
}

function readOnly(sentence: string): ScimError {
  return new ScimError(400, sentence, 'mutability')
}
