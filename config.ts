import { AppError } from './lib/errors.ts'
import { LOG_LEVELS, type LogLevel } from './lib/log.ts'
import {
  SettingsReader,
  type Address,
  type Environment,
  type TlsFiles,
} from './lib/settings-reader.ts'

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

/** Everything that is wrong with the settings, a line each. */
export class ConfigError extends AppError {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super('bad_settings', `These settings need mending:\n${faults.map((f) => `  ${f}`).join('\n')}`)
    this.faults = faults
  }
}

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
  const reader = new SettingsReader(environment)
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
      processes: reader.within('DAYPASS_PROXY_PROCESSES', 1, [1, PROCESSES_MOST]),
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
  const reader = new SettingsReader(environment)
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

function readProxyLimits(reader: SettingsReader): ProxyLimits {
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

/** A misspelt setting would otherwise be silently without effect. */
function unknownNames(environment: Environment): string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith('DAYPASS_') && !name.startsWith(NOT_SETTINGS_PREFIX))
    .filter((name) => !KNOWN.has(name.replace(/_FILE$/, '')) && !NOT_SETTINGS.has(name))
    .map((name) => `${name} is not a setting of this version and has no effect`)
}
