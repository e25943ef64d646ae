import { isIP } from 'node:net'
import type { DataSource } from '../../db/data-sources.ts'
import type { Role } from '../../db/roles.ts'

/** Administrators by convention: PostgreSQL's own superuser and those of managed services. */
const ADMINISTRATORS = new Set(['postgres', 'rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin'])
/** Predefined roles (PostgreSQL, 22.5) that read or write past every grant. */
const PAST_EVERY_GRANT = new Set(['pg_read_all_data', 'pg_write_all_data', ...ADMINISTRATORS])

/** What PostgreSQL itself calls powerful. */
export function isPredefined(databaseRole: string): boolean {
  return databaseRole.startsWith('pg_') || ADMINISTRATORS.has(databaseRole)
}

/** True for what brings along whatever any other role of the same server lends. */
export function outreachesOthers({ databaseRole }: Pick<Role, 'databaseRole'>): boolean {
  return PAST_EVERY_GRANT.has(databaseRole)
}

/**
 * The others of these roles that are on the same database server as one of them, whatever data source
 * they were defined by. Names of one machine that nothing here can tell to be one stay apart.
 */
export function neighboursOf(
  role: Role,
  roles: readonly Role[],
  sources: readonly DataSource[],
): Role[] {
  const servers = new Map(sources.map((source) => [source.id, serverOf(source)]))
  const home = servers.get(role.dataSource.id) ?? role.dataSource.id
  return roles.filter(
    ({ id, dataSource }) =>
      id !== role.id && (servers.get(dataSource.id) ?? dataSource.id) === home,
  )
}

function serverOf({ host, port }: DataSource): string {
  const name = host.toLowerCase().replace(/\.$/, '')
  return `${isThisMachine(name) ? 'localhost' : name}:${port}`
}

function isThisMachine(name: string): boolean {
  if (name === 'localhost' || name === '::1' || name.startsWith('/')) return true
  return isIP(name) === 4 && name.startsWith('127.')
}
