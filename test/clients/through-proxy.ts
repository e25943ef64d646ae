import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { environmentWith } from '../../config.ts'
import { chooseHome, EmbeddedPostgres } from '../../db/embedded.ts'
import { rows } from '../../db/store.ts'
import type { TestCluster } from '../support/clusters.ts'
import { GrantedWorld, type Granted } from '../support/granted.ts'
import { startPart, type PartProcess } from '../support/part-process.ts'
import { until } from '../support/until.ts'

/** One recorded execution, as much of it as the tests of clients look at. */
export interface Recorded {
  readonly kind: string
  readonly text: string
  readonly values: readonly unknown[]
  readonly statementName: string | null
  readonly tag: string | null
  readonly rows: number
  readonly bytes: number
  readonly sqlstate: string | null
  readonly outcome: string
}

/** What a program said and how it ended. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly directory?: string
}

const PROGRAM_DEADLINE_MS = 200_000
/** What pg_dump says on a database of a few thousand rows stays far below. */
const PRINTED_MOST = 64 * 1024 * 1024
const run = promisify(execFile)

/** A proxy in a process of its own before a data source, for programs that know nothing of either. */
export class ThroughProxy {
  readonly world: GrantedWorld
  readonly port: number
  /** For sources and builds of the tests; goes with this. */
  readonly folder: string
  readonly #proxy: PartProcess
  readonly #server: EmbeddedPostgres | undefined

  private constructor(made: {
    world: GrantedWorld
    port: number
    folder: string
    proxy: PartProcess
    server: EmbeddedPostgres | undefined
  }) {
    this.world = made.world
    this.port = made.port
    this.folder = made.folder
    this.#proxy = made.proxy
    this.#server = made.server
  }

  /** Before the data source that all tests share, or before one made with other programs. */
  static async start(binDir?: string): Promise<ThroughProxy> {
    const folder = await mkdtemp(path.join(tmpdir(), 'daypass-clients-'))
    await chmod(folder, 0o755)
    const server = binDir === undefined ? undefined : await startServer(folder, binDir)
    const world = await GrantedWorld.make(server && clusterOf(server))
    const proxy = startPart({
      part: 'proxy',
      settings: {
        storeUrl: world.proxyUrl,
        masterKey: world.masterKey.toString('hex'),
        dataDir: path.join(folder, 'proxy'),
        port: 0,
        recording: 'prompt',
      },
    })
    const ready = await proxy.line('ready')
    assert.ok(ready, proxy.printed())
    return new ThroughProxy({ world, port: Number(ready.split(' ')[1]), folder, proxy, server })
  }

  async close(): Promise<void> {
    await this.#proxy.kill()
    await this.world.close()
    await this.#server?.stop()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** What libpq and most drivers read from the environment to go through the proxy. */
  environment({ username, secret }: Granted): Readonly<Record<string, string>> {
    return {
      PGHOST: '127.0.0.1',
      PGPORT: String(this.port),
      PGUSER: username,
      PGPASSWORD: secret,
      PGDATABASE: this.world.database,
      PGSSLMODE: 'disable',
    }
  }

  /** The same, past the proxy and as superuser. */
  directly(): Readonly<Record<string, string>> {
    const url = new URL(this.world.shopUrl)
    return {
      PGHOST: url.hostname,
      PGPORT: url.port,
      PGUSER: decodeURIComponent(url.username),
      PGPASSWORD: decodeURIComponent(url.password),
      PGDATABASE: this.world.database,
      PGSSLMODE: 'disable',
    }
  }

  /** Writes a source file of a test and returns its path. */
  async source(name: string, text: string): Promise<string> {
    const file = path.join(this.folder, name)
    await writeFile(file, text)
    return file
  }

  /** Runs a program through the proxy as a session user. */
  run(granted: Granted, program: Program): Promise<Outcome> {
    return runProgram({
      ...program,
      environment: { ...this.environment(granted), ...program.environment },
    })
  }

  /** Runs one that must succeed, and returns what it printed. */
  async output(granted: Granted, program: Program): Promise<string> {
    const { code, stdout, stderr } = await this.run(granted, program)
    assert.equal(code, 0, stderr || stdout)
    return stdout
  }

  /** The recording of a session, in order, once one statement that fits has arrived in it. */
  async recorded(
    { id }: Granted,
    isLast: (statement: Recorded) => boolean,
  ): Promise<readonly Recorded[]> {
    return until('recorded', async () => {
      const found = await this.#read(id)
      return found.some(isLast) ? found : undefined
    })
  }

  async #read(id: string): Promise<readonly Recorded[]> {
    const found = await rows<Omit<Recorded, 'rows' | 'bytes'> & { rows: string; bytes: string }>(
      this.world.store.db,
      `select kind, text, bind_values as "values", statement_name as "statementName", tag, rows, bytes,
              sqlstate, outcome
         from statements
        where session_id = :id
        order by started_at, connection_id, number, part`,
      { id },
    )
    return found.map((row) => ({ ...row, rows: Number(row.rows), bytes: Number(row.bytes) }))
  }
}

async function startServer(folder: string, binDir: string): Promise<EmbeddedPostgres> {
  const home = chooseHome({ dataDir: folder, binDir })
  return new EmbeddedPostgres({
    ...home,
    dir: path.join(home.dir, 'source'),
    password: randomBytes(12).toString('hex'),
    settings: { fsync: 'off' },
  }).start()
}

function clusterOf(server: EmbeddedPostgres): TestCluster {
  return {
    host: '127.0.0.1',
    port: server.port,
    superuserUrl: (database = 'postgres') => server.url({ database }),
  }
}

/** Runs a program to its end, whatever its code. */
export async function runProgram({
  command,
  args,
  input = '',
  environment = {},
  directory,
}: Program): Promise<Outcome> {
  const running = run(command, [...args], {
    env: environmentWith(environment),
    cwd: directory,
    timeout: PROGRAM_DEADLINE_MS,
    maxBuffer: PRINTED_MOST,
  })
  running.child.stdin?.on('error', () => undefined).end(input)
  try {
    return { code: 0, ...(await running) }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string }
    // one that is not installed has no code
    if (typeof code !== 'number') throw error
    return { code, stdout, stderr }
  }
}

/** Fails unless the recording has a statement of this text with these values and this tag. */
export function assertRecorded(
  recording: readonly Recorded[],
  text: string | RegExp,
  expected: Partial<Recorded>,
): void {
  const alike = recording.filter((each) =>
    typeof text === 'string' ? each.text === text : text.test(each.text),
  )
  const fits = alike.some((each) =>
    Object.entries(expected).every(([name, value]) => {
      const found = new Map<string, unknown>(Object.entries(each)).get(name)
      return JSON.stringify(found) === JSON.stringify(value)
    }),
  )
  assert.ok(
    fits,
    `${String(text)} with ${JSON.stringify(expected)} is not in ${JSON.stringify(alike.length > 0 ? alike : recording, null, 1).slice(0, 4_000)}`,
  )
}
