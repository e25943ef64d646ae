import { findDataSource } from '../../db/data-sources.ts'
import type { Extension } from '../../db/extensions.ts'
import { listRoles, type Role } from '../../db/roles.ts'
import type { Session } from '../../db/sessions.ts'
import type { Transaction } from '../../db/store.ts'
import { Refused } from '../errors.ts'
import { BROKER } from '../sessions/moves.ts'
import { findLimit } from './window.ts'

/**
 * What is no longer lent, or for less time, or was found too powerful since it was asked for, is not
 * had for longer: an extension meets no broker on its way, as a grant does, who would look. Errors:
 * `state_changed`.
 */
export async function refuseUnlendable(
  tx: Transaction,
  asked: { readonly session: Session; readonly extension: Extension },
): Promise<void> {
  const { session } = asked
  const source = await findDataSource(tx, BROKER, session.dataSource.id)
  const today = await listRoles(tx, BROKER, { dataSourceId: session.dataSource.id })
  const why =
    source === undefined || source.disabledAt !== null
      ? `${session.dataSource.name} is no longer offered`
      : (refusalToday(asked, today) ?? tooFar(asked, today))
  if (why !== undefined) throw new Refused('state_changed', `${why}: deny the extension.`)
}

function refusalToday(
  { session, extension }: { readonly session: Session; readonly extension: Extension },
  today: readonly Role[],
): string | undefined {
  for (const { id, name, dangerous } of extension.roles) {
    const role = today.find((each) => each.id === id)
    if (role === undefined || role.disabledAt !== null) return `${name} is no longer offered`
    const lent = session.roles.find((each) => each.id === id)
    if (lent?.databaseRole !== role.databaseRole) {
      return `${name} stands for another database role by now`
    }
    if (role.dangers.length > 0 && !dangerous) {
      return `${name} was found too powerful to lend since this was asked for (${role.dangers.join('; ')})`
    }
  }
  return undefined
}

/** As far as could be asked for at that moment under the maximum of today. */
function tooFar(
  { session, extension }: { readonly session: Session; readonly extension: Extension },
  today: readonly Role[],
): string | undefined {
  const { start } = session
  if (start === null) throw new Error(`session ${session.id} is extended and has no start`)
  const roles = extension.roles.flatMap(({ id, needed }) => {
    const role = today.find((each) => each.id === id)
    return role === undefined ? [] : [{ ...role, approvalsNeeded: needed }]
  })
  const limit = findLimit({ start, roles, now: extension.requestedAt })
  if (limit === undefined || extension.newEnd <= limit.latest) return undefined
  const { maximumMinutes, name } = limit.binding
  return `${name} may be had for at most ${String(maximumMinutes)} minutes by now, and this asks for longer`
}
