import { resolveAlerts } from '../../db/alerts.ts'
import { listAlarming, type FoundResidue } from '../../db/residue.ts'
import { storeTime, type Db } from '../../db/store.ts'
import { getOrganization } from '../../db/people.ts'
import { systemOrigin } from '../../db/scope.ts'
import { randomUUID } from 'node:crypto'
import { SERVER, type Catalog } from './catalog.ts'
import type { BrokerDeps, Target } from '../sources/data-source.ts'
import { identifier } from '../sources/identifiers.ts'

const CLEARED = 'Nothing is as the session left it any more.'

/** The key of a session's alert. */
export function alertKeyOf(sessionId: string): string {
  return `session ${sessionId}`
}

/**
 * Sees which of the things that alarmed somebody are still as a session left them. What was dropped,
 * or given an owner of its own, needs nobody any more.
 */
export class Clearing {
  readonly #alarming: readonly FoundResidue[]
  readonly #cleared = new Set<FoundResidue>()

  private constructor(alarming: readonly FoundResidue[]) {
    this.#alarming = alarming
  }

  static async open(db: Db, dataSourceId: string): Promise<Clearing> {
    return new Clearing(await listAlarming(db, dataSourceId))
  }

  /**
   * Notes what is no longer there, as nothing is in a database that was dropped; of databases that
   * were not looked at, nothing is concluded.
   */
  look(database: string, catalog: Catalog, { dataSource }: Target): void {
    for (const each of this.#alarming) {
      const isLooked = each.database === database
      const isGone = isLooked
        ? !isStillThere(each, catalog, dataSource.residueOwner)
        : database === SERVER && !hasDatabase(catalog, each.database)
      if (isGone) this.#cleared.add(each)
    }
  }

  /** Resolves the alerts of sessions of which nothing is left. */
  async resolve({ store }: BrokerDeps, organizationId: string): Promise<void> {
    const left = this.#alarming.filter((each) => !this.#cleared.has(each))
    const keep = [...new Set(left.map(({ sessionId }) => alertKeyOf(sessionId)))]
    const among = [...new Set(this.#alarming.map(({ sessionId }) => alertKeyOf(sessionId)))]
    if (among.length === keep.length) return
    await store.change(async (tx) => {
      const origin = systemOrigin(await getOrganization(tx, organizationId), randomUUID())
      await resolveAlerts(tx, origin, await storeTime(tx), {
        rule: 'residue',
        keep,
        among,
        why: CLEARED,
      })
    })
  }
}

function hasDatabase(server: Catalog, name: string): boolean {
  // quoted there where it must be
  return server.has(`database ${name}`) || server.has(`database ${identifier(name)}`)
}

function isStillThere(
  { kind, name, change }: FoundResidue,
  catalog: Catalog,
  residueOwner: string,
): boolean {
  // large objects are counted by their owner, not listed
  if (kind === 'large object') {
    return [...catalog.values()].some(
      ({ kind, facts }) => kind === 'large objects' && facts['owner'] === residueOwner,
    )
  }
  const object = catalog.get(`${kind} ${name}`)
  if (object === undefined) return false
  return change !== 'handed over' || object.facts['owner'] === residueOwner
}
