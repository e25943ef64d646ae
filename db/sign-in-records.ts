import type { AuditUserScope } from './audit-filter.ts'
import { payloadIn } from './audit-matching.ts'
import { parseRecord, type RecordRow } from './audit-record.ts'
import type { AuditCursor, AuditSearchPage } from './audit-search.ts'
import { windowBindings, within } from './audit-windows.ts'
import type { SignIn } from './sign-in-lists.ts'
import { SIGN_IN_HOURS } from './sign-ins.ts'
import { iso, rows, type Db } from './store.ts'

/** Records of a sign-in on its page and in an answer of the API. */
const RECORDS_ON_A_PAGE = 50

/**
 * One page of what was done in a sign-in, newest first: by an index of its own, so that it does not
 * matter how much others did meanwhile. `q` is found where free text of the Audit tab is.
 */
export async function listSignInRecords(
  db: Db,
  scope: AuditUserScope,
  { id, startedAt }: Pick<SignIn, 'id' | 'startedAt'>,
  {
    q = null,
    cursor,
    size = RECORDS_ON_A_PAGE,
  }: { q?: string | null; cursor?: AuditCursor | undefined; size?: number } = {},
): Promise<AuditSearchPage> {
  // an hour more for what was begun at its end; the months beyond are left out of the plan
  const window = {
    from: startedAt.minus({ minutes: 1 }),
    to: startedAt.plus({ hours: SIGN_IN_HOURS + 1 }),
  }
  const found = await rows<RecordRow & AuditCursor>(
    db,
    `select r.at, r.seq, r.body, ${payloadIn(window)} as payload
       from records r
      where r.sign_in_id = :id
        and r.organization_id = :organization
        and ${within(window, 'r').join(' and ')}
        and (cast(:pattern as text) is null
             or r.search like cast(:pattern as text)
             or exists (select
                          from record_payloads p
                         where p.at = r.at
                           and p.seq = r.seq
                           and ${within(window, 'p').join(' and ')}
                           and payload_search(p.payload) like cast(:pattern as text)))
        and (cast(:beforeAt as timestamptz) is null
             or (r.at, r.seq) < (cast(:beforeAt as timestamptz), cast(:beforeSeq as bigint)))
      order by r.at desc, r.seq desc
      limit :size`,
    {
      id,
      organization: scope.organization.id,
      ...windowBindings(window),
      pattern: q === null ? null : `%${q.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')}%`,
      beforeAt: cursor ? iso(cursor.at) : null,
      beforeSeq: cursor?.seq ?? null,
      size: size + 1,
    },
  )
  const page = found.slice(0, size)
  const last = found.length > size ? page.at(-1) : undefined
  return { records: page.map(parseRecord), next: last && { at: last.at, seq: last.seq } }
}
