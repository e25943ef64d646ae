import { createServer, type Server, type Socket } from 'node:net'
import { parseVerifier, type ScramVerifier } from '../../lib/scram.ts'
import { ScramServer } from '../../proxy/scram/server.ts'
import { Body } from '../../proxy/wire/body.ts'
import {
  readMechanism,
  readSaslInitial,
  readSaslResponse,
} from '../../proxy/wire/client-messages.ts'
import {
  encodeAuthenticationOk,
  encodeBackendKey,
  encodeParameterStatus,
  encodeReady,
  encodeSasl,
  encodeSaslContinue,
  encodeSaslFinal,
} from '../../proxy/wire/to-client.ts'
import { int32, server, text } from './conversations.ts'
import { Line } from './line.ts'

/** What a server does with a login, and once somebody is in. */
export interface Manners {
  /** Bends what is said at login; the first that is bent ends a well-behaved exchange. */
  readonly atLogin?: (packet: Buffer) => Buffer
  readonly afterLogin: (line: Line) => void | Promise<void>
}

/** A server that knows one verifier for everybody and treats each user as it is told to. */
export class FakeServer {
  readonly #server: Server
  readonly #verifiers = new Map<string, ScramVerifier>()
  readonly #manners = new Map<string, () => Manners>()
  #pid = 1000

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => void this.#serve(socket))
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no address')
    return address.port
  }

  know(user: string, verifier: string, manners: () => Manners): void {
    const parsed = parseVerifier(verifier)
    if (!parsed) throw new Error('not a verifier')
    this.#verifiers.set(user, parsed)
    this.#manners.set(user, manners)
  }

  close(): void {
    this.#server.close()
  }

  async #serve(socket: Socket): Promise<void> {
    const line = new Line(socket)
    const head = await line.take(8)
    const rest = head && (await line.take(head.readInt32BE(0) - 8))
    const user = rest?.toString().split('\0')[1] ?? ''
    const verifier = this.#verifiers.get(user)
    const manners = this.#manners.get(user)?.()
    if (!verifier || !manners) {
      socket.destroy()
      return
    }
    const bend = manners.atLogin ?? ((packet: Buffer) => packet)
    const isIn = await this.#authenticate(line, new ScramServer(verifier), bend).catch(() => false)
    if (isIn) await manners.afterLogin(line)
    else socket.destroy()
  }

  async #authenticate(
    line: Line,
    scram: ScramServer,
    bend: (packet: Buffer) => Buffer,
  ): Promise<boolean> {
    line.socket.write(bend(encodeSasl(scram.mechanisms)))
    const first = await line.message()
    if (!first) return false
    const chosen = new Body(first.body)
    scram.choose(readMechanism(chosen))
    line.socket.write(bend(encodeSaslContinue(scram.start(readSaslInitial(chosen) ?? ''))))
    const last = await line.message()
    const verdict = last && scram.finish(readSaslResponse(new Body(last.body)))
    if (!verdict?.ok) return false
    this.#pid += 1
    line.socket.write(bend(encodeSaslFinal(verdict.serverFinal)))
    line.socket.write(bend(encodeAuthenticationOk()))
    line.socket.write(bend(encodeParameterStatus('server_version', '15.18')))
    line.socket.write(bend(encodeParameterStatus('client_encoding', 'UTF8')))
    line.socket.write(bend(encodeBackendKey(this.#pid, Buffer.from('key!'))))
    line.socket.write(bend(encodeReady('I')))
    return true
  }
}

const DONE = Buffer.concat([server('C', text('SELECT 1')), encodeReady('I')])
const COPY_IN = server('G', Buffer.from([0]), Buffer.from([0, 0]))
const REFUSED = server(
  'E',
  text('SERROR'),
  text('VERROR'),
  text('C42601'),
  text('Mno'),
  Buffer.alloc(1),
)
/** A statement in so many starts a COPY. */
const COPY_ONE_IN = 40

/** Answers every statement, whatever is in it, so that nothing waits for ever. */
export async function sink(line: Line): Promise<void> {
  let asked = 0
  let isCopying = false
  for (;;) {
    const message = await line.message()
    if (!message || message.type === 'X') break
    if (isCopying && 'cf'.includes(message.type)) {
      isCopying = false
      line.socket.write(DONE)
    } else if ('QSF'.includes(message.type)) {
      if (isCopying && message.type === 'S') continue
      asked += message.type === 'Q' ? 1 : 0
      if (isCopying) line.socket.write(Buffer.concat([REFUSED, encodeReady('I')]))
      else if (message.type === 'Q' && asked % COPY_ONE_IN === 0) line.socket.write(COPY_IN)
      else
        line.socket.write(
          message.type === 'F' ? Buffer.concat([server('V', int32(-1)), encodeReady('I')]) : DONE,
        )
      isCopying = !isCopying && message.type === 'Q' && asked % COPY_ONE_IN === 0
    }
  }
  line.socket.destroy()
}

/** Answers as a server does, for a client whose every statement counts. */
export async function honest(line: Line): Promise<void> {
  for (;;) {
    const message = await line.message()
    if (!message || message.type === 'X') break
    if (message.type === 'Q') line.socket.write(DONE)
  }
  line.socket.destroy()
}
