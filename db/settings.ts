import { changeSetting } from './setting-changes.ts'
import type { Origin } from './scope.ts'
import { findRow, rows, type Db, type Transaction } from './store.ts'

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

/** Changes the justification rule for data sources without one of their own; an empty pattern: none. */
export async function changeGlobalJustification(
  tx: Transaction,
  origin: Origin,
  rule: { readonly pattern: string; readonly message: string },
): Promise<void> {
  const before = {
    justification_pattern: (await findSetting(tx, 'justification_pattern')) ?? '',
    justification_message: (await findSetting(tx, 'justification_message')) ?? '',
  }
  const after = { justification_pattern: rule.pattern, justification_message: rule.message }
  await changeSetting(tx, origin, {
    setting: { id: 'justification', name: 'global justification rule' },
    before,
    after,
    keep: async () => {
      for (const [name, value] of Object.entries(after)) await keepSetting(tx, name, value)
    },
  })
}

async function keepSetting(tx: Transaction, name: string, value: string): Promise<void> {
  await rows(
    tx,
    `insert into settings (name, value)
     values (:name, :value)
         on conflict (name) do update set value = excluded.value, changed_at = now()`,
    { name, value },
  )
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
