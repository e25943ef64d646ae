import type { KeyObject } from 'node:crypto'
import type { Config } from '../config.ts'
import { AppError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { derivePartKey, openingKey, publicBytesOf } from '../lib/seal.ts'
import type { Shutdown } from '../lib/shutdown.ts'
import { checkSchema } from '../db/migrate.ts'
import { announceMail } from '../db/mail-service.ts'
import { announceKey } from '../db/sealing-keys.ts'
import type { Store } from '../db/store.ts'
import type { AdminConnection } from './sources/data-source.ts'
import { KeptConnections } from './sources/kept-connections.ts'
import { Lanes } from './scheduling/lanes.ts'
import { mailOf, startMailer, type MailConfig } from './letters/mailer.ts'
import { goOn, type Reached } from './scheduling/steps.ts'
import { startScheduler, type Scheduler } from './scheduling/scheduler.ts'
import { reconcileAll } from './scheduling/sweep.ts'

export interface BrokerParts {
  readonly config: Pick<Config, 'masterKey' | 'partKey'> & MailConfig
  readonly store: Store
  readonly log: Log
  readonly shutdown: Shutdown
  /** For tests, which stop a broker at a step. */
  readonly reached?: Reached
}

/** Starts the part that hands out and takes back database users. Errors: `store_not_migrated`, `no_key`. */
export async function startBroker({
  config,
  store,
  log,
  shutdown,
  reached = goOn,
}: BrokerParts): Promise<Scheduler> {
  await checkSchema(store.db)
  const key = brokerKey(config)
  await announceKey(store.db, 'broker', publicBytesOf(key))
  const kept = new KeptConnections<AdminConnection>()
  const deps = { store, key, log, reached, kept, lanes: new Lanes() }
  const scheduler = startScheduler(deps)
  shutdown.onClose('broker', () => scheduler.close())
  const sending = mailOf(config)
  await announceMail(store.db, sending.mail !== undefined)
  const mailer = startMailer({ store, log, key, ...sending })
  shutdown.onClose('mailer', () => mailer.close())
  await reconcileAll(deps)
  scheduler.wake()
  return scheduler
}

/** The key that opens admin logins of data sources; no other part can make it from its own. */
export function brokerKey({ partKey, masterKey }: BrokerParts['config']): KeyObject {
  const own = partKey ?? (masterKey && derivePartKey(masterKey, 'broker'))
  if (own !== undefined) return openingKey(own)
  throw new AppError(
    'no_key',
    'The broker has no key: set DAYPASS_MASTER_KEY, or DAYPASS_PART_KEY with its own.',
  )
}
