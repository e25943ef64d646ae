import { redactSql } from '../../proxy/statements/redaction.ts'
import { FROM_CLIENT, FROM_SERVER, STARTUP_CODE } from '../../proxy/wire/codes.ts'
import { REDACTED, type Fields } from './fields.ts'

/** Writes the name of a message, and its fields behind it. */
export type Write = (fields: Fields) => void

/** What a server asked for last at login: it says what the client's next "p" is. */
export type Asked = 'password' | 'gss' | 'sasl' | 'sasl continued' | undefined

/** By type byte; an unknown one has its number for a name. */
export const CLIENT_MESSAGES: Readonly<Record<number, Write>> = {
  [FROM_CLIENT.bind]: named('Bind', (fields) => {
    fields.string()
    fields.string()
    formats(fields)
    fields.values(fields.int16())
    formats(fields)
  }),
  [FROM_CLIENT.close]: named('Close', target),
  [FROM_CLIENT.describe]: named('Describe', target),
  [FROM_CLIENT.execute]: named('Execute', (fields) => {
    fields.string()
    fields.int32()
  }),
  [FROM_CLIENT.functionCall]: named('FunctionCall', (fields) => {
    fields.int32({ varies: true })
    formats(fields)
    fields.values(fields.int16())
    fields.int16()
  }),
  [FROM_CLIENT.flush]: bare('Flush'),
  [FROM_CLIENT.parse]: named('Parse', (fields) => {
    fields.string()
    sql(fields)
    types(fields)
  }),
  [FROM_CLIENT.query]: named('Query', sql),
  [FROM_CLIENT.sync]: bare('Sync'),
  [FROM_CLIENT.terminate]: bare('Terminate'),
  [FROM_CLIENT.copyDone]: bare('CopyDone'),
  [FROM_CLIENT.copyData]: named('CopyData', (fields) =>
    fields.bytes(fields.left, { varies: true }),
  ),
  [FROM_CLIENT.copyFail]: named('CopyFail', (fields) => void fields.string()),
}

export const SERVER_MESSAGES: Readonly<Record<number, Write>> = {
  [FROM_SERVER.parseComplete]: bare('ParseComplete'),
  [FROM_SERVER.bindComplete]: bare('BindComplete'),
  [FROM_SERVER.closeComplete]: bare('CloseComplete'),
  [FROM_SERVER.notification]: named('NotificationResponse', (fields) => {
    fields.int32({ varies: true })
    fields.string()
    fields.string()
  }),
  [FROM_SERVER.commandComplete]: named('CommandComplete', (fields) => void fields.string()),
  [FROM_SERVER.dataRow]: named('DataRow', (fields) => fields.values(fields.int16())),
  [FROM_SERVER.error]: named('ErrorResponse', report),
  [FROM_SERVER.notice]: named('NoticeResponse', report),
  [FROM_SERVER.copyIn]: named('CopyInResponse', copyFormats),
  [FROM_SERVER.copyOut]: named('CopyOutResponse', copyFormats),
  [FROM_SERVER.copyBoth]: named('CopyBothResponse', copyFormats),
  [FROM_SERVER.emptyQuery]: bare('EmptyQueryResponse'),
  [FROM_SERVER.backendKey]: named('BackendKeyData', (fields) => {
    fields.int32({ varies: true })
    fields.key()
  }),
  [FROM_SERVER.authentication]: authentication,
  [FROM_SERVER.parameterStatus]: named('ParameterStatus', (fields) => {
    fields.string()
    fields.string()
  }),
  [FROM_SERVER.rowDescription]: named('RowDescription', (fields) => {
    fields.times(fields.int16(), () => column(fields))
  }),
  [FROM_SERVER.functionResult]: named('FunctionCallResponse', (fields) => fields.values(1)),
  [FROM_SERVER.ready]: named('ReadyForQuery', (fields) => void fields.byte()),
  [FROM_SERVER.copyDone]: bare('CopyDone'),
  [FROM_SERVER.copyData]: named('CopyData', (fields) =>
    fields.bytes(fields.left, { varies: true }),
  ),
  [FROM_SERVER.noData]: bare('NoData'),
  [FROM_SERVER.portalSuspended]: bare('PortalSuspended'),
  [FROM_SERVER.parameterTypes]: named('ParameterDescription', types),
  [FROM_SERVER.negotiation]: named('NegotiateProtocolVersion', (fields) => {
    fields.int32()
    fields.times(fields.int32(), () => void fields.string())
  }),
}

/** The answer to what the server asked: all are of type "p". */
export function writeAnswer(fields: Fields, asked: Asked): void {
  const secret = { varies: true, secret: true }
  if (asked === 'sasl') {
    fields.say('SASLInitialResponse\t')
    fields.string()
    const length = fields.int32()
    if (length !== -1) fields.bytes(fields.left, secret)
  } else if (asked === 'sasl continued') {
    fields.say('SASLResponse\t')
    fields.bytes(fields.left, secret)
  } else if (asked === 'password') {
    fields.say('PasswordMessage\t')
    fields.string({ shown: (text) => (fields.style.secrets ? text : REDACTED) })
  } else if (asked === 'gss') {
    fields.say('GSSResponse\t')
    fields.bytes(fields.left, secret)
  } else {
    fields.say('UnknownAuthenticationResponse')
  }
}

/** A packet without a type: the first ones of a connection. */
export function writeStartup(fields: Fields, code: number): void {
  const name = STARTUPS[code] ?? 'StartupMessage'
  fields.say(`${name}\t`)
  fields.int16()
  fields.int16()
  if (code === STARTUP_CODE.cancel) {
    fields.int32({ varies: true })
    fields.key()
  }
  if (name !== 'StartupMessage') return
  while (fields.left > 1) fields.string()
  // the list's own end; it is counted and not shown
  fields.skip()
}

/** What a message of authentication asks the client for. */
export function askedBy(body: Buffer): Asked {
  return body.length < 4 ? undefined : ASKED[body.readInt32BE(0)]
}

const STARTUPS: Readonly<Record<number, string>> = {
  [STARTUP_CODE.cancel]: 'CancelRequest',
  [STARTUP_CODE.tls]: 'SSLRequest',
  [STARTUP_CODE.gss]: 'GSSENCRequest',
}

/** AUTH_REQ_ codes in PostgreSQL's protocol.h. */
const ASKED: Readonly<Record<number, Asked>> = {
  3: 'password',
  5: 'password',
  7: 'gss',
  8: 'gss',
  9: 'gss',
  10: 'sasl',
  11: 'sasl continued',
}
const PLAIN: Readonly<Record<number, string>> = {
  0: 'AuthenticationOk',
  3: 'AuthenticationCleartextPassword',
  5: 'AuthenticationMD5Password',
  7: 'AuthenticationGSS',
  9: 'AuthenticationSSPI',
}
const WITH_DATA: Readonly<Record<number, string>> = {
  8: 'AuthenticationGSSContinue',
  11: 'AuthenticationSASLContinue',
  12: 'AuthenticationSASLFinal',
}
const SASL = 10

function authentication(fields: Fields): void {
  const code = fields.code()
  const data = WITH_DATA[code]
  if (data !== undefined) {
    fields.say(`${data}\t`)
    fields.bytes(fields.left, { varies: true, secret: true })
  } else if (code === SASL) {
    fields.say('AuthenticationSASL\t')
    while (fields.string() !== '');
  } else {
    fields.say(PLAIN[code] ?? `Unknown authentication message ${code}`)
    fields.skip()
  }
}

function bare(name: string): Write {
  return (fields) => fields.say(name)
}

function named(name: string, write: Write): Write {
  return (fields) => {
    fields.say(`${name}\t`)
    write(fields)
  }
}

function sql(fields: Fields): void {
  const shown = (text: string): string =>
    fields.style.secrets ? text : redactSql(text, { backslashEscapes: false })
  fields.string({ shown })
}

function target(fields: Fields): void {
  fields.byte()
  fields.string()
}

function formats(fields: Fields): void {
  fields.times(fields.int16(), () => void fields.int16())
}

function types(fields: Fields): void {
  fields.times(fields.int16(), () => void fields.int32({ varies: true }))
}

function copyFormats(fields: Fields): void {
  fields.byte()
  formats(fields)
}

function column(fields: Fields): void {
  fields.string()
  fields.int32({ varies: true })
  fields.int16()
  fields.int32({ varies: true })
  fields.int16()
  fields.int32()
  fields.int16()
}

/** File, line and routine of the server's source differ between its versions. */
function report(fields: Fields): void {
  for (;;) {
    const letter = fields.byte()
    if (letter === 0) return
    fields.string({ varies: 'FLR'.includes(String.fromCharCode(letter)) })
  }
}
