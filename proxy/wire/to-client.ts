import { WireError } from '../errors.ts'
import { FROM_SERVER, PROTOCOL_MAJOR } from './codes.ts'
import type { Message } from './intake.ts'
import { LARGE_MOST, LENGTH_FIELD } from './limits.ts'
import type { TransactionState } from './server-messages.ts'

/** Encoders of what we ourselves say to a client. */

/** What an error or a notice of ours says. */
export interface Report {
  readonly severity: 'ERROR' | 'FATAL' | 'PANIC' | 'WARNING' | 'NOTICE' | 'INFO'
  readonly sqlstate: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
}

export function encodeAuthenticationOk(): Buffer {
  return message(FROM_SERVER.authentication, int32(0))
}

/** Offers mechanisms, the preferred one first. */
export function encodeSasl(mechanisms: readonly string[]): Buffer {
  return message(FROM_SERVER.authentication, int32(10), ...mechanisms.map(text), Buffer.alloc(1))
}

export function encodeSaslContinue(data: string): Buffer {
  return message(FROM_SERVER.authentication, int32(11), Buffer.from(data))
}

/** node-postgres fails without this one, so it goes out before every AuthenticationOk. */
export function encodeSaslFinal(data: string): Buffer {
  return message(FROM_SERVER.authentication, int32(12), Buffer.from(data))
}

export function encodeParameterStatus(name: string, value: string): Buffer {
  return message(FROM_SERVER.parameterStatus, text(name), text(value))
}

export function encodeBackendKey(pid: number, key: Buffer): Buffer {
  return message(FROM_SERVER.backendKey, int32(pid), key)
}

/** Version field in full (3 in the high half), as PostgreSQL sends it whatever its manual says. */
export function encodeNegotiation(minor: number, unknownOptions: readonly string[]): Buffer {
  const version = int32((PROTOCOL_MAJOR << 16) | minor)
  return message(
    FROM_SERVER.negotiation,
    version,
    int32(unknownOptions.length),
    ...unknownOptions.map(text),
  )
}

/** A message of the server's, passed on as it came. */
export function encodeAsItCame({ type, body }: Message): Buffer {
  return message(type, body)
}

export function encodeReady(state: TransactionState): Buffer {
  return message(FROM_SERVER.ready, Buffer.from(state))
}

export function encodeError(report: Report): Buffer {
  return message(FROM_SERVER.error, ...reportFields(report))
}

export function encodeNotice(report: Report): Buffer {
  return message(FROM_SERVER.notice, ...reportFields(report))
}

/** An error for clients of protocol 2 and older: one text (elog.c, "old style"). */
export function encodeOldError(sentence: string): Buffer {
  return Buffer.concat([Buffer.of(FROM_SERVER.error), text(`FATAL:  ${sentence}\n`)])
}

function reportFields({ severity, sqlstate, message, detail, hint }: Report): Buffer[] {
  const fields = [`S${severity}`, `V${severity}`, `C${sqlstate}`, `M${message}`]
  if (detail !== undefined) fields.push(`D${detail}`)
  if (hint !== undefined) fields.push(`H${hint}`)
  return [...fields.map(text), Buffer.alloc(1)]
}

/** A length that wrapped around would turn a value into messages of its own (CVE-2024-27304). */
function message(type: number, ...parts: Buffer[]): Buffer {
  const length = LENGTH_FIELD + parts.reduce((sum, part) => sum + part.length, 0)
  if (length > LARGE_MOST) throw new WireError('a message of ours would be too long')
  return Buffer.concat([Buffer.of(type), int32(length), ...parts])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** NUL ends a text on the wire; inside one it would begin a field that we did not mean. */
function text(value: string): Buffer {
  return Buffer.from(`${value.replaceAll('\0', '')}\0`)
}
