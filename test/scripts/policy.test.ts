import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Command } from 'commander'
import { createToken } from '../../db/tokens.ts'
import { addPolicy } from '../../scripts/commands/policy.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('daypass policy show', () => {
  let world: World
  let portal: TestPortal
  let server: Server
  const environment = { ...process.env }

  before(async () => {
    world = await makeWorld()
    portal = await openPortal(world)
    server = portal.app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { token } = await world.portal.change((tx) =>
      createToken(tx, world.origins.admin, { person: world.people.admin, name: 'cli' }),
    )
    Object.assign(process.env, {
      DAYPASS_URL: `http://127.0.0.1:${port}`,
      DAYPASS_TOKEN: token,
    })
  })
  after(async () => {
    Object.assign(process.env, environment)
    for (const name of SETTINGS)
      if (!(name in environment)) Reflect.deleteProperty(process.env, name)
    server.close()
    await portal.close()
    await world.close()
  })

  /** What the command prints; in this process, which costs no start of another. */
  async function shown(...options: string[]): Promise<string> {
    const program = new Command()
    addPolicy(program.command('policy'))
    const { stdout } = process
    const write = stdout.write.bind(stdout)
    let printed = ''
    stdout.write = (text: string | Uint8Array): boolean => {
      printed += String(text)
      return true
    }
    try {
      await program.parseAsync(['policy', 'show', ...options], { from: 'user' })
    } finally {
      stdout.write = write
    }
    return printed
  }

  async function keep(months: number | null): Promise<void> {
    const answer = await portal.api('admin').post('/policy/recordings', { months })
    assert.equal(answer.status, 200, answer.text)
  }

  it('says how long recordings are kept, in the words that hold for the limit', async () => {
    assert.match(await shown(), /^Recordings of statements are kept for ever\.$/m)
    await keep(6)
    assert.match(await shown(), /^Recordings of statements are kept for at least 6 months\.$/m)
    await keep(1)
    assert.match(await shown(), /^Recordings of statements are kept for at least 1 month\.$/m)
    assert.equal((JSON.parse(await shown('--json')) as Shown).recordingMonths, 1)
  })
})

const SETTINGS = ['DAYPASS_URL', 'DAYPASS_TOKEN']

interface Shown {
  readonly recordingMonths: number | null
}
