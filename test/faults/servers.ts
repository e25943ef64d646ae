import { randomBytes } from 'node:crypto'
import { chmod, chown, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chooseHome, EmbeddedPostgres, freePort } from '../../db/embedded.ts'
import { getShippedBinaries } from '../../db/embedded/binaries.ts'
import { getOwner } from '../../db/embedded/cluster-folder.ts'
import { GuardedProcess } from '../../db/embedded/guarded-process.ts'
import { keep } from '../support/clearing.ts'
import { until } from '../support/until.ts'
import type { TestCluster } from '../support/clusters.ts'
import { runOn, type Clusters } from '../support/world.ts'

/** A server that one cell may stop, freeze, copy and bring back; its port stays. */
export class OwnServer {
  readonly #server: EmbeddedPostgres
  readonly #dir: string

  private constructor(server: EmbeddedPostgres, dir: string) {
    this.#server = server
    this.#dir = dir
  }

  static async start(dir: string, settings: Readonly<Record<string, string>>): Promise<OwnServer> {
    const server = new EmbeddedPostgres({
      dir,
      port: await freePort(),
      password: randomBytes(12).toString('hex'),
      settings: { fsync: 'off', max_prepared_transactions: '20', ...settings },
    })
    await server.start()
    return new OwnServer(server, dir)
  }

  get cluster(): TestCluster {
    return {
      host: '127.0.0.1',
      port: this.#server.port,
      superuserUrl: (database = 'postgres') => this.#server.url({ database }),
    }
  }

  async start(): Promise<void> {
    await this.#server.start()
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }

  /** As a power cut: nothing is written, nobody is told. */
  async crash(): Promise<void> {
    const { pid } = this.#server
    if (pid === undefined) return
    process.kill(pid, 'SIGQUIT')
    await until('the server is down', () => Promise.resolve(this.#server.pid === undefined))
  }

  /** Postmaster and backends stop where they stand: connections hang, and new ones too. */
  freeze(): void {
    this.#signal('SIGSTOP')
  }

  thaw(): void {
    this.#signal('SIGCONT')
  }

  /** Copies a stopped server's data beside it: a backup. */
  async backUp(): Promise<string> {
    const copy = `${this.#dir}-copy-${randomBytes(3).toString('hex')}`
    await cp(this.#dir, copy, { recursive: true, preserveTimestamps: true })
    await own(this.#dir, copy)
    return copy
  }

  /** Puts a backup in the place of a stopped server's data. */
  async restore(copy: string): Promise<void> {
    await rm(this.#dir, { recursive: true })
    await cp(copy, this.#dir, { recursive: true, preserveTimestamps: true })
    await own(copy, this.#dir)
  }

  #signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const postmaster = this.#server.pid
    if (postmaster === undefined) return
    for (const pid of [postmaster, ...childrenOf(postmaster)]) {
      try {
        process.kill(pid, signal)
      } catch (error) {
        // ESRCH: a backend that ended between the question and the signal
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
      }
    }
  }
}

/** A standby made of a backup; it is asked nothing but whether it is one. */
export async function startStandby(copy: string): Promise<{ port: number; stop(): Promise<void> }> {
  await writeFile(path.join(copy, 'standby.signal'), '')
  const account = getOwner(copy)
  const port = await freePort()
  const program = path.join(getShippedBinaries().binDir, 'postgres')
  const args = ['-D', copy, '-c', `port=${String(port)}`, '-c', 'listen_addresses=127.0.0.1']
  const { clear } = await keep(
    () =>
      Promise.resolve(
        new GuardedProcess({
          program,
          args: [...args, '-c', 'unix_socket_directories=', '-c', 'max_prepared_transactions=20'],
          cwd: copy,
          account,
        }),
      ),
    endStandby,
  )
  return { port, stop: clear }
}

async function endStandby(standby: GuardedProcess): Promise<void> {
  standby.release()
  if (!(await standby.endsWithin(5_000))) standby.signal('SIGKILL')
}

/** Servers of one cell's own: those that are not asked for are the shared ones. */
export interface OwnServers {
  readonly clusters: Partial<Clusters>
  readonly store: OwnServer
  readonly source: OwnServer
  remove(): Promise<void>
}

/** Starts a store and a data source that nobody else uses. */
export async function startOwnServers(
  settings: Readonly<Record<string, string>> = {},
): Promise<OwnServers> {
  const home = await openHome()
  const [store, source] = await Promise.all([
    home.start('store', { max_connections: '200' }),
    home.start('source', settings),
  ])
  const clusters = { store: store.cluster, source: source.cluster }
  return { clusters, store, source, remove: home.remove }
}

/** A data source that the cells of one hand share: roles belong to a server, and hands would collide. */
export async function startSharedSource(): Promise<{
  cluster: TestCluster
  remove(): Promise<void>
}> {
  const home = await openHome()
  const { cluster } = await home.start('source', { max_connections: '200' })
  return { cluster, remove: home.remove }
}

interface ServersHome {
  start(name: string, settings: Readonly<Record<string, string>>): Promise<OwnServer>
  /** Stops what was started here, and removes the folder. */
  readonly remove: () => Promise<void>
}

/** A folder for servers; neither it nor they outlive this process. */
async function openHome(): Promise<ServersHome> {
  const { opened: folders, clear } = await keep(makeFolders, async ({ folder, dir }) => {
    for (const each of [folder, dir]) await rm(each, { recursive: true, force: true })
  })
  const clears = [clear]
  return {
    start: async (name, settings) => {
      const started = await keep(
        () => OwnServer.start(path.join(folders.dir, name), settings),
        (server) => {
          server.thaw()
          return server.stop()
        },
      )
      clears.push(started.clear)
      return started.opened
    },
    remove: async () => {
      for (const each of clears.toReversed()) await each()
    },
  }
}

async function makeFolders(): Promise<{ readonly folder: string; readonly dir: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'daypass-faults-'))
  await chmod(folder, 0o711)
  return { folder, dir: chooseHome({ dataDir: folder }).dir }
}

/** How many connections a login has, as the server itself sees it. */
export async function connectionsOf(cluster: TestCluster, login: string): Promise<number> {
  const [found] = await runOn<{ count: number }>(
    cluster.superuserUrl(),
    'select cast(count(*) as integer) as count from pg_stat_activity where usename = $1',
    [login],
  )
  return found?.count ?? 0
}

async function own(like: string, dir: string): Promise<void> {
  const account = getOwner(like)
  await chmod(dir, 0o700)
  if (account === undefined) return
  await chown(dir, account.uid, account.gid)
  for (const name of await readdir(dir, { recursive: true })) {
    await chown(path.join(dir, name), account.uid, account.gid)
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent)
}

function parentOf(pid: number): number | undefined {
  try {
    // "pid (name) state ppid": the name may hold anything, so count from its end
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}
