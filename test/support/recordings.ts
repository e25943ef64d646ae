import { rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import type { World } from './world.ts'

/** A month of statements long ago, as it stands where a broker was there in time. */
export async function makeOldMonth({ owner }: World, month: string): Promise<void> {
  await rows(
    owner.db,
    `do $$
     begin
       execute format('create table %I partition of statements for values from (%L) to (%L)',
                      'statements_${month.replace('-', '_')}', '${month}-01 00:00:00Z',
                      (date '${month}-01' + interval '1 month')::date::text || ' 00:00:00Z');
     end
     $$`,
  )
}

/** Statements of a session, as a shipper would have left them. */
export async function recordStatements(
  { owner }: World,
  sessionId: SessionId,
  { at, count }: { readonly at: string; readonly count: number },
): Promise<void> {
  await rows(
    owner.db,
    `insert into statements (session_id, organization_id, connection_id, number, part, part_of, kind, text,
                             text_bytes, started_at, outcome)
     select s.id, s.organization_id, gen_random_uuid(), n, 1, n, 'query', 'select ' || n, 8, cast(:at as timestamptz), 'ok'
       from sessions s
      cross join generate_series(1, cast(:count as integer)) n
      where s.id = :sessionId`,
    { sessionId, at, count },
  )
}

/** Sets how long recordings are kept as if it had been so for long. */
export async function keepMonths({ owner }: World, months: number | null): Promise<void> {
  await rows(owner.db, 'update organizations set recording_months = :months', { months })
  await rows(
    owner.db,
    `update organizations set recording_months_since = now() - interval '2 days'`,
  )
}

/** The tables that hold statements, oldest first. */
export async function statementTables({ owner }: World): Promise<string[]> {
  const found = await rows<{ name: string }>(
    owner.db,
    `select inhrelid::regclass::text as name
       from pg_inherits
      where inhparent = 'statements'::regclass
      order by 1`,
  )
  return found.map(({ name }) => name)
}
