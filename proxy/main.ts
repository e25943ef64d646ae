import { PROXY_LIMITS, type Config, type ProxyLimits } from '../config.ts'
import { checkSchema } from '../db/migrate.ts'
import { announceKey } from '../db/sealing-keys.ts'
import type { Store } from '../db/store.ts'
import { AppError, sentenceOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { derive, derivePartKey, openingKey, publicBytesOf } from '../lib/seal.ts'
import type { Shutdown } from '../lib/shutdown.ts'
import { Attendance } from './attendance.ts'
import { CancelSearch, type AskSiblings } from './cancel-search.ts'
import { CancelKeys, type Sought } from './cancel.ts'
import { Counters } from './counters.ts'
import { Deadlines } from './deadline.ts'
import { LoginFailures } from './failures.ts'
import { Holders } from './holders.ts'
import { Turns } from './io/turns.ts'
import type { Journal, JournalOptions } from './journal/journal.ts'
import { claimFolder } from './journal/folder.ts'
import { journalFolder, leftFolders } from './journal/folders.ts'
import { startRecording } from './journal/recording.ts'
import { sampleOf, type RecordingSample, type Sample } from './metrics/sample.ts'
import type { Relay } from './relay.ts'
import { LOOK_MS, ProxyServer } from './server.ts'
import { readServerTls } from './tls.ts'
import { UpstreamSecrets } from './upstream-secrets.ts'
import { endUnkept } from './unkept.ts'

export interface ProxyParts {
  readonly config: Pick<Config, 'dataDir' | 'masterKey' | 'partKey' | 'recording'> & {
    readonly proxy: Pick<Config['proxy'], 'host' | 'port' | 'tls'> & {
      /** Those left out are as the settings' own defaults. */
      readonly limits?: Partial<ProxyLimits>
    }
  }
  readonly store: Store
  readonly log: Log
  readonly shutdown: Shutdown
  /** For tests: stands in for the disk under the journal. */
  readonly write?: JournalOptions['write']
  readonly sync?: JournalOptions['sync']
  /** For tests: see ProxyDeps. */
  readonly lookMs?: number
  /** For tests: stands in for the end of the process, which a disk that keeps nothing leads to. */
  readonly exit?: (code: number) => void
  /** Undefined for a process that has its port to itself. */
  readonly place?: Place
}

/** One of several processes on a port. */
export interface Place {
  /** From 1. */
  readonly number: number
  readonly of: number
  readonly askSiblings: AskSiblings
}

/** Where the proxy listens, and what others may ask of it. */
export interface RunningProxy {
  readonly host: string
  readonly port: number
  /** Its numbers of this moment. */
  readonly sample: () => Sample
  /** A sibling has a cancel request for whoever gave its key out; true once it was delivered. */
  readonly takeCancel: (sought: Sought) => Promise<boolean>
}

/** Starts the proxy: what an earlier life left is shipped, then clients are served. */
export async function startProxy(parts: ProxyParts): Promise<RunningProxy> {
  const { config, store, log, shutdown } = parts
  await checkSchema(store.db)
  const tls = config.proxy.tls && readServerTls(config.proxy.tls)
  const partKey = partKeyOf(config)
  const key = openingKey(partKey)
  await announceKey(store.db, 'proxy', publicBytesOf(key))

  const { number = 1, of = 1, askSiblings } = parts.place ?? {}
  const relays = new Set<Relay>()
  const folder = journalFolder(config.dataDir, number)
  const { proxyId, journal, recording } = claimJournal(folder, relays, parts)
  const attendance = new Attendance({ store, proxyId, log })
  await attendance.closeLeftOpen()
  if (number === 1) await shipLeft(of, relays, parts)
  shutdown.onClose('connection records', () => attendance.drain())
  const deadlines = new Deadlines(store, log)
  shutdown.onClose('session ends', () => deadlines.close())

  const counters = new Counters()
  const cancelKeys = new CancelKeys()
  const secret = derive(partKey, 'daypass cancel')
  const cancels = new CancelSearch({ keys: cancelKeys, secret, store, log, counters, askSiblings })
  shutdown.onClose('cancel requests', () => cancels.close())
  const limits = { ...PROXY_LIMITS, ...config.proxy.limits }
  const server = new ProxyServer({
    store,
    log,
    proxyId,
    journal,
    turns: new Turns(journal, counters),
    attendance,
    deadlines,
    cancelKeys,
    cancels,
    counters,
    tls,
    holders: new Holders(),
    secrets: new UpstreamSecrets(key),
    mockSecret: derive(partKey, 'daypass mock scram'),
    limits,
    lookMs: parts.lookMs ?? LOOK_MS,
    failures: new LoginFailures(limits.failedLogins),
    relays,
  })
  const { address, port } = await server.listen(config.proxy)
  shutdown.onClose('proxy connections', () => server.close())
  log.info({ host: address, port }, 'the proxy serves')
  return {
    host: address,
    port,
    sample: () =>
      sampleOf(counters, { process: number, connections: relays.size, recording: recording() }),
    takeCancel: (sought) => cancels.take(sought),
  }
}

/** Where more processes have been once: what they left is shipped, and their connections are over. */
async function shipLeft(
  processes: number,
  relays: ReadonlySet<Relay>,
  parts: ProxyParts,
): Promise<void> {
  const { config, store, log } = parts
  for (const folder of leftFolders(config.dataDir, processes)) {
    try {
      const { proxyId } = claimJournal(folder, relays, parts)
      await new Attendance({ store, proxyId, log }).closeLeftOpen()
    } catch (error) {
      log.error({ folder, error: sentenceOf(error) }, 'a recording left behind waits')
    }
  }
}

interface ClaimedJournal {
  readonly proxyId: string
  readonly journal: Journal
  readonly recording: () => RecordingSample
}

function claimJournal(
  folder: string,
  relays: ReadonlySet<Relay>,
  parts: ProxyParts,
): ClaimedJournal {
  const { config, store, log, shutdown, write, sync, exit = endProcess } = parts
  const { proxyId, release } = claimFolder(folder)
  shutdown.onClose('journal folder', release)
  const { journal, stats, stop } = startRecording({
    folder,
    recording: config.recording,
    storeUrl: store.url,
    proxyId,
    key: openingKey(partKeyOf(config)),
    log,
    unkept: (error) => endUnkept({ relays, shutdown, exit }, error),
    ...(write ? { write } : {}),
    ...(sync ? { sync } : {}),
  })
  shutdown.onClose('journal', stop)
  return { proxyId, journal, recording: stats }
}

function endProcess(code: number): void {
  process.exit(code)
}

function partKeyOf({ masterKey, partKey }: Pick<Config, 'masterKey' | 'partKey'>): Buffer {
  if (partKey) return partKey
  if (masterKey) return derivePartKey(masterKey, 'proxy')
  throw new AppError('key_missing', 'The proxy needs DAYPASS_PART_KEY or DAYPASS_MASTER_KEY.')
}
