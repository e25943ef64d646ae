import { readFileSync } from 'node:fs'
import path from 'node:path'
import { IANAZone } from 'luxon'
import { AppError } from './lib/errors.ts'
import { LOG_LEVELS, type LogLevel } from './lib/log.ts'

/** Every setting, read once; see docs/operations.md for what each means to an operator. */
export interface Config {
  /** Unset: the embedded store in the data dir. */
  readonly storeUrl: string | undefined
  /** Migrations alone; unset: the store's own login. */
  readonly storeOwnerUrl: string | undefined
  readonly dataDir: string
  readonly portal: Address & { readonly tls: TlsFiles | undefined; readonly mode: boolean }
  readonly proxy: Address & {
    readonly tls: TlsFiles | undefined
    /** host:port that people connect to, where it differs from what the proxy listens on. */
    readonly publicAddress: Address | undefined
    /** How many processes share its port. */
    readonly processes: number
    readonly limits: ProxyLimits
    /** Where its metrics are served; unset: nowhere. */
    readonly metrics: Address | undefined
  }
  readonly publicUrl: URL
  readonly insecureHttp: boolean
  readonly demo: boolean
  /** Central Manager's zone; written into the store at first start. */
  readonly timeZone: string | undefined
  readonly masterKey: Buffer | undefined
  /** One part's own key, in place of the master key, where parts run apart. */
  readonly partKey: Buffer | undefined
  readonly recording: 'prompt' | 'strict'
  /** The mail server, its login in it; unset: no mail is sent. */
  readonly smtpUrl: string | undefined
  /** Who letters come from. */
  readonly mailFrom: string
  /** Express "trust proxy" value: addresses or subnets of reverse proxies, comma-separated. */
  readonly trustProxy: string | undefined
  readonly logLevel: LogLevel
  /** What the operator should know but need not stop the start, a sentence each. */
  readonly warnings: readonly string[]
}

/** What one process of the proxy grants at most; see docs/tuning.md. */
export interface ProxyLimits {
  /** Connections that a session may have open at once; unset: as its session user was made for. */
  readonly sessionConnections: number | undefined
  /** Seconds without a statement and outside a transaction; 0: for ever. */
  readonly idleSeconds: number
  /** Seconds from the first byte to the first statement. */
  readonly handshakeSeconds: number
  /** Connections that are logging in at once, from everywhere and from one address. */
  readonly handshakes: number
  readonly handshakesPerAddress: number
  /** Failed logins a minute from one address before it is slowed. */
  readonly failedLogins: number
  /** Seconds that a statement or transaction under way is given when the proxy stops. */
  readonly drainSeconds: number
}

/** Limits of a proxy whose settings say nothing of them. */
export const PROXY_LIMITS: ProxyLimits = {
  sessionConnections: undefined,
  idleSeconds: 0,
  handshakeSeconds: 60,
  handshakes: 512,
  handshakesPerAddress: 256,
  failedLogins: 20,
  drainSeconds: 3,
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface TlsFiles {
  readonly cert: string
  readonly key: string
}

/** Everything that is wrong with the settings, a line each. */
export class ConfigError extends AppError {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super('bad_settings', `These settings need mending:\n${faults.map((f) => `  ${f}`).join('\n')}`)
    this.faults = faults
  }
}

type Environment = Readonly<Record<string, string | undefined>>

const KEY_BYTES = 32
/** More than any machine needs: one takes a processor, and some 15 connections to the store. */
const PROCESSES_MOST = 64
/** What the proxy's limits may be: numbers of connections, and seconds. */
const WITHIN = {
  CONNECTIONS: [1, 100_000],
  DAY: [0, 86_400],
  MINUTES: [1, 600],
  // whoever stops the proxy waits 12 s for it, and ends it then
  SOON: [0, 5],
} as const
const KNOWN = new Set([
  'DAYPASS_STORE_URL',
  'DAYPASS_STORE_OWNER_URL',
  'DAYPASS_DATA_DIR',
  'DAYPASS_PORTAL_HOST',
  'DAYPASS_PORTAL_PORT',
  'DAYPASS_PORTAL_MODE',
  'DAYPASS_PROXY_HOST',
  'DAYPASS_PROXY_PORT',
  'DAYPASS_PROXY_PUBLIC_ADDRESS',
  'DAYPASS_PROXY_PROCESSES',
  'DAYPASS_PROXY_SESSION_CONNECTIONS',
  'DAYPASS_PROXY_IDLE_SECONDS',
  'DAYPASS_PROXY_HANDSHAKE_SECONDS',
  'DAYPASS_PROXY_HANDSHAKES',
  'DAYPASS_PROXY_HANDSHAKES_PER_ADDRESS',
  'DAYPASS_PROXY_FAILED_LOGINS',
  'DAYPASS_PROXY_DRAIN_SECONDS',
  'DAYPASS_PROXY_METRICS_HOST',
  'DAYPASS_PROXY_METRICS_PORT',
  'DAYPASS_PUBLIC_URL',
  'DAYPASS_INSECURE_HTTP',
  'DAYPASS_DEMO',
  'DAYPASS_TIME_ZONE',
  'DAYPASS_MASTER_KEY',
  'DAYPASS_PART_KEY',
  'DAYPASS_TLS_CERT',
  'DAYPASS_TLS_KEY',
  'DAYPASS_PROXY_TLS_CERT',
  'DAYPASS_PROXY_TLS_KEY',
  'DAYPASS_RECORDING',
  'DAYPASS_SMTP_URL',
  'DAYPASS_MAIL_FROM',
  'DAYPASS_TRUST_PROXY',
  'DAYPASS_LOG_LEVEL',
])
const WHOLE_INSTALL = ['DAYPASS_MASTER_KEY', 'DAYPASS_STORE_OWNER_URL', 'DAYPASS_STORE_URL']
/** The login of the mail server, which the broker alone dials. */
const BROKERS_ALONE = ['DAYPASS_SMTP_URL']
/** Read by the command line as a person, or by checks; not settings of a part. */
const NOT_SETTINGS = new Set(['DAYPASS_URL', 'DAYPASS_TOKEN', 'DAYPASS_TOKEN_FILE'])
const NOT_SETTINGS_PREFIX = 'DAYPASS_TEST_'

/** Reads every setting from the environment. Errors: ConfigError with every fault at once. */
export function readConfig(environment: Environment = process.env): Config {
  const reader = new Reader(environment)
  const storeUrl = reader.postgresUrl('DAYPASS_STORE_URL')
  const portal = reader.address('DAYPASS_PORTAL', { host: '127.0.0.1', port: 8080 })
  const proxy = reader.address('DAYPASS_PROXY', { host: '127.0.0.1', port: 6432 })
  const portalTls = reader.tls('DAYPASS_TLS')
  const insecureHttp = reader.flag('DAYPASS_INSECURE_HTTP', false)
  const config: Config = {
    storeUrl,
    storeOwnerUrl: reader.postgresUrl('DAYPASS_STORE_OWNER_URL'),
    dataDir: reader.dataDir(),
    portal: { ...portal, tls: portalTls, mode: reader.flag('DAYPASS_PORTAL_MODE', true) },
    proxy: {
      ...proxy,
      tls: reader.tls('DAYPASS_PROXY_TLS'),
      publicAddress: reader.publicAddress('DAYPASS_PROXY_PUBLIC_ADDRESS'),
      processes: reader.count('DAYPASS_PROXY_PROCESSES', 1, PROCESSES_MOST),
      limits: readProxyLimits(reader),
      metrics: reader.optionalAddress('DAYPASS_PROXY_METRICS'),
    },
    publicUrl: reader.publicUrl(portal, portalTls !== undefined, insecureHttp),
    insecureHttp,
    demo: reader.flag('DAYPASS_DEMO', storeUrl === undefined),
    timeZone: reader.zone('DAYPASS_TIME_ZONE'),
    masterKey: reader.key('DAYPASS_MASTER_KEY'),
    partKey: reader.key('DAYPASS_PART_KEY'),
    recording: reader.oneOf('DAYPASS_RECORDING', ['prompt', 'strict'], 'prompt'),
    smtpUrl: reader.smtpUrl('DAYPASS_SMTP_URL'),
    mailFrom: reader.text('DAYPASS_MAIL_FROM') ?? 'Daypass <daypass@localhost>',
    trustProxy: reader.text('DAYPASS_TRUST_PROXY'),
    logLevel: reader.oneOf('DAYPASS_LOG_LEVEL', LOG_LEVELS, 'warn'),
    warnings: unknownNames(environment),
  }
  if (reader.faults.length > 0) throw new ConfigError([...reader.faults, ...config.warnings])
  return Object.freeze(config)
}

/** What the command line needs when it acts as a person. */
export function readPersonSettings(environment: Environment = process.env): {
  readonly url: string | undefined
  readonly token: string | undefined
  readonly dataDir: string
} {
  const reader = new Reader(environment)
  const settings = {
    url: reader.text('DAYPASS_URL'),
    token: reader.text('DAYPASS_TOKEN'),
    dataDir: reader.dataDir(),
  }
  if (reader.faults.length > 0) throw new ConfigError(reader.faults)
  return settings
}

/** Our environment without the secrets of the whole install, and without those of other parts. */
export function environmentForPart(
  part: 'portal' | 'broker' | 'proxy',
  environment: Environment = process.env,
): Environment {
  const secrets = part === 'broker' ? WHOLE_INSTALL : [...WHOLE_INSTALL, ...BROKERS_ALONE]
  const hidden = new Set(secrets.flatMap((name) => [name, `${name}_FILE`]))
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !hidden.has(name)))
}

/** Our environment with more in it, for a program we start in a person's name. */
export function environmentWith(
  more: Readonly<Record<string, string>>,
  environment: Environment = process.env,
): Environment {
  return { ...environment, ...more }
}

function readProxyLimits(reader: Reader): ProxyLimits {
  const {
    sessionConnections,
    idleSeconds,
    handshakeSeconds,
    handshakes,
    handshakesPerAddress,
    failedLogins,
    drainSeconds,
  } = PROXY_LIMITS
  const { CONNECTIONS, DAY, MINUTES, SOON } = WITHIN
  return {
    sessionConnections: reader.within(
      'DAYPASS_PROXY_SESSION_CONNECTIONS',
      sessionConnections,
      CONNECTIONS,
    ),
    idleSeconds: reader.within('DAYPASS_PROXY_IDLE_SECONDS', idleSeconds, DAY),
    handshakeSeconds: reader.within('DAYPASS_PROXY_HANDSHAKE_SECONDS', handshakeSeconds, MINUTES),
    handshakes: reader.within('DAYPASS_PROXY_HANDSHAKES', handshakes, CONNECTIONS),
    handshakesPerAddress: reader.within(
      'DAYPASS_PROXY_HANDSHAKES_PER_ADDRESS',
      handshakesPerAddress,
      CONNECTIONS,
    ),
    failedLogins: reader.within('DAYPASS_PROXY_FAILED_LOGINS', failedLogins, CONNECTIONS),
    drainSeconds: reader.within('DAYPASS_PROXY_DRAIN_SECONDS', drainSeconds, SOON),
  }
}

class Reader {
  readonly faults: string[] = []
  readonly #environment: Environment

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** The value, or what the file named by the `_FILE` twin holds; blank counts as unset. */
  text(name: string): string | undefined {
    const direct = this.#environment[name]?.trim()
    const file = this.#environment[`${name}_FILE`]?.trim()
    if (file === undefined || file === '') return direct === '' ? undefined : direct
    if (direct !== undefined && direct !== '') {
      this.faults.push(`${name} and ${name}_FILE are both set: keep one of them`)
      return undefined
    }
    try {
      return readFileSync(file, 'utf8').trim()
    } catch {
      this.faults.push(`${name}_FILE names ${file}, which can't be read`)
      return undefined
    }
  }

  dataDir(): string {
    return path.resolve(this.text('DAYPASS_DATA_DIR') ?? '.daypass')
  }

  flag(name: string, otherwise: boolean): boolean {
    return this.oneOf(name, ['true', 'false'], otherwise ? 'true' : 'false') === 'true'
  }

  oneOf<const T extends string>(name: string, choices: readonly T[], otherwise: T): T {
    const text = this.text(name)
    if (text === undefined) return otherwise
    const chosen = choices.find((choice) => choice === text)
    if (chosen === undefined)
      this.faults.push(`${name} must be ${choices.join(' or ')}, not "${text}"`)
    return chosen ?? otherwise
  }

  address(prefix: string, otherwise: Address): Address {
    const port = this.text(`${prefix}_PORT`)
    return {
      host: this.text(`${prefix}_HOST`) ?? otherwise.host,
      port: port === undefined ? otherwise.port : this.#port(`${prefix}_PORT`, port),
    }
  }

  /** Nowhere unless there is a port; without a host on this machine only. */
  optionalAddress(prefix: string): Address | undefined {
    if (this.text(`${prefix}_PORT`) === undefined) return undefined
    return this.address(prefix, { host: '127.0.0.1', port: 0 })
  }

  count(name: string, otherwise: number, most: number): number {
    const text = this.text(name)
    if (text === undefined) return otherwise
    const count = Number(text)
    if (Number.isInteger(count) && count >= 1 && count <= most) return count
    this.faults.push(`${name} must be a whole number from 1 to ${String(most)}, not "${text}"`)
    return otherwise
  }

  /** A whole number between two others. */
  within<T extends number | undefined>(
    name: string,
    otherwise: T,
    [least, most]: readonly [number, number],
  ): number | T {
    const text = this.text(name)
    if (text === undefined) return otherwise
    const number = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    const range = `${String(least)} to ${String(most)}`
    this.faults.push(`${name} must be a whole number from ${range}, not "${text}"`)
    return otherwise
  }

  publicAddress(name: string): Address | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const [, host, port] = /^(.+):([0-9]+)$/.exec(text) ?? []
    if (host === undefined || port === undefined) {
      this.faults.push(`${name} must look like host:port, not "${text}"`)
      return undefined
    }
    return { host: host.replace(/^\[(.*)\]$/, '$1'), port: this.#port(name, port) }
  }

  /** A fault never repeats the value: it may hold a password. */
  postgresUrl(name: string): string | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url?.protocol !== 'postgres:' && url?.protocol !== 'postgresql:') {
      this.faults.push(`${name} must look like postgres://user:password@host:5432/database`)
      return undefined
    }
    return text
  }

  /** A fault never repeats the value: it may hold a password. */
  smtpUrl(name: string): string | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const url = URL.canParse(text) ? new URL(text) : undefined
    if ((url?.protocol === 'smtp:' || url?.protocol === 'smtps:') && url.hostname !== '') {
      return text
    }
    this.faults.push(`${name} must look like smtps://user:password@mail.example.com:465`)
    return undefined
  }

  publicUrl(portal: Address, https: boolean, insecureHttp: boolean): URL {
    const host = portal.host.includes(':') ? `[${portal.host}]` : portal.host
    const otherwise = `${https ? 'https' : 'http'}://${host}:${String(portal.port)}`
    const text = this.text('DAYPASS_PUBLIC_URL') ?? otherwise
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
      this.faults.push('DAYPASS_PUBLIC_URL must look like https://daypass.example.com')
      return new URL(otherwise)
    }
    if (url.protocol === 'http:' && !isLoopback(url.hostname) && !insecureHttp) {
      this.faults.push(
        `DAYPASS_PUBLIC_URL is http on ${url.hostname}, so passwords would travel in clear: use https, or set DAYPASS_INSECURE_HTTP=true for a trial`,
      )
    }
    return url
  }

  tls(prefix: string): TlsFiles | undefined {
    const cert = this.#path(`${prefix}_CERT`)
    const key = this.#path(`${prefix}_KEY`)
    if (cert === undefined && key === undefined) return undefined
    if (cert !== undefined && key !== undefined) return { cert, key }
    this.faults.push(`${prefix}_CERT and ${prefix}_KEY go together: set both or neither`)
    return undefined
  }

  zone(name: string): string | undefined {
    const text = this.text(name)
    if (text === undefined || IANAZone.isValidZone(text)) return text
    this.faults.push(
      `${name} must be a zone of the IANA list, such as Europe/Warsaw, not "${text}"`,
    )
    return undefined
  }

  key(name: string): Buffer | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const key = Buffer.from(text, 'base64')
    if (key.length === KEY_BYTES) return key
    this.faults.push(
      `${name} must be ${String(KEY_BYTES)} bytes in base64: openssl rand -base64 32`,
    )
    return undefined
  }

  /** A path already: its `_FILE` twin says the same, and what it holds is read where it is used. */
  #path(name: string): string | undefined {
    const named = this.#environment[name]?.trim() ?? this.#environment[`${name}_FILE`]?.trim()
    return named === '' ? undefined : named
  }

  #port(name: string, text: string): number {
    const port = Number(text)
    if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
    this.faults.push(`${name} must be a port from 0 to 65535, not "${text}"`)
    return 0
  }
}

/** A misspelt setting would otherwise be silently without effect. */
function unknownNames(environment: Environment): string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith('DAYPASS_') && !name.startsWith(NOT_SETTINGS_PREFIX))
    .filter((name) => !KNOWN.has(name.replace(/_FILE$/, '')) && !NOT_SETTINGS.has(name))
    .map((name) => `${name} is not a setting of this version and has no effect`)
}

/** True for names and addresses of this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.[0-9.]+$/.test(host)
}
