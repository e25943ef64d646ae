import { startBroker } from '../broker/main.ts'
import { type Config } from '../config.ts'
import { isLoopback } from '../lib/settings-reader.ts'
import { chooseHome } from '../db/embedded.ts'
import { openStore, rows, StoreUnreachable, type Store } from '../db/store.ts'
import { AppError } from '../lib/errors.ts'
import { openLog, type Log } from '../lib/log.ts'
import type { KeyHolder } from '../lib/seal.ts'
import { closeOnSignals, Shutdown } from '../lib/shutdown.ts'
import { startPortal } from '../portal/main.ts'
import { startProxies } from '../proxy/processes/start.ts'
import { demoFile } from './home-file.ts'

/** What a part is given to live on. */
interface PartDeps {
  readonly config: Config
  readonly store: Store
  readonly log: Log
  readonly shutdown: Shutdown
}
type Starting = (deps: PartDeps) => Promise<unknown>

/** People of a demo on this machine find its accounts where they sign in. */
function startPortalOfDemo(deps: PartDeps): Promise<unknown> {
  const { demo, portal, publicUrl, dataDir } = deps.config
  if (!demo || !isLoopback(portal.host) || !isLoopback(publicUrl.hostname)) return startPortal(deps)
  const world = demoFile(chooseHome({ dataDir }).dir).find()
  return startPortal({ ...deps, demoAccounts: world?.people })
}

const STARTS: Readonly<Record<KeyHolder, Starting>> = {
  broker: startBroker,
  portal: startPortalOfDemo,
  proxy: startProxies,
}

/** Clients wait at the proxy's door for what it asks the store: it gives up earlier than the others. */
const STORE_OPTIONS: Readonly<Record<KeyHolder, { readonly deadlineMs?: number }>> = {
  broker: {},
  portal: {},
  proxy: { deadlineMs: 8_000 },
}

/** Told to the process that started this part, once it serves. */
export const READY = 'ready'

/** Runs one part in this process until a signal ends it, or the process that started it is gone. */
export async function runPart(part: KeyHolder, config: Config): Promise<void> {
  requireSettings(part, config)
  const log = openLog(part, config.logLevel)
  const shutdown = new Shutdown(log)
  const store = openStore(config.storeUrl ?? '', STORE_OPTIONS[part])
  shutdown.onClose('store', () => store.close())
  closeOnSignals(shutdown)
  try {
    await rows(store.db, 'select 1').catch((cause: unknown) => {
      throw new StoreUnreachable(cause)
    })
    await STARTS[part]({ config, store, log, shutdown })
  } catch (error) {
    await shutdown.close()
    throw error
  }
  process.send?.(READY)
}

function requireSettings(part: KeyHolder, config: Config): void {
  if (config.storeUrl === undefined) {
    throw new AppError(
      'store_url_missing',
      `A ${part} on its own needs DAYPASS_STORE_URL: its own login on the store. Plain "daypass serve" brings a store of its own.`,
    )
  }
  if (config.masterKey === undefined && config.partKey === undefined) {
    throw new AppError(
      'key_missing',
      `The ${part} needs DAYPASS_PART_KEY or DAYPASS_MASTER_KEY: 32 bytes in base64, as "daypass part-key ${part}" prints.`,
    )
  }
}
