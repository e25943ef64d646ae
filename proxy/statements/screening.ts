import { longBind, longCall, longParse, longQuery, type LongParameter } from './long-messages.ts'
import { MessageReader } from './message-reader.ts'
import { redactSql, redactValue, REDACTED } from './redaction.ts'
import { errorWords } from './error-words.ts'
import type { ScreenedMessage, ScreenedParameter } from './screened.ts'
import { SecretNames } from './secret-names.ts'
import { mayHoldSecret, mayHoldSecretValue } from './secret-signs.ts'
import type { Cut } from './digests.ts'
import { Body, decodeUtf8, type Decode } from '../wire/body.ts'
import { readBind, readFunctionCall, readParse, readQuery } from '../wire/client-messages.ts'
import { FROM_CLIENT } from '../wire/codes.ts'
import { decoderOf } from '../wire/encodings.ts'
import type { Frame } from '../wire/frames.ts'
import { KEPT_MOST } from '../wire/limits.ts'
import { readReport } from '../wire/server-messages.ts'

/** The fields of an error that a record keeps: severity twice, SQLSTATE, message. */
const KEPT_FIELDS: ReadonlySet<number> = new Set(Buffer.from('SVCM'))
const NUL = Buffer.of(0)
const MESSAGE_FIELD = 0x4d
/** Below this no text has a byte, and binary values do. */
const FIRST_OF_TEXT = 0x09
/** SQL's own, which is run under a name that nobody here follows. */
const PREPARES = /\bprepare\s+(?!transaction\b)/i
const NOT_ASCII = /[^\t\n\r\x20-\x7e]/g

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
  /** What was asked, and may be unanswered, had a secret. */
  #hasRedacted = false
  /** Since nothing was unanswered. */
  #hasFailed = false
  readonly #names = new SecretNames()
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
    if (!isLong && !look(bytes, start, end)) {
      if (!this.#names.isEmpty) this.#noteName(frame)
      return undefined
    }
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
   * more of a statement, and without its words where they may quote one that had a secret in it.
   */
  error({ bytes, start, end }: Frame): Buffer {
    this.#hasFailed = true
    const { sqlstate } = readReport(new Body(bytes, start, end), this.decode)
    const kept: Buffer[] = []
    for (let at = start; at < end && bytes[at] !== 0;) {
      const nul = bytes.indexOf(0, at + 1)
      const stop = nul === -1 || nul > end ? end : nul
      const letter = bytes[at] ?? 0
      const field = bytes.subarray(at, stop)
      if (letter === MESSAGE_FIELD) kept.push(this.#words(sqlstate, field), NUL)
      else if (KEPT_FIELDS.has(letter)) kept.push(field, NUL)
      at = stop + 1
    }
    return Buffer.concat([...kept, NUL])
  }

  /**
   * Nothing that was asked is unanswered, outside of a transaction: no error to come is about what was
   * redacted so far, but for what is prepared.
   */
  settled(): void {
    this.#hasRedacted = false
    this.#names.settle(this.#hasFailed)
    this.#hasFailed = false
  }

  /** In the client's encoding: what is written anew has only what all encodings share. */
  #words(sqlstate: string, field: Buffer): Buffer {
    const message = this.decode(field, 1, field.length)
    const words = errorWords({ sqlstate, message }, this.#hasRedacted || this.#names.holdsAll)
    return words === message ? field : Buffer.from(`M${words.replace(NOT_ASCII, '?')}`)
  }

  #read(frame: Frame): Screened {
    this.#readers ??= readersOf(this)
    const screened = this.#readers[nameOf(frame.type)].read(frame)
    const { type, length } = frame
    if (!screened || screened.redacted) this.#hasRedacted = true
    if (!screened) return { message: { kind: 'unreadable', type, length }, redacted: true }
    this.#noteNames(screened)
    return screened
  }

  #noteNames({ message, redacted }: Screened): void {
    if (message.kind === 'query' || message.kind === 'parse') {
      if (redacted && PREPARES.test(message.text)) this.#names.keepAll()
      const name = message.kind === 'parse' ? message.name : ''
      if (redacted && message.kind === 'parse') this.#names.keep(name)
      else this.#names.replace(name)
    } else if (message.kind === 'bind') this.#bound(message.statement)
  }

  /** Of a message that was not read, while there are names to look for. */
  #noteName({ type, bytes, start, end }: Frame): void {
    if (type === FROM_CLIENT.query) this.#names.replace('')
    if (type === FROM_CLIENT.parse) this.#names.replace(nameAt(bytes, start, end))
    if (type === FROM_CLIENT.bind) {
      this.#bound(nameAt(bytes, bytes.indexOf(0, start) + 1, end))
    }
  }

  #bound(statement: string): void {
    if (this.#names.holds(statement)) this.#hasRedacted = true
  }

  /** The only door from a client's SQL to the journal: passwords stay outside. */
  sql({ text, cut, isSuspect = false }: Text): ScreenedSql {
    const safe = redactSql(text, { backslashEscapes: this.#backslashEscapes })
    if (safe === text && !isSuspect) return { text, cut, redacted: false }
    // a digest of a text whose secret is its only unknown would let anyone try secrets on it
    return { text: safe, cut: cut && { ...cut, sha256: null }, redacted: true }
  }
}

interface ScreenedSql {
  readonly text: string
  readonly cut: Cut | null
  readonly redacted: boolean
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

function screenedQuery(screen: Screen, text: Text): Screened {
  const sql = screen.sql(text)
  return { message: { kind: 'query', ...sql }, redacted: sql.redacted }
}

function screenedParse(
  screen: Screen,
  { name, types, ...text }: Text & { readonly name: string; readonly types: readonly number[] },
): Screened {
  const sql = screen.sql(text)
  return { message: { kind: 'parse', name, types, ...sql }, redacted: sql.redacted }
}

function screenedBind(screen: Screen, { portal, statement, parameters }: BindLike): Screened {
  const values = parameters.map((parameter) => screenedParameter(screen, parameter))
  return {
    message: { kind: 'bind', portal, statement, parameters: values },
    redacted: values.some(({ text }) => text !== undefined) || parameters.some(isSuspect),
  }
}

function screenedCall(screen: Screen, { oid, parameters }: CallLike): Screened {
  const values = parameters.map((parameter) => screenedParameter(screen, parameter))
  return {
    message: { kind: 'call', oid, parameters: values },
    redacted: values.some(({ text }) => text !== undefined) || parameters.some(isSuspect),
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

function isSuspect(parameter: ParameterLike): boolean {
  return parameter.isSuspect ?? false
}

interface Text {
  readonly text: string
  readonly cut: Cut | null
  /** See LongText. */
  readonly isSuspect?: boolean
}

type ParameterLike = Omit<LongParameter, 'cut' | 'isSuspect'> &
  Partial<Pick<LongParameter, 'cut' | 'isSuspect'>>

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

/** Up to its NUL, one byte a character. */
function nameAt(bytes: Buffer, start: number, end: number): string {
  const nul = bytes.indexOf(0, start)
  return bytes.toString('latin1', start, nul === -1 || nul > end ? end : nul)
}

function encode(message: ScreenedMessage): Buffer {
  return Buffer.from(JSON.stringify(message))
}
