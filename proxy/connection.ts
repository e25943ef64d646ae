import type { Socket } from 'node:net'
import { admit, databaseFor, findLogin } from '../broker/sessions/admission.ts'
import type { Gate } from '../broker/sessions/gate.ts'
import type { ProxyLimits } from '../config.ts'
import type { Store } from '../db/store.ts'
import { sentenceOf } from '../lib/errors.ts'
import { uuidv7 } from '../lib/ids.ts'
import type { Log } from '../lib/log.ts'
import { mockVerifier } from '../lib/scram.ts'
import type { Attendance, ConnectionFacts } from './attendance.ts'
import { negotiate, proves } from './authenticate.ts'
import type { CancelSearch } from './cancel-search.ts'
import type { CancelKeys } from './cancel.ts'
import type { Counters } from './counters.ts'
import type { Deadlines } from './deadline.ts'
import { TooBusy } from './doorway.ts'
import { UpstreamLoginError, WireError } from './errors.ts'
import type { LoginFailures } from './failures.ts'
import { greet, type Greeting } from './hello.ts'
import type { Holders } from './holders.ts'
import type { Turns } from './io/turns.ts'
import type { Journal } from './journal/journal.ts'
import type { OnTheWay } from './on-the-way.ts'
import { PeerGone } from './peer.ts'
import { fatal, Refusal, SQLSTATE } from './refusal.ts'
import { Relay } from './relay.ts'
import { redactValue } from './statements/redaction.ts'
import type { ServerTls } from './tls.ts'
import { silenceOf, tooSlow, watchUnproven } from './unproven.ts'
import type { UpstreamSecrets } from './upstream-secrets.ts'
import { logIn, type Upstream } from './upstream.ts'
import { startupValue, type StartupMessage } from './wire/startup.ts'
import { encodeAuthenticationOk, encodeBackendKey, encodeReady } from './wire/to-client.ts'

/** What every connection of one proxy lives on. */
export interface ProxyDeps {
  readonly store: Store
  readonly log: Log
  readonly proxyId: string
  readonly journal: Journal
  /** In which chunks go on. */
  readonly turns: Turns
  readonly attendance: Attendance
  readonly deadlines: Deadlines
  readonly cancelKeys: CancelKeys
  readonly cancels: CancelSearch
  readonly counters: Counters
  readonly tls: ServerTls | undefined
  readonly holders: Holders
  /** The session users' passwords. */
  readonly secrets: UpstreamSecrets
  /** Makes the salts of names that nobody has. */
  readonly mockSecret: Buffer
  readonly limits: ProxyLimits
  /** How often connections are looked at in which nothing moves, in milliseconds. */
  readonly lookMs: number
  readonly failures: LoginFailures
  /** Every relay at work. */
  readonly relays: Set<Relay>
}

/** Somebody who has proven a secret and may come in. */
interface Admitted {
  readonly gate: Gate
  readonly facts: ConnectionFacts
  readonly startup: StartupMessage
}

/** Somebody who is also logged in on the data source. */
interface Arrived extends Admitted {
  readonly upstream: Upstream
  readonly unwatch: () => void
}

/** Why a connection is over that never was there. */
const LEFT_AT_LOGIN = 'the client hung up before the data source had let it in'

/** One client's life up to the relay, which then lives by itself. Each step takes what the one before proved. */
export async function serveClient(onTheWay: OnTheWay, deps: ProxyDeps): Promise<void> {
  const { peer } = onTheWay
  const clientIp = addressOf(peer.socket)
  const timer = setTimeout(() => onTheWay.refuse(tooSlow()), deps.limits.handshakeSeconds * 1000)
  try {
    await onTheWay.pause(deps.failures.waitAtTheDoor(clientIp))
    const greeting = await greetSoon(onTheWay, deps)
    if (greeting.hello.kind === 'cancel') {
      // a key of nobody's is ignored, as PostgreSQL does; the close alone says "delivered"
      peer.hush()
      await deps.cancels.forward(greeting.hello, { clientIp, gone: onTheWay.signal })
      // not its half alone: nobody counts those who have asked and stay
      peer.socket.destroySoon()
      return
    }
    negotiate(peer, greeting.hello)
    const asked = { ...greeting, hello: greeting.hello, clientIp }
    const gate = await authenticate(onTheWay, asked, deps)
    onTheWay.hasProven = true
    const admitted = await enter(gate, { startup: greeting.hello, clientIp }, deps)
    await connect(onTheWay, admitted, deps)
  } catch (error) {
    const { refusal } = onTheWay
    if (refusal === undefined && error instanceof PeerGone) peer.socket.destroy()
    else peer.farewell(lastWords(refusal ?? error, deps))
  } finally {
    clearTimeout(timer)
  }
}

/** Until it has spoken nothing is known of a client: its place may be somebody else's soon. */
async function greetSoon(onTheWay: OnTheWay, { tls, limits }: ProxyDeps): Promise<Greeting> {
  const timer = setTimeout(() => onTheWay.refuse(tooSlow()), silenceOf(limits))
  try {
    return await greet(onTheWay.peer, tls)
  } finally {
    clearTimeout(timer)
  }
}

async function authenticate(
  onTheWay: OnTheWay,
  { hello, channelBinding, clientIp }: Greeting & { hello: StartupMessage; clientIp: string },
  deps: ProxyDeps,
): Promise<Gate> {
  const { store, mockSecret, attendance, failures } = deps
  const { user } = hello
  const login = await findLogin(store.db, user)
  const verifier = login?.verifier ?? mockVerifier(mockSecret, user)
  const unwatch = login && watchUnproven(onTheWay, login.gate, deps)
  try {
    if ((await proves(onTheWay.peer, verifier, channelBinding)) && login) return login.gate
  } finally {
    unwatch?.()
  }
  attendance.strange(user, clientIp, login?.gate)
  await onTheWay.pause(failures.note(clientIp, user))
  throw new Refusal(SQLSTATE.invalidPassword, `password authentication failed for user "${user}"`)
}

async function enter(
  gate: Gate,
  { startup, clientIp }: { startup: StartupMessage; clientIp: string },
  { store, proxyId, attendance, limits }: ProxyDeps,
): Promise<Admitted> {
  const { database, parameters } = startup
  const asked = {
    id: uuidv7(),
    clientIp,
    database: databaseFor(gate, database),
    // some programs write all that they were started with in it
    applicationName: redactValue(startupValue(parameters, 'application_name') ?? ''),
  }
  const admission = await admit(store, gate.id, {
    ...asked,
    connectionId: asked.id,
    proxyId,
    database,
    replication: startupValue(parameters, 'replication'),
    most: limits.sessionConnections,
  })
  if (admission.kind === 'admitted') return { gate: admission.gate, facts: asked, startup }
  attendance.refused(gate, asked, admission)
  throw new Refusal(admission.sqlstate, admission.sentence)
}

async function connect(onTheWay: OnTheWay, admitted: Admitted, deps: ProxyDeps): Promise<void> {
  const { gate, facts, startup } = admitted
  const client = onTheWay.peer.untilHangUp(onTheWay.signal)
  const unwatch = deps.deadlines.watch(gate, onTheWay)
  let isThere = false
  try {
    onTheWay.assertNotOver()
    const upstream = await logIn({
      address: gate.dataSource,
      user: gate.username,
      secret: deps.secrets.of(gate),
      database: facts.database,
      parameters: startup.parameters,
      minor: startup.minor,
      signal: client.signal,
    })
    await openedOrHungUp(upstream, { admitted, onTheWay }, deps)
    client.stop()
    relay(onTheWay, { ...admitted, upstream, unwatch }, deps)
    isThere = true
  } catch (error) {
    if (onTheWay.refusal === undefined && client.signal.aborted) {
      // the data source has refused nothing: what failed is a login that we gave up
      deps.attendance.closed(gate, facts, LEFT_AT_LOGIN)
      throw new PeerGone(error)
    }
    const refusal = onTheWay.refusal ?? refusalOf(error)
    deps.attendance.refused(gate, facts, { sqlstate: refusal.sqlstate, sentence: refusal.message })
    throw onTheWay.refusal ?? error
  } finally {
    client.stop()
    if (!isThere) unwatch()
  }
}

async function openedOrHungUp(
  { peer, backend }: Upstream,
  { admitted, onTheWay }: { readonly admitted: Admitted; readonly onTheWay: OnTheWay },
  { attendance }: ProxyDeps,
): Promise<void> {
  try {
    await attendance.opened(admitted.gate, admitted.facts, backend.pid)
    onTheWay.assertNotOver()
  } catch (error) {
    peer.socket.destroy()
    throw error
  }
}

function relay(
  onTheWay: OnTheWay,
  { gate, facts, startup, upstream, unwatch }: Arrived,
  deps: ProxyDeps,
): void {
  const { peer } = onTheWay
  const { backend, statuses, greetings } = upstream
  const { holder, leave } = deps.holders.share(gate)
  const target = { address: holder.dataSource, backend }
  const cancelKey = deps.cancelKeys.add(target, startup.minor)
  // before the relay: it takes the socket over
  peer.write(
    encodeAuthenticationOk(),
    ...greetings.beforeKey,
    encodeBackendKey(backend.pid, cancelKey.key),
    ...greetings.behindKey,
    encodeReady('I'),
  )
  const carried = new Relay(
    {
      journal: deps.journal,
      turns: deps.turns,
      counters: deps.counters,
      speaker: { id: facts.id, session: gate.id, organization: gate.organization.id },
      cancel: () => void deps.cancels.deliver(target),
      failed: (error) => deps.log.error({ error: sentenceOf(error) }, 'a connection failed'),
      over: (why) => {
        cancelKey.remove()
        unwatch()
        leave()
        deps.relays.delete(carried)
        deps.attendance.closed(holder, facts, why)
      },
    },
    { client: peer.socket, upstream: upstream.peer.socket, statuses },
  )
  deps.relays.add(carried)
  deps.counters.opened += 1
  onTheWay.arrived({
    cut: (why) => carried.cut(SQLSTATE.adminShutdown, `terminating connection: ${why}`, why),
    warn: (sentence) => carried.warn(sentence),
  })
  carried.start({ client: peer.release(), upstream: upstream.peer.release() })
}

function lastWords(error: unknown, { log, counters }: ProxyDeps): Buffer {
  const refusal = refusalOf(error)
  if (refusal instanceof TooBusy) counters.refused.busy += 1
  else counters.refusedWith(refusal.sqlstate)
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
    const detail = error instanceof WireError ? error.detail : undefined
    return new Refusal(error.sqlstate, error.message, fatal(error.sqlstate, error.message, detail))
  }
  return new Refusal(
    SQLSTATE.cannotConnectNow,
    "the proxy can't open connections at the moment: try again soon",
  )
}

/** Clients of IPv4 look like this on a socket that listens to both. */
export function addressOf({ remoteAddress = '' }: Socket): string {
  return remoteAddress.replace(/^::ffff:/, '')
}
