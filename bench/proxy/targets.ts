import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedPostgres, chooseHome, freePort } from '../../db/embedded.ts'
import { getAccount } from '../../db/embedded/account.ts'
import { projectRoot } from '../../lib/project.ts'
import { keep } from '../../test/support/clearing.ts'
import { stopClusters } from '../../test/support/clusters.ts'
import { GrantedWorld } from '../../test/support/granted.ts'
import { startPart } from '../../test/support/part-process.ts'
import { runTool } from './tools.ts'

/** Debian's own: postgresql-15, postgresql-15-pgaudit, pgbouncer, pgpool2. */
const POSTGRES = '/usr/lib/postgresql/15/bin'
const PGBOUNCER = '/usr/sbin/pgbouncer'
const PGPOOL = '/usr/sbin/pgpool'
/** Who PgBouncer and pgpool-II run as where we are root, as their packages have it. */
const ACCOUNT = 'postgres'
/** pgbench -i -s: 2,000,000 rows, in memory on any machine. */
const SCALE = '20'
const KEYS = path.join(projectRoot, 'test', 'support', 'tls')
const STARTS_WITHIN_MS = 30_000

/** Somewhere to run a workload against. */
export interface Target {
  readonly name: string
  /** What libpq reads. */
  readonly environment: Readonly<Record<string, string>>
  /** Processes whose time is what going through here costs: with all their children. */
  readonly pid: number | undefined
}

export const TARGETS = [
  'direct',
  'pgbouncer',
  'pgbouncer-tls',
  'pgpool',
  'pgaudit',
  'logall',
  'daypass',
  'daypass-unix',
  'daypass-strict',
  'daypass-tls',
] as const
export type TargetName = (typeof TARGETS)[number]

/** Starts a filled PostgreSQL 15 and what was asked for before it; all of it goes with this process. */
export async function startTargets(
  folder: string,
  names: readonly TargetName[],
): Promise<Target[]> {
  await keep(() => Promise.resolve(), stopClusters)
  const server = await startServer(folder)
  const makers = makersOf({ folder, server, world: await filledWorld(server, '127.0.0.1') })
  const targets: Target[] = []
  for (const name of names) {
    try {
      targets.push(await makers[name]())
    } catch (error) {
      console.error(`${name} is left out: ${String(error).slice(0, 500)}`)
    }
  }
  return targets
}

/** A store, and a filled database that the proxy reaches by this host or socket directory. */
async function filledWorld(server: EmbeddedPostgres, host: string): Promise<GrantedWorld> {
  const world = await GrantedWorld.make({
    host,
    port: server.port,
    superuserUrl: (database = 'postgres') => server.url({ database }),
  })
  await runTool('pgbench', ['-i', '-q', '-s', SCALE], superuserOf(server, world.database))
  await world.onShop('grant all on all tables in schema public to public')
  return world
}

interface Bench {
  readonly folder: string
  readonly server: EmbeddedPostgres
  readonly world: GrantedWorld
}

type Environment = Readonly<Record<string, string>>

async function startServer(folder: string): Promise<EmbeddedPostgres> {
  const home = chooseHome({ dataDir: folder, binDir: POSTGRES })
  const { opened } = await keep(
    () =>
      new EmbeddedPostgres({
        ...home,
        dir: path.join(home.dir, 'source'),
        socketDir: path.join(home.dir, 'socket'),
        password: randomBytes(12).toString('hex'),
        settings: {
          max_connections: '1300',
          shared_buffers: '1GB',
          logging_collector: 'on',
          shared_preload_libraries: 'pgaudit',
          'pgaudit.log_parameter': 'on',
        },
      }).start(),
    (server) => server.stop(),
  )
  return opened
}

function makersOf(bench: Bench): Readonly<Record<TargetName, () => Promise<Target>>> {
  return {
    direct: () => directly(bench, 'direct', ''),
    pgbouncer: () => startPgBouncer(bench, 'pgbouncer'),
    'pgbouncer-tls': () => startPgBouncer(bench, 'pgbouncer-tls'),
    pgpool: () => startPgPool(bench),
    pgaudit: () =>
      directly(bench, 'pgaudit', `set pgaudit.log = 'all'; alter role %r set log_duration = on`),
    logall: () =>
      directly(bench, 'logall', `set log_statement = 'all'; alter role %r set log_duration = on`),
    daypass: () => startProxy(bench, 'daypass', 'prompt'),
    'daypass-unix': async () => {
      const { server } = bench
      const world = await filledWorld(server, server.socketDir ?? '127.0.0.1')
      return startProxy({ ...bench, world }, 'daypass-unix', 'prompt')
    },
    'daypass-strict': () => startProxy(bench, 'daypass-strict', 'strict'),
    'daypass-tls': () => startProxy(bench, 'daypass-tls', 'prompt'),
  }
}

function superuserOf(server: EmbeddedPostgres, database: string): Environment {
  const url = new URL(server.url({ database }))
  return {
    PGHOST: '127.0.0.1',
    PGPORT: url.port,
    PGUSER: decodeURIComponent(url.username),
    PGPASSWORD: decodeURIComponent(url.password),
    PGDATABASE: database,
    PGSSLMODE: 'disable',
  }
}

/** A role whose own settings make the server audit it, or not. */
async function directly({ server, world }: Bench, name: string, settings: string): Promise<Target> {
  const role = `bench_${name}`
  await world.onShop(
    `create role ${role} login password 'bench'`,
    ...(settings === '' ? [] : [`alter role ${role} ${settings.replace('%r', role)}`]),
  )
  const environment = { ...superuserOf(server, world.database), PGUSER: role, PGPASSWORD: 'bench' }
  return { name, environment, pid: undefined }
}

/** Session pooling to the server by TCP; it records nothing. */
async function startPgBouncer(bench: Bench, name: 'pgbouncer' | 'pgbouncer-tls'): Promise<Target> {
  const role = name.replace('-', '_')
  const { environment } = await directly(bench, role, '')
  const [port, folder] = [await freePort(), await programFolder(bench, name)]
  const users = path.join(folder, 'users.txt')
  await writeFile(users, `"bench_${role}" "bench"\n`, { mode: 0o644 })
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')]
  await cp(path.join(KEYS, 'cert.pem'), cert)
  await cp(path.join(KEYS, 'key.pem'), key)
  // the key's copy is for who runs PgBouncer, in a folder of its own
  await chmod(key, 0o644)
  const secured = name === 'pgbouncer-tls'
  const file = path.join(folder, 'pgbouncer.ini')
  await writeFile(
    file,
    `[databases]
* = host=127.0.0.1 port=${bench.server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = session
max_client_conn = 1200
default_pool_size = 1200
log_connections = 0
log_disconnections = 0
logfile = ${folder}/log
ignore_startup_parameters = extra_float_digits
${secured ? `client_tls_sslmode = require\nclient_tls_key_file = ${key}\nclient_tls_cert_file = ${cert}\n` : ''}`,
  )
  const through = {
    ...environment,
    PGPORT: String(port),
    PGSSLMODE: secured ? 'require' : 'disable',
  }
  return startTool(PGBOUNCER, [file], through, name)
}

/** One process a client; it logs each statement, which is the nearest it has to a record. */
async function startPgPool(bench: Bench): Promise<Target> {
  const { environment } = await directly(bench, 'pgpool', '')
  const [port, folder] = [await freePort(), await programFolder(bench, 'pgpool')]
  await writeFile(path.join(folder, 'pool_hba.conf'), 'host all all 127.0.0.1/32 trust\n')
  await writeFile(path.join(folder, 'pool_passwd'), 'bench_pgpool:TEXTbench\n')
  const file = path.join(folder, 'pgpool.conf')
  await writeFile(
    file,
    `backend_clustering_mode = 'raw'
listen_addresses = '127.0.0.1'
port = ${port}
pcp_port = ${await freePort()}
unix_socket_directories = '${folder}'
pcp_socket_dir = '${folder}'
backend_hostname0 = '127.0.0.1'
backend_port0 = ${bench.server.port}
num_init_children = 70
max_pool = 1
enable_pool_hba = on
pool_passwd = 'pool_passwd'
allow_clear_text_frontend_auth = on
pid_file_name = '${folder}/pid'
logdir = '${folder}'
log_statement = on
log_client_messages = on
work_dir = '${folder}'
`,
  )
  const args = [
    '-n',
    '-f',
    file,
    '-a',
    path.join(folder, 'pool_hba.conf'),
    '-F',
    path.join(folder, 'pcp.conf'),
  ]
  await writeFile(path.join(folder, 'pcp.conf'), '')
  return startTool(PGPOOL, args, { ...environment, PGPORT: String(port) }, 'pgpool')
}

async function programFolder({ folder }: Bench, name: string): Promise<string> {
  const made = path.join(folder, name)
  await mkdir(made)
  await chmod(folder, 0o755)
  if (process.getuid?.() === 0) {
    const { uid, gid } = getAccount(ACCOUNT)
    await chown(made, uid, gid)
  }
  return made
}

async function startTool(
  command: string,
  args: readonly string[],
  environment: Environment,
  name: string,
): Promise<Target> {
  const account = process.getuid?.() === 0 ? getAccount(ACCOUNT) : {}
  const { opened: child } = await keep(
    () => Promise.resolve(spawn(command, [...args], { ...account, stdio: 'ignore' })),
    endTool,
  )
  const deadline = performance.now() + STARTS_WITHIN_MS
  for (;;) {
    try {
      await runTool('psql', ['-Xc', 'select 1'], environment)
      return { name, environment, pid: child.pid }
    } catch (error) {
      if (child.exitCode !== null || performance.now() > deadline) throw error
    }
    await sleep(200)
  }
}

async function endTool(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGINT')
  await Promise.race([gone, sleep(5_000)])
  child.kill('SIGKILL')
}

/** A process of our own with a folder of its own, recording into the store that the run has. */
async function startProxy(
  { folder, world }: Bench,
  name: string,
  recording: 'prompt' | 'strict',
): Promise<Target> {
  const granted = await world.grant({ connectionLimit: 1_200 })
  const part = startPart({
    part: 'proxy',
    settings: {
      storeUrl: world.proxyUrl,
      masterKey: world.masterKey.toString('hex'),
      dataDir: path.join(folder, name),
      port: 0,
      recording,
      ...(name === 'daypass-tls'
        ? { cert: path.join(KEYS, 'cert.pem'), key: path.join(KEYS, 'key.pem') }
        : {}),
    },
  })
  await keep(
    () => Promise.resolve(part),
    (started) => started.kill(),
  )
  const ready = await part.line('ready')
  if (ready === undefined) throw new Error(part.printed())
  return {
    name,
    environment: {
      PGHOST: '127.0.0.1',
      PGPORT: ready.split(' ')[1] ?? '',
      PGUSER: granted.username,
      PGPASSWORD: granted.secret,
      PGDATABASE: world.database,
      PGSSLMODE: name === 'daypass-tls' ? 'require' : 'disable',
    },
    pid: part.pid,
  }
}
