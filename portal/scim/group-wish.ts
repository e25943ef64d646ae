import type { Group } from '../../db/groups.ts'
import { groupBody } from '../api/bodies.ts'
import { badValue, ScimError } from './errors.ts'
import { memberIdsIn } from './members.ts'
import type { Operation } from './operations.ts'
import { readResource, textOf } from './resource.ts'
import { GROUP, isExtension } from './urns.ts'

/** What a directory wants a group to be. */
export interface GroupWish {
  readonly displayName: string
  readonly memberIds: ReadonlySet<string>
}

/** Reads the body of a POST or a PUT; without members the group has none. Errors: `invalidValue`. */
export function readGroupBody(body: unknown): GroupWish {
  const attributes = readResource(body, GROUP)
  return {
    displayName: nameOf(attributes.get('displayname')),
    memberIds: new Set(memberIdsIn(attributes.get('members'))),
  }
}

/** What a PATCH makes of a group, its operations one after another. Errors: `invalidPath`, `mutability`. */
export function patchGroup(group: Group, operations: readonly Operation[]): GroupWish {
  const before: GroupWish = {
    displayName: group.name,
    memberIds: new Set(group.members.map(({ id }) => id)),
  }
  return operations.reduce((wish, operation) => changed(wish, operation, group.id), before)
}

/** A directory may send them, and they are not kept. */
const NOT_KEPT: ReadonlySet<string> = new Set(['schemas', 'externalid'])

function changed(wish: GroupWish, operation: Operation, groupId: string): GroupWish {
  const { op, attribute, value } = operation
  if (isExtension(attribute) || NOT_KEPT.has(attribute)) return wish
  switch (attribute) {
    case 'displayname':
      if (op === 'remove') throw readOnly('displayName can be changed, and not removed.')
      return { ...wish, displayName: nameOf(value) }
    case 'members':
      return { ...wish, memberIds: membersAfter(wish.memberIds, operation) }
    case 'id':
      // Okta sends it back beside what it changes
      if (value === groupId) return wish
      throw readOnly('The id of a group never changes.')
    case 'meta':
      throw readOnly('Only Daypass sets meta.')
    default:
      throw new ScimError(400, `There is no attribute ${attribute} of a group.`, 'invalidPath')
  }
}

function membersAfter(
  members: ReadonlySet<string>,
  { op, value, within, sub }: Operation,
): ReadonlySet<string> {
  if (within.length === 0 && sub === undefined) {
    const ids = memberIdsIn(value)
    if (op === 'add') return new Set([...members, ...ids])
    if (op === 'replace') return new Set(ids)
    // Entra once sent those to remove beside the path; without any, all of them are meant
    return value === undefined || value === null ? new Set() : without(members, ids)
  }
  if (op !== 'remove' || sub !== undefined) {
    throw readOnly('A member can be added and removed, and not changed.')
  }
  const gone = [...members].filter((id) =>
    within.every((condition) => {
      if (condition.attribute === 'value') return condition.value === id
      throw new ScimError(400, 'Choose members by value eq "id".', 'invalidFilter')
    }),
  )
  return without(members, gone)
}

function without(members: ReadonlySet<string>, gone: readonly string[]): ReadonlySet<string> {
  const left = new Set(members)
  for (const id of gone) left.delete(id)
  return left
}

function nameOf(value: unknown): string {
  const text = textOf(value, 'displayName')
  const result = groupBody.shape.name.safeParse(text)
  if (result.success) return result.data
  throw badValue('Give displayName as text of at most 200 characters.')
}

function readOnly(sentence: string): ScimError {
  return new ScimError(400, sentence, 'mutability')
}
