import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { DateTime } from 'luxon'
import { simpleParser } from 'mailparser'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { rows } from '../../db/store.ts'
import type { World } from './world.ts'

/** A letter as it arrived. */
export interface Arrived {
  readonly from: string
  /** From the envelope: who really gets it. */
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  readonly messageId: string
  readonly headers: ReadonlyMap<string, unknown>
  readonly raw: string
}

interface Answer {
  readonly responseCode: number
  readonly message: string
}

const TLS_FOLDER = join(import.meta.dirname, 'tls')
export const CERT = readFileSync(join(TLS_FOLDER, 'cert.pem'), 'utf8')
const KEY = readFileSync(join(TLS_FOLDER, 'key.pem'), 'utf8')

/** A real mail server that keeps what it is given. */
export class TestMailServer {
  readonly letters: Arrived[] = []
  /** What it says to letters for an address, in place of taking them. */
  readonly answers = new Map<string, Answer>()
  readonly port: number
  readonly #server: SMTPServer

  private constructor(server: SMTPServer, port: number) {
    this.#server = server
    this.port = port
  }

  /** Listens on a port of its own, or on one that it had before. */
  static async open({
    port = 0,
    login,
    ...options
  }: SMTPServerOptions & {
    readonly port?: number
    readonly login?: { readonly username: string; readonly password: string }
  } = {}): Promise<TestMailServer> {
    const smtp = new SMTPServer({
      cert: CERT,
      key: KEY,
      logger: false,
      disableReverseLookup: true,
      authOptional: login === undefined,
      ...options,
      onAuth: (auth, _session, done) =>
        auth.username === login?.username && auth.password === login?.password
          ? done(null, { user: auth.username })
          : done(new Error('Invalid username or password')),
      onRcptTo: ({ address }, _session, done) => {
        const answer = opened.answers.get(address)
        done(answer && Object.assign(new Error(answer.message), answer))
      },
      onData: (stream, { envelope }, done) => {
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('end', () => {
          const to = envelope.rcptTo.map(({ address }) => address)
          void opened.#keep(Buffer.concat(chunks), to).then(() => done())
        })
      },
    })
    // clients that break off or don't trust us are the test's business
    smtp.on('error', () => undefined)
    const listening = smtp.listen(port, '127.0.0.1')
    await once(listening, 'listening')
    const opened = new TestMailServer(smtp, portOf(listening))
    return opened
  }

  /** Plain, without a login. */
  get url(): string {
    return `smtp://127.0.0.1:${String(this.port)}/?ignoreTLS=true`
  }

  /** Letters in the order of their recipients and subjects, as pairs of those. */
  list(): [to: string, subject: string][] {
    const pairs = this.letters.map(({ to, subject }): [string, string] => [to.join(), subject])
    return pairs.sort((a, b) => a.join().localeCompare(b.join()))
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #keep(raw: Buffer, to: readonly string[]): Promise<void> {
    const parsed = await simpleParser(raw)
    this.letters.push({
      from: parsed.from?.text ?? '',
      to,
      subject: parsed.subject ?? '',
      text: parsed.text ?? '',
      messageId: parsed.messageId ?? '',
      headers: parsed.headers,
      raw: raw.toString('utf8'),
    })
  }
}

/** A server that takes connections and never says a word. */
export class SilentServer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
    })
  }

  static async open(): Promise<SilentServer> {
    const server = createServer()
    const silent = new SilentServer(server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return silent
  }

  get url(): string {
    return `smtp://127.0.0.1:${String(portOf(this.#server))}`
  }

  /** Connections taken so far. */
  get dials(): number {
    return this.#sockets.size
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** A letter of the outbox as the owner of the store sees it. */
export interface KeptMail {
  readonly username: string
  readonly kind: string
  readonly tries: number
  readonly detail: string | null
  readonly due: DateTime<true>
  readonly state: 'waits' | 'sent' | 'dropped'
}

/** The outbox, by time and recipient. */
export function listMails({ owner }: World): Promise<KeptMail[]> {
  return rows(
    owner.db,
    `select p.username, m.kind, m.tries, m.detail, m.due_at as due,
            case when m.sent_at is not null then 'sent'
                 when m.dropped_at is not null then 'dropped' else 'waits' end as state
       from mails m
       join people p on p.id = m.person_id
      order by m.due_at, p.username, m.key`,
  )
}

/** Ends the rest of letters that failed, so that no test waits for it. */
export async function wakeMails({ owner }: World): Promise<void> {
  await rows(owner.db, `update mails set held_until = null`)
}

function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return address.port
}
