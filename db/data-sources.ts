import type { DateTime } from 'luxon'
import { isUuid } from '../lib/ids.ts'
import { appendRecord } from './audit-log.ts'
import { detailsOf, differencesBetween, sayDifferences } from './policy-facts.ts'
import { keepPolicyVersion } from './policy-versions.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { findRow, getRow, rows, storeTime, type Db, type Transaction } from './store.ts'

export const TLS_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const
export type TlsMode = (typeof TLS_MODES)[number]

/** A PostgreSQL server with the databases on it that people may ask for. */
export interface DataSource {
  readonly id: string
  readonly organizationId: string
  readonly name: string
  /** A host name, an address, or the folder of a unix socket when it starts with "/". */
  readonly host: string
  readonly port: number
  /** The databases it opens; `*` opens every one. */
  readonly databases: readonly string[]
  readonly defaultDatabase: string
  readonly tlsMode: TlsMode
  readonly tlsCa: string | null
  /** Who is handed what a session leaves behind. */
  readonly residueOwner: string
  /** Null: the global rule holds; empty: no rule. */
  readonly justificationPattern: string | null
  readonly justificationMessage: string | null
  readonly disabledAt: DateTime<true> | null
}

/** A data source before it is kept; the admin URL is sealed to the broker already. */
export type NewDataSource = Pick<
  DataSource,
  'id' | 'name' | 'host' | 'port' | 'databases' | 'defaultDatabase' | 'tlsMode' | 'tlsCa'
> & {
  readonly adminSealed: Buffer
  readonly residueOwner?: string
  readonly justificationPattern?: string | null
  readonly justificationMessage?: string | null
}

/** What a sealed admin URL is sealed about: its row and column. */
export function aboutAdminUrl(dataSourceId: string): string {
  return `data_sources.admin_sealed:${dataSourceId}`
}

const DATA_SOURCE = `
       d.id, d.organization_id as "organizationId", d.name, d.host, d.port, d.databases,
       d.default_database as "defaultDatabase", d.tls_mode as "tlsMode", d.tls_ca as "tlsCa",
       d.residue_owner as "residueOwner", d.justification_pattern as "justificationPattern",
       d.justification_message as "justificationMessage", d.disabled_at as "disabledAt"`

/** Data sources that the scope may see, by name. */
export function listDataSources(db: Db, scope: Scope): Promise<DataSource[]> {
  return rows(
    db,
    `select ${DATA_SOURCE}
       from data_sources d
      where d.organization_id = coalesce(cast(:organization as uuid), d.organization_id)
      order by d.name`,
    { organization: organizationIdOf(scope) },
  )
}

/** One data source by its name or id. */
export function findDataSource(
  db: Db,
  scope: Scope,
  nameOrId: string,
): Promise<DataSource | undefined> {
  return findRow(
    db,
    `select ${DATA_SOURCE}
       from data_sources d
      where (d.name = :name or d.id = cast(:id as uuid))
        and d.organization_id = coalesce(cast(:organization as uuid), d.organization_id)
      order by d.id = cast(:id as uuid) desc nulls last
      limit 1`,
    {
      name: nameOrId,
      id: isUuid(nameOrId) ? nameOrId : null,
      organization: organizationIdOf(scope),
    },
  )
}

/** The sealed admin login of a data source; only the broker holds the key that opens it. */
export async function findSealedAdminUrl(
  db: Db,
  _scope: Scope & { kind: 'part' },
  id: string,
): Promise<Buffer | undefined> {
  const row = await findRow<{ sealed: Buffer }>(
    db,
    `select admin_sealed as sealed
       from data_sources
      where id = :id`,
    { id },
  )
  return row?.sealed
}

/** Keeps a data source, with its record and a version of the policy. Errors: constraints named in the schema. */
export async function createDataSource(
  tx: Transaction,
  origin: Origin,
  source: NewDataSource,
): Promise<DataSource> {
  const made = await getRow<DataSource>(
    tx,
    `insert into data_sources as d
            (id, organization_id, name, host, port, databases, default_database, tls_mode, tls_ca, admin_sealed,
             residue_owner, justification_pattern, justification_message)
     values (:id, :organization, :name, :host, :port, :databases, :defaultDatabase, :tlsMode, :tlsCa, :adminSealed,
             :residueOwner, :justificationPattern, :justificationMessage)
  returning ${DATA_SOURCE}`,
    {
      ...source,
      residueOwner: source.residueOwner ?? 'daypass_residue',
      justificationPattern: source.justificationPattern ?? null,
      justificationMessage: source.justificationMessage ?? null,
      organization: origin.organization.id,
    },
  )
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'data_source.created',
    area: 'data sources',
    subject: { type: 'data source', id: made.id, name: made.name },
    dataSource: { id: made.id, name: made.name },
    outcome: 'ok',
    details: {
      host: made.host,
      port: String(made.port),
      databases: made.databases.join(', '),
      tls_mode: made.tlsMode,
      ...factsOf(made),
    },
  })
  await keepPolicyVersion(tx, origin, `data source ${made.name} was added`)
  return made
}

/** What of a data source is policy. */
export interface SourceTerms {
  /** Null: the global rule holds; empty: no rule. */
  readonly justificationPattern: string | null
  readonly justificationMessage: string | null
  readonly offered: boolean
}

/** Changes what a data source asks of requests, with its record and a version of the policy. */
export async function changeSourceTerms(
  tx: Transaction,
  origin: Origin,
  { source, terms }: { readonly source: DataSource; readonly terms: SourceTerms },
): Promise<DataSource> {
  const kept = await getRow<DataSource>(
    tx,
    `update data_sources d
        set justification_pattern = :justificationPattern, justification_message = :justificationMessage,
            disabled_at = case when not :offered then coalesce(d.disabled_at, now()) end
      where d.id = :id
        and d.organization_id = :organization
  returning ${DATA_SOURCE}`,
    { ...terms, id: source.id, organization: origin.organization.id },
  )
  const differences = differencesBetween(factsOf(source), factsOf(kept))
  if (differences.length === 0) return kept
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'data_source.changed',
    area: 'data sources',
    subject: { type: 'data source', id: kept.id, name: kept.name },
    dataSource: { id: kept.id, name: kept.name },
    outcome: 'ok',
    details: detailsOf(differences),
  })
  const summary = `data source ${kept.name}: ${sayDifferences(differences)}`
  await keepPolicyVersion(tx, origin, summary)
  return kept
}

/** The three ways a rule can be, told apart by a word before the pattern. */
function factsOf(source: DataSource): Record<string, string> {
  const { justificationPattern: pattern, justificationMessage: message, disabledAt } = source
  return {
    justification_rule: pattern === null ? 'global' : pattern === '' ? 'off' : 'own',
    justification_pattern: pattern ?? '',
    justification_message: message ?? '',
    offered: disabledAt === null ? 'yes' : 'no',
  }
}

/** Notes that a data source now answers elsewhere, with its record; the URL is sealed anew. */
export async function moveDataSource(
  tx: Transaction,
  origin: Origin,
  to: { readonly id: string; readonly port: number; readonly adminSealed: Buffer },
): Promise<void> {
  const moved = await getRow<{ id: string; name: string }>(
    tx,
    `update data_sources
        set port = :port, admin_sealed = :adminSealed
      where id = :id
  returning id, name`,
    to,
  )
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'data_source.changed',
    area: 'data sources',
    subject: { type: 'data source', ...moved },
    dataSource: moved,
    outcome: 'ok',
    details: { port: String(to.port) },
  })
}
