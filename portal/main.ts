import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Express } from 'express'
import type { Config } from '../config.ts'
import { isSetUp } from '../db/first-admin.ts'
import { AppError, sentenceOf } from '../lib/errors.ts'
import { createApp } from './app.ts'
import type { PortalDeps } from './deps.ts'
import { readyDecoy } from './passwords.ts'
import { keepEndingSignIns } from './sign-in-expiry.ts'

/** How long open requests may take to finish when the portal stops, in milliseconds. */
const DRAIN_MS = 5_000

/** Starts the portal and returns where it listens. Errors: `port_taken`, `bad_settings`. */
export async function startPortal(deps: PortalDeps): Promise<{ readonly url: string }> {
  const { config, shutdown } = deps
  warnOfLostCookies(deps)
  await readyDecoy()
  await warnOfNoAdmin(deps)
  const server = await createServerFor(config, createApp(deps))
  const port = await listen(server, config.portal)
  shutdown.onClose('portal', () => drain(server))
  keepEndingSignIns(deps)
  const host = config.portal.host.includes(':') ? `[${config.portal.host}]` : config.portal.host
  return { url: `${config.portal.tls ? 'https' : 'http'}://${host}:${port}` }
}

async function createServerFor({ portal }: Config, app: Express): Promise<Server> {
  if (portal.tls === undefined) return createServer(app)
  const [cert, key] = await Promise.all([
    readPem('DAYPASS_TLS_CERT', portal.tls.cert),
    readPem('DAYPASS_TLS_KEY', portal.tls.key),
  ])
  try {
    return createTlsServer({ cert, key, minVersion: 'TLSv1.2' }, app)
  } catch (cause) {
    throw new AppError(
      'bad_settings',
      `DAYPASS_TLS_CERT and DAYPASS_TLS_KEY can't be used: ${sentenceOf(cause)}`,
      { cause },
    )
  }
}

/** The setting holds a file's path, or the PEM text itself when it came from a `_FILE` twin. */
async function readPem(setting: string, value: string): Promise<string> {
  if (value.startsWith('-----BEGIN')) return value
  try {
    return await readFile(value, 'utf8')
  } catch (cause) {
    throw new AppError('bad_settings', `${setting} names ${value}, which can't be read.`, { cause })
  }
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(cause, host, port)))
    server.listen({ host, port }, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function listenError(cause: Error, host: string, port: number): AppError {
  const code = 'code' in cause ? cause.code : undefined
  if (code === 'EADDRINUSE') {
    return new AppError(
      'port_taken',
      `Another program listens on ${host}:${port} already: stop it, or set DAYPASS_PORTAL_PORT to a free port.`,
      { cause },
    )
  }
  return new AppError(
    'bad_settings',
    `The portal can't listen on ${host}:${port} (${sentenceOf(cause)}): check DAYPASS_PORTAL_HOST and DAYPASS_PORTAL_PORT.`,
    { cause },
  )
}

/** Lets open requests end, then cuts what is left, such as a browser's idle connections. */
async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
  await closed
  clearTimeout(cut)
}

/** Nobody can be made an admin but by a link, which no log may hold: an operator asks for one. */
async function warnOfNoAdmin({ config, log, store }: PortalDeps): Promise<void> {
  if (config.demo) return
  try {
    if (await isSetUp(store.db)) return
    log.warn({}, 'there is no admin yet: "daypass setup-link" prints where to make the first one')
  } catch (error) {
    log.warn({ error: sentenceOf(error) }, 'the store could not be asked whether there is an admin')
  }
}

/** A Secure cookie is never set on a request that arrives in clear, so nobody could sign in. */
function warnOfLostCookies({ config, log }: PortalDeps): void {
  if (config.publicUrl.protocol !== 'https:' || config.portal.tls || config.trustProxy) return
  log.warn(
    { publicUrl: config.publicUrl.origin },
    'the public URL is https but nothing here ends TLS: set DAYPASS_TRUST_PROXY to the address of the reverse proxy, or nobody can sign in',
  )
}
