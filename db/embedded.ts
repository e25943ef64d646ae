import { chown, mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { EmbeddedPostgresError } from './embedded-errors.ts'
import { getAccount, getUnprivilegedAccount, isRoot, type Account } from './embedded/account.ts'
import { getMajor, getShippedBinaries, healLinks } from './embedded/binaries.ts'
import {
  checkVersion,
  type ClusterPlan,
  getOwner,
  holdsCluster,
  makeCluster,
  writeHba,
} from './embedded/cluster-folder.ts'
import { waitUntilFree } from './embedded/pid-file.ts'
import { freePort } from './embedded/port.ts'
import { Postmaster } from './embedded/postmaster.ts'

export { chooseHome, type Home } from './embedded/home.ts'
export { freePort, isFree } from './embedded/port.ts'

/** What an embedded cluster is made and started with. */
export interface EmbeddedPostgresOptions {
  /** The cluster's own folder; made by the first start. */
  readonly dir: string
  /** Default: any free port, another one at each start. */
  readonly port?: number
  /** Default: postgres. */
  readonly superuser?: string
  /** The superuser's; takes effect when the cluster is made. */
  readonly password: string
  /** As root, the account to run a new cluster as; an existing one runs as its folder's owner. */
  readonly runAs?: string
  /** postgresql.conf settings; which addresses to listen on is not among them. */
  readonly settings?: Readonly<Record<string, string>>
  /** The whole pg_hba.conf, written at each start. Default: scram-sha-256 for everyone. */
  readonly hba?: string
  /** A folder for a Unix socket; none by default. */
  readonly socketDir?: string
  /** Another PostgreSQL's programs, such as /usr/lib/postgresql/15/bin. */
  readonly binDir?: string
}

/** Whom and what a connection URL is for. */
export interface UrlParts {
  readonly database?: string
  readonly user?: string
  readonly password?: string
}

/** A free port can be taken before PostgreSQL gets to it; five times in a row is something else. */
const PORT_ATTEMPTS = 5

/** sockaddr_un.sun_path: 108 bytes on Linux and 104 on macOS, the last of them zero. */
const LONGEST_SOCKET_PATH = process.platform === 'linux' ? 107 : 103

/**
 * A PostgreSQL server that lives and dies with this process: on 127.0.0.1 only, as an unprivileged
 * account, passwords by SCRAM. For development, tests and demonstrations; not for production.
 */
export class EmbeddedPostgres {
  /** The folder of the Unix socket; undefined without one, or where its path is too long for a socket. */
  readonly socketDir: string | undefined
  readonly #options: EmbeddedPostgresOptions
  readonly #dir: string
  readonly #superuser: string
  #port: number
  #server: Postmaster | undefined

  constructor(options: EmbeddedPostgresOptions) {
    this.#options = options
    this.#dir = resolve(options.dir)
    this.#superuser = options.superuser ?? 'postgres'
    this.#port = options.port ?? 0
    this.socketDir = fittingSocketDir(options.socketDir)
  }

  /** Makes the cluster if there is none yet, starts it, and resolves once it takes connections. */
  async start(): Promise<this> {
    if (this.#server?.isRunning === true) return this
    const binDir = this.#options.binDir ?? getShippedBinaries().binDir
    healLinks(binDir)
    const account = await this.#prepare(binDir)
    await waitUntilFree(this.#dir)
    this.#server = await this.#startOnAPort(binDir, account)
    return this
  }

  /** Stops the server and resolves when its last process is gone. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    await server?.stop()
  }

  /** Where it listens on 127.0.0.1; 0 before the first start, unless one was asked for. */
  get port(): number {
    return this.#port
  }

  /** The server's process; undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#server?.isRunning === true ? this.#server.pid : undefined
  }

  /** A connection URL: by default the superuser's, to the database postgres. */
  url({ database = 'postgres', user = this.#superuser, password }: UrlParts = {}): string {
    const secret = password ?? this.#options.password
    const login = `${encodeURIComponent(user)}:${encodeURIComponent(secret)}`
    return `postgres://${login}@127.0.0.1:${this.#port}/${encodeURIComponent(database)}`
  }

  /** Leaves a whole cluster of the right version in its place; returns who must run it. */
  async #prepare(binDir: string): Promise<Account | undefined> {
    const isNew = !holdsCluster(this.#dir)
    const account = isNew ? newOwner(this.#options.runAs) : getOwner(this.#dir)
    const major = getMajor(binDir, account)
    if (isNew) await makeCluster(this.#plan(binDir, account))
    else checkVersion(this.#dir, major)

    if (this.#options.hba !== undefined) await writeHba(this.#dir, this.#options.hba)
    if (this.socketDir !== undefined) await makeSocketDir(this.socketDir, account)
    return account
  }

  #plan(binDir: string, account: Account | undefined): ClusterPlan {
    return {
      dir: this.#dir,
      binDir,
      account,
      superuser: this.#superuser,
      password: this.#options.password,
      durable: this.#options.settings?.['fsync'] !== 'off',
    }
  }

  async #startOnAPort(binDir: string, account: Account | undefined): Promise<Postmaster> {
    for (let attempt = 1; ; attempt += 1) {
      this.#port = this.#options.port ?? (await freePort())
      try {
        return await Postmaster.start({
          dir: this.#dir,
          binDir,
          account,
          port: this.#port,
          socketDir: this.socketDir,
          settings: this.#options.settings ?? {},
        })
      } catch (error) {
        const taken = error instanceof EmbeddedPostgresError && error.code === 'EMBEDDED_PORT_TAKEN'
        if (!taken || this.#options.port !== undefined || attempt === PORT_ATTEMPTS) throw error
      }
    }
  }
}

function newOwner(runAs: string | undefined): Account | undefined {
  if (!isRoot()) return undefined
  return runAs === undefined ? getUnprivilegedAccount() : getAccount(runAs)
}

function fittingSocketDir(dir: string | undefined): string | undefined {
  if (dir === undefined) return undefined
  const longest = join(resolve(dir), '.s.PGSQL.65535.lock')
  return Buffer.byteLength(longest) <= LONGEST_SOCKET_PATH ? resolve(dir) : undefined
}

async function makeSocketDir(dir: string, account: Account | undefined): Promise<void> {
  const made = await mkdir(dir, { recursive: true, mode: 0o755 })
  if (made !== undefined && account !== undefined) await chown(dir, account.uid, account.gid)
}
