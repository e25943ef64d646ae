import type { DirectoryFilter } from '../../db/directory.ts'
import { ScimError } from './errors.ts'
import type { Condition, FilterValue } from './filter.ts'

/** What can be asked of users; undefined: no user can fit. Errors: `invalidFilter`. */
export function directoryFilter(conditions: readonly Condition[]): DirectoryFilter | undefined {
  const asked = new Map<keyof DirectoryFilter, FilterValue>()
  for (const { attribute, within, value } of conditions) {
    const field = FIELDS.get(attribute)
    if (field === undefined || (within.length > 0 && field !== 'email')) throw unknown(attribute)
    if (!within.every(isOurs)) return undefined
    const same = field === 'externalId' || typeof value !== 'string' ? value : value.toLowerCase()
    if (asked.has(field) && asked.get(field) !== same) return undefined
    asked.set(field, same)
  }
  return {
    ...text(asked, 'id'),
    ...text(asked, 'username'),
    ...text(asked, 'email'),
    ...text(asked, 'externalId'),
    ...truth(asked),
  }
}

const FIELDS: ReadonlyMap<string, keyof DirectoryFilter> = new Map([
  ['id', 'id'],
  ['username', 'username'],
  ['externalid', 'externalId'],
  ['emails', 'email'],
  ['emails.value', 'email'],
  ['active', 'active'],
])

/** The one address of a user is for work, and their primary one. */
function isOurs({ attribute, value }: Condition): boolean {
  if (attribute === 'type') return value === 'work'
  if (attribute === 'primary') return value === true
  throw unknown(`emails[${attribute}]`)
}

function text(
  asked: ReadonlyMap<keyof DirectoryFilter, FilterValue>,
  field: Exclude<keyof DirectoryFilter, 'active'>,
): DirectoryFilter {
  const value = asked.get(field)
  if (value === undefined) return {}
  if (typeof value === 'string') return { [field]: value }
  throw new ScimError(400, `Hold ${field} against a text in quotes.`, 'invalidFilter')
}

function truth(asked: ReadonlyMap<keyof DirectoryFilter, FilterValue>): DirectoryFilter {
  const value = asked.get('active')
  if (value === undefined) return {}
  const said = String(value).toLowerCase()
  if (said === 'true' || said === 'false') return { active: said === 'true' }
  throw new ScimError(400, 'Hold active against true or false.', 'invalidFilter')
}

function unknown(attribute: string): ScimError {
  return new ScimError(
    400,
    `Users can't be found by ${attribute}: ask by id, userName, externalId, emails.value or active.`,
    'invalidFilter',
  )
}
