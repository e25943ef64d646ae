import type { Config } from '../config.ts'
import { chooseHome, type Home } from '../db/embedded.ts'
import { makeSetupLink } from '../db/first-admin.ts'
import { migrate } from '../db/migrate.ts'
import { providePartLogins } from '../db/part-logins.ts'
import { getDefaultOrganization } from '../db/people.ts'
import { systemOrigin } from '../db/scope.ts'
import { keepTimeZone } from '../db/settings.ts'
import { openStore, rows, StoreUnreachable } from '../db/store.ts'
import { AppError } from '../lib/errors.ts'
import { uuidv7 } from '../lib/ids.ts'
import { openLog } from '../lib/log.ts'
import { derivePartKey, type KeyHolder } from '../lib/seal.ts'
import { closeOnSignals, Shutdown } from '../lib/shutdown.ts'
import { passwordLinkUrl } from '../portal/password-link-url.ts'
import { banner } from './banner.ts'
import { startDemo } from './demo/world.ts'
import { startEmbeddedStore } from './embedded-store.ts'
import { keepKeys, runningFile, type DemoWorld, type Keys } from './home-file.ts'
import { Supervisor } from './supervisor.ts'

/** The order in which parts start: the broker first, so that what must end ends. */
const STARTS: readonly KeyHolder[] = ['broker', 'proxy', 'portal']

/** What every part is started from: the store's owner and the key all others derive from. */
interface Ground {
  readonly ownerUrl: string
  readonly masterKey: Buffer
  readonly world: DemoWorld | undefined
}

/** Runs everything on this machine and resolves once it serves; a signal ends it all. */
export async function serveAll(config: Config): Promise<void> {
  const shutdown = new Shutdown(openLog('daypass', config.logLevel))
  shutdown.onClose('last words', () => say('Stopped. The data stays for the next start.'))
  closeOnSignals(shutdown)
  const startedAt = Date.now()
  try {
    config.warnings.forEach((warning) => say(`Note: ${warning}.`))
    const ground = await prepare(config, shutdown)
    // before the portal starts, which else says that there is no admin and no way to make one
    const setupUrl = config.demo ? undefined : await findSetupUrl(config, ground.ownerUrl)
    await startParts(config, ground, shutdown)
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
    shutdown.onClose('first words', () => say('Stopping ...'))
    process.stdout.write(banner(config, { world: ground.world, seconds, setupUrl }))
  } catch (error) {
    await shutdown.close()
    throw error
  }
}

async function prepare(config: Config, shutdown: Shutdown): Promise<Ground> {
  const home = config.storeUrl === undefined || config.demo ? findHome(config) : undefined
  const keys = home && keepKeys(home.dir)
  const masterKey = config.masterKey ?? (keys && Buffer.from(keys.masterKey, 'base64'))
  if (
    masterKey === undefined ||
    (config.storeUrl !== undefined && config.masterKey === undefined)
  ) {
    throw new AppError(
      'key_missing',
      'With a store of your own, set DAYPASS_MASTER_KEY (openssl rand -base64 32) and keep it safe: what is sealed under it can be opened with nothing else.',
    )
  }
  const ownerUrl = await prepareStore(config, { home, keys, shutdown })
  if (home === undefined || keys === undefined || !config.demo) {
    return { ownerUrl, masterKey, world: undefined }
  }
  say('Starting the demo data source "shop", a second PostgreSQL ...')
  const demo = await startDemo(home, keys, { ownerUrl, masterKey })
  shutdown.onClose('demo data source', () => demo.shop.server.stop())
  return { ownerUrl, masterKey, world: demo.world }
}

interface StorePlan {
  readonly home: Home | undefined
  readonly keys: Keys | undefined
  readonly shutdown: Shutdown
}

/** The store, running and migrated; returns its owner's address. */
async function prepareStore(config: Config, plan: StorePlan): Promise<string> {
  const ownerUrl = await findOwnerUrl(config, plan)
  await checkReachable(ownerUrl)
  const taken = await migrate(ownerUrl)
  if (taken.length > 0) say(`Migrated the store: ${taken.join(', ')}.`)
  const store = openStore(ownerUrl, { poolSize: 1 })
  try {
    const local = Intl.DateTimeFormat().resolvedOptions().timeZone
    await keepTimeZone(store.db, config.timeZone ?? local)
  } finally {
    await store.close()
  }
  return ownerUrl
}

async function findOwnerUrl(config: Config, { home, keys, shutdown }: StorePlan): Promise<string> {
  if (config.storeUrl !== undefined) return config.storeOwnerUrl ?? config.storeUrl
  if (home === undefined || keys === undefined) throw new Error('an embedded store has a home')
  say(`Starting the store, an embedded PostgreSQL, in ${home.dir} ...`)
  const { server, ownerUrl } = await startEmbeddedStore(home, keys)
  shutdown.onClose('store', () => server.stop())
  const running = runningFile(home.dir)
  const portalUrl = config.publicUrl.origin
  running.write({ pid: process.pid, portalUrl, storeOwnerUrl: ownerUrl })
  shutdown.onClose('running file', () => running.remove())
  return ownerUrl
}

/** Where the first admin is made, anew at each start; undefined once there is one. */
async function findSetupUrl({ publicUrl }: Config, ownerUrl: string): Promise<string | undefined> {
  const store = openStore(ownerUrl, { poolSize: 1 })
  try {
    const origin = systemOrigin(await getDefaultOrganization(store.db), uuidv7(), 'system (start)')
    const link = await store.change((tx) => makeSetupLink(tx, origin))
    return link && passwordLinkUrl(publicUrl, link.secret)
  } finally {
    await store.close()
  }
}

function findHome(config: Config): Home {
  const home = chooseHome({ dataDir: config.dataDir })
  if (home.notice !== undefined) say(home.notice)
  return home
}

async function checkReachable(ownerUrl: string): Promise<void> {
  const store = openStore(ownerUrl, { poolSize: 1 })
  try {
    await rows(store.db, 'select 1')
  } catch (cause) {
    throw new StoreUnreachable(cause)
  } finally {
    await store.close()
  }
}

async function startParts(config: Config, ground: Ground, shutdown: Shutdown): Promise<void> {
  const urls = await providePartLogins(ground.ownerUrl, ground.masterKey)
  const supervisor = new Supervisor(say)
  shutdown.onClose('parts', () => supervisor.stop())
  for (const part of STARTS) {
    say(`Starting the ${part} ...`)
    await supervisor.start({
      part,
      environment: {
        DAYPASS_STORE_URL: urls[part],
        DAYPASS_PART_KEY: derivePartKey(ground.masterKey, part).toString('base64'),
        DAYPASS_DEMO: String(config.demo),
      },
    })
  }
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}
