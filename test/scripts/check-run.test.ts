import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import path from 'node:path'
import { checkDue } from '../../broker/preflight/checks.ts'
import { goOn } from '../../broker/scheduling/steps.ts'
import { createToken } from '../../db/tokens.ts'
import { projectRoot } from '../../lib/project.ts'
import { silentLog } from '../../lib/log.ts'
import { derivePartKey, openingKey } from '../../lib/seal.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { until } from '../support/until.ts'
import { makeWorld, runOn, type World } from '../support/world.ts'

const PROGRAM = path.join(projectRoot, 'dist', 'scripts', 'daypass.js')

describe('daypass source test and role test', () => {
  let world: World
  let portal: TestPortal
  let server: Server
  let token: string
  let running = true
  let broker: Promise<void>

  before(async () => {
    world = await makeWorld()
    portal = await openPortal(world)
    server = createServer(portal.app).listen(0, '127.0.0.1')
    const { people, origins } = world
    const asked = { person: people.admin, name: 'tests' }
    token = (await world.portal.change((tx) => createToken(tx, origins.admin, asked))).token
    broker = keepChecking()
  })
  after(async () => {
    running = false
    await broker
    server.close()
    await portal.close()
    await world.close()
  })

  it('print what was found, and exit by it', async () => {
    const { superuserUrl, adminName } = world.shop
    const [fine, role, unknown] = await Promise.all([
      run('source', 'test', 'shop'),
      run('role', 'test', 'shop', 'role1', '--json'),
      run('role', 'test', 'shop', 'role9'),
    ])
    await runOn(superuserUrl, `revoke pg_signal_backend from ${adminName}`)
    const lacking = await run('source', 'test', 'shop')
    await runOn(superuserUrl, `grant pg_signal_backend to ${adminName}`)

    assert.equal(fine.code, 0, fine.out)
    assert.match(fine.out, /^ok {7}The trial user is gone again\.$/m)
    assert.equal(lacking.code, 1)
    assert.match(lacking.out, /^failed {3}\S+ may not end other people's connections\.$/m)
    assert.match(lacking.out, /^ +grant pg_signal_backend to "broker_/m)
    assert.equal(role.code, 0)
    assert.match(role.out, /"role": "role1"/)
    assert.equal(unknown.code, 1)
    assert.match(unknown.err, /There is no role role9 on shop/)
  }).timeout(60_000)

  async function keepChecking(): Promise<void> {
    const key = openingKey(derivePartKey(world.masterKey, 'broker'))
    const deps = { store: world.broker, key, log: silentLog, reached: goOn }
    await until(
      'told to stop',
      async () => {
        await checkDue(deps, world.dataSource.id)
        return !running
      },
      120_000,
    )
  }

  function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const env = {
      ...process.env,
      DAYPASS_URL: `http://127.0.0.1:${String(address.port)}`,
      DAYPASS_TOKEN: token,
    }
    return new Promise((resolve) => {
      const child = execFile(process.execPath, [PROGRAM, ...args], { env }, (_error, out, err) =>
        resolve({ code: child.exitCode ?? -1, out, err }),
      )
    })
  }
})
