import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { DateTime } from 'luxon'
import { z } from 'zod'
import { chooseHome, EmbeddedPostgres, type Home } from '../../db/embedded.ts'
import { migrate } from '../../db/migrate.ts'
import { migrations } from '../../db/migrations/index.ts'
import { getDefaultOrganization } from '../../db/people.ts'
import { iso, openStore, type Store } from '../../db/store.ts'
import { keep, keepFolder } from '../../test/support/clearing.ts'
import { fillTrail } from './trail.ts'

/** How long a trail is wanted, and where it is kept for later runs; without a folder it goes with this one. */
export interface FilledWish {
  /** Default: as many as are there, else a million. */
  readonly records?: number
  readonly folder?: string
}

/** A server with a long trail in its store. */
export interface Filled {
  readonly ownerUrl: string
  readonly records: number
  /** Where and when it was filled, for people. */
  readonly story: string
}

/** What lies beside a cluster that was filled to the end. */
const MARKER = z.object({
  records: z.number(),
  /** Of every migration that made its tables. */
  schema: z.string(),
  filledAt: z.string(),
  /** The superuser's, on 127.0.0.1 alone. */
  password: z.string(),
})
type Marker = z.infer<typeof MARKER>
const MARKER_FILE = 'filled.json'

const DEFAULT_RECORDS = 1_000_000
/** What the owner of a store of this size would set, and as durable as theirs. */
const SETTINGS = { shared_buffers: '2GB', effective_cache_size: '8GB', max_wal_size: '8GB' }
/** A fill that is interrupted begins anew, so nothing of it needs a second copy or has to be on the disk. */
const FILLING = {
  ...SETTINGS,
  wal_level: 'minimal',
  max_wal_senders: '0',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  autovacuum: 'off',
  checkpoint_timeout: '1h',
}

/** Starts a server whose trail is as long as wished, and fills it first where it is new. */
export async function startFilled({ records, folder }: FilledWish): Promise<Filled> {
  const home = await homeIn(folder)
  const file = path.join(home.dir, MARKER_FILE)
  const found = await findMarker(file)
  if (found === undefined) refuseHalfFilled(home)
  else refuseOther(found, records)
  const began = performance.now()
  const marker = found ?? (await fill(home, file, records ?? DEFAULT_RECORDS))
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  const { ownerUrl } = await start(home, marker.password, SETTINGS)
  const story = found === undefined ? `made in ${seconds} s` : `made at ${marker.filledAt}`
  return { ownerUrl, records: marker.records, story }
}

async function homeIn(folder: string | undefined): Promise<Home> {
  const dataDir = folder === undefined ? await keepFolder('daypass-bench-') : path.resolve(folder)
  await mkdir(dataDir, { recursive: true })
  // as root the server runs as someone else, who must be able to pass
  await chmod(dataDir, 0o711)
  const home = chooseHome({ dataDir })
  if (folder === undefined) {
    await keep(
      () => Promise.resolve(home.dir),
      (dir) => rm(dir, { recursive: true, force: true }),
    )
  }
  return home
}

async function findMarker(file: string): Promise<Marker | undefined> {
  if (!existsSync(file)) return undefined
  return MARKER.parse(JSON.parse(await readFile(file, 'utf8')))
}

function refuseHalfFilled({ dir }: Home): void {
  if (!existsSync(clusterIn(dir))) return
  throw new Error(`what is in ${dir} was never filled to the end: remove it and start again`)
}

function refuseOther(found: Marker, records: number | undefined): void {
  if (found.schema !== schemaDigest()) {
    throw new Error(
      'the store that is kept was filled with other migrations: remove it, or name another folder',
    )
  }
  if (records === undefined || records === found.records) return
  throw new Error(
    `the store that is kept holds ${String(found.records)} records: name another folder`,
  )
}

function schemaDigest(): string {
  const hash = createHash('sha256')
  for (const { name, sql } of migrations) hash.update(`${name}\n${sql}\n`)
  return hash.digest('hex')
}

async function fill(home: Home, file: string, records: number): Promise<Marker> {
  const password = randomBytes(12).toString('hex')
  const { ownerUrl, stop } = await start(home, password, FILLING)
  await migrate(ownerUrl)
  await withOwner(ownerUrl, async ({ db }) => {
    await fillTrail(ownerUrl, { records, organization: await getDefaultOrganization(db) })
  })
  await stop()
  const marker = { records, schema: schemaDigest(), filledAt: iso(DateTime.utc()), password }
  await writeFile(file, JSON.stringify(marker), { mode: 0o600 })
  return marker
}

async function start(
  home: Home,
  password: string,
  settings: Readonly<Record<string, string>>,
): Promise<{ readonly ownerUrl: string; readonly stop: () => Promise<void> }> {
  const dir = clusterIn(home.dir)
  const { opened, clear } = await keep(
    () => new EmbeddedPostgres({ ...home, dir, password, settings }).start(),
    async (server) => {
      // much may wait to be written, and a stop that takes too long is a crash
      await withOwner(server.url(), ({ db }) => db.raw('checkpoint'))
      await server.stop()
    },
  )
  return { ownerUrl: opened.url(), stop: clear }
}

async function withOwner(url: string, work: (store: Store) => Promise<unknown>): Promise<void> {
  const store = openStore(url, { poolSize: 1, deadlineMs: 300_000 })
  try {
    await work(store)
  } finally {
    await store.close()
  }
}

function clusterIn(dir: string): string {
  return path.join(dir, 'cluster')
}
