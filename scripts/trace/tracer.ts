import { WireError } from '../../proxy/errors.ts'
import { FROM_CLIENT, FROM_SERVER, STARTUP_CODE } from '../../proxy/wire/codes.ts'
import { Fields, type TraceStyle } from './fields.ts'
import {
  askedBy,
  CLIENT_MESSAGES,
  SERVER_MESSAGES,
  writeAnswer,
  writeStartup,
  type Asked,
} from './messages.ts'
import { Packets } from './packets.ts'

export interface TracerOptions extends TraceStyle {
  /** As without PQTRACE_SUPPRESS_TIMESTAMPS. */
  readonly timestamps: boolean
  readonly print: (line: string) => void
}

/** Frontend and backend, as libpq names them. */
type Side = 'F' | 'B'

/** Writes one connection as libpq's PQtrace would (manual, "Control Functions"). */
export class Tracer {
  readonly #options: TracerOptions
  readonly #client = new Packets('startup')
  readonly #server = new Packets('messages')
  #asked: Asked
  /** Undefined once the answer to a request for encryption is not a message. */
  #awaited: 'SSLResponse' | 'GSSENCResponse' | undefined

  constructor(options: TracerOptions) {
    this.#options = options
  }

  /** Bytes of the client's. */
  client(chunk: Buffer): void {
    this.#client.push(chunk)
    for (let packet = this.#client.take(); packet; packet = this.#client.take()) {
      if (packet.type === undefined) this.#startup(packet.body)
      else this.#message('F', packet.type, packet.body)
    }
  }

  /** Bytes of the server's. */
  server(chunk: Buffer): void {
    if (this.#awaited) {
      const answer = String.fromCharCode(chunk.readUInt8(0))
      this.#print('B', '1', `${this.#awaited}\t ${answer}`)
      this.#awaited = undefined
      if (chunk.length > 1) this.server(chunk.subarray(1))
      return
    }
    this.#server.push(chunk)
    for (let packet = this.#server.take(); packet; packet = this.#server.take()) {
      this.#message('B', packet.type ?? 0, packet.body)
    }
  }

  #startup(body: Buffer): void {
    const code = body.length < 4 ? 0 : body.readInt32BE(0)
    if (code === STARTUP_CODE.tls) this.#awaited = 'SSLResponse'
    else if (code === STARTUP_CODE.gss) this.#awaited = 'GSSENCResponse'
    else this.#client.expect('messages')
    this.#write({ side: 'F', body }, (fields) => writeStartup(fields, code))
  }

  #message(side: Side, type: number, body: Buffer): void {
    const messages = side === 'F' ? CLIENT_MESSAGES : SERVER_MESSAGES
    const isReport = type === FROM_SERVER.error || type === FROM_SERVER.notice
    const length = side === 'B' && isReport && this.#options.regress ? 'NN' : undefined
    this.#write({ side, body, length }, (fields) => {
      if (side === 'F' && type === FROM_CLIENT.password) writeAnswer(fields, this.#asked)
      else if (messages[type]) messages[type](fields)
      else fields.say(`Unknown message: ${type.toString(16).padStart(2, '0')}`)
    })
    if (side === 'B' && type === FROM_SERVER.authentication) this.#asked = askedBy(body)
  }

  #write(
    { side, body, length }: { side: Side; body: Buffer; length?: string | undefined },
    write: (fields: Fields) => void,
  ): void {
    const fields = new Fields(body, this.#options)
    try {
      write(fields)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
    }
    this.#print(side, length ?? String(body.length + 4), fields.text)
    if (fields.left === 0) return
    const [consumed, expected] = [fields.consumed + 4, body.length + 4]
    this.#options.print(`mismatched message length: consumed ${consumed}, expected ${expected}`)
  }

  #print(side: Side, length: string, text: string): void {
    const time = this.#options.timestamps ? `${timestamp(new Date())}\t` : ''
    this.#options.print(`${time}${side}\t${length}\t${text}`)
  }
}

/** Local time with microseconds, of which the last three are not known to us. */
function timestamp(at: Date): string {
  const two = (part: number): string => String(part).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  return `${day} ${time}.${String(at.getMilliseconds()).padStart(3, '0')}000`
}
