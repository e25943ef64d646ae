import { WireError } from './errors.ts'
import { Refusal, SQLSTATE } from './refusal.ts'
import type { Peer } from './peer.ts'
import { ALPN, serveTls, type ServerTls } from './tls.ts'
import { STARTUP_CODE } from './wire/codes.ts'
import {
  isOfOldProtocol,
  readHello,
  unsupported,
  type CancelRequest,
  type Hello,
  type StartupMessage,
} from './wire/startup.ts'
import { encodeOldError } from './wire/to-client.ts'

/** What a client came for, and whether others can read along. */
export interface Greeting {
  readonly hello: CancelRequest | StartupMessage
  /** To bind the login to this very TLS connection. */
  readonly channelBinding: Buffer | undefined
}

/** The first byte of a TLS handshake record (RFC 8446, 5.1): no start-up packet begins like this. */
const TLS_HANDSHAKE = 0x16
const YES = Buffer.from('S')
const NO = Buffer.from('N')

/**
 * Reads up to the start-up message, or to a cancel request; each may be asked once for TLS and for
 * GSS. A client that sends more before it has our answer is cut off: those bytes came in clear, and
 * whoever put them there wants them taken for the client's (CVE-2021-23214).
 */
export async function greet(peer: Peer, tls: ServerTls | undefined): Promise<Greeting> {
  const asked = new Set<'tls' | 'gss'>()
  let encrypted = false
  if (tls && (await peer.peek()) === TLS_HANDSHAKE) {
    await startTls(peer, tls, { direct: true })
    encrypted = true
  }
  for (;;) {
    const hello = read(await peer.readStartup())
    if (hello.kind === 'cancel') return { hello, channelBinding: undefined }
    if (hello.kind === 'startup') {
      if (tls && !encrypted) throw needsTls()
      return { hello, channelBinding: encrypted ? tls?.endpoint : undefined }
    }
    if (encrypted || asked.has(hello.kind)) throw unsupported(STARTUP_CODE[hello.kind])
    if (peer.hasMore)
      throw new WireError('received unencrypted data after a request for encryption')
    asked.add(hello.kind)
    if (hello.kind === 'tls' && tls) {
      peer.write(YES)
      await startTls(peer, tls, { direct: false })
      encrypted = true
    } else peer.write(NO)
  }
}

function read(packet: Buffer): Hello {
  try {
    return readHello(packet)
  } catch (error) {
    if (!(error instanceof WireError) || !isOfOldProtocol(packet)) throw error
    throw new Refusal(error.sqlstate, error.message, encodeOldError(error.message))
  }
}

/** Node takes a client that names no protocol; PostgreSQL's rule for direct TLS is that it must. */
async function startTls(peer: Peer, tls: ServerTls, { direct }: { direct: boolean }) {
  const socket = await peer.secure((plain) => serveTls(plain, tls), 'secure')
  if (direct && socket.alpnProtocol !== ALPN) {
    socket.destroy()
    throw new WireError('received direct SSL connection request without ALPN protocol negotiation')
  }
}

function needsTls(): Refusal {
  return new Refusal(
    SQLSTATE.invalidAuthorization,
    'this proxy takes encrypted connections only: connect with sslmode=require or better',
  )
}
