import { randomUUID } from 'node:crypto'
import { refusePattern } from '../../broker/policy/changes.ts'
import { testAdminUrl, type Finding } from '../../broker/preflight/preflight.ts'
import { appendRecord } from '../../db/audit-log.ts'
import { askForCheck } from '../../db/data-source-checks.ts'
import {
  aboutAdminUrl,
  createDataSource,
  type DataSource,
  type TlsMode,
} from '../../db/data-sources.ts'
import { getSealingKey } from '../../db/sealing-keys.ts'
import { storeTime } from '../../db/store.ts'
import { seal } from '../../lib/seal.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest } from '../errors.ts'
import { readAdminUrl } from '../forms/admin-url.ts'
import type { Visit } from '../visit.ts'
import { named } from './rules.ts'

/** A data source as its form or body describes it. */
export interface DataSourceCommand {
  readonly name: string
  readonly url: string
  readonly databases?: readonly string[] | undefined
  readonly defaultDatabase?: string | undefined
  readonly tls: TlsMode
  readonly tlsCa?: string | undefined
  readonly residueOwner?: string | undefined
  readonly justificationPattern?: string | undefined
  readonly justificationMessage?: string | undefined
}

/** A data source as kept, and what testing its admin login found. */
export interface AddedDataSource {
  readonly source: DataSource
  readonly findings: readonly Finding[]
}

/**
 * Keeps a data source, its admin login sealed to the broker, and tests that login while it is known
 * in clear. What the test finds does not undo the keeping: the broker may reach what the portal
 * can't. Errors: `invalid_request`, `part_not_started`.
 */
export async function addDataSource(
  deps: PortalDeps,
  visit: Visit,
  command: DataSourceCommand,
): Promise<AddedDataSource> {
  const source = await keepDataSource(deps, visit, command)
  const findings = await testAdminUrl(source, command.url)
  await deps.store.change(async (tx) => {
    await appendRecord(tx, visit.origin, await storeTime(tx), {
      action: 'data_source.tested',
      area: 'data sources',
      subject: { type: 'data source', id: source.id, name: source.name },
      dataSource: { id: source.id, name: source.name },
      outcome: findings.every(({ ok }) => ok) ? 'ok' : 'failed',
    })
    // the broker looks further: from where it stands, and with a trial user
    const askedBy = visit.scope.person.username
    await askForCheck(tx, { dataSourceId: source.id, cause: 'registration', askedBy })
  })
  return { source, findings }
}

async function keepDataSource(
  { store }: PortalDeps,
  { origin }: Visit,
  command: DataSourceCommand,
): Promise<DataSource> {
  const reading = readAdminUrl(command.url)
  if (!reading.ok) throw new InvalidRequest(reading.mistakes)
  const { host, port, database } = reading.value
  refusePattern(command.justificationPattern ?? '')
  const defaultDatabase =
    command.defaultDatabase ?? command.databases?.find((name) => name !== '*') ?? database
  const databases = command.databases ?? [database]
  if (!databases.includes('*') && !databases.includes(defaultDatabase)) {
    throw new InvalidRequest({ defaultDatabase: 'Choose one of the databases as the default one.' })
  }
  const id = randomUUID()
  const key = await getSealingKey(store.db, 'broker')
  return named(
    store.change((tx) =>
      createDataSource(tx, origin, {
        id,
        name: command.name,
        host,
        port,
        databases,
        defaultDatabase,
        tlsMode: command.tls,
        tlsCa: command.tlsCa ?? null,
        adminSealed: seal(key, command.url, aboutAdminUrl(id)),
        justificationPattern: command.justificationPattern ?? null,
        justificationMessage: command.justificationMessage ?? null,
        ...(command.residueOwner === undefined ? {} : { residueOwner: command.residueOwner }),
      }),
    ),
  )
}
