import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { freePort } from '../../db/embedded.ts'
import { createDatabase, dropDatabase, storeCluster } from '../support/clusters.ts'
import { startInstall, startRefused } from '../support/install.ts'

const WRONG_USAGE = 2
const REFUSED = 1
const UNREACHABLE = 3

describe("journey: a start that can't work says why and what to do", function () {
  this.timeout(200_000)

  it('names every bad setting at once', async () => {
    const outcome = await startRefused({
      DAYPASS_PORTAL_PORT: 'eighty',
      DAYPASS_TIME_ZONE: 'Nowhere/Else',
      DAYPASS_MASTER_KEY: 'short',
    })
    assert.equal(outcome.code, WRONG_USAGE)
    for (const name of ['DAYPASS_PORTAL_PORT', 'DAYPASS_TIME_ZONE', 'DAYPASS_MASTER_KEY']) {
      assert.ok(outcome.stderr.includes(name), outcome.stderr)
    }
  })

  it('says that nothing answers at the store, with exit code 3', async () => {
    const outcome = await startRefused({
      DAYPASS_STORE_URL: 'postgres://a:hunter2@127.0.0.1:1/none',
      DAYPASS_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
    })
    assert.equal(outcome.code, UNREACHABLE, outcome.stderr)
    assert.match(outcome.stderr, /store can't be reached/)
    assert.ok(!outcome.stderr.includes('hunter2'))
  })

  it('asks for a master key with a store of your own', async () => {
    const cluster = await storeCluster()
    const outcome = await startRefused({ DAYPASS_STORE_URL: cluster.superuserUrl() })
    assert.equal(outcome.code, WRONG_USAGE)
    assert.match(outcome.stderr, /DAYPASS_MASTER_KEY/)
  })

  for (const part of ['PORTAL', 'PROXY']) {
    it(`names the setting when the port of the ${part.toLowerCase()} is taken`, async () => {
      const taken = net.createServer().listen(0, '127.0.0.1')
      await once(taken, 'listening')
      const address = taken.address()
      assert.ok(address !== null && typeof address === 'object')
      const other = part === 'PORTAL' ? 'PROXY' : 'PORTAL'
      // a store that is there already: making one takes most of a start
      const cluster = await storeCluster()
      const database = await createDatabase(cluster)
      try {
        const outcome = await startRefused({
          DAYPASS_STORE_URL: cluster.superuserUrl(database),
          DAYPASS_MASTER_KEY: randomBytes(32).toString('base64'),
          [`DAYPASS_${part}_PORT`]: String(address.port),
          [`DAYPASS_${other}_PORT`]: String(await freePort()),
        })
        assert.equal(outcome.code, REFUSED, outcome.stderr)
        assert.ok(outcome.stderr.includes(`DAYPASS_${part}_PORT`), outcome.stderr)
      } finally {
        taken.close()
        await dropDatabase(cluster, database)
      }
    })
  }

  it('a second copy on the same data is refused and leaves the first alone', async () => {
    const install = await startInstall()
    try {
      const second = await install.cli(['serve'], {
        DAYPASS_PORTAL_PORT: String(await freePort()),
        DAYPASS_PROXY_PORT: String(await freePort()),
      })
      assert.equal(second.code, REFUSED, second.stderr)
      assert.match(second.stderr, /Stop that copy of Daypass first/)
      const health = await fetch(`${install.portalUrl}/readyz`)
      assert.equal(health.status, 200)
    } finally {
      await install.stop()
    }
  })
})
