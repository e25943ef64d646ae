import type { Resource } from './resource.ts'
import { GROUP, SCHEMA, USER } from './urns.ts'

interface Facts {
  readonly type?: 'string' | 'boolean' | 'reference' | 'complex'
  readonly multiValued?: boolean
  readonly required?: boolean
  readonly caseExact?: boolean
  readonly mutability?: 'readOnly' | 'readWrite' | 'writeOnly' | 'immutable'
  readonly uniqueness?: 'none' | 'server'
  readonly subAttributes?: readonly Resource[]
  readonly referenceTypes?: readonly string[]
}

/** An attribute with every characteristic said (RFC 7643, 7). */
function attribute(name: string, description: string, facts: Facts = {}): Resource {
  const mutability = facts.mutability ?? 'readWrite'
  return {
    name,
    type: 'string',
    multiValued: false,
    description,
    required: false,
    caseExact: false,
    returned: mutability === 'writeOnly' ? 'never' : 'default',
    uniqueness: 'none',
    ...facts,
    mutability,
  }
}

const READ_ONLY = { mutability: 'readOnly' } as const

const USER_ATTRIBUTES = [
  attribute('userName', 'What the user signs in with; kept in small letters.', {
    required: true,
    uniqueness: 'server',
  }),
  attribute('name', 'The name that is shown.', {
    type: 'complex',
    subAttributes: [
      attribute('formatted', 'The whole name; the same as displayName.'),
      attribute('givenName', 'Taken with familyName where no whole name is sent.', {
        mutability: 'writeOnly',
      }),
      attribute('familyName', 'Taken with givenName where no whole name is sent.', {
        mutability: 'writeOnly',
      }),
    ],
  }),
  attribute('displayName', 'The name that is shown.'),
  attribute('emails', 'The one address that letters go to.', {
    type: 'complex',
    multiValued: true,
    subAttributes: [
      attribute('value', 'The address.'),
      attribute('type', 'Always work.'),
      attribute('primary', 'Always true.', { type: 'boolean' }),
    ],
  }),
  attribute('active', 'False: the account is Disabled, or its expiration date has come.', {
    type: 'boolean',
  }),
  attribute('groups', 'Approver groups of the user; change them at the group.', {
    ...READ_ONLY,
    type: 'complex',
    multiValued: true,
    subAttributes: [
      attribute('value', 'The id of the group.', READ_ONLY),
      attribute('$ref', 'Where the group stands.', {
        ...READ_ONLY,
        type: 'reference',
        referenceTypes: ['Group'],
      }),
      attribute('display', 'The name of the group.', READ_ONLY),
      attribute('type', 'Always direct.', READ_ONLY),
    ],
  }),
]

const GROUP_ATTRIBUTES = [
  attribute('displayName', 'The name of the approver group.', {
    required: true,
    uniqueness: 'server',
  }),
  attribute('members', 'The users who may approve what the group is asked for.', {
    type: 'complex',
    multiValued: true,
    subAttributes: [
      attribute('value', 'The id of the user.', { mutability: 'immutable' }),
      attribute('$ref', 'Where the user stands.', {
        ...READ_ONLY,
        type: 'reference',
        referenceTypes: ['User'],
      }),
      attribute('display', 'The username.', READ_ONLY),
      attribute('type', 'Always User.', READ_ONLY),
    ],
  }),
]

/** What Daypass keeps of users and groups (RFC 7643, 7); everything else that is sent is dropped. */
export const SCHEMAS = [
  {
    schemas: [SCHEMA],
    id: USER,
    name: 'User',
    description: 'Someone who uses Daypass',
    attributes: USER_ATTRIBUTES,
  },
  {
    schemas: [SCHEMA],
    id: GROUP,
    name: 'Group',
    description: 'An approver group',
    attributes: GROUP_ATTRIBUTES,
  },
] as const satisfies readonly Resource[]
