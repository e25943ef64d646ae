import { findRow, rows, type Db } from './store.ts'

/** Central Manager's zone until an operator has said another. */
const DEFAULT_ZONE = 'UTC'

/** The time zone of Central Manager: every machine shows the same one. */
export async function getTimeZone(db: Db): Promise<string> {
  return (await findSetting(db, 'time_zone')) ?? DEFAULT_ZONE
}

/** Keeps Central Manager's zone at the first start; a later start changes nothing. */
export async function keepTimeZone(db: Db, zone: string): Promise<void> {
  await rows(
    db,
    `insert into settings (name, value)
     values ('time_zone', :zone)
         on conflict (name) do nothing`,
    { zone },
  )
}

/** The justification rule for data sources without one of their own; undefined: none. */
export async function findGlobalJustification(
  db: Db,
): Promise<{ readonly pattern: string; readonly message: string } | undefined> {
  const pattern = await findSetting(db, 'justification_pattern')
  if (pattern === undefined || pattern === '') return undefined
  return { pattern, message: (await findSetting(db, 'justification_message')) ?? '' }
}

async function findSetting(db: Db, name: string): Promise<string | undefined> {
  const row = await findRow<{ value: string }>(
    db,
    `select value
       from settings
      where name = :name`,
    { name },
  )
  return row?.value
}
