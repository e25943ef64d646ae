import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import path from 'node:path'
import type pg from 'pg'
import { clientOf, GrantedWorld } from '../support/granted.ts'
import { until } from '../support/until.ts'

const TLS_FOLDER = path.join(import.meta.dirname, '..', 'support', 'tls')
const CERT = path.join(TLS_FOLDER, 'cert.pem')
/** What the proxy sets; the system's own default is two hours. */
const IDLE_SECONDS = 60

describe('the proxy, on a connection on which nothing happens', () => {
  let world: GrantedWorld

  before(async () => {
    world = await GrantedWorld.make()
  })
  after(() => world.close())

  it('asks both ends after a minute whether they are still there, in clear and behind TLS', async () => {
    const tls = { cert: CERT, key: path.join(TLS_FOLDER, 'key.pem') }
    const listener = { host: '127.0.0.1', port: 0 }
    const plain = await world.startProxy()
    const encrypting = await world.startProxy({ proxy: { ...listener, tls } })
    const granted = await world.grant()
    const ssl = { ca: readFileSync(CERT), servername: 'localhost' }
    for (const [{ port }, more] of [[plain, {}] as const, [encrypting, { ssl }] as const]) {
      const client = clientOf(port, granted, more)
      await client.connect()
      await client.query('listen news')
      const {
        rows: [backend],
      } = await client.query<{ port: number }>(
        'select client_port as port from pg_stat_activity where pid = pg_backend_pid()',
      )
      const source = Number(new URL(world.shopUrl).port)
      await asksSoon('the client', { local: port, remote: portOf(client) })
      await asksSoon('the data source', { local: backend?.port ?? 0, remote: source })
      await client.end()
    }
  })
})

interface Ends {
  readonly local: number
  readonly remote: number
}

/** Right after the last packet another timer may run. */
async function asksSoon(whom: string, ends: Ends): Promise<void> {
  const seconds = await until(
    `a timer for ${whom}`,
    () => Promise.resolve(keepAliveIn(ends)),
    2_000,
  )
  assert.ok(seconds > IDLE_SECONDS / 2 && seconds <= IDLE_SECONDS, `${whom}: ${String(seconds)} s`)
}

/** Seconds until the kernel asks; see proc(5), /proc/net/tcp. */
function keepAliveIn({ local, remote }: Ends): number | undefined {
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const timer = lines
    .map((line) => line.trim().split(/\s+/))
    .find(([, from = '', to = '']) => portIn(from) === local && portIn(to) === remote)?.[5]
  const [kind, ticks = ''] = timer?.split(':') ?? []
  return kind === KEEP_ALIVE ? Number.parseInt(ticks, 16) / TICKS : undefined
}

const KEEP_ALIVE = '02'
/** USER_HZ, the same on every architecture that counts. */
const TICKS = 100

function portIn(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16)
}

function portOf(client: pg.Client): number {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
  return stream.localPort ?? 0
}
