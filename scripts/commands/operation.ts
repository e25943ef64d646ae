import type { Command } from 'commander'
import { Argument } from 'commander'
import { readConfig } from '../../config.ts'
import { findDataSource } from '../../db/data-sources.ts'
import { chooseHome } from '../../db/embedded.ts'
import { migrate } from '../../db/migrate.ts'
import { keepTimeZone } from '../../db/settings.ts'
import { openStore } from '../../db/store.ts'
import { AppError } from '../../lib/errors.ts'
import { derive, derivePartKey, type KeyHolder } from '../../lib/seal.ts'
import { provideShop } from '../demo/shop.ts'
import { makeDemoWorld, sealingFor } from '../demo/world.ts'
import { demoFile, keysFile, type DemoPerson, type DemoWorld } from '../home-file.ts'
import { onStore, OPERATOR } from '../operator.ts'
import { runPart } from '../part.ts'
import { print, printJson } from '../print.ts'
import { serveAll } from '../serve-all.ts'

const PARTS = ['portal', 'broker', 'proxy'] as const

/** serve, migrate, part-key, demo-accounts: what runs the product itself. */
export function addOperation(program: Command): void {
  program
    .command('serve')
    .description('run everything on this machine, or one part of it')
    .addArgument(new Argument('[part]', 'what to run').choices(['all', ...PARTS]).default('all'))
    .action(async (part: 'all' | KeyHolder) => {
      const config = readConfig()
      await (part === 'all' ? serveAll(config) : runPart(part, config))
    })

  program
    .command('migrate')
    .description("bring the store's schema up to this version (DAYPASS_STORE_OWNER_URL)")
    .action(async () => {
      const config = readConfig()
      const url = config.storeOwnerUrl ?? config.storeUrl
      if (url === undefined) throw missingStore()
      const taken = await migrate(url)
      if (config.timeZone !== undefined) await keepZone(url, config.timeZone)
      print(taken.length === 0 ? 'The store is up to date.' : `Migrated: ${taken.join(', ')}.`)
    })

  program
    .command('part-key')
    .description("print one part's own key, derived from DAYPASS_MASTER_KEY")
    .addArgument(new Argument('<part>', 'whose key').choices(PARTS))
    .action((part: KeyHolder) => {
      const { masterKey, dataDir } = readConfig()
      const kept = masterKey ?? embeddedMasterKey(dataDir)
      print(derivePartKey(kept, part).toString('base64'))
    })

  program
    .command('demo-accounts')
    .description('list the accounts of the demo and the addresses of its servers')
    .option('--json', 'as JSON, for scripts')
    .action(({ json }: { json?: true }) => {
      const world = demoFile(chooseHome({ dataDir: readConfig().dataDir }).dir).find()
      if (world === undefined) throw noDemo()
      if (json) printJson(world)
      else print(describe(world))
    })

  program
    .command('demo-setup')
    .description(
      "make the demo's people, data source and roles on servers of your own, for a trial",
    )
    .requiredOption('--shop-url <url>', "a superuser's address of the server to fill")
    .action(setUpDemo)
}

/** The zone that every part shows by default; the first one said stays. */
async function keepZone(url: string, zone: string): Promise<void> {
  const store = openStore(url, { poolSize: 1 })
  try {
    await keepTimeZone(store.db, zone)
  } finally {
    await store.close()
  }
}

interface DemoOptions {
  readonly shopUrl: string
}

/** For servers that run already, such as those of docker-compose.yml. */
async function setUpDemo({ shopUrl }: DemoOptions): Promise<void> {
  const { masterKey } = readConfig()
  if (masterKey === undefined) throw missingKey()
  await onStore(async (store) => {
    if ((await findDataSource(store.db, OPERATOR, 'shop')) !== undefined) {
      print('The demo is set up already.')
      return
    }
    const brokerPassword = derive(masterKey, 'daypass demo broker login').toString('hex')
    const shop = await provideShop(shopUrl, brokerPassword)
    await makeDemoWorld(store, {
      shopUrl: shop.adminUrl,
      sealed: sealingFor(masterKey, shop.adminUrl),
      tell: (people) => print(people.map(describePerson).join('\n')),
    })
  })
}

function describe({ people, storeUrl, dataSources }: DemoWorld): string {
  return [
    ...people.map(describePerson),
    '',
    `store  ${storeUrl}`,
    ...dataSources.map(({ name, superuserUrl }) => `${name}   ${superuserUrl}`),
  ].join('\n')
}

function describePerson({ username, password, flags, does }: DemoPerson): string {
  return `${username.padEnd(8)} ${password.padEnd(16)} ${does} (${flags.join(', ')})`
}

function embeddedMasterKey(dataDir: string): Buffer {
  const keys = keysFile(chooseHome({ dataDir }).dir).find()
  if (keys !== undefined) return Buffer.from(keys.masterKey, 'base64')
  throw missingKey()
}

function missingKey(): AppError {
  return new AppError('key_missing', 'Set DAYPASS_MASTER_KEY: there is no embedded start here.')
}

function missingStore(): AppError {
  return new AppError(
    'store_url_missing',
    'Set DAYPASS_STORE_OWNER_URL, the login that owns the tables. An embedded store migrates itself at each start.',
  )
}

function noDemo(): AppError {
  return new AppError(
    'no_demo',
    'There is no demo here: run npm start once without DAYPASS_STORE_URL, from this folder or with the same DAYPASS_DATA_DIR.',
  )
}
