import type { DateTime } from 'luxon'
import { uuidv7, type SessionId } from '../lib/ids.ts'
import { IS_OUT } from './person.ts'
import { findRow, getRow, iso, preparedRows, rows, type Db, type Transaction } from './store.ts'

/**
 * What a letter is about; broker/letters/letters.ts writes the sentences when it is sent, out of what the
 * store says then and of these facts: session_changed {change, by, reason, roles, votes} ·
 * session_ends_soon {minutes, end} · extension_waits and extension_decided {extension, ...} ·
 * proposal_waits {summary, by, path} · alert_raised {rule, title, storm} · password_link {link, purpose, by}.
 */
export const MAIL_KINDS = [
  'waits_for_you',
  'session_changed',
  'session_ends_soon',
  'extension_waits',
  'extension_decided',
  'proposal_waits',
  'alert_raised',
  'password_link',
] as const
export type MailKind = (typeof MAIL_KINDS)[number]

/** A letter to be sent to some people; written in the transaction of what it tells of. */
export interface NewMail {
  readonly kind: MailKind
  /** The same kind and key reaches a person once. */
  readonly key: string
  /** Ids of people. */
  readonly to: readonly string[]
  readonly sessionId?: SessionId
  readonly facts?: Readonly<Record<string, string>>
  /** A secret of the letter, sealed to the broker; gone once the letter is sent or dropped. */
  readonly sealed?: Buffer
  readonly dueAt: DateTime<true>
}

/** Puts a letter into the outbox, for each of its people; one without an address is dropped when it is due. */
export async function queueMail(
  tx: Transaction,
  organizationId: string,
  mail: NewMail,
): Promise<void> {
  await queueMails(tx, organizationId, [mail])
}

/** As queueMail, for several letters in one statement. */
export async function queueMails(
  tx: Transaction,
  organizationId: string,
  mails: readonly NewMail[],
): Promise<void> {
  const letters = mails.flatMap(({ to, dueAt, facts = {}, ...mail }) =>
    to.map((personId) => ({
      id: uuidv7(dueAt.toMillis()),
      person_id: personId,
      kind: mail.kind,
      key: mail.key,
      session_id: mail.sessionId ?? null,
      facts,
      sealed: mail.sealed?.toString('hex') ?? null,
      due_at: iso(dueAt),
    })),
  )
  if (letters.length === 0) return
  await preparedRows(
    tx,
    `insert into mails (id, organization_id, person_id, kind, key, session_id, facts, sealed, due_at)
     select l.id, :organizationId, l.person_id, l.kind, l.key, l.session_id, l.facts,
            decode(l.sealed, 'hex'), l.due_at
       from jsonb_to_recordset(cast(:letters as jsonb))
              as l (id uuid, person_id uuid, kind text, key text, session_id bigint, facts jsonb,
                    sealed text, due_at timestamptz)
         on conflict (person_id, kind, key) do nothing`,
    { organizationId, letters: JSON.stringify(letters) },
  )
}

/** A letter in the hands of one mailer until its claim runs out. */
export interface ClaimedMail {
  readonly id: string
  readonly organizationId: string
  readonly kind: MailKind
  readonly key: string
  readonly sessionId: SessionId | null
  readonly facts: Readonly<Record<string, string>>
  readonly sealed: Buffer | null
  readonly dueAt: DateTime<true>
  /** With this one; it proves that the claim is still ours, as every claim is a try. */
  readonly tries: number
  readonly to: Addressee
}

export interface Addressee {
  readonly id: string
  readonly username: string
  readonly email: string | null
  readonly disabled: boolean
  readonly isAdmin: boolean
}

/** Takes letters that are due, longest first, past those in other hands and those that rest. */
export async function claimMails(
  db: Db,
  { limit, seconds }: { readonly limit: number; readonly seconds: number },
): Promise<ClaimedMail[]> {
  return rows(
    db,
    `with claimed as (
          update mails
             set tries = tries + 1, held_until = now() + make_interval(secs => :seconds)
           where id in (
                   select id
                     from mails
                    where due_at <= now()
                      and sent_at is null
                      and dropped_at is null
                      and (held_until is null or held_until <= now())
                    order by due_at, id
                    limit :limit
                      for update skip locked)
       returning *
     )
     select m.id, m.organization_id as "organizationId", m.kind, m.key, m.session_id as "sessionId",
            m.facts, m.sealed, m.due_at as "dueAt", m.tries,
            json_build_object('id', p.id, 'username', p.username, 'email', p.email,
                              'disabled', ${IS_OUT},
                              'isAdmin', p.management_privilege = 'admin') as "to"
       from claimed m
       join people p on p.id = m.person_id
      order by m.due_at, m.id`,
    { limit, seconds },
  )
}

type Held = Pick<ClaimedMail, 'id' | 'tries'>

/** Notes that the mail server took a letter; false where the claim had run out. */
export async function noteSent(db: Db, { id, tries }: Held): Promise<boolean> {
  const sent = await findRow(
    db,
    `   update mails
           set sent_at = now(), detail = null, held_until = null, sealed = null
         where id = :id
           and tries = :tries
           and sent_at is null
     returning id`,
    { id, tries },
  )
  return sent !== undefined
}

/** Gives a letter up, and says why in a sentence. */
export async function dropMail(db: Db, { id, tries }: Held, detail: string): Promise<void> {
  await rows(
    db,
    `update mails
        set dropped_at = now(), detail = :detail, held_until = null, sealed = null
      where id = :id
        and tries = :tries
        and sent_at is null`,
    { id, tries, detail },
  )
}

/** Lets a letter rest after a failure, said in a sentence; another mailer may try it after that. */
export async function restMail(
  db: Db,
  { id, tries }: Held,
  { seconds, detail }: { readonly seconds: number; readonly detail: string },
): Promise<void> {
  await rows(
    db,
    `update mails
        set detail = :detail, held_until = now() + make_interval(secs => :seconds)
      where id = :id
        and tries = :tries
        and sent_at is null`,
    { id, tries, detail, seconds },
  )
}

/** Gives up what could not be sent for so many days, and strikes off what was dealt with long ago. */
export async function tidyMails(
  db: Db,
  { giveUpDays, keepDays }: { readonly giveUpDays: number; readonly keepDays: number },
): Promise<void> {
  await rows(
    db,
    `update mails
        set dropped_at = now(), held_until = null, sealed = null,
            detail = concat('Not sent for ' || :giveUpDays || ' days.', ' ' || detail)
      where sent_at is null
        and dropped_at is null
        and due_at < now() - make_interval(days => :giveUpDays)`,
    { giveUpDays },
  )
  await rows(
    db,
    `delete from mails
      where coalesce(sent_at, dropped_at) < now() - make_interval(days => :keepDays)`,
    { keepDays },
  )
}

/** Gives up letters that nobody has tried to send, where there is no mail server to send them. */
export async function dropUnsendable(
  db: Db,
  { afterMinutes, detail }: { readonly afterMinutes: number; readonly detail: string },
): Promise<void> {
  await rows(
    db,
    `update mails
        set dropped_at = now(), detail = :detail, sealed = null
      where sent_at is null
        and dropped_at is null
        and tries = 0
        and due_at < now() - make_interval(mins => :afterMinutes)`,
    { afterMinutes, detail },
  )
}

/** Letters that asked somebody to decide what one requester asked for, sent within so many minutes. */
export async function countAskingLetters(
  db: Db,
  about: { readonly personId: string; readonly requesterId: string; readonly minutes: number },
): Promise<number> {
  const { count } = await getRow<{ count: number }>(
    db,
    `select cast(count(*) as integer) as count
       from mails m
       join sessions s on s.id = m.session_id
      where m.person_id = :personId
        and m.kind in ('waits_for_you', 'extension_waits')
        and m.sent_at > now() - make_interval(mins => :minutes)
        and s.requester_id = :requesterId`,
    about,
  )
  return count
}

/** People who may decide a role of this extension that still waits, the requester apart. */
export async function listExtensionApprovers(db: Db, extensionId: string): Promise<string[]> {
  const found = await rows<{ id: string }>(
    db,
    `select distinct p.id
       from session_extensions e
       join extension_roles r on r.extension_id = e.id
       join group_members m on m.group_id = r.approver_group_id
       join people p on p.id = m.person_id
      where e.id = :extensionId
        and e.state = 'CREATED'
        and r.state = 'PENDING'
        and r.approvals_needed > 0
        and not ${IS_OUT}
        and p.id <> e.requested_by
        and not exists (select
                          from extension_approvals a
                         where a.extension_id = e.id
                           and a.role_id = r.role_id
                           and a.person_id = p.id)`,
    { extensionId },
  )
  return found.map(({ id }) => id)
}
