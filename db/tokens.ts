import { createHash, randomBytes } from 'node:crypto'
import { appendRecord } from './audit-log.ts'
import { findPerson, getOrganization, type Organization, type Person } from './people.ts'
import type { Origin } from './scope.ts'
import { findRow, getRow, rows, storeTime, type Db, type Transaction } from './store.ts'

/** Makes leaked tokens findable by secret scanners. */
const PREFIX = 'daypass_'
const TOKEN_BYTES = 24
const TOKEN = /^daypass_[A-Za-z0-9_-]{32}$/
/** A token's last use is kept to the minute, so that reading costs no write each time. */
const LAST_USED_STEP = '1 minute'

/** Makes a token for a person, with its record. The secret is in this answer alone. */
export async function createToken(
  tx: Transaction,
  origin: Origin,
  { person, name }: { person: Person; name: string },
): Promise<{ readonly id: string; readonly token: string }> {
  const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url')
  const { id } = await getRow<{ id: string }>(
    tx,
    `insert into tokens (organization_id, person_id, name, hash)
     values (:organization, :person, :name, :hash)
  returning id`,
    { organization: person.organizationId, person: person.id, name, hash: hashOf(token) },
  )
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'token.created',
    area: 'tokens',
    subject: { type: 'token', id, name },
    outcome: 'ok',
    details: { username: person.username },
  })
  return { id, token }
}

/** Whose token it is, if it is live and its person may still act; notes its use. */
export async function findPersonByToken(
  db: Db,
  token: string,
): Promise<
  | { readonly person: Person; readonly organization: Organization; readonly tokenId: string }
  | undefined
> {
  if (!TOKEN.test(token)) return undefined
  const row = await findRow<{ id: string; personId: string; stale: boolean }>(
    db,
    `select t.id, t.person_id as "personId",
            coalesce(t.last_used_at < now() - interval '${LAST_USED_STEP}', true) as stale
       from tokens t
       join people p on p.id = t.person_id
      where t.hash = :hash
        and t.ended_at is null
        and p.disabled_at is null`,
    { hash: hashOf(token) },
  )
  if (row === undefined) return undefined
  if (row.stale) await rows(db, `update tokens set last_used_at = now() where id = :id`, row)
  const person = await findPerson(db, { kind: 'part', part: 'portal' }, row.personId)
  if (person === undefined) return undefined
  const organization = await getOrganization(db, person.organizationId)
  return { person, organization, tokenId: row.id }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
