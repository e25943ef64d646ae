import { isOver } from '../../broker/sessions/session.ts'
import type { Session } from '../../db/sessions.ts'
import type { Attribution, Comparison, FoundResidue } from '../../db/residue.ts'
import { iso } from '../../db/store.ts'
import { isoOrNull } from './session-json.ts'
import { presentMoment, type Zones } from './moments.ts'
import { counted } from './counted.ts'
import { visible } from './visible.ts'

/** views/sessions/residue: what a session left in its databases, or how far that is known. */
export interface ResidueCard {
  /** Where the comparison stands, in a sentence. */
  readonly text: string
  /** What is not known, a sentence each. */
  readonly warnings: readonly string[]
  readonly rows: readonly ResidueRow[]
  /** What to make of the rows; absent without any. */
  readonly hint?: string | undefined
}

export interface ResidueRow {
  readonly kind: string
  readonly name: string
  readonly where: string
  readonly change: string
  readonly attribution: Attribution
  readonly detail: string
}

/** What is known of one session's residue. */
export interface ResidueFacts {
  readonly comparison: Comparison | undefined
  readonly residue: readonly FoundResidue[]
  /** Who is handed what sessions of this data source leave behind. */
  readonly owner: string | undefined
  readonly zones: Zones
}

/** The card of a session that was granted and is over: what is there while it is open is in use. */
export function presentResidue(session: Session, facts: ResidueFacts): ResidueCard | undefined {
  const { residue, owner } = facts
  if (session.grantedAt === null || !isOver(session.state)) return undefined
  const owned = residue.some(({ change }) => change === 'handed over')
  return {
    text: textOf(session, facts),
    warnings: warningsOf(facts),
    rows: residue.map(rowOf),
    hint:
      owned && owner !== undefined
        ? `What was handed over belongs to ${visible(owner)} now, a role that nobody can log in as. Keep it under another owner, or drop it.`
        : undefined,
  }
}

/** The same as the API says it. */
export function residueJson({
  comparison,
  residue,
}: Pick<ResidueFacts, 'comparison' | 'residue'>): Record<string, unknown> {
  return {
    comparedAt: isoOrNull(comparison?.comparedAt ?? null),
    beforeAt: isoOrNull(comparison?.beforeAt ?? null),
    residue: residue.map(({ database, kind, name, attribution, change, detail, foundAt }) => ({
      database: database === '' ? null : database,
      kind,
      name,
      attribution,
      change,
      detail,
      foundAt: iso(foundAt),
    })),
  }
}

function textOf(session: Session, { comparison, residue, zones }: ResidueFacts): string {
  if (session.removedAt === null) {
    return 'The databases are compared within a minute after the session user is removed.'
  }
  if (comparison === undefined) return 'The databases were not compared for this session.'
  if (comparison.comparedAt === null) {
    return 'The databases are being compared; this takes up to a minute after the removal.'
  }
  const at = presentMoment(comparison.comparedAt, zones).text
  const objects = residue.filter(({ kind }) => kind !== 'comparison')
  const left = objects.filter(({ attribution }) => attribution === 'left behind').length
  const rest = objects.length - left
  return [
    left > 0 || residue.length === 0 ? `${leftText(left)}.` : '',
    rest > 0 ? `${counted(rest, 'object')} changed meanwhile, perhaps by others.` : '',
    `Compared ${at}.`,
  ]
    .filter((sentence) => sentence !== '')
    .join(' ')
}

function leftText(objects: number): string {
  if (objects === 0) return 'Nothing was left behind'
  return `${counted(objects, 'object')} ${objects === 1 ? 'was' : 'were'} left behind`
}

function warningsOf({ comparison, residue }: ResidueFacts): string[] {
  const lost = residue.some(({ kind, name }) => kind === 'comparison' && name === 'not possible')
  const blind = comparison !== undefined && comparison.beforeAt === null
  return [
    ...(lost ? ['Not every database could be compared: see below.'] : []),
    ...(blind
      ? ['No snapshot was taken before the grant: what others changed meanwhile is not known.']
      : []),
  ]
}

function rowOf({ database, kind, name, attribution, change, detail }: FoundResidue): ResidueRow {
  return {
    kind,
    name: visible(name),
    where: database === '' ? 'the whole server' : visible(database),
    change: change === 'dropped' && attribution === 'left behind' ? 'taken away' : change,
    attribution,
    detail: visible(detail),
  }
}
