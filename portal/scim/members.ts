import type { Person } from '../../db/people.ts'
import { badSyntax, badValue } from './errors.ts'
import { attributesOf, textOf } from './resource.ts'

/** The ids in a list of members, or in a single one. Errors: `invalidSyntax`, `invalidValue`. */
export function memberIdsIn(value: unknown): readonly string[] {
  if (value === undefined || value === null) return []
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.map((each) => {
    const member = attributesOf(each)
    if (member === undefined) throw badSyntax('Give members as objects with a value.')
    const id = textOf(member.get('value'), 'members.value')
    if (id === undefined) throw badValue('Give each member the id of a user as its value.')
    return id
  })
}

/** What users are called. Errors: `invalidValue` for an id that is nobody's. */
export function usernamesOf(ids: Iterable<string>, people: readonly Person[]): string[] {
  const known = new Map(people.map(({ id, username }) => [id, username]))
  return [...ids].map((id) => {
    const username = known.get(id)
    if (username === undefined) throw badValue(`There is no user ${JSON.stringify(id)}.`)
    return username
  })
}
