import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import type { Address } from '../../lib/settings-reader.ts'
import { AppError, sentenceOf } from '../../lib/errors.ts'
import { STARTUP_CODE } from '../../proxy/wire/codes.ts'
import { Tracer, type TracerOptions } from './tracer.ts'

export interface TraceOptions extends TracerOptions {
  readonly to: Address
  /** For what is not the trace. */
  readonly note: (sentence: string) => void
}

/** SSLRequest and GSSENCRequest are of one length. */
const REQUEST_BYTES = 8
const NO = Buffer.from('N')

/**
 * Stands between clients and a server, passes every byte on and writes what it sees. Encryption is
 * declined on the server's behalf: nothing could be read of it. Errors: `trace_cannot_listen`.
 */
export async function startTrace(port: number, options: TraceOptions): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    carry(client, options)
  })
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch (cause) {
    throw new AppError(
      'trace_cannot_listen',
      `127.0.0.1:${port} can't be listened on (${sentenceOf(cause)}): choose another --listen.`,
      { cause },
    )
  }
  return server
}

/** Where it listens, chosen by the system for port 0. */
export function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}

function carry(client: Socket, options: TraceOptions): void {
  const { to, note } = options
  const upstream = connect({ ...to, allowHalfOpen: true, noDelay: true })
  const trace = traceOf(new Tracer(options), note)
  let mayEncrypt = true
  client.on('data', (chunk: Buffer) => {
    trace.client(chunk)
    mayEncrypt &&= isEncryptionRequest(chunk)
    if (mayEncrypt) {
      trace.server(NO)
      client.write(NO)
    } else if (!upstream.write(chunk)) client.pause()
  })
  upstream.on('data', (chunk: Buffer) => {
    trace.server(chunk)
    if (!client.write(chunk)) upstream.pause()
  })
  client.on('drain', () => upstream.resume()).on('end', () => upstream.end())
  upstream.on('drain', () => client.resume()).on('end', () => client.end())
  client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy())
  upstream.on('error', (error) => {
    note(`the server at ${to.host}:${to.port}: ${sentenceOf(error)}`)
    client.destroy()
  })
}

function isEncryptionRequest(chunk: Buffer): boolean {
  if (chunk.length !== REQUEST_BYTES || chunk.readInt32BE(0) !== REQUEST_BYTES) return false
  const code = chunk.readInt32BE(4)
  return code === STARTUP_CODE.tls || code === STARTUP_CODE.gss
}

/** What is not the protocol still passes; there is only nothing more to write of it. */
function traceOf(tracer: Tracer, note: (sentence: string) => void) {
  let isReadable = true
  const attempt = (read: () => void): void => {
    if (!isReadable) return
    try {
      read()
    } catch (error) {
      isReadable = false
      note(`this connection can't be traced further: ${sentenceOf(error)}`)
    }
  }
  return {
    client: (chunk: Buffer) => attempt(() => tracer.client(chunk)),
    server: (chunk: Buffer) => attempt(() => tracer.server(chunk)),
  }
}
