import pg from 'pg'
import type { SessionId } from '../../lib/ids.ts'
import { makeCredential } from '../../broker/sessions/credentials.ts'
import { keepFolder } from '../support/clearing.ts'
import { startPart } from '../support/part-process.ts'
import type { Bench } from './bench.ts'

/** Somebody who is in a session through a proxy, as people are. */
export interface Inside {
  /** When the connection was cut, by performance.now(); undefined while it holds. */
  cutAt(): number | undefined
  /** Its client's last words from the proxy. */
  farewell(): string
  /** Tries to get in once more with the same secret; true for who got in. */
  knock(): Promise<boolean>
}

/** Starts a proxy, makes a credential for a granted session, and connects. */
export async function enterByProxy(bench: Bench, id: SessionId): Promise<Inside> {
  const { world } = bench
  const proxy = startPart({
    part: 'proxy',
    settings: {
      storeUrl: world.proxy.url,
      masterKey: world.masterKey.toString('hex'),
      dataDir: await keepFolder('daypass-faults-proxy-'),
      port: 0,
    },
  })
  bench.keepPart(proxy)
  const ready = await proxy.line('ready')
  if (ready === undefined) throw new Error(proxy.printed())
  const port = Number(ready.split(' ')[1])
  const secret = await makeCredential(world.portal, world.scopes.mark, world.origins.mark, id)
  const open = (): pg.Client =>
    new pg.Client({
      host: '127.0.0.1',
      port,
      user: secret.username,
      password: secret.password,
      database: secret.database,
      connectionTimeoutMillis: 5_000,
    })
  let cutAt: number | undefined
  let farewell = ''
  const client = open()
  client.on('error', (error) => (farewell ||= error.message))
  client.on('end', () => (cutAt ??= performance.now()))
  await client.connect()
  await client.query('select 1')
  bench.onClose(() => client.end().catch(() => undefined))
  return { cutAt: () => cutAt, farewell: () => farewell, knock: () => knock(open()) }
}

async function knock(client: pg.Client): Promise<boolean> {
  client.on('error', () => undefined)
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
