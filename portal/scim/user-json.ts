import { isActive } from '../../db/directory.ts'
import type { Group } from '../../db/groups.ts'
import type { Person } from '../../db/people.ts'
import { iso } from '../../db/store.ts'
import { addressOf, type Resource, versionOf } from './resource.ts'
import { USER } from './urns.ts'

/** A user as SCIM says it (RFC 7643, 4.1); `groups` are all there are. */
export function userJson(base: URL, person: Person, groups: readonly Group[]): Resource {
  const { id, username, displayName, email, externalId } = person
  const resource = {
    schemas: [USER],
    id,
    ...(externalId === null ? {} : { externalId }),
    userName: username,
    name: { formatted: displayName },
    displayName,
    active: isActive(person),
    ...(email === null ? {} : { emails: [{ value: email, type: 'work', primary: true }] }),
    groups: groups
      .filter(({ members }) => members.some((member) => member.id === id))
      .map((group) => ({
        value: group.id,
        $ref: addressOf(base, 'Groups', group.id),
        display: group.name,
        type: 'direct',
      })),
  }
  return {
    ...resource,
    meta: {
      resourceType: 'User',
      created: iso(person.createdAt),
      location: addressOf(base, 'Users', id),
      version: versionOf(resource),
    },
  }
}
