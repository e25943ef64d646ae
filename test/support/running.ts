import { randomUUID } from 'node:crypto'
import { DateTime } from 'luxon'
import { publishRunning } from '../../db/running-statements.ts'
import { iso, rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import type { World } from './world.ts'

/** A proxy that says what one connection of a session runs. */
export interface ToldProxy {
  readonly connection: string
  /** Says that this runs, for so many seconds now. */
  run(text: string, secondsAgo?: number): Promise<void>
  /** Says that nothing runs any more. */
  done(): Promise<void>
}

/** Opens a connection of a session as a proxy does, and tells what it runs in a proxy's place. */
export async function openToldProxy(world: World, sessionId: SessionId): Promise<ToldProxy> {
  const proxyId = randomUUID()
  const connection = randomUUID()
  const { db } = world.proxy
  await rows(
    db,
    `insert into connections (id, organization_id, session_id, proxy_id, database, client_ip, opened_at)
     select :connection, organization_id, id, :proxyId, 'shop', '10.0.0.7', clock_timestamp()
       from sessions
      where id = :sessionId`,
    { connection, proxyId, sessionId },
  )
  return {
    connection,
    run: (text, secondsAgo = 65) =>
      publishRunning(db, proxyId, [
        {
          connectionId: connection,
          sessionId,
          organizationId: world.scopes.mark.organization.id,
          number: 7,
          text,
          textBytes: Buffer.byteLength(text),
          kind: 'query',
          startedAt: iso(DateTime.utc().minus({ seconds: secondsAgo })),
          rows: 1_200,
          bytes: 2_500_000,
        },
      ]),
    done: () => publishRunning(db, proxyId, []),
  }
}
