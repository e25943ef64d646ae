import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { onAddress } from '../../broker/sources/data-source.ts'
import { openRelay } from '../support/relay.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('the address of an admin login', () => {
  let world: World

  before(async () => {
    world = await makeWorld()
  })
  after(() => world.close())

  it("can't lift the deadline of what runs there", async () => {
    const url = `${world.shop.adminUrl}?statement_timeout=0&lock_timeout=0`
    const { dataSource } = world
    const shown = await onAddress({ dataSource, url }, async ({ client }) => {
      const { rows } = await client.query<{ deadline: string }>(
        `select current_setting('statement_timeout') || ' ' || current_setting('lock_timeout') as deadline`,
      )
      return rows[0]?.deadline
    })

    assert.equal(shown, '10s 2s')
  })

  it('is given up within the deadline where nobody answers, whatever it says', async () => {
    const hole = await openRelay(world.shop.cluster.port)
    hole.stall()
    const url = new URL(world.shop.adminUrl)
    url.port = String(hole.port)
    url.search = '?connectionTimeoutMillis=600000'
    const calling = onAddress({ dataSource: world.dataSource, url: url.href }, () =>
      Promise.resolve('in'),
    ).catch((error: unknown) => String(error))
    const answer = await Promise.race([calling, sleep(15_000, 'still waiting', { ref: false })])
    hole.close()

    assert.match(answer, /can't be reached/)
  })
})
