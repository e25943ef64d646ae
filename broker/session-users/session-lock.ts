import { setTimeout as sleep } from 'node:timers/promises'
import { sentenceOf } from '../../lib/errors.ts'
import type { SessionId } from '../../lib/ids.ts'
import { raiseAlert } from '../../db/alerts.ts'
import { getSessionNames } from '../../db/session-snapshots.ts'
import { storeTime } from '../../db/store.ts'
import { recordTask } from '../../db/task-records.ts'
import { originOfDataSource } from '../origins.ts'
import { serverErrorIn, type BrokerDeps, type Target } from '../sources/data-source.ts'
import { identifier, literal } from '../sources/identifiers.ts'

/** A session with whose lock nothing of it is done twice at once. */
export interface Locked {
  readonly sessionId: SessionId
  readonly sessionUuid: string
}

/** SQL of the key of a session's advisory lock, from SQL of its UUID. */
export function lockKeyOf(uuid: string): string {
  return `hashtextextended('daypass ' || ${uuid}, 0)`
}

/** SQLSTATE lock_not_available (PostgreSQL, appendix A). */
const LOCK_NOT_AVAILABLE = '55P03'

/** True where something waited for a lock in vain. */
export function isLockTimeout(error: unknown): boolean {
  return serverErrorIn(error)?.code === LOCK_NOT_AVAILABLE
}

/** Longer than a broker needs for what it does under the lock. */
const SOON_MS = 200
const PAUSE_MS = 20

/**
 * Takes the locks of sessions until the end of the transaction, where they come free soon; returns
 * the UUIDs of those that somebody keeps.
 */
export async function lockSoon(
  { client }: Target,
  sessionUuids: readonly string[],
): Promise<ReadonlySet<string>> {
  const stop = performance.now() + SOON_MS
  let uuids = sessionUuids
  for (;;) {
    const { rows } = await client.query<{ uuid: string }>(
      `select uuid
         from unnest(cast($1 as text[])) as asked(uuid)
        where not pg_try_advisory_xact_lock(${lockKeyOf('uuid')})`,
      [uuids],
    )
    uuids = rows.map(({ uuid }) => uuid)
    if (uuids.length === 0 || performance.now() > stop) return new Set(uuids)
    await sleep(PAUSE_MS)
  }
}

/** Where a session's lock is held by somebody who is no broker. */
export interface Place {
  readonly deps: Pick<BrokerDeps, 'store' | 'log'>
  readonly target: Target
}

/**
 * Does work that waits for a session's lock. Where that was in vain, and because of somebody who is
 * no broker, the lock is freed and the work is done once more.
 */
export async function unhindered<T>(
  place: Place,
  session: Locked,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isLockTimeout(error) || !(await freeLocks(place, [session]))) throw error
    return work()
  }
}

/**
 * Advisory locks are open to everybody who may connect, and a session's UUID is the comment of its
 * user: whoever holds or awaits the lock of one of these sessions, and is not the admin login, has
 * its connection ended. People are told. True where a lock may be free now.
 */
export async function freeLocks(place: Place, sessions: readonly Locked[]): Promise<boolean> {
  const holders = await listHolders(
    place.target,
    sessions.map(({ sessionUuid }) => sessionUuid),
  )
  const faults = await endHolders(place.target, holders)
  for (const session of sessions) {
    const its = holders.filter(({ uuid }) => uuid === session.sessionUuid)
    const said = its.map((holder) => describe(place.target, holder, faults.get(holder.pid)))
    if (said.length > 0) await tell(place, session, [...new Set(said)].join(' '))
  }
  return holders.some(({ pid }) => pid !== null && !faults.has(pid))
}

interface Holder {
  readonly uuid: string
  /** Null of a prepared transaction, which has no connection. */
  readonly pid: number | null
  readonly name: string | null
  /** The prepared transaction's. */
  readonly gid: string | null
}

async function listHolders(
  { client }: Target,
  sessionUuids: readonly string[],
): Promise<readonly Holder[]> {
  const { rows } = await client.query<Holder>(
    `select asked.uuid, l.pid, coalesce(a.usename, p.owner) as name, p.gid
       from unnest(cast($1 as text[])) as asked(uuid)
       join pg_locks l on l.locktype = 'advisory'
                      and l.objsubid = 1
                      and cast(l.classid as bigint) << 32 | cast(l.objid as bigint) = ${lockKeyOf('uuid')}
       join pg_database d on d.oid = l.database
                         and d.datname = current_database()
       left join pg_stat_activity a on a.pid = l.pid
       left join pg_locks t on l.pid is null
                           and t.pid is null
                           and t.locktype = 'transactionid'
                           and t.virtualtransaction = l.virtualtransaction
       left join pg_prepared_xacts p on p.transaction = t.transactionid
      where a.usesysid is distinct from cast(cast(session_user as regrole) as oid)`,
    [sessionUuids],
  )
  return rows
}

/** Why a connection could not be ended, by its process: a superuser's is a superuser's to end. */
async function endHolders(
  { client }: Target,
  holders: readonly Holder[],
): Promise<ReadonlyMap<number | null, string>> {
  const faults = new Map<number | null, string>()
  for (const pid of new Set(holders.map((holder) => holder.pid))) {
    if (pid === null) continue
    try {
      await client.query('select pg_terminate_backend($1)', [pid])
    } catch (error) {
      if (serverErrorIn(error) === undefined) throw error
      faults.set(pid, sentenceOf(error))
    }
  }
  return faults
}

function describe(
  { database }: Target,
  { name, pid, gid }: Holder,
  fault: string | undefined,
): string {
  const who = name ?? 'A user that is gone'
  if (gid !== null) {
    return (
      `A transaction that ${who} prepared held the lock of its user. An administrator runs, in ` +
      `database ${identifier(database)}: rollback prepared ${literal(gid)};`
    )
  }
  const end = fault === undefined ? 'was ended' : `could not be ended: ${fault}`
  return `${who} held the lock of its user; that connection (process ${String(pid)}) ${end}.`
}

/** A lock that is held again and again is one alert, and one record, until a comparison is rid of it. */
async function tell(
  { deps: { store }, target: { dataSource } }: Place,
  { sessionId }: Locked,
  what: string,
): Promise<void> {
  await store.change(async (tx) => {
    const origin = await originOfDataSource(tx, dataSource)
    const at = await storeTime(tx)
    const detail = `Session ${sessionId} on ${dataSource.name} was held up. ${what}`
    const isNew = await raiseAlert(tx, origin, at, {
      rule: 'lock_held',
      key: sessionId,
      detail,
      sessionId,
      dataSourceId: dataSource.id,
    })
    if (!isNew) return
    const { session } = await getSessionNames(tx, sessionId)
    await recordTask(tx, origin, at, {
      task: 'reconcile',
      outcome: 'ok',
      result: detail,
      startedAt: at,
      session,
      dataSource: { id: dataSource.id, name: dataSource.name },
    })
  })
}
