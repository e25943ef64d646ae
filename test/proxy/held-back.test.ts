import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { HeldBack } from '../../proxy/held-back.ts'
import { clientOf, GrantedWorld } from '../support/granted.ts'
import { message } from '../support/wire-messages.ts'

const TLS_FOLDER = join(import.meta.dirname, '../support/tls')
const CERT_FILE = join(TLS_FOLDER, 'cert.pem')
const LOOK_MS = 100
/** On a machine that is busy, too. */
const GONE_MS = 15_000
const ROWS = message('d', 'x'.repeat(8_000) + '\n')

describe('a client from which nothing is read', () => {
  function held(heard = 1) {
    let probes = 0
    const probe = () => void (probes += 1)
    return { isHeldBack: true, heard, probe, probes: () => probes }
  }

  it('is asked twice in a row once nothing moves any more, and now and then again', () => {
    const [back, connection] = [new HeldBack(), held()]
    const asked = Array.from({ length: 25 }, () => {
      const before = connection.probes()
      back.look([connection])
      return connection.probes() > before ? 'x' : '.'
    })
    assert.equal(asked.join(''), '..xx........xx........xx.')
  })

  it('is not asked while its bytes move on, however slowly, or once they may', () => {
    const [back, slow, free] = [new HeldBack(), held(), { ...held(), isHeldBack: false }]
    for (let at = 0; at < 20; at += 1) {
      if (at % 2 === 0) slow.heard += 1
      back.look([slow, free])
    }
    assert.equal(slow.probes() + free.probes(), 0)
  })
})

describe('a client that is gone in a COPY that the server does not take', () => {
  let world: GrantedWorld

  before(async () => {
    world = await GrantedWorld.make()
  })
  after(() => world.close())

  for (const [over, tls] of [
    ['TCP', undefined],
    ['TLS', { cert: CERT_FILE, key: join(TLS_FOLDER, 'key.pem') }],
  ] as const) {
    it(`is found, and its statement canceled: over ${over}`, async () => {
      const proxy = await world.startProxy({
        proxy: { host: '127.0.0.1', port: 0, tls },
        lookMs: LOOK_MS,
      })
      const locking = new pg.Client({ connectionString: world.shopUrl })
      await locking.connect()
      locking.on('error', () => undefined)
      await locking.query('begin; lock table goods')
      const ssl = tls && { ca: readFileSync(CERT_FILE), servername: 'localhost' }
      const client = clientOf(proxy.port, await world.grant(), { ssl })
      client.on('error', () => undefined)
      await client.connect()
      const { processID, connection } = client as unknown as {
        processID: number
        connection: { stream: Socket }
      }
      await fill(connection.stream)
      connection.stream.destroy()
      await world.waitUntilGone(processID, GONE_MS)
      await locking.end()
    })
  }
})

/** Sends rows of a COPY until nothing of them is taken any more. */
async function fill(stream: Socket): Promise<void> {
  stream.write(message('Q', 'copy goods (name) from stdin\0'))
  let sent = 0
  while (stream.writableLength < 1024 * 1024) {
    stream.write(ROWS)
    sent += ROWS.length
    if (sent % (ROWS.length * 64) === 0) await sleep(1)
  }
}
