import { lockAdmins } from '../../db/last-admin.ts'
import { listPeople } from '../../db/people.ts'
import { getTimeZone } from '../../db/settings.ts'
import { storeTime, type Db } from '../../db/store.ts'
import { AppError } from '../../lib/errors.ts'
import { changeUserIn } from '../administration/user-changes.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest } from '../errors.ts'
import type { Visit } from '../visit.ts'
import { applyImport } from './apply.ts'
import { planImport, type ImportPlan } from './plan.ts'

/** What is to be imported. */
export interface ImportCommand {
  readonly csv: string
  /** The digest of the plan that was looked at; absent: whatever the file does now. */
  readonly seen?: string | undefined
}

/** What a file would do now; nothing is changed. Errors: `invalid_request` where it can't be read. */
export async function previewImport(db: Db, { scope }: Visit, csv: string): Promise<ImportPlan> {
  const [people, zone, now] = [
    await listPeople(db, scope),
    await getTimeZone(db),
    await storeTime(db),
  ]
  const selfId = scope.person.id
  const reading = planImport(csv, { people, clock: { zone, now }, selfId })
  if (reading.ok) return reading.plan
  throw new InvalidRequest({ csv: reading.sentence })
}

/**
 * Does all of a file or nothing. Errors: `invalid_request` where a line is wrong, `state_changed` where
 * it would do something else than was looked at, `last_admin`.
 */
export function importUsers(
  { store }: PortalDeps,
  visit: Visit,
  { csv, seen }: ImportCommand,
): Promise<ImportPlan> {
  const { origin } = visit
  return store.change(async (tx) => {
    // before anything is read or written, so that imports go one after the other
    await lockAdmins(tx, {
      organizationId: origin.organization.id,
      personId: visit.scope.person.id,
    })
    const plan = await previewImport(tx, visit, csv)
    if (plan.counts.wrong > 0) throw new InvalidRequest(mistakesIn(plan))
    if (seen !== undefined && seen !== plan.digest) throw stale()
    await applyImport(
      tx,
      { origin, change: (within, command) => changeUserIn(within, visit, command) },
      plan,
    )
    return plan
  })
}

/** A sentence for each wrong cell, by its place: `line 3, E-mail`. */
export function mistakesIn({ lines }: ImportPlan): Record<string, string> {
  const mistakes = lines.flatMap(({ line, mistake, cells }) => [
    ...(mistake === undefined ? [] : [[`line ${line}`, mistake] as const]),
    ...cells.flatMap((cell) =>
      cell.mistake === undefined
        ? []
        : [[`line ${line}, ${cell.column.heading}`, cell.mistake] as const],
    ),
  ])
  return Object.fromEntries(mistakes)
}

function stale(): AppError {
  return new AppError(
    'state_changed',
    'The users changed meanwhile, and the file would now do something else: look again, nothing was changed.',
  )
}
