import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { getRow, rows } from '../../db/store.ts'
import { GrantedWorld, type Granted, type TestProxy } from '../support/granted.ts'
import { beginTls, SlowClient } from '../support/slow-client.ts'

const TLS_FOLDER = path.join(import.meta.dirname, '..', 'support', 'tls')
const CERT = path.join(TLS_FOLDER, 'cert.pem')
/** On a machine that is busy, too; the handshake itself may take a minute. */
const MOST_MS = 5_000

/** Of a proxy that is less patient: a twelfth of it for somebody silent. */
const HANDSHAKE_MS = 12_000

/** A way for a session to end. */
interface Ending {
  readonly title: string
  readonly come: (world: GrantedWorld, granted: Granted) => Promise<unknown>
  readonly sentence: RegExp
}

const ENDINGS: readonly Ending[] = [
  {
    title: 'that is terminated',
    come: (world, { id }) => world.end(id, 'TERMINATED', 'admin'),
    sentence: /^session [0-9]+ was terminated by admin; /,
  },
  {
    title: 'that expires',
    come: (world, { id }) =>
      rows(
        world.store.db,
        `update sessions set end_at = now() - interval '1 second' where id = :id`,
        { id },
      ),
    sentence: /^session [0-9]+ has expired; /,
  },
  {
    title: 'whose requester is disabled',
    come: (world, { id }) =>
      rows(
        world.store.db,
        `update people set disabled_at = now()
          where id = (select requester_id from sessions where id = :id)`,
        { id },
      ),
    sentence: /^session [0-9]+ is over: its requester is disabled; /,
  },
]

describe('a session that ends while its client logs in', () => {
  let world: GrantedWorld
  let plain: TestProxy
  let encrypting: TestProxy

  before(async () => {
    world = await GrantedWorld.make()
    plain = await world.startProxy()
    const tls = { cert: CERT, key: path.join(TLS_FOLDER, 'key.pem') }
    encrypting = await world.startProxy({ proxy: { host: '127.0.0.1', port: 0, tls } })
  })
  after(() => world.close())

  for (const { title, come, sentence } of ENDINGS) {
    it(`opens nothing behind a TLS handshake: one ${title}`, async () => {
      const granted = await world.grant()
      const handshake = await beginTls(encrypting.port, readFileSync(CERT))
      await come(world, granted)
      const over = performance.now()
      const client = new SlowClient(await handshake.finish(), granted)
      await client.sayName()
      await client.chooseMechanism()
      await client.prove()
      await assertRefused(client, { granted, over, sentence })
    })

    it(`opens nothing behind a proof that was under way: one ${title}`, async () => {
      const granted = await world.grant()
      const client = await SlowClient.connect(plain.port, granted)
      await client.sayName()
      await client.chooseMechanism()
      await come(world, granted)
      const over = performance.now()
      await client.prove()
      await assertRefused(client, { granted, over, sentence })
    })
  }

  it('has a client go that says nothing more, and shows nothing of one that was over before', async () => {
    const [silent, late] = [await world.grant(), await world.grant()]
    await world.end(late.id, 'TERMINATED', 'admin')
    const limits = { handshakeSeconds: HANDSHAKE_MS / 1_000 }
    const { port } = await world.startProxy({
      proxy: { host: '127.0.0.1', port: 0, tls: undefined, limits },
    })
    const [first, second] = [
      await SlowClient.connect(port, silent),
      await SlowClient.connect(port, late),
    ]
    for (const client of [first, second]) {
      await client.sayName()
      await client.chooseMechanism()
    }
    await world.end(silent.id, 'TERMINATED', 'admin')
    const over = performance.now()
    assert.deepEqual(await first.outcome().then(({ sqlstate, message }) => [sqlstate, message]), [
      '57014',
      'canceling authentication due to timeout',
    ])
    await first.closed()
    assert.ok(performance.now() - over < (HANDSHAKE_MS * 2) / 3)
    await second.prove()
    assert.equal((await second.outcome()).sqlstate, '28000')
    await second.closed()
  })

  async function assertRefused(
    client: SlowClient,
    { granted, over, sentence }: { granted: Granted; over: number; sentence: RegExp },
  ): Promise<void> {
    const { sqlstate, message } = await client.outcome()
    await client.closed()
    const took = performance.now() - over
    assert.equal(sqlstate, '28000')
    assert.match(message, sentence)
    assert.ok(took < MOST_MS, `${String(took)} ms`)
    const { count } = await getRow<{ count: number }>(
      world.store.db,
      'select count(*)::int as count from connections where session_id = :id',
      { id: granted.id },
    )
    assert.equal(count, 0)
    const backends = `select from pg_stat_activity where usename = '${granted.username}'`
    assert.equal((await world.onShop(backends)).length, 0)
  }
})
