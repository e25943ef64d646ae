import { UpstreamLoginError, WireError } from './errors.ts'
import { dial, type Address } from './dial.ts'
import { PeerGone, type Peer } from './peer.ts'
import { Refusal } from './refusal.ts'
import { ScramClient, type ScramSecret } from './scram/client.ts'
import { Body } from './wire/body.ts'
import { FROM_SERVER } from './wire/codes.ts'
import type { Message } from './wire/intake.ts'
import { HEADER_BYTES } from './wire/limits.ts'
import {
  readAuthentication,
  readBackendKey,
  readNegotiation,
  readParameterStatus,
  readReport,
  type BackendKey,
} from './wire/server-messages.ts'
import { encodeStartup, type StartupParameter } from './wire/startup.ts'
import { encodeAsItCame } from './wire/to-client.ts'
import { encodeSaslInitial, encodeSaslResponse } from './wire/to-server.ts'

/** What to log in with. */
export interface UpstreamLogin {
  readonly address: Address
  readonly user: string
  readonly secret: ScramSecret
  readonly database: string
  /** The client's, unchanged. */
  readonly parameters: readonly StartupParameter[]
  /** The client's protocol 3.minor: with 3.2 the server's cancel key is a long one, too. */
  readonly minor: number
  /** Gives the attempt up: a server may never answer, and the client won't wait for ever. */
  readonly signal: AbortSignal
}

/** A backend that is ready for its first query. */
export interface Upstream {
  readonly peer: Peer
  readonly backend: BackendKey
  /** What the server reported of itself, for the client and for whoever reads along. */
  readonly statuses: readonly (readonly [name: string, value: string])[]
  /** Statuses and notices for the client as they came, around the place of the cancel key. */
  readonly greetings: {
    readonly beforeKey: readonly Buffer[]
    readonly behindKey: readonly Buffer[]
  }
}

/** The newest protocol 3.minor that we speak; 3.1 was never made. */
const NEWEST_MINOR = 2
/** What a server may report and warn of at login, in bytes: PostgreSQL's own words are some hundred. */
const SAID_MOST = 1024 * 1024
/** invalid_authorization_specification and its kin: they would tell the backend's role and password. */
const AUTHORIZATION_CLASS = '28'

/**
 * Connects and logs in as a session user. Errors: Refusal with the server's own words, where they
 * are the client's business; UpstreamLoginError otherwise.
 */
export async function logIn(login: UpstreamLogin): Promise<Upstream> {
  const { user, database, parameters, signal } = login
  const { peer, channelBinding } = await dial(login.address, signal)
  const minor = login.minor >= NEWEST_MINOR ? NEWEST_MINOR : 0
  const giveUp = (): void => void peer.socket.destroy()
  signal.addEventListener('abort', giveUp)
  if (signal.aborted) giveUp()
  try {
    peer.write(encodeStartup({ minor, user, database, parameters }))
    await authenticate(peer, { secret: login.secret, channelBinding, minor })
    return await readUntilReady(peer)
  } catch (error) {
    peer.socket.destroy()
    if (error instanceof PeerGone) {
      throw new UpstreamLoginError('the data source closed the connection at login')
    }
    if (error instanceof WireError) throw brokeProtocol()
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

interface Bound {
  readonly channelBinding: Buffer | undefined
}

/** Only SCRAM: a server that asks for the password itself could be anyone. */
async function authenticate(
  peer: Peer,
  { secret, channelBinding, minor }: Pick<UpstreamLogin, 'secret' | 'minor'> & Bound,
): Promise<void> {
  let scram: ScramClient | undefined
  let message = await readMessage(peer)
  if (message.type === FROM_SERVER.negotiation) {
    assertOlder(message.body, minor)
    message = await readMessage(peer)
  }
  for (; ; message = await readMessage(peer)) {
    const request = readAuthentication(bodyOf(message, FROM_SERVER.authentication))
    if (request.kind === 'sasl' && scram === undefined) {
      const { mechanisms: offered } = request
      scram = new ScramClient({ secret, offered, ...(channelBinding ? { channelBinding } : {}) })
      peer.write(encodeSaslInitial(scram.mechanism, scram.first()))
    } else if (request.kind === 'sasl continue' && scram !== undefined) {
      peer.write(encodeSaslResponse(await scram.final(request.data)))
    } else if (request.kind === 'sasl final' && scram !== undefined) {
      scram.verify(request.data)
    } else if (request.kind === 'ok' && scram !== undefined) {
      scram.assertVerified()
      return
    } else {
      throw new UpstreamLoginError(
        'the data source asks for a login other than SCRAM-SHA-256, which is not ours to give',
      )
    }
  }
}

/** A server that speaks less than was asked for says so first; we asked for no options. */
function assertOlder(body: Buffer, asked: number): void {
  const { minor, unknownOptions } = readNegotiation(new Body(body))
  if (minor >= asked || unknownOptions.length > 0) throw brokeProtocol()
}

async function readUntilReady(peer: Peer): Promise<Upstream> {
  const statuses: [string, string][] = []
  const [beforeKey, behindKey]: [Buffer[], Buffer[]] = [[], []]
  let backend: BackendKey | undefined
  for (let said = 0; ;) {
    const message = await readMessage(peer)
    const { type, body } = message
    said += body.length + HEADER_BYTES
    if (said > SAID_MOST) throw brokeProtocol()
    if (type === FROM_SERVER.backendKey) {
      if (backend) throw brokeProtocol()
      backend = readBackendKey(new Body(body))
    } else if (type === FROM_SERVER.parameterStatus || type === FROM_SERVER.notice) {
      if (type === FROM_SERVER.parameterStatus) statuses.push(readParameterStatus(new Body(body)))
      else if (!isTerminated(body)) throw brokeProtocol()
      const greetings = backend ? behindKey : beforeKey
      greetings.push(encodeAsItCame(message))
    } else if (type === FROM_SERVER.ready && backend !== undefined) {
      return { peer, backend, statuses, greetings: { beforeKey, behindKey } }
    } else {
      throw brokeProtocol()
    }
  }
}

function bodyOf({ type, body }: Message, expected: number): Body {
  if (type === expected) return new Body(body)
  throw brokeProtocol()
}

async function readMessage(peer: Peer): Promise<Message> {
  const message = await peer.readMessage()
  if (message.type !== FROM_SERVER.error) return message
  const { sqlstate, message: sentence } = readReport(new Body(message.body))
  if (sqlstate.startsWith(AUTHORIZATION_CLASS)) {
    throw new UpstreamLoginError('the data source refused the login of the session user')
  }
  if (sqlstate === '' || !isTerminated(message.body)) throw brokeProtocol()
  throw new Refusal(sqlstate, sentence, encodeAsItCame(message))
}

/** The last field's NUL and the list's own: some clients read on for ever without them. */
function isTerminated(body: Buffer): boolean {
  return body.length >= 2 && body.readUInt16BE(body.length - 2) === 0
}

function brokeProtocol(): UpstreamLoginError {
  return new UpstreamLoginError('the data source broke the protocol at login')
}
