import assert from 'node:assert/strict'
import { dataSourceCluster, storeCluster } from '../support/clusters.ts'
import { runOn } from '../support/world.ts'

describe('the servers of this run', () => {
  it('have the data source on the major it is said to be', async () => {
    const found = await majorOf((await dataSourceCluster()).superuserUrl())
    assert.equal(found, process.env['DAYPASS_TEST_SOURCE_MAJOR'])
  })

  it('have the store on the newest one', async () => {
    assert.equal(await majorOf((await storeCluster()).superuserUrl()), '18')
  })
})

async function majorOf(url: string): Promise<string | undefined> {
  const [row] = await runOn<{ major: string }>(
    url,
    `select cast(cast(current_setting('server_version_num') as integer) / 10000 as text) as major`,
  )
  return row?.major
}
