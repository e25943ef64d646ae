import { WireError } from '../errors.ts'
import { Body } from './body.ts'
import { PROTOCOL_MAJOR, STARTUP_CODE } from './codes.ts'
import { STARTUP_MOST } from './limits.ts'

/** One parameter, with its bytes as the client sent them (name NUL value NUL). */
export interface StartupParameter {
  readonly name: string
  readonly value: string
  readonly raw: Buffer
}

export interface StartupMessage {
  readonly kind: 'startup'
  /** Protocol 3.minor. */
  readonly minor: number
  readonly user: string
  /** Undefined when the client asked for none. */
  readonly database: string | undefined
  /** In the client's order, `user` and `database` among them, `_pq_.` options not. */
  readonly parameters: readonly StartupParameter[]
  /** Names of protocol options (`_pq_.` and on), to be answered with NegotiateProtocolVersion. */
  readonly protocolOptions: readonly string[]
}

export interface CancelRequest {
  readonly kind: 'cancel'
  readonly pid: number
  readonly key: Buffer
}

export type Hello =
  { readonly kind: 'tls' } | { readonly kind: 'gss' } | CancelRequest | StartupMessage

/** feature_not_supported and invalid_authorization_specification, PostgreSQL's own answers here. */
const UNSUPPORTED = '0A000'
const NO_USER = '28000'
const PROTOCOL_OPTION = '_pq_.'
const VERSION_BYTES = 4
const PID_BYTES = 4

/** Reads the first packet of a connection (without its length field); a WireError for all else. */
export function readHello(packet: Buffer): Hello {
  const body = new Body(packet)
  const code = body.int32()
  if (code === STARTUP_CODE.cancel) return readCancel(body)
  if (code === STARTUP_CODE.tls) return { kind: 'tls' }
  if (code === STARTUP_CODE.gss) return { kind: 'gss' }
  return readStartup(packet, code)
}

/** The value of a parameter: the last one if it was sent twice, as PostgreSQL takes it. */
export function startupValue(
  parameters: readonly StartupParameter[],
  name: string,
): string | undefined {
  return parameters.findLast((parameter) => parameter.name === name)?.value
}

export interface UpstreamStartup {
  readonly minor: number
  readonly user: string
  readonly database: string
  /** The client's; all but its user and database go on byte for byte. */
  readonly parameters: readonly StartupParameter[]
}

/**
 * The start-up packet for a data source. Parameters go on unchanged because a SET after login would
 * make RESET return to another value than the client asked for.
 */
export function encodeStartup({ minor, user, database, parameters }: UpstreamStartup): Buffer {
  const unchanged = parameters.filter(({ name }) => name !== 'user' && name !== 'database')
  const own = [`user\0${user}\0`, `database\0${database}\0`].map((text) => Buffer.from(text))
  const body = [...own, ...unchanged.map(({ raw }) => raw), Buffer.alloc(1)]
  const head = Buffer.alloc(8)
  const packet = Buffer.concat([head, ...body])
  if (packet.length > STARTUP_MOST) throw new WireError('invalid length of startup packet')
  packet.writeInt32BE(packet.length, 0)
  packet.writeInt16BE(PROTOCOL_MAJOR, 4)
  packet.writeInt16BE(minor, 6)
  return packet
}

/** A cancel request with a key of any length; sent on a connection of its own. */
export function encodeCancel(pid: number, key: Buffer): Buffer {
  const head = Buffer.alloc(12)
  head.writeInt32BE(head.length + key.length, 0)
  head.writeInt32BE(STARTUP_CODE.cancel, 4)
  head.writeInt32BE(pid, 8)
  return Buffer.concat([head, key])
}

/** Never an error, because nothing is ever answered: with a key of another size it is nobody's. */
function readCancel(body: Body): CancelRequest {
  const pid = body.left < PID_BYTES ? 0 : body.int32()
  return { kind: 'cancel', pid, key: Buffer.from(body.bytes(body.left)) }
}

/** What PostgreSQL says of another protocol, and of a request for encryption that comes too late. */
export function unsupported(version: number): WireError {
  const [major, minor] = [version >>> 16, version & 0xffff]
  const what = `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.2`
  return new WireError(what, UNSUPPORTED)
}

/** True of clients older than protocol 3, which read errors of another form. */
export function isOfOldProtocol(packet: Buffer): boolean {
  return packet.length >= VERSION_BYTES && packet.readUInt16BE(0) < PROTOCOL_MAJOR
}

function readStartup(packet: Buffer, version: number): StartupMessage {
  const [major, minor] = [version >>> 16, version & 0xffff]
  if (major !== PROTOCOL_MAJOR) throw unsupported(version)
  const sent = readParameters(packet)
  const parameters = sent.filter(({ name }) => !name.startsWith(PROTOCOL_OPTION))
  const options = sent.filter(({ name }) => name.startsWith(PROTOCOL_OPTION))
  const user = startupValue(parameters, 'user')
  const database = startupValue(parameters, 'database')
  if (!user) throw new WireError('no PostgreSQL user name specified in startup packet', NO_USER)
  return {
    kind: 'startup',
    minor,
    user,
    database: database === '' ? undefined : database,
    parameters,
    protocolOptions: options.map(({ name }) => name),
  }
}

function readParameters(packet: Buffer): StartupParameter[] {
  const body = new Body(packet, VERSION_BYTES)
  const parameters: StartupParameter[] = []
  try {
    for (;;) {
      const start = packet.length - body.left
      const name = body.text()
      if (name === '') break
      const value = body.text()
      parameters.push({ name, value, raw: packet.subarray(start, packet.length - body.left) })
    }
    body.end()
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    throw new WireError('invalid startup packet layout: expected terminator as last byte')
  }
  return parameters
}
