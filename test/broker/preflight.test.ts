import assert from 'node:assert/strict'
import { testDataSource, testRole } from '../../broker/preflight.ts'
import { makeBroker } from '../support/broker.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

describe('preflight', () => {
  let world: World

  before(async () => {
    world = await makeWorld()
  })
  after(() => world.close())

  it('finds nothing wrong where the broker can work', async () => {
    const { deps } = makeBroker(world)
    const findings = [
      ...(await testDataSource(deps, world.dataSource.id)),
      ...(await testRole(deps, world.dataSource.id, 'orders_reader')),
    ]

    assert.deepEqual(
      findings.filter(({ ok }) => !ok),
      [],
    )
    assert.ok(findings.length >= 5)
  })

  it('names the grant that is missing, and running it mends the finding', async () => {
    const { deps } = makeBroker(world)
    const name = `lent_${world.shop.adminName}`
    await runOn(
      world.shop.superuserUrl,
      `create role "${name}" nologin; revoke pg_signal_backend from ${world.shop.adminName}`,
    )
    const [{ version } = { version: 0 }] = await runOn<{ version: number }>(
      world.shop.superuserUrl,
      `select current_setting('server_version_num')::integer as version`,
    )
    const before = [
      ...(await testDataSource(deps, world.dataSource.id)),
      ...(await testRole(deps, world.dataSource.id, name)),
    ].filter(({ ok }) => !ok)
    for (const { remedy } of before) await runOn(world.shop.superuserUrl, remedy ?? '')
    const after = [
      ...(await testDataSource(deps, world.dataSource.id)),
      ...(await testRole(deps, world.dataSource.id, name)),
    ].filter(({ ok }) => !ok)
    await runOn(world.shop.superuserUrl, `drop role "${name}"`)

    const signal = `grant pg_signal_backend to "${world.shop.adminName}";`
    assert.ok(before.some(({ remedy }) => remedy === signal))
    // before 16, CREATEROLE alone is enough to lend any role
    const lending = before.filter(({ sentence }) => sentence.includes(`may not lend ${name}`))
    assert.equal(lending.length, version >= 160_000 ? 1 : 0)
    assert.deepEqual(after, [])
  })

  it('warns of roles that carry too much, through others too', async () => {
    const { deps } = makeBroker(world)
    const name = `mighty_${world.shop.adminName}`
    await runOn(
      world.shop.superuserUrl,
      `create role ${name} nologin in role pg_execute_server_program`,
    )
    const findings = await testRole(deps, world.dataSource.id, name)
    await runOn(world.shop.superuserUrl, `drop role ${name}`)

    assert.ok(
      findings.some(({ ok, sentence }) => !ok && /pg_execute_server_program/.test(sentence)),
    )
  })

  it('says that a role is not there', async () => {
    const { deps } = makeBroker(world)
    const [finding] = await testRole(deps, world.dataSource.id, 'no such')

    assert.equal(finding?.ok, false)
    assert.equal(finding.sentence, 'shop has no role "no such".')
  })
})
