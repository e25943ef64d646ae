import type { Group } from '../../db/groups.ts'
import { addressOf, type Resource, versionOf } from './resource.ts'
import { GROUP } from './urns.ts'

/** An approver group as SCIM says it (RFC 7643, 4.2). */
export function groupJson(base: URL, { id, name, members }: Group): Resource {
  const resource = {
    schemas: [GROUP],
    id,
    displayName: name,
    members: members.map((member) => ({
      value: member.id,
      $ref: addressOf(base, 'Users', member.id),
      display: member.username,
      type: 'User',
    })),
  }
  return {
    ...resource,
    meta: {
      resourceType: 'Group',
      location: addressOf(base, 'Groups', id),
      version: versionOf(resource),
    },
  }
}
