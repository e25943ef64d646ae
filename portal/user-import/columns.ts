import type { DateTime } from 'luxon'
import type { ManagementPrivilege, Person } from '../../db/people.ts'
import { iso } from '../../db/store.ts'
import { isStorable } from '../../broker/sessions/request.ts'
import { userBody } from '../api/bodies.ts'
import { readExpiry } from '../forms/user-change.ts'

/** What a line can say of a user. */
export interface UserValues {
  readonly username: string
  readonly displayName?: string
  /** Null: none. */
  readonly email?: string | null
  readonly portalUser?: boolean
  readonly auditUser?: boolean
  readonly mayEndSignIns?: boolean
  readonly managementPrivilege?: ManagementPrivilege
  /** Null: never. */
  readonly expiresAt?: DateTime<true> | null
}

/** What a cell means, or a sentence that says how to mend it. */
export type CellReading = { readonly value: Partial<UserValues> } | { readonly mistake: string }

/** How times without an offset are read, and what is in the past. */
export interface Clock {
  readonly zone: string
  readonly now: DateTime<true>
}

/** One column of the file, under the name that the pages give it. */
export interface Column {
  readonly field: keyof UserValues
  readonly heading: string
  /** Only other people's may be changed. */
  readonly isRight: boolean
  read(text: string, clock: Clock): CellReading
  /** As the file would say what a user has. */
  write(person: Person): string
}

const { shape } = userBody

/** Every column that a file can have, in the order of the template. */
export const COLUMNS: readonly Column[] = [
  {
    field: 'username',
    heading: 'Username',
    isRight: false,
    read: (text) => {
      const result = shape.username.safeParse(text.toLowerCase())
      return result.success
        ? { value: { username: result.data } }
        : { mistake: result.error.issues[0]?.message ?? 'Write another username.' }
    },
    write: ({ username }) => username,
  },
  {
    field: 'displayName',
    heading: 'Name',
    isRight: false,
    read: (text) => {
      if (!isStorable(text)) return { mistake: 'This holds a NUL or half a character: remove it.' }
      if (text.length > NAME_MOST)
        return { mistake: `Give a name of at most ${NAME_MOST} characters.` }
      return { value: { displayName: text } }
    },
    write: ({ displayName }) => displayName,
  },
  {
    field: 'email',
    heading: 'E-mail',
    isRight: false,
    read: (text) => {
      if (text.toLowerCase() === NONE) return { value: { email: null } }
      const result = shape.email.safeParse(text)
      if (result.success) return { value: { email: text } }
      return { mistake: `${result.error.issues[0]?.message ?? ''} Or write ${NONE}.`.trim() }
    },
    write: ({ email }) => email ?? NONE,
  },
  flag('portalUser', 'Portal User'),
  flag('auditUser', 'Audit User'),
  flag('mayEndSignIns', 'End sign-ins'),
  {
    field: 'managementPrivilege',
    heading: 'Management Privilege',
    isRight: true,
    read: (text) => {
      const said = PRIVILEGES.find(({ words }) => words.toLowerCase() === text.toLowerCase())
      if (said !== undefined) return { value: { managementPrivilege: said.privilege } }
      return { mistake: 'Write None, Read Only or Admin.' }
    },
    write: ({ managementPrivilege }) =>
      PRIVILEGES.find(({ privilege }) => privilege === managementPrivilege)?.words ?? '',
  },
  {
    field: 'expiresAt',
    heading: 'Expiration date',
    isRight: true,
    read: readDate,
    write: ({ expiresAt }) => (expiresAt === null ? NEVER : iso(expiresAt)),
  },
]

const NAME_MOST = 200
const NONE = 'none'
const NEVER = 'never'

const PRIVILEGES: readonly { readonly privilege: ManagementPrivilege; readonly words: string }[] = [
  { privilege: 'none', words: 'None' },
  { privilege: 'read_only', words: 'Read Only' },
  { privilege: 'admin', words: 'Admin' },
]

function flag(field: 'portalUser' | 'auditUser' | 'mayEndSignIns', heading: string): Column {
  return {
    field,
    heading,
    isRight: true,
    read: (text) => {
      const said = text.toLowerCase()
      if (said === 'yes' || said === 'no') return { value: { [field]: said === 'yes' } }
      return { mistake: 'Write yes or no.' }
    },
    write: (person) => (person[field] ? 'yes' : 'no'),
  }
}

function readDate(text: string, { zone, now }: Clock): CellReading {
  if (text.toLowerCase() === NEVER) return { value: { expiresAt: null } }
  const { at, mistake } = readExpiry(text, zone)
  if (mistake !== undefined) return { mistake: `${mistake} Or write ${NEVER}.` }
  if (at !== null && at !== undefined && at <= now)
    return { mistake: 'Choose a date in the future.' }
  return { value: { expiresAt: at ?? null } }
}
