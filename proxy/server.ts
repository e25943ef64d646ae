import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { AppError, sentenceOf } from '../lib/errors.ts'
import { serveClient, type ProxyDeps } from './connection.ts'
import { fatal, SQLSTATE } from './refusal.ts'

/** Connections that have not logged in yet; more than so many at once are strangers or trouble. */
const UNKNOWN_MOST = 256
/** How long connections may take to end when the proxy stops, in milliseconds. */
const FAREWELL_MS = 3_000
const FAREWELL_POLL_MS = 20
const STOPPING = 'the proxy is shutting down'

/** Listens for clients, and ends those there are when it stops. */
export class ProxyServer {
  readonly #deps: ProxyDeps
  readonly #server: Server
  /** Those that have not logged in yet. */
  readonly #unknown = new Set<Socket>()

  constructor(deps: ProxyDeps) {
    this.#deps = deps
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) =>
      this.#accept(socket),
    )
  }

  /** Resolves with the address listened on. Errors: `proxy_port_in_use` and its kin. */
  listen({ host, port }: { readonly host: string; readonly port: number }): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => reject(cannotListen({ host, port }, cause)))
      this.#server.listen(port, host, () => {
        this.#server.on('error', (error) => {
          this.#deps.log.error({ error: sentenceOf(error) }, 'the listener failed')
        })
        const address = this.#server.address()
        if (address !== null && typeof address === 'object') resolve(address)
        else reject(new Error('a listener without an address'))
      })
    })
  }

  /** Takes nobody new, tells everyone, and waits until they are gone. */
  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#unknown) socket.destroy()
    const { relays } = this.#deps
    for (const relay of [...relays]) {
      relay.cut(SQLSTATE.adminShutdown, `terminating connection: ${STOPPING}`, STOPPING)
    }
    const deadline = Date.now() + FAREWELL_MS
    while (relays.size > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, FAREWELL_POLL_MS))
    }
  }

  #accept(socket: Socket): void {
    if (this.#unknown.size >= UNKNOWN_MOST) {
      refuse(socket)
      return
    }
    this.#unknown.add(socket)
    socket.once('close', () => this.#unknown.delete(socket))
    serveClient(socket, this.#deps)
      .catch((error: unknown) => {
        this.#deps.log.error({ error: sentenceOf(error) }, 'a connection failed')
        socket.destroy()
      })
      .finally(() => this.#unknown.delete(socket))
  }
}

function refuse(socket: Socket): void {
  socket.on('error', () => undefined)
  socket.end(fatal(SQLSTATE.tooManyConnections, 'too many connections are logging in at once'))
  socket.destroySoon()
}

function cannotListen(
  { host, port }: { readonly host: string; readonly port: number },
  cause: Error,
): AppError {
  const where = `${host}:${port}`
  if ('code' in cause && cause.code === 'EADDRINUSE') {
    return new AppError(
      'proxy_port_in_use',
      `Another program listens on ${where} already: stop it, or set DAYPASS_PROXY_PORT to a free port.`,
      { cause },
    )
  }
  return new AppError(
    'proxy_cannot_listen',
    `The proxy can't listen on ${where} (${cause.message}): see DAYPASS_PROXY_HOST and DAYPASS_PROXY_PORT.`,
    { cause },
  )
}
