import type { Parameter } from './values/bind-values.ts'
import type { SqlText } from './execution.ts'
import { wordsOf } from './portals.ts'
import type { ScreenedMessage, ScreenedParameter } from '../statements/screened.ts'
import type { Body, Decode } from '../wire/body.ts'
import { readFunctionCall, readParse, readQuery } from '../wire/client-messages.ts'
import type { Frame } from '../wire/frames.ts'

/** A message of so many bytes that nobody can read. */
export interface Unreadable {
  readonly unreadable: number
}

export interface ParseText extends SqlText {
  readonly name: string
  readonly types: readonly number[]
}

export interface BindValues {
  readonly portal: string
  readonly statement: string
  readonly parameters: readonly Parameter[]
}

export interface CallValues {
  readonly oid: number
  readonly parameters: readonly Parameter[]
}

/** A Query as it was sent: nothing was cut or taken out of it. */
export function shortQuery(body: Body, decode: Decode): SqlText {
  return wordsOf(readQuery(body, decode))
}

/** A Parse as it was sent. */
export function shortParse(body: Body, decode: Decode): ParseText {
  const { name, text, types } = readParse(body, decode)
  return { name, types, text, cut: null, redacted: false }
}

/** A FunctionCall as it was sent. */
export function shortCall(body: Body): CallValues {
  return readFunctionCall(body)
}

/** Its text alone. */
export function sqlOf({ text, cut, redacted }: SqlText): SqlText {
  return { text, cut, redacted }
}

/** What stands for a message. The relay wrote it, and a checksum guards it. */
export function readScreened({ bytes, start, end }: Frame): ScreenedMessage {
  return JSON.parse(bytes.toString('utf8', start, end)) as ScreenedMessage
}

/** A value out of a message that was screened. */
export function parameterOf({ binary, base64, cut, text }: ScreenedParameter): Parameter {
  const bytes = base64 === null ? null : Buffer.from(base64, 'base64')
  return { binary, bytes, cut, ...(text === undefined ? {} : { text }) }
}
