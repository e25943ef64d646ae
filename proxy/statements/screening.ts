import { longBind, longCall, longParse, longQuery, type LongParameter } from './long-messages.ts'
import { MessageReader } from './message-reader.ts'
import { redactSql, redactValue, REDACTED } from './redaction.ts'
import type { ScreenedMessage, ScreenedParameter } from './screened.ts'
import { mayHoldSecret, mayHoldSecretValue } from './secret-signs.ts'
import type { Cut } from './digests.ts'
import { Body, decodeUtf8, type Decode } from '../wire/body.ts'
import { readBind, readFunctionCall, readParse, readQuery } from '../wire/client-messages.ts'
import { FROM_CLIENT } from '../wire/codes.ts'
import { decoderOf } from '../wire/encodings.ts'
import type { Frame } from '../wire/frames.ts'
import { KEPT_MOST } from '../wire/limits.ts'
import { readReport } from '../wire/server-messages.ts'

/** Class 42601, syntax error: its message quotes the text. */
const SYNTAX_ERROR = '42601'
/** The fields of an error that a record keeps: severity twice, SQLSTATE, message. */
const KEPT_FIELDS: ReadonlySet<number> = new Set(Buffer.from('SVCM'))
const SAYS_LITTLE = Buffer.from('Msyntax error')
const NUL = Buffer.of(0)
const MESSAGE_FIELD = 0x4d
/** Below this no text has a byte, and binary values do. */
const FIRST_OF_TEXT = 0x09

/**
 * Keeps one connection's secrets out of its journal. Looks at each whole Query, Parse, Bind and
 * FunctionCall, and reads the ones too long to keep as they pass.
 */
export class Screen {
  decode: Decode = decodeUtf8
  /** The client_encoding that the server reported last. */
  encoding = 'UTF8'
  readonly limit: number
  #backslashEscapes = false
  #hasRedacted = false
  #readers: Readers | undefined

  constructor(limit: number = KEPT_MOST) {
    this.limit = limit
  }

  /** Settings that change how the client's bytes read: as reported at login, and whenever they change. */
  parameterStatus(name: string, value: string): void {
    if (name === 'client_encoding') {
      this.encoding = value
      this.decode = decoderOf(value)
    }
    if (name === 'standard_conforming_strings') this.#backslashEscapes = value === 'off'
  }

  /** What to write in place of a whole message; undefined where it may be written as it is. */
  whole(frame: Frame): Buffer | undefined {
    const { type, bytes, start, end } = frame
    const isLong = frame.length > this.limit
    const hasValues = type === FROM_CLIENT.bind || type === FROM_CLIENT.functionCall
    const look = hasValues ? mayHoldSecretValue : mayHoldSecret
    if (!isLong && !look(bytes, start, end)) return undefined
    const screened = this.#read(frame)
    return isLong || screened.redacted ? encode(screened.message) : undefined
  }

  /** More of a message that is too long to keep. */
  piece(frame: Frame): void {
    this.#readers ??= readersOf(this)
    this.#readers[nameOf(frame.type)].piece(frame)
  }

  /** What to write in place of a message whose pieces have all passed. */
  passed(frame: Frame): Buffer {
    return encode(this.#read(frame).message)
  }

  /**
   * The body to write in place of an ErrorResponse's: what it says, without the fields that may quote
   * more of a statement, and without its words where they quote one that had a secret in it.
   */
  error({ bytes, start, end }: Frame): Buffer {
    const { sqlstate } = readReport(new Body(bytes, start, end), this.decode)
    const quotes = this.#hasRedacted && sqlstate === SYNTAX_ERROR
    const kept: Buffer[] = []
    for (let at = start; at < end && bytes[at] !== 0;) {
      const nul = bytes.indexOf(0, at + 1)
      const stop = nul === -1 || nul > end ? end : nul
      const letter = bytes[at] ?? 0
      const field = quotes && letter === MESSAGE_FIELD ? SAYS_LITTLE : bytes.subarray(at, stop)
      if (KEPT_FIELDS.has(letter)) kept.push(field, NUL)
      at = stop + 1
    }
    return Buffer.concat([...kept, NUL])
  }

  /** Nothing that was asked is unanswered: no error to come is about what was redacted so far. */
  settled(): void {
    this.#hasRedacted = false
  }

  #read(frame: Frame): Screened {
    this.#readers ??= readersOf(this)
    const screened = this.#readers[nameOf(frame.type)].read(frame)
    const { type, length } = frame
    if (!screened) return { message: { kind: 'unreadable', type, length }, redacted: true }
    if (screened.redacted) this.#hasRedacted = true
    return screened
  }

  /** The only door from a client's SQL to the journal: passwords stay outside. */
  sql(text: string, cut: Cut | null): { text: string; cut: Cut | null; redacted: boolean } {
    const safe = redactSql(text, { backslashEscapes: this.#backslashEscapes })
    if (safe === text) return { text, cut, redacted: false }
    // a digest of a text whose secret is its only unknown would let anyone try secrets on it
    return { text: safe, cut: cut && { ...cut, sha256: null }, redacted: true }
  }
}

interface Screened {
  readonly message: ScreenedMessage
  readonly redacted: boolean
}

type Readers = ReturnType<typeof readersOf>

const NAMES: Readonly<Record<number, keyof Readers>> = {
  [FROM_CLIENT.query]: 'query',
  [FROM_CLIENT.parse]: 'parse',
  [FROM_CLIENT.bind]: 'bind',
  [FROM_CLIENT.functionCall]: 'call',
}

function readersOf(screen: Screen) {
  return {
    query: new MessageReader(screen, {
      short: (body, decode) => screenedQuery(screen, { text: readQuery(body, decode), cut: null }),
      long: function* (options) {
        return screenedQuery(screen, yield* longQuery(options))
      },
    }),
    parse: new MessageReader(screen, {
      short: (body, decode) => screenedParse(screen, { ...readParse(body, decode), cut: null }),
      long: function* (options) {
        return screenedParse(screen, yield* longParse(options))
      },
    }),
    bind: new MessageReader(screen, {
      short: (body, decode) => screenedBind(screen, readBind(body, decode)),
      long: function* (options) {
        return screenedBind(screen, yield* longBind(options))
      },
    }),
    call: new MessageReader(screen, {
      short: (body) => screenedCall(screen, readFunctionCall(body)),
      long: function* (options) {
        return screenedCall(screen, yield* longCall(options))
      },
    }),
  }
}

function screenedQuery(screen: Screen, { text, cut }: Text): Screened {
  const sql = screen.sql(text, cut)
  return { message: { kind: 'query', ...sql }, redacted: sql.redacted }
}

function screenedParse(
  screen: Screen,
  { name, text, cut, types }: Text & { readonly name: string; readonly types: readonly number[] },
): Screened {
  const sql = screen.sql(text, cut)
  return { message: { kind: 'parse', name, types, ...sql }, redacted: sql.redacted }
}

function screenedBind(screen: Screen, { portal, statement, parameters }: BindLike): Screened {
  const values = parameters.map((parameter) => screenedParameter(screen, parameter))
  return {
    message: { kind: 'bind', portal, statement, parameters: values },
    redacted: values.some(({ text }) => text !== undefined),
  }
}

function screenedCall(screen: Screen, { oid, parameters }: CallLike): Screened {
  const values = parameters.map((parameter) => screenedParameter(screen, parameter))
  return {
    message: { kind: 'call', oid, parameters: values },
    redacted: values.some(({ text }) => text !== undefined),
  }
}

/** Its type is not known here: what looks like text is read as text, and of the rest nothing is kept. */
function screenedParameter(screen: Screen, parameter: ParameterLike): ScreenedParameter {
  const { binary, bytes, cut = null } = parameter
  if (bytes === null) return { binary, base64: null, cut }
  const text = screen.decode(bytes, 0, bytes.length)
  const safe = redactValue(text)
  if (safe === text) return { binary, base64: bytes.toString('base64'), cut }
  const isText = bytes.every((byte) => byte >= FIRST_OF_TEXT)
  const kept = isText ? safe : REDACTED
  return { binary, base64: null, text: kept, cut: cut && { ...cut, sha256: null } }
}

interface Text {
  readonly text: string
  readonly cut: Cut | null
}

type ParameterLike = Omit<LongParameter, 'cut'> & { readonly cut?: Cut | null }

interface BindLike {
  readonly portal: string
  readonly statement: string
  readonly parameters: readonly ParameterLike[]
}

interface CallLike {
  readonly oid: number
  readonly parameters: readonly ParameterLike[]
}

function nameOf(type: number): keyof Readers {
  const name = NAMES[type]
  if (name === undefined) throw new Error(`no message of type ${type} is screened`)
  return name
}

function encode(message: ScreenedMessage): Buffer {
  return Buffer.from(JSON.stringify(message))
}
