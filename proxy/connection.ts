import type { KeyObject } from 'node:crypto'
import type { Socket } from 'node:net'
import { admit, databaseFor, findLogin } from '../broker/sessions/admission.ts'
import type { Gate } from '../broker/sessions/gate.ts'
import type { Store } from '../db/store.ts'
import { sentenceOf } from '../lib/errors.ts'
import { uuidv7 } from '../lib/ids.ts'
import type { Log } from '../lib/log.ts'
import { mockVerifier } from '../lib/scram.ts'
import { open } from '../lib/seal.ts'
import type { Attendance, ConnectionFacts } from './attendance.ts'
import { negotiate, proves } from './authenticate.ts'
import { cancelBackend, type Cancelable, type CancelKeys } from './cancel.ts'
import type { Deadlines } from './deadline.ts'
import { UpstreamLoginError, WireError } from './errors.ts'
import { greet, type Greeting } from './hello.ts'
import type { Journal } from './journal/journal.ts'
import { Peer, PeerGone } from './peer.ts'
import { Recorder } from './journal/recorder.ts'
import { fatal, Refusal, SQLSTATE } from './refusal.ts'
import { Relay } from './relay.ts'
import type { ServerTls } from './tls.ts'
import { logIn, type Upstream } from './upstream.ts'
import { startupValue, type CancelRequest, type StartupMessage } from './wire/startup.ts'
import { encodeAuthenticationOk, encodeBackendKey, encodeReady } from './wire/to-client.ts'

/** What every connection of one proxy lives on. */
export interface ProxyDeps {
  readonly store: Store
  readonly log: Log
  readonly proxyId: string
  readonly journal: Journal
  readonly attendance: Attendance
  readonly deadlines: Deadlines
  readonly cancelKeys: CancelKeys
  readonly tls: ServerTls | undefined
  /** Opens the session users' passwords. */
  readonly key: KeyObject
  /** Makes the salts of names that nobody has. */
  readonly mockSecret: Buffer
  /** Every relay at work. */
  readonly relays: Set<Relay>
}

/** Somebody who has proven a secret and may come in. */
interface Admitted {
  readonly gate: Gate
  readonly facts: ConnectionFacts
  readonly startup: StartupMessage
}

/** PostgreSQL's authentication_timeout, over everything up to the first query, in milliseconds. */
const HANDSHAKE_MS = 60_000

/** One client's life up to the relay, which then lives by itself. Each step takes what the one before proved. */
export async function serveClient(socket: Socket, deps: ProxyDeps): Promise<void> {
  const peer = new Peer(socket)
  const clientIp = addressOf(socket)
  const timer = setTimeout(() => peer.socket.destroy(), HANDSHAKE_MS)
  try {
    const greeting = await greet(peer, deps.tls)
    if (greeting.hello.kind === 'cancel') {
      await forwardCancel(greeting.hello, deps)
      peer.socket.end()
      return
    }
    negotiate(peer, greeting.hello)
    const gate = await authenticate(peer, { ...greeting, hello: greeting.hello, clientIp }, deps)
    const admitted = await enter(gate, { startup: greeting.hello, clientIp }, deps)
    await connect(peer, admitted, deps)
  } catch (error) {
    if (!(error instanceof PeerGone)) peer.farewell(lastWords(error, deps.log))
    else peer.socket.destroy()
  } finally {
    clearTimeout(timer)
  }
}

/** A key of nobody's is ignored, as PostgreSQL does; the close says that the request was delivered. */
async function forwardCancel(
  request: CancelRequest,
  { cancelKeys, log }: ProxyDeps,
): Promise<void> {
  const target = cancelKeys.find(request)
  if (target) await cancel(target, log)
}

async function authenticate(
  peer: Peer,
  { hello, channelBinding, clientIp }: Greeting & { hello: StartupMessage; clientIp: string },
  { store, mockSecret, attendance }: ProxyDeps,
): Promise<Gate> {
  const { user } = hello
  const login = await findLogin(store.db, user)
  const verifier = login?.verifier ?? mockVerifier(mockSecret, user)
  if ((await proves(peer, verifier, channelBinding)) && login) return login.gate
  attendance.strange(user, clientIp, login?.gate)
  throw new Refusal(SQLSTATE.invalidPassword, `password authentication failed for user "${user}"`)
}

async function enter(
  gate: Gate,
  { startup, clientIp }: { startup: StartupMessage; clientIp: string },
  { store, proxyId, attendance }: ProxyDeps,
): Promise<Admitted> {
  const { database, parameters } = startup
  const asked = {
    id: uuidv7(),
    clientIp,
    database: databaseFor(gate, database),
    applicationName: startupValue(parameters, 'application_name') ?? '',
  }
  const admission = await admit(store, gate.id, {
    ...asked,
    connectionId: asked.id,
    proxyId,
    database,
    replication: startupValue(parameters, 'replication'),
  })
  if (admission.kind === 'admitted') return { gate: admission.gate, facts: asked, startup }
  attendance.refused(gate, asked, admission)
  throw new Refusal(admission.sqlstate, admission.sentence)
}

async function connect(peer: Peer, admitted: Admitted, deps: ProxyDeps): Promise<void> {
  const { gate, facts, startup } = admitted
  const client = peer.untilHangUp()
  try {
    const upstream = await logIn({
      address: gate.dataSource,
      user: gate.username,
      secret: open(deps.key, gate.upstreamSealed, `session_users.upstream_sealed:${gate.id}`),
      database: facts.database,
      parameters: startup.parameters,
      signal: client.signal,
    })
    await openedOrHungUp(upstream, admitted, deps)
    client.stop()
    relay(peer, { ...admitted, upstream }, deps)
  } catch (error) {
    const refusal = refusalOf(error)
    deps.attendance.refused(gate, facts, { sqlstate: refusal.sqlstate, sentence: refusal.message })
    throw error
  } finally {
    client.stop()
  }
}

async function openedOrHungUp(
  { peer, backend }: Upstream,
  { gate, facts }: Admitted,
  { attendance }: ProxyDeps,
): Promise<void> {
  try {
    await attendance.opened(gate, facts, backend.pid)
  } catch (error) {
    peer.socket.destroy()
    throw error
  }
}

function relay(
  peer: Peer,
  { gate, facts, startup, upstream }: Admitted & { readonly upstream: Upstream },
  deps: ProxyDeps,
): void {
  const { backend, statuses, greetings } = upstream
  const target = { address: gate.dataSource, backend }
  const cancelKey = deps.cancelKeys.add(target, startup.minor)
  const carried = new Relay({
    client: peer.socket,
    upstream: upstream.peer.socket,
    statuses,
    recorder: new Recorder(deps.journal, {
      id: facts.id,
      sessionId: gate.id,
      organizationId: gate.organization.id,
    }),
    cancel: () => void cancel(target, deps.log),
    failed: (error) => deps.log.error({ error: sentenceOf(error) }, 'a connection failed'),
    over: (why) => {
      cancelKey.remove()
      unwatch()
      deps.relays.delete(carried)
      deps.attendance.closed(gate, facts, why)
    },
  })
  deps.relays.add(carried)
  const unwatch = deps.deadlines.watch(gate, {
    cut: (why) => carried.cut(SQLSTATE.adminShutdown, `terminating connection: ${why}`, why),
    warn: (sentence) => carried.warn(sentence),
  })
  peer.write(
    encodeAuthenticationOk(),
    ...greetings,
    encodeBackendKey(backend.pid, cancelKey.key),
    encodeReady('I'),
  )
  carried.start({ client: peer.release(), upstream: upstream.peer.release() })
}

async function cancel(target: Cancelable, log: Log): Promise<void> {
  try {
    await cancelBackend(target)
  } catch (error) {
    log.warn({ error: sentenceOf(error) }, 'a cancel request was not delivered')
  }
}

function lastWords(error: unknown, log: Log): Buffer {
  const refusal = refusalOf(error)
  if (
    error !== refusal &&
    !(error instanceof WireError) &&
    !(error instanceof UpstreamLoginError)
  ) {
    log.error({ error: sentenceOf(error) }, 'a connection could not be opened')
  }
  return refusal.response
}

/** What a client may be told of anything that was thrown. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof WireError || error instanceof UpstreamLoginError) {
    return new Refusal(error.sqlstate, error.message, fatal(error.sqlstate, error.message))
  }
  return new Refusal(
    SQLSTATE.cannotConnectNow,
    'the proxy can not open connections at the moment: try again soon',
  )
}

/** Clients of IPv4 look like this on a socket that listens to both. */
function addressOf({ remoteAddress = '' }: Socket): string {
  return remoteAddress.replace(/^::ffff:/, '')
}
