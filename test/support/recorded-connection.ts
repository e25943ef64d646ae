import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { FinishedStatement, StartedStatement } from '../../proxy/pairing/record.ts'
import { ScramClient } from '../../proxy/scram/client.ts'
import { FollowedWire } from './followed-wire.ts'
import { Body } from '../../proxy/wire/body.ts'
import { FROM_SERVER } from '../../proxy/wire/codes.ts'
import { SERVER_RULES } from '../../proxy/wire/frame-rules.ts'
import { FrameReader } from '../../proxy/wire/frames.ts'
import type { Frame } from '../../proxy/wire/frames.ts'
import { Intake } from '../../proxy/wire/intake.ts'
import { readAuthentication, readParameterStatus } from '../../proxy/wire/server-messages.ts'
import { encodeStartup } from '../../proxy/wire/startup.ts'
import type { StartupParameter } from '../../proxy/wire/startup.ts'
import { encodeSaslInitial, encodeSaslResponse } from '../../proxy/wire/to-server.ts'

const DEADLINE_MS = 15_000

/** A raw connection to a real server whose both directions are recorded, as the proxy does it. */
export class RecordedConnection {
  readonly started: StartedStatement[] = []
  readonly finished: FinishedStatement[] = []
  readonly #wire = new FollowedWire({
    started: (statement) => this.started.push(statement),
    finished: (statement) => this.finished.push(statement),
  })
  readonly tracker = this.#wire.tracker
  /** Type letters of everything the server said after login. */
  answers = ''
  readonly #socket: Socket
  readonly #fromServer: FrameReader
  #waiting: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#fromServer = new FrameReader(SERVER_RULES, {
      message: (frame) => this.#heard(frame),
      piece: () => undefined,
    })
  }

  static async open(url: string, parameters: Record<string, string> = {}) {
    const { hostname, port, username, password, pathname } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    // a server that ended us may be written to once more before we know
    socket.on('error', () => undefined)
    const connection = new RecordedConnection(socket)
    const startup = {
      minor: 0,
      user: decodeURIComponent(username),
      database: decodeURIComponent(pathname.slice(1)),
      parameters: Object.entries(parameters).map(startupParameter),
    }
    socket.write(encodeStartup(startup))
    await connection.#login(decodeURIComponent(password))
    return connection
  }

  /** Sends without waiting. */
  send(...messages: Buffer[]): void {
    const bytes = Buffer.concat(messages)
    this.#wire.client(bytes)
    this.#socket.write(bytes)
  }

  /** Sends, and waits until the server's answers end in these letters. */
  async ask(ending: string, ...messages: Buffer[]): Promise<void> {
    const before = this.answers.length
    this.send(...messages)
    const deadline = Date.now() + DEADLINE_MS
    while (!this.answers.slice(before).endsWith(ending)) {
      if (Date.now() > deadline) throw new Error(`no ${ending} but ${this.answers.slice(before)}`)
      await this.#nextAnswer()
    }
  }

  /** Hangs up. */
  close(): void {
    this.#socket.destroy()
    this.tracker.end()
  }

  async #login(secret: string): Promise<void> {
    const intake = new Intake()
    const state: { scram: ScramClient | undefined } = { scram: undefined }
    for await (const chunk of this.#socket.iterator({ destroyOnReturn: false })) {
      intake.push(chunk as Buffer)
      for (let message = intake.takeMessage(); message; message = intake.takeMessage()) {
        const body = new Body(message.body)
        if (message.type === FROM_SERVER.error) throw new Error(message.body.toString())
        if (message.type === FROM_SERVER.authentication) await this.#answer(body, secret, state)
        if (message.type === FROM_SERVER.parameterStatus) {
          this.#wire.parameterStatus(...readParameterStatus(body))
        }
        if (message.type === FROM_SERVER.ready) {
          this.#listen()
          return
        }
      }
    }
  }

  async #answer(body: Body, secret: string, state: { scram: ScramClient | undefined }) {
    const request = readAuthentication(body)
    if (request.kind === 'sasl') {
      state.scram = new ScramClient({ secret, offered: request.mechanisms })
      this.#socket.write(encodeSaslInitial(state.scram.mechanism, state.scram.first()))
    }
    if (request.kind === 'sasl continue') {
      this.#socket.write(encodeSaslResponse((await state.scram?.final(request.data)) ?? ''))
    }
    if (request.kind === 'sasl final') state.scram?.verify(request.data)
    if (request.kind === 'ok') state.scram?.assertVerified()
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#wire.server(chunk)
      this.#fromServer.feed(chunk)
      this.#waiting?.()
    })
  }

  #heard(frame: Frame): void {
    this.answers += String.fromCharCode(frame.type)
  }

  async #nextAnswer(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 200)
      this.#waiting = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function startupParameter([name, value]: [string, string]): StartupParameter {
  return { name, value, raw: Buffer.from(`${name}\0${value}\0`) }
}
