import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { AppError, sentenceOf } from '../lib/errors.ts'
import { addressOf, serveClient, type ProxyDeps } from './connection.ts'
import { KEEP_ALIVE } from './dial.ts'
import { Doorway, TooBusy } from './doorway.ts'
import { HeldBack } from './held-back.ts'
import { OnTheWay } from './on-the-way.ts'
import { Peer } from './peer.ts'
import { Quiet } from './quiet.ts'
import { Refusal, SQLSTATE } from './refusal.ts'

/** How long connections may take to end once they were told to, in milliseconds. */
const FAREWELL_MS = 3_000
const FAREWELL_POLL_MS = 20
/** How often connections are looked at in which nothing moves, in milliseconds. */
export const LOOK_MS = 1_000
const STOPPING = 'the proxy is shutting down'

/** Listens for clients, and ends those there are when it stops. */
export class ProxyServer {
  readonly #deps: ProxyDeps
  readonly #server: Server
  /** Those that have not logged in yet. */
  readonly #onTheWay = new Set<OnTheWay>()
  readonly #doorway: Doorway
  readonly #looking: NodeJS.Timeout

  constructor(deps: ProxyDeps) {
    this.#deps = deps
    this.#doorway = new Doorway(deps.limits)
    const quiet = new Quiet(deps.limits.idleSeconds * 1000)
    const heldBack = new HeldBack()
    this.#looking = setInterval(() => {
      quiet.look(deps.relays)
      heldBack.look(deps.relays)
    }, deps.lookMs).unref()
    const options = { allowHalfOpen: true, noDelay: true, ...KEEP_ALIVE }
    this.#server = createServer(options, (socket) => this.#accept(socket))
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

  /**
   * Takes nobody new and ends everyone: who is logging in or does nothing at once, others as soon as
   * their transaction is over, or when they have had the time that the settings give them.
   */
  async close(): Promise<void> {
    clearInterval(this.#looking)
    this.#server.close()
    const turnedAway = [...this.#onTheWay]
    const refusal = new Refusal(SQLSTATE.cannotConnectNow, `${STOPPING}: try again in a moment`)
    for (const client of turnedAway) client.refuse(refusal)
    const { relays, limits } = this.#deps
    const isAnyoneLeft = (): boolean =>
      relays.size > 0 ||
      this.#onTheWay.size > 0 ||
      turnedAway.some(({ peer }) => !peer.socket.destroyed)
    const graceEnds = performance.now() + limits.drainSeconds * 1000
    for (let now = performance.now(); isAnyoneLeft(); now = performance.now()) {
      for (const relay of [...relays]) {
        if (!relay.isQuiet && now < graceEnds) continue
        relay.cut(SQLSTATE.adminShutdown, `terminating connection: ${STOPPING}`, STOPPING)
      }
      if (now > graceEnds + FAREWELL_MS) return
      await new Promise((resolve) => setTimeout(resolve, FAREWELL_POLL_MS))
    }
  }

  #accept(socket: Socket): void {
    const address = addressOf(socket)
    const isSlowed = this.#deps.failures.waitAtTheDoor(address) > 0
    const onTheWay = new OnTheWay(new Peer(socket))
    const leave = this.#doorway.enter({ address, isSlowed }, onTheWay)
    if (leave instanceof TooBusy) {
      this.#deps.counters.refused.busy += 1
      refuse(socket, leave)
      return
    }
    this.#onTheWay.add(onTheWay)
    serveClient(onTheWay, this.#deps)
      .catch((error: unknown) => {
        this.#deps.log.error({ error: sentenceOf(error) }, 'a connection failed')
        socket.destroy()
      })
      .finally(() => {
        this.#onTheWay.delete(onTheWay)
        leave()
      })
  }
}

function refuse(socket: Socket, { response }: Refusal): void {
  socket.end(response)
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
