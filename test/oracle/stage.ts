import { randomBytes } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import path from 'node:path'
import { chooseHome, EmbeddedPostgres, freePort } from '../../db/embedded.ts'
import { keep, keepFolder } from '../support/clearing.ts'
import { GrantedWorld, type Granted } from '../support/granted.ts'
import { stopClusters } from '../support/clusters.ts'
import { startPart, type PartProcess } from '../support/part-process.ts'

/** Everything that is executed there stands in the log, with its parameters, one JSON object a line. */
const TELLS_ALL = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '100',
  logging_collector: 'on',
  log_destination: 'jsonlog',
  log_directory: 'log',
  log_filename: 'all.log',
  log_rotation_age: '0',
  log_rotation_size: '0',
  log_statement: 'all',
  log_parameter_max_length: '-1',
  log_min_error_statement: 'error',
}

/** A data source that logs all it does, and a proxy in a process of its own in front of it. */
export interface Stage {
  readonly world: GrantedWorld
  readonly sessions: readonly Granted[]
  readonly port: number
  /** What the server has logged, one JSON object a line. */
  readonly logPath: string
  /** Ends the proxy as the kernel does and starts another one on its journal. */
  replaceProxy(): Promise<void>
  /** What the proxy has printed, for a report of a run that failed. */
  printed(): string
}

/** Builds it; whatever was started is ended by clearAll. */
export async function buildStage(users: number, recording: 'prompt' | 'strict'): Promise<Stage> {
  const folder = await keepFolder('daypass-oracle-')
  // as root, PostgreSQL runs as somebody else, who has to pass through
  await chmod(folder, 0o711)
  const home = chooseHome({ dataDir: folder })
  const { opened: server } = await keep(
    () =>
      new EmbeddedPostgres({
        ...home,
        dir: path.join(home.dir, 'source'),
        password: randomBytes(12).toString('hex'),
        settings: TELLS_ALL,
      }).start(),
    (started) => started.stop(),
  )
  const world = await makeWorld(server)
  await furnish(world)
  const sessions: Granted[] = []
  for (let user = 0; user < users; user += 1) sessions.push(await world.grant())

  const port = await freePort()
  const settings = {
    storeUrl: world.proxyUrl,
    masterKey: world.masterKey.toString('hex'),
    dataDir: path.join(folder, 'proxy'),
    port,
    recording,
  }
  const start = async (): Promise<PartProcess> => {
    const started = startPart({ part: 'proxy', settings })
    if ((await started.line('ready')) === undefined) throw new Error(started.printed())
    return started
  }
  let proxy = await start()
  return {
    world,
    sessions,
    port,
    logPath: path.join(home.dir, 'source', 'log', 'all.json'),
    replaceProxy: async () => {
      await proxy.kill()
      proxy = await start()
    },
    printed: () => proxy.printed(),
  }
}

async function makeWorld(server: EmbeddedPostgres): Promise<GrantedWorld> {
  await keep(() => Promise.resolve(), stopClusters)
  return GrantedWorld.make({
    host: '127.0.0.1',
    port: server.port,
    superuserUrl: (database = 'postgres') => server.url({ database }),
  })
}

async function furnish(world: GrantedWorld): Promise<void> {
  await world.onShop(
    'create table notes (id bigserial primary key, client int, body text, n int)',
    'insert into notes (client, body, n) select 0, repeat(chr(65 + i % 26), 20), i from generate_series(1, 500) i',
    'grant all on notes, notes_id_seq to public',
  )
}
