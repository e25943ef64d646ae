import type { MadeCredential } from '../broker/sessions/credentials.ts'
import type { Address } from '../lib/settings-reader.ts'
import type { PortalDeps } from './deps.ts'
import type { Credential } from './presenters/session-pages.ts'

/** Everything a person needs to connect, in the forms that programs take it. */
export function connectionFor(deps: PortalDeps, made: MadeCredential): Credential {
  const { host, port } = proxyAddress(deps)
  const { username, password, database } = made
  const url = new URL(`postgresql://${host.includes(':') ? `[${host}]` : host}:${port}`)
  url.username = username
  url.password = password
  url.pathname = `/${encodeURIComponent(database)}`
  url.searchParams.set('sslmode', sslModeOf(deps))
  const words = [
    `host=${word(host)}`,
    `port=${port}`,
    `user=${word(username)}`,
    `dbname=${word(database)}`,
    `sslmode=${sslModeOf(deps)}`,
  ]
  return {
    host,
    port: String(port),
    database,
    username,
    password,
    url: url.href,
    // in the environment of one command: an argument could be read by everybody on the machine
    psql: `PGPASSWORD=${shellQuoted(password)} psql ${shellQuoted(words.join(' '))}`,
  }
}

/** Where people reach the proxy. */
export function proxyAddress({ config, proxyAddress: known }: PortalDeps): Address {
  const { publicAddress, host, port } = config.proxy
  const address = publicAddress ?? known ?? { host, port }
  // listening everywhere is no address to connect to; where the portal is reached, the proxy is too
  if (!EVERYWHERE.has(address.host)) return address
  return { host: config.publicUrl.hostname.replace(/^\[(.*)\]$/, '$1'), port: address.port }
}

const EVERYWHERE = new Set(['0.0.0.0', '::'])

function sslModeOf({ config }: PortalDeps): 'require' | 'disable' {
  return config.proxy.tls === undefined ? 'disable' : 'require'
}

/** A value of libpq's keyword form. */
function word(value: string): string {
  return /^[A-Za-z0-9._-]+$/.test(value)
    ? value
    : `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

/** One word for a POSIX shell. */
function shellQuoted(value: string): string {
  return /^[A-Za-z0-9._-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`
}
