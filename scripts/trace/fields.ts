import { WireError } from '../../proxy/errors.ts'
import { Body } from '../../proxy/wire/body.ts'

/** How a trace is written. */
export interface TraceStyle {
  /** As PQTRACE_REGRESS_MODE: what differs from run to run is replaced, so that traces compare. */
  readonly regress: boolean
  /** Passwords, their proofs, cancel keys and passwords in SQL as they are. */
  readonly secrets: boolean
}

export const REDACTED = '[redacted]'
/** What libpq writes in place of a number, a text and bytes in regress mode. */
const NUMBER = 'NNNN'
const TEXT = 'SSSS'
const BYTES = 'BBBB'

/** Reads the fields of one message and writes each as libpq's PQtrace does (fe-trace.c of PostgreSQL 18). */
export class Fields {
  readonly style: TraceStyle
  readonly #body: Body
  readonly #length: number
  #text = ''

  constructor(body: Buffer, style: TraceStyle) {
    this.#body = new Body(body)
    this.#length = body.length
    this.style = style
  }

  /** What was written so far. */
  get text(): string {
    return this.#text
  }

  get left(): number {
    return this.#body.left
  }

  /** Bytes that were read. */
  get consumed(): number {
    return this.#length - this.#body.left
  }

  say(text: string): void {
    this.#text += text
  }

  int16(): number {
    const value = this.#body.uint16()
    this.say(` ${value}`)
    return value
  }

  int32({ varies = false } = {}): number {
    const value = this.#body.int32()
    this.say(` ${varies && this.style.regress ? NUMBER : String(value)}`)
    return value
  }

  /** A byte, as a character where it is one. */
  byte(): number {
    const value = this.#body.uint8()
    this.say(` ${isPrintable(value) ? String.fromCharCode(value) : escaped(value)}`)
    return value
  }

  /** A text up to its NUL; `shown` may have something to hide. */
  string({ varies = false, shown = (text: string) => text } = {}): string {
    const value = this.#body.text()
    this.say(` "${varies && this.style.regress ? TEXT : shown(value)}"`)
    return value
  }

  bytes(length: number, { varies = false, secret = false } = {}): void {
    const value = this.#body.bytes(length)
    if (varies && this.style.regress) this.say(` '${BYTES}'`)
    else if (secret && !this.style.secrets) this.say(` '${REDACTED}'`)
    else this.say(` '${shownBytes(value)}'`)
  }

  /** A number that lets its holder cancel; libpq writes the first four bytes of it. */
  key(): void {
    if (this.style.secrets || this.style.regress) {
      this.int32({ varies: true })
      return
    }
    this.#body.bytes(this.left)
    this.say(` ${REDACTED}`)
  }

  /** A number that only tells what the rest is. */
  code(): number {
    return this.#body.int32()
  }

  /** What is left is not shown. */
  skip(): void {
    this.#body.bytes(this.left)
  }

  /** So many of something. */
  times(count: number, field: () => void): void {
    for (let index = 0; index < count; index += 1) {
      // a count beyond the message would write for ever
      if (this.left === 0) throw new WireError('a count beyond the message')
      field()
    }
  }

  /** A counted list of values: a length each, and no more where that says NULL. */
  values(count: number): void {
    this.times(count, () => {
      const length = this.int32()
      if (length !== -1) this.bytes(length)
    })
  }
}

function shownBytes(value: Buffer): string {
  let text = ''
  for (const byte of value) text += isPrintable(byte) ? String.fromCharCode(byte) : escaped(byte)
  return text
}

function escaped(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`
}

/** As isprint() in the C locale. */
function isPrintable(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f
}
