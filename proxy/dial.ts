import { connect, isIP, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, checkServerIdentity, type ConnectionOptions } from 'node:tls'
import type { Reached } from '../broker/sessions/gate.ts'
import { sentenceOf } from '../lib/errors.ts'
import { UpstreamLoginError } from './errors.ts'
import { Peer } from './peer.ts'
import { ALPN, endpointHash, TLS_LEAST } from './tls.ts'
import { encodeTlsRequest } from './wire/to-server.ts'

/** A connection to a data source before anything was said on it. */
export interface Dialled {
  readonly peer: Peer
  /** Hash of the server's certificate, where the connection is TLS. */
  readonly channelBinding: Buffer | undefined
}

export type Address = Pick<Reached, 'host' | 'port' | 'tlsMode' | 'tlsCa'>

/** How long a data source may take to answer the phone, in milliseconds. */
const DIAL_MS = 10_000
/**
 * A connection on which nothing is under way asks after so long whether the other machine is still
 * there; libuv asks ten times, a second apart, before it is given up. Short enough for the firewalls
 * and address translators that forget a silent connection after some minutes. In milliseconds.
 */
export const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 60_000 } as const
const YES = 'S'.charCodeAt(0)

/**
 * Connects as the data source's TLS mode demands, never less; the signal gives the attempt up. Errors:
 * UpstreamLoginError.
 */
export async function dial(address: Address, signal?: AbortSignal): Promise<Dialled> {
  const socket = open(address)
  const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), DIAL_MS)
  const giveUp = (): void => void socket.destroy(new Error('given up'))
  signal?.addEventListener('abort', giveUp)
  if (signal?.aborted) giveUp()
  const peer = new Peer(socket)
  try {
    await connected(socket)
    const channelBinding = wantsTls(address) ? await encrypt(peer, address) : undefined
    return { peer, channelBinding }
  } catch (cause) {
    peer.socket.destroy()
    if (cause instanceof UpstreamLoginError) throw cause
    throw new UpstreamLoginError(`the data source can't be reached: ${sentenceOf(cause)}`)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  }
}

/** PostgreSQL speaks no TLS on a unix socket: the file's permissions guard it. */
function wantsTls({ host, tlsMode }: Address): boolean {
  return tlsMode !== 'disable' && !host.startsWith('/')
}

function open({ host, port }: Address): Socket {
  return host.startsWith('/')
    ? connect({ path: join(host, `.s.PGSQL.${port}`), allowHalfOpen: true })
    : connect({ host, port, allowHalfOpen: true, noDelay: true, ...KEEP_ALIVE })
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject)
  })
}

/** Bytes that came with the answer were not protected by what it promises (CVE-2021-23222). */
async function encrypt(peer: Peer, address: Address): Promise<Buffer | undefined> {
  peer.write(encodeTlsRequest())
  if ((await peer.readByte()) !== YES) {
    throw new UpstreamLoginError('the data source offers no TLS, which its settings here demand')
  }
  if (peer.hasMore) {
    throw new UpstreamLoginError('the data source sent unencrypted data after it agreed to TLS')
  }
  const options = tlsOptions(address)
  const socket = await peer.secure(
    (plain) => connectTls({ ...options, socket: plain }),
    'secureConnect',
  )
  return endpointHash(socket.getPeerCertificate().raw)
}

function tlsOptions({ host, tlsMode, tlsCa }: Address): ConnectionOptions {
  return {
    minVersion: TLS_LEAST,
    ALPNProtocols: [ALPN],
    rejectUnauthorized: tlsMode !== 'require',
    // without a CA of its own, those of the system count
    ...(tlsCa === null ? {} : { ca: tlsCa }),
    // a name to ask for; addresses are not allowed there (RFC 6066, 3)
    ...(isIP(host) === 0 ? { servername: host } : {}),
    checkServerIdentity: (_name, certificate) =>
      tlsMode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
  }
}
