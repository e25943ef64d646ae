import type { Attribution, Residue } from '../../db/residue.ts'
import { ownParents, type Difference } from './diff.ts'
import { VERSION_16 } from '../sources/data-source.ts'

/** What is known of one database when a session is held against it. */
export interface Circumstances {
  readonly database: string
  /** server_version_num. */
  readonly version: number
  readonly roleOid: number | null
  /** The database roles that no other session had in that time. */
  readonly ownRoles: ReadonlySet<string>
  /** OIDs of the session users of other sessions. */
  readonly otherUsers: ReadonlySet<number>
  /** `kind name` of what sessions, this one among them, are known to have left here. */
  readonly known: ReadonlySet<string>
  /** Roles that Daypass makes where they are missing. */
  readonly madeByUs: ReadonlySet<string>
  /** Who is handed what sessions leave behind. */
  readonly residueOwner: string
}

/** Beyond this many, what may be another's doing is counted instead of listed. */
const LISTED_MOST = 500

/**
 * What differs, as far as it may be this session's doing: its own beyond doubt by the OID of its user,
 * "changed meanwhile" what nobody can be held to. What another session is known to have done, and
 * what Daypass does itself, is left out.
 */
export function attribute(found: readonly Difference[], here: Circumstances): Residue[] {
  const residue = found
    .filter((difference) => !isExplained(difference, here))
    .map((difference) => residueOf(difference, here))
  const sure = residue.filter(({ attribution }) => attribution === 'left behind')
  const rest = residue.filter(({ attribution }) => attribution === 'changed meanwhile')
  if (rest.length <= LISTED_MOST) return [...sure, ...rest]
  const more = String(rest.length - LISTED_MOST)
  return [...sure, ...rest.slice(0, LISTED_MOST), notListed(here.database, more)]
}

/** Says that a database could not be compared: no comparison is not the same as nothing found. */
export function notCompared(database: string, reason: string): Residue {
  return {
    database,
    kind: 'comparison',
    name: 'not possible',
    attribution: 'changed meanwhile',
    change: 'changed',
    detail: `What changed here is not known: ${reason}`,
  }
}

function notListed(database: string, count: string): Residue {
  return {
    database,
    kind: 'comparison',
    name: 'more changes',
    attribution: 'changed meanwhile',
    change: 'changed',
    detail: `${count} more objects changed in that time and are not listed.`,
  }
}

function isExplained(difference: Difference, here: Circumstances): boolean {
  const { key, object, change, by, facts } = difference
  const isOwn = here.roleOid !== null && by.includes(here.roleOid)
  // what two sessions had a hand in is told of both
  if (!isOwn && by.some((oid) => here.otherUsers.has(oid))) return true
  if (object.kind === 'role' && change === 'created' && here.madeByUs.has(object.name)) return true
  if (isHandedOver(difference, here)) return true
  const rightsAlone = facts.every((fact) => fact === 'rights')
  if (change === 'changed' && rightsAlone && here.known.has(`rights on ${key}`)) return true
  if (change === 'dropped') return false
  return (
    here.known.has(key) ||
    (change === 'created' && ownParents(object).some((parent) => here.known.has(parent)))
  )
}

/** Large objects are told apart by their owner alone, and the owner of leftovers got them from sessions. */
function isHandedOver({ object, change }: Difference, { residueOwner }: Circumstances): boolean {
  return (
    object.kind === 'large objects' &&
    change !== 'dropped' &&
    object.facts['owner'] === residueOwner
  )
}

function residueOf(difference: Difference, here: Circumstances): Residue {
  const { object, change, detail } = difference
  return {
    database: here.database,
    kind: object.kind,
    name: object.name,
    attribution: attributionOf(difference, here),
    change,
    detail,
  }
}

/**
 * Before 16 a session user may SET ROLE, and what it makes then belongs to the role it asked for;
 * from 16 on it can't, so that such an object is somebody else's.
 */
function attributionOf({ by, change, object }: Difference, here: Circumstances): Attribution {
  if (here.roleOid !== null && by.includes(here.roleOid)) return 'left behind'
  const owner = object.facts['owner']
  const bySetRole =
    here.version < VERSION_16 &&
    change === 'created' &&
    owner !== undefined &&
    here.ownRoles.has(owner)
  return bySetRole ? 'left behind' : 'changed meanwhile'
}
