import { violates } from '../../db/store.ts'
import { InvalidRequest } from '../errors.ts'

/** Runs what keeps something, and says which field broke a rule of the schema. Errors: `invalid_request`. */
export async function named<T>(keeping: Promise<T>): Promise<T> {
  try {
    return await keeping
  } catch (error) {
    const rule = RULES.find(({ constraint }) => violates(error, constraint))
    if (rule === undefined) throw error
    throw new InvalidRequest({ [rule.field]: rule.sentence })
  }
}

const TAKEN = 'This name is taken: choose another.'
const RULES = [
  {
    constraint: 'applications_never_sign_in',
    field: 'flags',
    sentence: 'An application works through its tokens and never signs in to the portal.',
  },
  { constraint: 'usernames_are_unique', field: 'username', sentence: TAKEN },
  { constraint: 'group_names_are_unique', field: 'name', sentence: TAKEN },
  { constraint: 'role_names_are_unique', field: 'name', sentence: TAKEN },
  { constraint: 'filter_names_are_unique', field: 'name', sentence: TAKEN },
  { constraint: 'data_source_names_are_unique', field: 'name', sentence: TAKEN },
  {
    constraint: 'role_names_are_short',
    field: 'name',
    sentence: 'The name of a role has at most 63 characters.',
  },
  {
    constraint: 'group_names_are_short',
    field: 'name',
    sentence: 'The name of a group has at most 200 characters.',
  },
  {
    constraint: 'display_names_are_short',
    field: 'displayName',
    sentence: 'A display name has at most 200 characters.',
  },
  {
    constraint: 'ports_are_real',
    field: 'url',
    sentence: 'Write the port in the URL as a number from 1 to 65535.',
  },
  {
    constraint: 'data_source_names_are_plain',
    field: 'name',
    sentence: 'Use letters, digits, spaces and . _ - in the name, at most 63 of them.',
  },
  {
    constraint: 'database_roles_fit',
    field: 'databaseRole',
    sentence: 'The name of a database role has at most 63 bytes.',
  },
  {
    constraint: 'unencrypted_only_on_this_machine',
    field: 'tls',
    sentence: 'Going without TLS is allowed on this machine alone: choose verify-full.',
  },
]
