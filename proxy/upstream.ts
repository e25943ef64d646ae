import { UpstreamLoginError, WireError } from './errors.ts'
import { dial, type Address } from './dial.ts'
import { PeerGone, type Peer } from './peer.ts'
import { errorResponse, Refusal } from './refusal.ts'
import { ScramClient } from './scram/client.ts'
import { Body } from './wire/body.ts'
import { FROM_SERVER } from './wire/codes.ts'
import type { Message } from './wire/intake.ts'
import {
  readAuthentication,
  readBackendKey,
  readParameterStatus,
  readReport,
  type BackendKey,
} from './wire/server-messages.ts'
import { encodeStartup, type StartupParameter } from './wire/startup.ts'
import { encodeNotice, encodeParameterStatus } from './wire/to-client.ts'
import { encodeSaslInitial, encodeSaslResponse } from './wire/to-server.ts'

/** What to log in with. */
export interface UpstreamLogin {
  readonly address: Address
  readonly user: string
  readonly secret: string
  readonly database: string
  /** The client's, unchanged. */
  readonly parameters: readonly StartupParameter[]
  /** Gives the attempt up: a server may never answer, and the client won't wait for ever. */
  readonly signal: AbortSignal
}

/** A backend that is ready for its first query. */
export interface Upstream {
  readonly peer: Peer
  readonly backend: BackendKey
  /** What the server reported of itself, for the client and for whoever reads along. */
  readonly statuses: readonly (readonly [name: string, value: string])[]
  /** Messages for the client, in the server's order: statuses and notices. */
  readonly greetings: readonly Buffer[]
}

/** Every server speaks it; what differs in 3.2 is only how long cancel keys are. */
const MINOR = 0
/** invalid_authorization_specification and its kin: they would tell the backend's role and password. */
const AUTHORIZATION_CLASS = '28'

/**
 * Connects and logs in as a session user. Errors: Refusal with the server's own words, where they
 * are the client's business; UpstreamLoginError otherwise.
 */
export async function logIn(login: UpstreamLogin): Promise<Upstream> {
  const { peer, channelBinding } = await dial(login.address)
  const { user, database, parameters, signal } = login
  const giveUp = (): void => void peer.socket.destroy()
  signal.addEventListener('abort', giveUp)
  if (signal.aborted) giveUp()
  try {
    peer.write(encodeStartup({ minor: MINOR, user, database, parameters }))
    await authenticate(peer, login.secret, channelBinding)
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

/** Only SCRAM: a server that asks for the password itself could be anyone. */
async function authenticate(
  peer: Peer,
  secret: string,
  channelBinding: Buffer | undefined,
): Promise<void> {
  let scram: ScramClient | undefined
  for (;;) {
    const request = readAuthentication(await readBody(peer, FROM_SERVER.authentication))
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

async function readUntilReady(peer: Peer): Promise<Upstream> {
  const statuses: [string, string][] = []
  const greetings: Buffer[] = []
  let backend: BackendKey | undefined
  for (;;) {
    const { type, body } = await readMessage(peer)
    if (type === FROM_SERVER.parameterStatus) {
      const status = readParameterStatus(new Body(body))
      statuses.push(status)
      greetings.push(encodeParameterStatus(...status))
    } else if (type === FROM_SERVER.backendKey) {
      backend = readBackendKey(new Body(body))
    } else if (type === FROM_SERVER.notice) {
      const { sqlstate, message } = readReport(new Body(body))
      greetings.push(encodeNotice({ severity: 'NOTICE', sqlstate, message }))
    } else if (type === FROM_SERVER.ready && backend !== undefined) {
      return { peer, backend, statuses, greetings }
    } else {
      throw brokeProtocol()
    }
  }
}

async function readBody(peer: Peer, expected: number): Promise<Body> {
  const { type, body } = await readMessage(peer)
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
  throw new Refusal(sqlstate, sentence, errorResponse(message.body))
}

/** The last field's NUL and the list's own: some clients read on for ever without them. */
function isTerminated(body: Buffer): boolean {
  return body.length >= 2 && body.readUInt16BE(body.length - 2) === 0
}

function brokeProtocol(): UpstreamLoginError {
  return new UpstreamLoginError('the data source broke the protocol at login')
}
