import { randomUUID } from 'node:crypto'
import { DateTime } from 'luxon'
import { appendStatements, type StatementRow } from '../../db/statement-log.ts'
import { rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import type { World } from './world.ts'

/** What a statement of a test is made of; absent members are those of a SELECT that succeeded. */
export type Told = Partial<Omit<StatementRow, 'connectionId' | 'sessionId' | 'organizationId'>>

/** A connection of a session, as its proxy left it in the store. */
export interface RecordedConnection {
  readonly id: string
  /** Adds statements behind those that are there, a second after each other. */
  add(...statements: readonly Told[]): Promise<void>
}

/** Opens a connection of a session that began at an instant, and records what it is told. */
export async function recordConnection(
  { owner, scopes }: World,
  sessionId: SessionId,
  { at, clientIp = '10.0.0.7', application = 'psql' }: Opening,
): Promise<RecordedConnection> {
  const id = randomUUID()
  const opened = DateTime.fromISO(at, { zone: 'utc' })
  await rows(
    owner.db,
    `insert into connections (id, organization_id, session_id, proxy_id, database, client_ip, application_name,
                              backend_pid, opened_at)
     values (:id, :organization, :sessionId, :proxy, 'shop', :clientIp, :application, 4711, :at)
  returning id`,
    {
      id,
      organization: scopes.mark.organization.id,
      sessionId,
      proxy: randomUUID(),
      clientIp,
      application,
      at: opened.toISO(),
    },
  )
  let number = 0
  return {
    id,
    add: async (...statements) => {
      const told = statements.map((statement): StatementRow => {
        number += 1
        const text = statement.text ?? `select ${String(number)}`
        return {
          ...PLAIN,
          number,
          partOf: number,
          text,
          textBytes: Buffer.byteLength(text),
          startedAt: opened.plus({ seconds: number }).toMillis(),
          ...statement,
          sessionId,
          organizationId: scopes.mark.organization.id,
          connectionId: id,
        }
      })
      await appendStatements(owner.db, told)
    },
  }
}

interface Opening {
  /** ISO-8601 with an offset. */
  readonly at: string
  readonly clientIp?: string
  readonly application?: string
}

const PLAIN = {
  part: 1,
  kind: 'extended',
  textDigest: null,
  values: [],
  statementName: '',
  portalName: '',
  milliseconds: 1.25,
  tag: 'SELECT 1',
  rows: 1,
  bytes: 12,
  copyDigest: null,
  sqlstate: null,
  message: null,
  outcome: 'ok',
  transaction: 'I',
  rolledBack: false,
} as const
