import { createTransport, type Transporter } from 'nodemailer'
import type { Config } from '../../config.ts'
import { isLoopback } from '../../lib/settings-reader.ts'
import { AppError, sentenceOf } from '../../lib/errors.ts'
import { visible } from '../../lib/visible.ts'

/** Where letters go out, who they come from, and where their links lead. */
export interface MailSettings {
  /** smtp: or smtps:, the login in it. A secret: never logged. */
  readonly smtpUrl: string
  readonly mailFrom: Config['mailFrom']
  readonly publicUrl: Config['publicUrl']
}

/** One letter to one person, in plain text. */
export interface Letter {
  readonly id: string
  /** An address that isMailable() holds to be one. */
  readonly to: string
  readonly subject: string
  readonly text: string
}

/**
 * Who is to blame that a letter was not taken: the server itself, this letter for now, or this
 * letter for good.
 */
export type MailFault = 'server' | 'letter' | 'refused'

/** The mail server did not take a letter. */
export class MailNotSent extends AppError {
  readonly fault: MailFault

  constructor(fault: MailFault, cause: unknown) {
    super('mail_not_sent', withoutSecrets(onOneLine(sentenceOf(cause))), {
      cause,
      facts: { fault },
    })
    this.fault = fault
  }
}

/** What a mailer needs of a mail server. */
export interface MailServer {
  /** Resolves once the server has taken the letter. Errors: MailNotSent. */
  send(letter: Letter): Promise<void>
  close(): void
}

/** Connections to the mail server at a time, of one broker. */
export const LETTERS_AT_ONCE = 4
/** A whole letter, from the dial to the server's word that it has it. */
export const SEND_DEADLINE_MS = 30_000
const CONNECT_DEADLINE_MS = 5_000
const ANSWER_DEADLINE_MS = 10_000
const IDLE_MS = 10_000
const LETTERS_A_CONNECTION = 100

/** Of what a server says, in characters. */
const LONGEST_DETAIL = 500
/** RFC 5321, 4.5.3.1.3: a path has at most 256 octets, its angle brackets among them. */
const LONGEST_ADDRESS = 254
/** Plain addresses alone: no quoting, no comments, no lists, nothing that could end a header. */
const ADDRESS = /^[^\s\p{C}<>()[\]\\,;:"@]+@[^\s\p{C}<>()[\]\\,;:"@]+$/u

/** True for text that can stand as the one recipient of a letter. */
export function isMailable(address: string): boolean {
  return Buffer.byteLength(address) <= LONGEST_ADDRESS && ADDRESS.test(address)
}

/** Opens a pool of connections to the mail server; nothing is dialled until the first letter. */
export function openMailServer({ smtpUrl, mailFrom, publicUrl }: MailSettings): MailServer {
  const host = publicUrl.hostname
  const transport: Transporter = createTransport({
    pool: true,
    url: smtpUrl,
    ...secretsNeedTls(new URL(smtpUrl)),
    maxConnections: LETTERS_AT_ONCE,
    maxMessages: LETTERS_A_CONNECTION,
    // a connection that died idle is no failure of the server
    maxRequeues: 1,
    idleTimeout: IDLE_MS,
    dnsTimeout: CONNECT_DEADLINE_MS,
    connectionTimeout: CONNECT_DEADLINE_MS,
    greetingTimeout: CONNECT_DEADLINE_MS,
    socketTimeout: ANSWER_DEADLINE_MS,
    // what people typed is text, never the name of something to fetch
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return {
    send: async ({ id, to, subject, text }) => {
      try {
        await transport.sendMail({
          from: mailFrom,
          to: { name: '', address: to },
          subject,
          text,
          // the same letter sent twice can be told by it
          messageId: `<${id}@${host}>`,
          list: { id: { url: `letters.${host}`, comment: 'Daypass' } },
          headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
          signal: AbortSignal.timeout(SEND_DEADLINE_MS),
        })
      } catch (cause) {
        throw new MailNotSent(faultOf(cause), cause)
      }
    },
    close: () => transport.close({ force: true }),
  }
}

/** A login is not shown to whoever stands between us and the server; the address can say otherwise. */
function secretsNeedTls({ username, hostname, searchParams }: URL): { requireTLS?: true } {
  const open = username === '' || isLoopback(hostname) || searchParams.has('requireTLS')
  return open ? {} : { requireTLS: true }
}

/** The words of nodemailer's errors: the command that was answered, and the answer's code. */
function faultOf(thrown: unknown): MailFault {
  if (!(thrown instanceof Error)) return 'server'
  const command = 'command' in thrown ? String(thrown.command) : ''
  const code = 'responseCode' in thrown ? Number(thrown.responseCode) : 0
  // an address that this server has no words for, say one beyond ASCII
  if (code === 0 && 'code' in thrown && thrown.code === 'EENVELOPE') return 'letter'
  const ofOne = command.startsWith('RCPT') || command.startsWith('DATA')
  // 421: the server is going away (RFC 5321, 3.8)
  if (!ofOne || code < 400 || code === 421) return 'server'
  if (code < 500) return 'letter'
  // 5.7.x is a rule of the server's (RFC 3463, 3.8), say "relaying denied": it may be set right
  return /^5\d\d[ -]5\.7\./.test(sentenceOfAnswer(thrown)) ? 'letter' : 'refused'
}

function sentenceOfAnswer(error: Error): string {
  return 'response' in error ? String(error.response) : ''
}

/** A filter that refuses a letter for a link in it quotes the link, and what it says is kept. */
function withoutSecrets(text: string): string {
  return text.replaceAll(/(secret=)[\w-]+/gi, '$1...')
}

function onOneLine(text: string): string {
  const line = Array.from(visible(text.replaceAll(/\s+/g, ' ')))
  return line.slice(0, LONGEST_DETAIL).join('')
}
