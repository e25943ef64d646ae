import { DateTime } from 'luxon'
import type { SessionId } from '../../lib/ids.ts'
import {
  findSnapshot,
  listBound,
  listUsersSince,
  type BoundCatalog,
  type SessionUser,
  type WaitingSession,
} from '../../db/catalogs.ts'
import { listLeftBehind, type FoundResidue, type Residue } from '../../db/residue.ts'
import type { Db } from '../../db/store.ts'
import { attribute, notCompared, type Circumstances } from './attribution.ts'
import { compareCatalogs, type Difference } from './diff.ts'
import { SERVER, unpackCatalog, type Catalog } from './catalog.ts'
import { identifier } from '../sources/identifiers.ts'
import { MARKER } from '../session-users/session-users.ts'
import type { Target } from '../sources/data-source.ts'

/** Holds sessions that wait against the catalogs of one data source, one database after the other. */
export class Comparison {
  readonly sessions: readonly WaitingSession[]
  readonly #db: Db
  readonly #bound: readonly BoundCatalog[]
  readonly #users: readonly SessionUser[]
  readonly #known: readonly FoundResidue[]
  readonly #found = new Map<SessionId, Residue[]>()
  readonly #seen = new Set<string>()

  private constructor(
    db: Db,
    facts: {
      readonly sessions: readonly WaitingSession[]
      readonly bound: readonly BoundCatalog[]
      readonly users: readonly SessionUser[]
      readonly known: readonly FoundResidue[]
    },
  ) {
    this.#db = db
    this.sessions = facts.sessions
    this.#bound = facts.bound
    this.#users = facts.users
    this.#known = facts.known
  }

  /** Gathers what must be known of these sessions and of those beside them. */
  static async open(
    db: Db,
    dataSourceId: string,
    sessions: readonly WaitingSession[],
  ): Promise<Comparison> {
    const ids = sessions.map(({ id }) => id)
    const bound = ids.length === 0 ? [] : await listBound(db, ids)
    const since = sessions.map(({ removedAt }) => removedAt)
    for (const { beforeAt } of bound) if (beforeAt !== null) since.push(beforeAt)
    const [first, ...further] = since
    if (first === undefined) return new Comparison(db, { sessions, bound, users: [], known: [] })
    const earliest = DateTime.min(first, ...further)
    const [users, known] = await Promise.all([
      listUsersSince(db, dataSourceId, earliest),
      listLeftBehind(db, dataSourceId, earliest),
    ])
    return new Comparison(db, { sessions, bound, users, known })
  }

  /** Compares every session with what a database is like now. */
  async hold(database: string, after: Catalog, target: Target): Promise<void> {
    this.#seen.add(database)
    const differences = new Map<string | null, readonly Difference[]>()
    for (const session of this.sessions) {
      const bound = this.#boundOf(session, database)
      const id = bound?.beforeId ?? null
      const found = differences.get(id) ?? compareCatalogs(await this.#before(id), after)
      differences.set(id, found)
      const here = this.#circumstances(session, { database, bound, target })
      const residue = attribute(found, here)
      // compared with nothing, everything seems new: only what bears the session's OID is its own
      const sure = residue.filter(({ attribution }) => attribution === 'left behind')
      this.#add(session, id === null ? sure : residue)
    }
  }

  /** Everything found of one session; databases that were not held against it are told of. */
  residueOf(session: WaitingSession, faults: ReadonlyMap<string, string>): readonly Residue[] {
    const missing = this.#bound
      .filter(({ sessionId, database }) => sessionId === session.id && !this.#seen.has(database))
      .map(({ database }) => database)
    const lost = new Set([...missing, ...faults.keys()])
    return [
      ...(this.#found.get(session.id) ?? []),
      ...[...lost].map((database) => notCompared(database, faults.get(database) ?? NOT_OPEN)),
    ]
  }

  async #before(id: string | null): Promise<Catalog> {
    const objects = id === null ? undefined : await findSnapshot(this.#db, id)
    return objects === undefined ? new Map() : unpackCatalog(objects)
  }

  #boundOf({ id }: WaitingSession, database: string): BoundCatalog | undefined {
    return this.#bound.find((each) => each.sessionId === id && each.database === database)
  }

  #add({ id }: WaitingSession, residue: readonly Residue[]): void {
    this.#found.set(id, [...(this.#found.get(id) ?? []), ...residue])
  }

  #circumstances(
    session: WaitingSession,
    {
      database,
      bound,
      target,
    }: {
      readonly database: string
      readonly bound: BoundCatalog | undefined
      readonly target: Target
    },
  ): Circumstances {
    const { residueOwner } = target.dataSource
    const others = this.#users.filter(({ id }) => id !== session.id)
    const theirs = new Set(others.flatMap(({ databaseRoles }) => databaseRoles))
    const since = bound?.beforeAt?.toMillis() ?? 0
    const known = this.#known.filter(
      (each) =>
        (each.database === database || database === SERVER) && each.foundAt.toMillis() >= since,
    )
    return {
      database,
      version: target.version,
      roleOid: session.roleOid,
      ownRoles: new Set(session.databaseRoles.filter((role) => !theirs.has(role))),
      otherUsers: new Set(others.map(({ roleOid }) => roleOid).filter((oid) => oid !== null)),
      known: new Set(known.map(({ kind, name }) => `${kind} ${name}`)),
      madeByUs: new Set([MARKER, residueOwner, identifier(residueOwner)]),
      residueOwner,
    }
  }
}

const NOT_OPEN = 'the database is gone, or no longer open to sessions.'
