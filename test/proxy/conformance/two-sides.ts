import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getRow } from '../../../db/store.ts'
import { derivePartKey, open, openingKey } from '../../../lib/seal.ts'
import { GrantedWorld } from '../../support/granted.ts'
import { fieldsOf, RawClient, shown, typesOf, type Heard } from './raw-client.ts'
import { logIn, type Login } from './scram-login.ts'

/** One way to the same server, with the same name, secret and rights. */
export interface Side {
  readonly name: 'direct' | 'proxied'
  readonly port: number
  /** Where this side takes TLS connections. */
  readonly tlsPort: number
}

/** What was heard on one side. */
export interface Exchange {
  readonly types: string
  readonly heard: readonly Heard[]
}

export type Script = (client: RawClient, side: Side) => Promise<void>

const TLS_FOLDER = join(import.meta.dirname, '../../support/tls')
const [CERT_FILE, KEY_FILE] = [join(TLS_FOLDER, 'cert.pem'), join(TLS_FOLDER, 'key.pem')]
export const CERT = readFileSync(CERT_FILE, 'utf8')
export const TLS = { ca: CERT, servername: 'localhost' }
export const ALPN = { ALPNProtocols: ['postgresql'] }
/** Where an error was raised in the server's source: what no other program can answer with. */
const NOTHING: ReadonlySet<string> = new Set()
export const SOURCE_FIELDS: ReadonlySet<string> = new Set(['F', 'L', 'R'])

/** A server and the proxy in front of it, to be told the same and to answer the same. */
export class TwoSides {
  readonly world: GrantedWorld
  readonly direct: Side
  readonly proxied: Side
  readonly login: Login
  /** The server's major version. */
  readonly major: number

  private constructor(made: Pick<TwoSides, 'world' | 'direct' | 'proxied' | 'login' | 'major'>) {
    this.world = made.world
    this.direct = made.direct
    this.proxied = made.proxied
    this.login = made.login
    this.major = made.major
  }

  static async make(): Promise<TwoSides> {
    const world = await GrantedWorld.make()
    const port = Number(new URL(world.shopUrl).port)
    const plain = await world.startProxy()
    const tls = { cert: CERT_FILE, key: KEY_FILE }
    const encrypting = await world.startProxy({ proxy: { host: '127.0.0.1', port: 0, tls } })
    await switchTlsOn(world)
    const [version] = await world.onShop('show server_version_num')
    return new TwoSides({
      world,
      direct: { name: 'direct', port, tlsPort: port },
      proxied: { name: 'proxied', port: plain.port, tlsPort: encrypting.port },
      login: await oneSecret(world),
      major: Math.floor(Number(version?.['server_version_num']) / 10_000),
    })
  }

  async close(): Promise<void> {
    await this.world.onShop('alter system reset ssl', 'select pg_reload_conf()')
    await this.world.close()
  }

  /** A logged-in connection of one side; one that is not let in is closed. */
  async connect(side: Side, login: Partial<Login> = {}): Promise<RawClient> {
    const client = await RawClient.connect(side.port)
    try {
      await logIn(client, { ...this.login, ...login })
      return client
    } catch (error) {
      // half open as it is, it would keep this process alive
      client.close()
      throw error
    }
  }

  /** Runs a script on both, logged in, and compares every byte of the answers. */
  async same(script: Script, login: Partial<Login> = {}): Promise<Exchange> {
    const run = (side: Side): Promise<Exchange> => this.#run(side, script, login)
    const [direct, proxied] = [await run(this.direct), await run(this.proxied)]
    assert.deepEqual(proxied.heard.map(shown), direct.heard.map(shown))
    return direct
  }

  /** The same, from the first byte on; what is random in a login is left out. */
  async sameFromStart(script: Script, { except = NOTHING } = {}): Promise<Exchange> {
    const [direct, proxied] = await this.both(script)
    const compared = (heard: readonly Heard[]): string[] => heard.map((one) => said(one, except))
    assert.deepEqual(compared(proxied.heard), compared(direct.heard))
    return direct
  }

  /** The same where the proxy itself answers: errors alike but for the place in the source. */
  sameButSource(script: Script): Promise<Exchange> {
    return this.sameFromStart(script, { except: SOURCE_FIELDS })
  }

  /** Runs a script on both, logged in, and compares nothing. */
  async bothIn(script: Script): Promise<[direct: Exchange, proxied: Exchange]> {
    return [await this.#run(this.direct, script, {}), await this.#run(this.proxied, script, {})]
  }

  /** Runs a script on both, from the first byte on, and compares nothing. */
  async both(script: Script): Promise<[direct: Exchange, proxied: Exchange]> {
    const run = async (side: Side): Promise<Exchange> => {
      const client = await RawClient.connect(side.port)
      try {
        await script(client, side)
        return exchangeOf(client, 0)
      } finally {
        client.close()
      }
    }
    return [await run(this.direct), await run(this.proxied)]
  }

  async #run(side: Side, script: Script, login: Partial<Login>): Promise<Exchange> {
    const client = await this.connect(side, login)
    const from = client.heard.length
    try {
      await script(client, side)
      return exchangeOf(client, from)
    } catch (error) {
      throw new Error(`on the ${side.name} side`, { cause: error })
    } finally {
      client.close()
    }
  }
}

/** What one message says; an error without the fields that no other program can have. */
export function said(message: Heard, except: ReadonlySet<string>): string {
  const { type, body } = message
  if (type === 'K') return `K ${String(body.length)}`
  if (type === 'R') return `R ${unrandom(body.toString('latin1'))}`
  if (except.size === 0 || (type !== 'E' && type !== 'N')) return shown(message)
  const fields = Object.entries(fieldsOf(message)).filter(([letter]) => !except.has(letter))
  return `${type} ${JSON.stringify(fields)}`
}

/** A challenge without the server's nonce, a final message without its proof. */
function unrandom(text: string): string {
  return text.replace(/(r=.{24})[^,]*/, '$1').replace(/v=.*/, 'v')
}

function exchangeOf(client: RawClient, from: number): Exchange {
  const heard = client.heard.slice(from).map((one) => withoutOwnPid(one, client.pid))
  if (client.rest.length > 0) heard.push({ type: '?', body: client.rest })
  if (client.hasEnded) heard.push({ type: '.', body: Buffer.alloc(0) })
  return { types: typesOf(heard), heard }
}

/** A notification names the backend that sent it: the same one, with another number each time. */
function withoutOwnPid({ type, body }: Heard, pid: number): Heard {
  if (type !== 'A' || body.readInt32BE(0) !== pid) return { type, body }
  return { type, body: Buffer.concat([Buffer.from('self'), body.subarray(4)]) }
}

/** One password for both doors, and one verifier: salts and iterations are the same, too. */
async function oneSecret(world: GrantedWorld): Promise<Login> {
  const { id, username } = await world.grant({ connectionLimit: 100 })
  const { sealed } = await getRow<{ sealed: Buffer }>(
    world.store.db,
    `with taken as (
       update session_credentials
          set verifier = (select upstream_verifier from session_users where session_id = :id)
        where session_id = :id
     )
     select upstream_sealed as sealed
       from session_users
      where session_id = :id`,
    { id },
  )
  const key = openingKey(derivePartKey(world.masterKey, 'proxy'))
  const secret = open(key, sealed, `session_users.upstream_sealed:${id}`)
  return { user: username, secret, database: world.database }
}

/** The server writes its own copies: it takes no key that another account could have read. */
async function switchTlsOn(world: GrantedWorld): Promise<void> {
  const written = (name: string, file: string): string => {
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    const array = lines.map((line) => `'${line}'`).join(', ')
    return `copy (select unnest(array[${array}])) to program 'umask 077; cat > ${name}'`
  }
  await world.onShop(
    written('server.crt', CERT_FILE),
    written('server.key', KEY_FILE),
    `alter system set ssl = 'on'`,
    'select pg_reload_conf()',
  )
}
