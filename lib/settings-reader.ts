import { readFileSync } from 'node:fs'
import path from 'node:path'
import { IANAZone } from 'luxon'

/** Names and values as a process is given them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Where something listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Paths of a certificate and its key. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
}

const KEY_BYTES = 32

/** Reads settings one by one; what is wrong with them gathers in `faults`, and nothing is thrown. */
export class SettingsReader {
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

/** True for names and addresses of this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.[0-9.]+$/.test(host)
}
