import type { DateTime } from 'luxon'
import { raiseAlert } from '../../db/alerts.ts'
import { appendRecord } from '../../db/audit-log.ts'
import { setCompared, type WaitingSession } from '../../db/catalogs.ts'
import { listResidue, putResidue, type Residue } from '../../db/residue.ts'
import { recordTask } from '../../db/task-records.ts'
import { alertKeyOf } from './cleared.ts'
import type { BrokerDeps } from '../sources/data-source.ts'
import { BROKER, snapshotOf, takeSession } from '../sessions/moves.ts'
import { systemOriginOf } from '../origins.ts'

/** A record names this many; the session's page lists all. */
const NAMED_MOST = 20

/** What a comparison came to: what it found, and whether every database could be compared. */
export interface Verdict {
  readonly residue: readonly Residue[]
  readonly complete: boolean
  readonly startedAt: DateTime<true>
}

/** Ends the comparison of one session: residue, its record, the alert and the task land together. */
export async function conclude(
  { store }: BrokerDeps,
  { id }: WaitingSession,
  { residue, complete, startedAt }: Verdict,
): Promise<void> {
  await store.change(async (tx) => {
    const { session, at } = await takeSession(tx, BROKER, id)
    if (!(await setCompared(tx, id, at))) return
    await putResidue(tx, id, at, residue)
    // with what was written down before it was handed over
    const all = await listResidue(tx, BROKER, id)
    if (all.length === 0) return
    const origin = await systemOriginOf(tx, session)
    const { dataSource } = session
    await appendRecord(tx, origin, at, {
      action: 'session.residue',
      area: 'sessions',
      outcome: complete ? 'ok' : 'failed',
      dataSource,
      session: snapshotOf(session),
      details: detailsOf(all),
    })
    const result = sentenceOn(id, all)
    const outcome = complete ? 'ok' : 'failed'
    const snapshot = snapshotOf(session)
    await recordTask(tx, origin, at, {
      task: 'comparison',
      outcome,
      result,
      startedAt,
      session: snapshot,
      dataSource,
    })
    if (!all.some(stays)) return
    const detail = `${result} On ${dataSource.name}: ${namesOf(all.filter(stays))}.`
    const about = { sessionId: id, dataSourceId: dataSource.id }
    await raiseAlert(tx, origin, at, { rule: 'residue', key: alertKeyOf(id), detail, ...about })
  })
}

/** True for what a session left that is still there: what was taken away with its user needs nobody. */
function stays({ attribution, change }: Residue): boolean {
  return attribution === 'left behind' && change !== 'dropped'
}

function detailsOf(all: readonly Residue[]): Readonly<Record<string, string>> {
  const left = all.filter(({ attribution }) => attribution === 'left behind')
  return {
    left_behind: String(left.length),
    changed_meanwhile: String(all.length - left.length),
    names: namesOf(all),
  }
}

function namesOf(all: readonly Residue[]): string {
  const named = all.slice(0, NAMED_MOST).map(({ database, kind, name, change }) => {
    const where = database === '' ? '' : ` in database ${database}`
    return `${kind} ${name}${where} (${change})`
  })
  const more = all.length - named.length
  return [...named, ...(more > 0 ? [`${String(more)} more`] : [])].join('; ')
}

/** What was found, in a sentence or two: what is the session's own doing, and what may be. */
export function sentenceOn(id: string, all: readonly Residue[]): string {
  const told = (name: string): boolean =>
    all.some((one) => one.kind === 'comparison' && one.name === name)
  const objects = all.filter(({ kind }) => kind !== 'comparison')
  const left = objects.filter(({ attribution }) => attribution === 'left behind').length
  const rest = objects.length - left
  const others = `${told('more changes') ? 'more than ' : ''}${String(rest)}`
  const own = `Session ${id} left ${counted(left)} behind`
  const found =
    left === 0
      ? `${others} ${nounFor(rest)} changed during session ${id} and may be its doing.`
      : `${own}${rest === 0 ? '' : `; ${others} more changed meanwhile and may be its doing`}.`
  return [
    ...(objects.length === 0 ? [] : [found]),
    ...(told('not possible') ? [`Not every database could be compared after session ${id}.`] : []),
  ].join(' ')
}

function counted(objects: number): string {
  return `${String(objects)} ${nounFor(objects)}`
}

function nounFor(objects: number): string {
  return objects === 1 ? 'object' : 'objects'
}
