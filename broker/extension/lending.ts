import type { Extension } from '../../db/extensions.ts'
import { listRoles } from '../../db/roles.ts'
import type { Session } from '../../db/sessions.ts'
import type { Transaction } from '../../db/store.ts'
import { Refused } from '../errors.ts'
import { BROKER } from '../sessions/moves.ts'

/**
 * What a test has found too powerful since it was asked for is not had for longer: an extension meets
 * no broker on its way, as a grant does, who would look. Errors: `state_changed`.
 */
export async function refuseTooPowerful(
  tx: Transaction,
  { session, extension }: { readonly session: Session; readonly extension: Extension },
): Promise<void> {
  const today = await listRoles(tx, BROKER, { dataSourceId: session.dataSource.id })
  for (const { id, name, dangerous } of extension.roles) {
    const dangers = today.find((role) => role.id === id)?.dangers ?? []
    if (dangers.length === 0 || dangerous) continue
    throw new Refused(
      'state_changed',
      `${name} was found too powerful to lend since this was asked for (${dangers.join('; ')}): deny the extension.`,
    )
  }
}
