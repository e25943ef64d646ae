import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TlsFiles } from '../lib/settings-reader.ts'
import { AppError } from '../lib/errors.ts'

/** What the proxy shows to clients. */
export interface ServerTls {
  readonly context: SecureContext
  /** Hash of our certificate for channel binding; undefined where its kind has none. */
  readonly endpoint: Buffer | undefined
}

/** The protocol's name in ALPN (manual, "SSL Session Encryption"). */
export const ALPN = 'postgresql'
export const TLS_LEAST = 'TLSv1.2'

/** Reads certificate and key. Errors: `tls_files_unreadable`. */
export function readServerTls({ cert, key }: TlsFiles): ServerTls {
  try {
    const pem = readFileSync(cert)
    const context = createSecureContext({
      cert: pem,
      key: readFileSync(key),
      minVersion: TLS_LEAST,
    })
    return { context, endpoint: endpointHash(new X509Certificate(pem).raw) }
  } catch (cause) {
    throw new AppError(
      'tls_files_unreadable',
      `DAYPASS_PROXY_TLS_CERT (${cert}) and DAYPASS_PROXY_TLS_KEY (${key}) must be a certificate and its key in PEM.`,
      { cause },
    )
  }
}

/** Our side of a client's TLS. */
export function serveTls(socket: Socket, { context }: ServerTls): TLSSocket {
  return new TLSSocket(socket, { isServer: true, secureContext: context, ALPNProtocols: [ALPN] })
}

/** Signature algorithms by OID in DER, and what tls-server-end-point hashes with for them. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['2a864886f70d010104', 'sha256'], // md5WithRSA: RFC 5929 raises it
  ['2a864886f70d010105', 'sha256'], // sha1WithRSA: the same
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  ['2a8648ce3d040302', 'sha256'], // ecdsa-with-SHA256
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
])

/** The hash of a certificate that tls-server-end-point binds to (RFC 5929, 4.1). */
export function endpointHash(certificate: Buffer): Buffer | undefined {
  const whole = derValue(certificate, 0)
  const toBeSigned = whole && derValue(certificate, whole.start)
  const algorithm = toBeSigned && derValue(certificate, toBeSigned.end)
  const oid = algorithm && derValue(certificate, algorithm.start)
  if (!oid) return undefined
  const hash = HASHES.get(certificate.subarray(oid.start, oid.end).toString('hex'))
  return hash === undefined ? undefined : createHash(hash).update(certificate).digest()
}

/** Where the value of the DER element at this place begins and ends (X.690, 8.1). */
function derValue(bytes: Buffer, at: number): { start: number; end: number } | undefined {
  const first = bytes[at + 1]
  if (first === undefined) return undefined
  const more = first < 0x80 ? 0 : first & 0x7f
  const start = at + 2 + more
  if (more > 4 || start > bytes.length) return undefined
  const length = more === 0 ? first : bytes.readUIntBE(at + 2, more)
  const end = start + length
  return end > bytes.length ? undefined : { start, end }
}
