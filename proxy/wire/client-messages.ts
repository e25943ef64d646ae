import { WireError } from '../errors.ts'
import type { Body, Decode } from './body.ts'

/** Decoders of what a client sends. Each takes the body and throws a WireError if it is malformed. */

export interface ParseMessage {
  readonly name: string
  readonly text: string
  /** Types given for the first parameters; 0 leaves one to the server. */
  readonly types: readonly number[]
}

export interface BindMessage {
  readonly portal: string
  readonly statement: string
  readonly parameters: readonly RawParameter[]
}

/** A value as it came: null is SQL's NULL. The bytes are a view into the body. */
export interface RawParameter {
  readonly binary: boolean
  readonly bytes: Buffer | null
}

/** What Describe and Close name: a statement or a portal. */
export interface Target {
  readonly kind: 'statement' | 'portal'
  readonly name: string
}

export interface FunctionCallMessage {
  readonly oid: number
  readonly parameters: readonly RawParameter[]
}

export function readQuery(body: Body, decode: Decode): string {
  const text = body.text(decode)
  body.end()
  return text
}

export function readParse(body: Body, decode: Decode): ParseMessage {
  const name = body.text(decode)
  const text = body.text(decode)
  const count = body.uint16()
  const types: number[] = []
  for (let index = 0; index < count; index += 1) types.push(body.uint32())
  body.end()
  return { name, text, types }
}

export function readBind(body: Body, decode: Decode): BindMessage {
  const portal = body.text(decode)
  const statement = body.text(decode)
  const parameters = readParameters(body)
  readFormats(body)
  body.end()
  return { portal, statement, parameters }
}

export function readTarget(body: Body, decode: Decode): Target {
  const letter = body.uint8()
  const name = body.text(decode)
  body.end()
  if (letter === 0x53) return { kind: 'statement', name }
  if (letter === 0x50) return { kind: 'portal', name }
  throw new WireError('invalid message format: neither a statement nor a portal')
}

/** The portal's name; the row limit behind it changes nothing in the record. */
export function readExecute(body: Body, decode: Decode): string {
  const portal = body.text(decode)
  body.int32()
  body.end()
  return portal
}

export function readFunctionCall(body: Body): FunctionCallMessage {
  const oid = body.uint32()
  const parameters = readParameters(body)
  body.int16()
  body.end()
  return { oid, parameters }
}

export function readCopyFail(body: Body, decode: Decode): string {
  const reason = body.text(decode)
  body.end()
  return reason
}

/** A client's choice of mechanism; `readSaslInitial` reads what is behind it. */
export function readMechanism(body: Body): string {
  return body.text()
}

/**
 * The first message that came with the choice; undefined where there is none. As of all of SCRAM, the
 * text has one byte a character: the bytes are signed as they came.
 */
export function readSaslInitial(body: Body): string | undefined {
  const length = body.int32()
  const data = length === -1 ? undefined : body.textOf(length, decodeBytes)
  body.end()
  return data
}

export function readSaslResponse(body: Body): string {
  return body.textOf(body.left, decodeBytes)
}

const decodeBytes: Decode = (bytes, start, end) => bytes.toString('latin1', start, end)

export function readPassword(body: Body): string {
  const password = body.text()
  body.end()
  return password
}

/** Format codes and values: no code means text, one code is for all, else one a value. */
function readParameters(body: Body): RawParameter[] {
  const formats = readFormats(body)
  const count = body.uint16()
  if (formats.length > 1 && formats.length !== count) {
    throw new WireError('invalid message format: format codes that do not fit the values')
  }
  const parameters: RawParameter[] = []
  for (let index = 0; index < count; index += 1) {
    const format = formats.length === 1 ? formats[0] : formats[index]
    const length = body.int32()
    parameters.push({ binary: format === 1, bytes: length === -1 ? null : body.bytes(length) })
  }
  return parameters
}

function readFormats(body: Body): number[] {
  const count = body.uint16()
  const formats: number[] = []
  for (let index = 0; index < count; index += 1) formats.push(body.int16())
  return formats
}
