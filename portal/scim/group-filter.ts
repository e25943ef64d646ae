import type { Group } from '../../db/groups.ts'
import { ScimError } from './errors.ts'
import type { Condition } from './filter.ts'

type Fits = (group: Group, value: unknown) => boolean

const FIELDS: ReadonlyMap<string, Fits> = new Map<string, Fits>([
  ['id', ({ id }, value) => id === value],
  ['displayname', ({ name }, value) => name.toLowerCase() === String(value).toLowerCase()],
  ['members', hasMember],
  ['members.value', hasMember],
])

/** What can be asked of groups. Errors: `invalidFilter`. */
export function groupFilter(conditions: readonly Condition[]): (group: Group) => boolean {
  const tests = conditions.map(({ attribute, within, value }) => {
    const fits = FIELDS.get(attribute)
    if (fits !== undefined && within.length === 0) return (group: Group) => fits(group, value)
    throw new ScimError(
      400,
      `Groups can't be found by ${attribute}: ask by id, displayName or members.value.`,
      'invalidFilter',
    )
  })
  return (group) => tests.every((fits) => fits(group))
}

function hasMember({ members }: Group, value: unknown): boolean {
  return members.some(({ id }) => id === value)
}
