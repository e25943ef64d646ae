import { appendRecord, type SessionSnapshot } from './audit-log.ts'
import type { Origin } from './scope.ts'
import { findRow, rows, storeTime, type Store } from './store.ts'

/** A page that refreshes itself is one look, not a record every few seconds. */
const ONE_LOOK = '10 minutes'

/** Records that somebody looked at the statements of another's session: once a look. */
export async function recordView(
  store: Store,
  origin: Origin,
  session: SessionSnapshot,
): Promise<void> {
  const viewer = { sessionId: session.id, actorId: origin.actor.id }
  if (await hasLooked(store.db, viewer)) return
  await store.change(async (tx) => {
    await rows(
      tx,
      `select pg_advisory_xact_lock(hashtext('daypass view ' || :sessionId || :actorId))`,
      viewer,
    )
    if (await hasLooked(tx, viewer)) return
    await appendRecord(tx, origin, await storeTime(tx), {
      action: 'recording.viewed',
      area: 'sessions',
      outcome: 'ok',
      session,
    })
  })
}

async function hasLooked(
  db: Store['db'],
  viewer: { readonly sessionId: string; readonly actorId: string },
): Promise<boolean> {
  const found = await findRow(
    db,
    `select 1
       from records r
      where r.session_id = :sessionId
        and r.action = 'recording.viewed'
        and r.actor_id = :actorId
        and r.at > now() - interval '${ONE_LOOK}'
      limit 1`,
    viewer,
  )
  return found !== undefined
}
