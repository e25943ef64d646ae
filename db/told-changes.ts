import { DateTime } from 'luxon'
import { rowOf, type RecordDraft } from './audit-log.ts'
import type { Origin } from './scope.ts'
import { inOneRoundTrip, type Value } from './round-trip.ts'
import { iso, type Db } from './store.ts'

/** A change that is one statement, and the record that tells of it. */
export interface ToldChange {
  /** Returns a row with `at`, when it was made by the store's clock in milliseconds; none where nothing was. */
  readonly sql: string
  readonly bindings: Readonly<Record<string, Value>>
  readonly origin: Origin
  readonly draft: RecordDraft
}

const MOMENT_MEMBER = '"at":"'

/**
 * Makes a change and writes its record in one statement: one round trip, and no transaction to begin and
 * end. The store puts the moment of the change into the record. False where nothing was changed: then
 * nothing is recorded.
 */
export async function changeAndTell(
  db: Db,
  { sql, bindings, origin, draft }: ToldChange,
): Promise<boolean> {
  // by our clock, until the store says
  const at = DateTime.utc()
  const row = rowOf({ origin, at, draft })
  // in what somebody said every quote has a backslash in front, so it can't look like this
  const [before, behind, ...more] = row.body.split(`${MOMENT_MEMBER}${iso(at)}"`)
  if (before === undefined || behind === undefined || more.length > 0)
    throw new Error('a record without its moment')
  const told = {
    ...bindings,
    ...row,
    body_before: `${before}${MOMENT_MEMBER}`,
    body_behind: `"${behind}`,
  }
  const [changed] = await inOneRoundTrip(db, [{ sql: statementOf(sql), bindings: told }])
  return changed.length > 0
}

const STATEMENTS = new Map<string, string>()

function statementOf(change: string): string {
  const known = STATEMENTS.get(change)
  if (known !== undefined) return known
  const statement = `
    with changed as (${change}), appended as (
       insert into records (at, event_id, organization_id, action, area, scope, state, session_id, actor_id,
                            actor_name, requester, roles, username, start_at, end_at, data_source, sign_in_id,
                            outcome, body)
       select at, :event_id, :organization_id, :action, :area, :scope, :state, :session_id, :actor_id,
              :actor_name, :requester, :roles, :username, :start_at, :end_at, :data_source, :sign_in_id,
              :outcome,
              :body_before || to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || :body_behind
         from changed
    returning at, seq, organization_id
     ), kept as (
       insert into record_payloads (at, seq, organization_id, payload, keys)
       select at, seq, organization_id, cast(:payload as jsonb),
              payload_keys(record_keys(organization_id, :action, :area, :scope, :state, :actor_name, :requester,
                                       cast(:roles as text[]), :username, :data_source, :subject, :company,
                                       :account_id),
                           organization_id, cast(:payload as jsonb))
         from appended
        where :payload <> '{}'
     )
     select at from changed`
  STATEMENTS.set(change, statement)
  return statement
}
