import { findRow, rows, type Db } from './store.ts'

/** Tells the others whether letters leave; the broker says so at its start. */
export async function announceMail(db: Db, isOpen: boolean): Promise<void> {
  await rows(
    db,
    `insert into mail_service (is_open, announced_at)
     values (:isOpen, now())
         on conflict (only_row) do update
        set is_open = excluded.is_open, announced_at = excluded.announced_at`,
    { isOpen },
  )
}

/** True where the broker that started last has a mail server. */
export async function isMailOpen(db: Db): Promise<boolean> {
  const row = await findRow<{ isOpen: boolean }>(
    db,
    `select is_open as "isOpen"
       from mail_service`,
  )
  return row?.isOpen ?? false
}
