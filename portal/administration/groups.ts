import { idsOf } from '../../broker/policy/changes.ts'
import { createGroup, type Group } from '../../db/groups.ts'
import type { PortalDeps } from '../deps.ts'
import type { Visit } from '../visit.ts'
import { named } from './rules.ts'

/** A group as its form or body describes it; people are named by username. */
export interface GroupCommand {
  readonly name: string
  readonly description: string
  readonly members: readonly string[]
}

/** Makes an approver group of people named by username. Errors: `invalid_request`. */
export function addGroup(
  { store }: PortalDeps,
  visit: Visit,
  { name, description, members }: GroupCommand,
): Promise<Group> {
  return named(
    store.change(async (tx) => {
      const memberIds = await idsOf(tx, visit, members)
      return createGroup(tx, visit.origin, { name, description, memberIds })
    }),
  )
}
