import { createHash, randomBytes } from 'node:crypto'
import type { DateTime } from 'luxon'
import { appendRecord } from './audit-log.ts'
import { IS_OUT, PERSON, type Person } from './person.ts'
import type { Origin } from './scope.ts'
import { findRow, getRow, iso, rows, storeTime, type Db, type Transaction } from './store.ts'

/** Links for people who are there; the one that makes the first admin is in first-admin.ts. */
export type LinkPurpose = 'invitation' | 'reset'

/** A link as it is made. The secret is in this answer alone. */
export interface MadeLink {
  readonly id: string
  readonly secret: string
  readonly purpose: LinkPurpose | 'setup'
  readonly expiresAt: DateTime<true>
}

/** Who a link lets choose a password. */
export interface LinkedPerson {
  readonly linkId: string
  readonly purpose: LinkPurpose
  readonly person: Person
}

/** A link that is worth something now, as admins see it. */
export interface OpenLink {
  readonly id: string
  readonly purpose: LinkPurpose
  readonly createdAt: DateTime<true>
  readonly expiresAt: DateTime<true>
  /** The username of who made it; null: asked for at the sign-in page, or made by an operator. */
  readonly createdBy: string | null
}

/** Whoever asks for a reset waits for it; an invitation may find somebody on leave. */
const LIFE_HOURS: Readonly<Record<MadeLink['purpose'], number>> = {
  setup: 24,
  reset: 24,
  invitation: 7 * 24,
}
/** 256 bits: nobody guesses one, so guesses need no counting. */
const SECRET_BYTES = 32
const SECRET = /^[A-Za-z0-9_-]{43}$/

/** What a link is worth something for: its own time, and a person who may sign in. */
const IS_OPEN = `
       l.used_at is null and l.expires_at > now()
   and p.portal_user and not ${IS_OUT}`

/** Names a link's secret while it is sealed, so that one moved to another letter does not open. */
export function aboutLinkSecret(linkId: string): string {
  return `mails.sealed:${linkId}`
}

/** Makes a link with which a person chooses a password once, with its record. */
export async function makePasswordLink(
  tx: Transaction,
  origin: Origin,
  { person, purpose, handed }: NewLink,
): Promise<MadeLink> {
  const made = await keepLink(tx, origin, { personId: person.id, purpose })
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'user.password_link_made',
    area: 'users',
    subject: { type: 'user', id: person.id, name: person.username },
    outcome: 'ok',
    details: { purpose, handed, expires_at: iso(made.expiresAt) },
  })
  return made
}

export interface NewLink {
  readonly person: Person
  readonly purpose: LinkPurpose
  /** How it reaches its person: in a letter, or by who made it. */
  readonly handed: 'mailed' | 'shown'
}

/** Writes a link without a record, for those who write their own. */
export async function keepLink(
  tx: Transaction,
  { organization, actor }: Origin,
  { personId, purpose }: { personId: string | null; purpose: MadeLink['purpose'] },
): Promise<MadeLink> {
  await tidyLinks(tx)
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  const { id, expiresAt } = await getRow<{ id: string; expiresAt: DateTime<true> }>(
    tx,
    `insert into password_links (organization_id, person_id, purpose, hash, created_by, expires_at)
     values (:organization, :personId, :purpose, :hash, cast(:by as uuid),
             now() + make_interval(hours => :hours))
  returning id, expires_at as "expiresAt"`,
    {
      organization: organization.id,
      personId,
      purpose,
      hash: hashOf(secret),
      by: actor.type === 'system' ? null : actor.id,
      hours: LIFE_HOURS[purpose],
    },
  )
  return { id, secret, purpose, expiresAt }
}

/** The id of the link with this secret, whatever it is for, unless it was used or its time is over. */
export async function findLinkBySecret(
  db: Db,
  secret: string,
): Promise<{ readonly id: string; readonly purpose: MadeLink['purpose'] } | undefined> {
  if (!SECRET.test(secret)) return undefined
  return findRow(
    db,
    `select l.id, l.purpose
       from password_links l
       left join people p on p.id = l.person_id
      where l.hash = :hash
        and ((${IS_OPEN}) or (l.purpose = 'setup' and l.used_at is null and l.expires_at > now()))`,
    { hash: hashOf(secret) },
  )
}

/** Whose link it is, while it is worth something. */
export async function findLinkedPerson(db: Db, linkId: string): Promise<LinkedPerson | undefined> {
  const row = await findRow<Person & { purpose: LinkPurpose }>(
    db,
    `select ${PERSON}, l.purpose
       from password_links l
       join people p on p.id = l.person_id
      where l.id = :linkId
        and ${IS_OPEN}`,
    { linkId },
  )
  if (row === undefined) return undefined
  const { purpose, ...person } = row
  return { linkId, purpose, person }
}

/** Uses a link up; false where it was worth nothing by then. */
export async function useLink(tx: Transaction, linkId: string): Promise<boolean> {
  const used = await findRow(
    tx,
    `update password_links l
        set used_at = now()
       from people p
      where p.id = l.person_id
        and l.id = :linkId
        and ${IS_OPEN}
  returning l.id`,
    { linkId },
  )
  return used !== undefined
}

/** Ends what links of a person are still open: after a password was set, or went to another address. */
export async function endPasswordLinksOf(tx: Transaction, personId: string): Promise<void> {
  await rows(
    tx,
    `delete from password_links
      where person_id = :personId
        and used_at is null`,
    { personId },
  )
}

/** Links of a person that are open, newest first. */
export function listOpenLinks(db: Db, personId: string): Promise<OpenLink[]> {
  return rows(
    db,
    `select l.id, l.purpose, l.created_at as "createdAt", l.expires_at as "expiresAt",
            b.username as "createdBy"
       from password_links l
       join people p on p.id = l.person_id
       left join people b on b.id = l.created_by
      where l.person_id = :personId
        and ${IS_OPEN}
      order by l.created_at desc, l.id`,
    { personId },
  )
}

/** When a link ends, for who may not see more of it; undefined: it is worth nothing any more. */
export async function findLinkEnd(db: Db, linkId: string): Promise<DateTime<true> | undefined> {
  const row = await findRow<{ expiresAt: DateTime<true> }>(
    db,
    `select expires_at as "expiresAt"
       from password_links
      where id = :linkId
        and used_at is null
        and expires_at > now()`,
    { linkId },
  )
  return row?.expiresAt
}

/** Records tell of links; their rows are of no use once their time is long over. */
async function tidyLinks(tx: Transaction): Promise<void> {
  await rows(tx, `delete from password_links where expires_at < now() - interval '30 days'`)
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
