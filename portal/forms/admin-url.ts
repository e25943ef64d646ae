import type { Reading } from './fields.ts'

/** Where an admin URL leads. */
export interface AdminAddress {
  /** A name, an address, or a socket's folder that starts with "/". */
  readonly host: string
  readonly port: number
  readonly database: string
}

const DEFAULT_PORT = 5432
const EXAMPLE = 'postgresql://broker:password@host:5432/postgres'

/** Reads postgres://user:password@host:port/database. The sentence never repeats the value: it holds a password. */
export function readAdminUrl(text: string): Reading<AdminAddress> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'postgres:' && url?.protocol !== 'postgresql:') {
    return wrong(`Write the URL as ${EXAMPLE}.`)
  }
  const [host, login, database] = [
    decoded(url.searchParams.get('host') ?? url.hostname),
    decoded(url.username),
    decoded(url.pathname.slice(1)),
  ]
  if (host === undefined || login === undefined || database === undefined) {
    return wrong('The URL holds a % that is not followed by two hex digits: write it as %25.')
  }
  if (host === '') return wrong(`The URL names no host: write it as ${EXAMPLE}.`)
  if (login === '') return wrong(`The URL names no login: write it as ${EXAMPLE}.`)
  return {
    ok: true,
    value: {
      host: host.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? DEFAULT_PORT : Number(url.port),
      database: database === '' ? login : database,
    },
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function wrong(sentence: string): Reading<AdminAddress> {
  return { ok: false, mistakes: { url: sentence } }
}
