import { join } from 'node:path'
import type { Config } from '../config.ts'
import { checkSchema } from '../db/migrate.ts'
import { announceKey } from '../db/sealing-keys.ts'
import type { Store } from '../db/store.ts'
import { AppError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { derive, derivePartKey, openingKey, publicBytesOf } from '../lib/seal.ts'
import type { Shutdown } from '../lib/shutdown.ts'
import { raiseAlarms } from './alarms.ts'
import { Attendance } from './attendance.ts'
import { CancelKeys } from './cancel.ts'
import { Deadlines } from './deadline.ts'
import { Journal, type JournalOptions } from './journal/journal.ts'
import { claimFolder } from './journal/folder.ts'
import type { Relay } from './relay.ts'
import { ProxyServer } from './server.ts'
import { Shipper } from './journal/shipper.ts'
import { readServerTls } from './tls.ts'

export interface ProxyParts {
  readonly config: Pick<Config, 'dataDir' | 'masterKey' | 'partKey' | 'recording'> & {
    readonly proxy: Pick<Config['proxy'], 'host' | 'port' | 'tls'>
  }
  readonly store: Store
  readonly log: Log
  readonly shutdown: Shutdown
  /** For tests: stands in for the disk under the journal. */
  readonly write?: JournalOptions['write']
}

/** Where the proxy listens. */
export interface RunningProxy {
  readonly host: string
  readonly port: number
}

/** Starts the proxy: what an earlier life left is shipped, then clients are served. */
export async function startProxy(parts: ProxyParts): Promise<RunningProxy> {
  const { config, store, log, shutdown } = parts
  await checkSchema(store.db)
  const tls = config.proxy.tls && readServerTls(config.proxy.tls)
  const partKey = partKeyOf(config)
  const key = openingKey(partKey)
  await announceKey(store.db, 'proxy', publicBytesOf(key))

  const folder = join(config.dataDir, 'journal')
  const { proxyId, release } = claimFolder(folder)
  shutdown.onClose('journal folder', release)
  const journal = openJournal(folder, parts)
  const attendance = new Attendance({ store, proxyId, log })
  await attendance.closeLeftOpen()
  shutdown.onClose('connection records', () => attendance.drain())
  const deadlines = new Deadlines(store, log)
  shutdown.onClose('session ends', () => deadlines.close())

  const server = new ProxyServer({
    store,
    log,
    proxyId,
    journal,
    attendance,
    deadlines,
    cancelKeys: new CancelKeys(),
    tls,
    key,
    mockSecret: derive(partKey, 'daypass mock scram'),
    relays: new Set<Relay>(),
  })
  const { address, port } = await server.listen(config.proxy)
  shutdown.onClose('proxy connections', () => server.close())
  log.info({ host: address, port }, 'the proxy serves')
  return { host: address, port }
}

function openJournal(
  folder: string,
  { config: { recording }, store, log, shutdown, write }: ProxyParts,
): Journal {
  const journal = new Journal({ folder, recording, log, ...(write ? { write } : {}) })
  const alarms = { db: store.db, log }
  const shipper = new Shipper({
    journal,
    db: store.db,
    log,
    shipped: (batch) => raiseAlarms(alarms, batch),
  })
  shipper.start()
  shutdown.onClose('journal', async () => {
    journal.flushOrKeep()
    const isShipped = await shipper.stop()
    journal.close()
    if (isShipped) for (const segment of [...journal.segments]) journal.remove(segment)
  })
  return journal
}

function partKeyOf({ masterKey, partKey }: Pick<Config, 'masterKey' | 'partKey'>): Buffer {
  if (partKey) return partKey
  if (masterKey) return derivePartKey(masterKey, 'proxy')
  throw new AppError('key_missing', 'The proxy needs DAYPASS_PART_KEY or DAYPASS_MASTER_KEY.')
}
