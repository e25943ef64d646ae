import type { PersonScope } from './scope.ts'
import { findRow, rows, type Db } from './store.ts'

/** How a person last looked at the Audit tab; null: as it comes. */
export interface AuditPreferences {
  /** `central`, `utc` or an IANA name. */
  readonly zone: string | null
  /** Entries `<view>.<column>`, in the order of the columns. */
  readonly columns: readonly string[] | null
}

/** What a person's Audit tab is to look like. */
export async function findAuditPreferences(
  db: Db,
  { person }: PersonScope,
): Promise<AuditPreferences> {
  const found = await findRow<AuditPreferences>(
    db,
    `select audit_zone as zone, audit_columns as columns
       from person_preferences
      where person_id = :person`,
    { person: person.id },
  )
  return found ?? { zone: null, columns: null }
}

/** Keeps the zone that a person reads records in. */
export async function keepAuditZone(
  db: Db,
  { person, organization }: PersonScope,
  zone: string,
): Promise<void> {
  await rows(
    db,
    `insert into person_preferences (person_id, organization_id, audit_zone)
     values (:person, :organization, :zone)
         on conflict (person_id) do update set audit_zone = excluded.audit_zone, changed_at = now()`,
    { person: person.id, organization: organization.id, zone },
  )
}

/** Keeps the columns that a person chose for one view, or forgets them; other views keep theirs. */
export async function keepAuditColumns(
  db: Db,
  { person, organization }: PersonScope,
  { view, columns }: { readonly view: string; readonly columns: readonly string[] | null },
): Promise<void> {
  const entries = columns?.map((column) => `${view}.${column}`) ?? []
  await rows(
    db,
    `insert into person_preferences (person_id, organization_id, audit_columns)
     values (:person, :organization, nullif(cast(:entries as text[]), '{}'))
         on conflict (person_id) do update
        set audit_columns = nullif(array(select kept
                                           from unnest(person_preferences.audit_columns) with ordinality as k (kept, place)
                                          where split_part(kept, '.', 1) <> :view
                                          order by place) || cast(:entries as text[]), '{}'),
            changed_at = now()`,
    { person: person.id, organization: organization.id, entries, view },
  )
}
