import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Command } from 'commander'
import { findPersonByToken, TOKEN_SCOPES } from '../../db/tokens.ts'
import { addTokens } from '../../scripts/commands/tokens.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('daypass token and daypass application', () => {
  let world: World
  let portal: TestPortal
  let server: Server
  const environment = { ...process.env }

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
    server = portal.app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    Object.assign(process.env, {
      DAYPASS_STORE_OWNER_URL: world.owner.url,
      DAYPASS_URL: `http://127.0.0.1:${port}`,
    })
  })
  after(async () => {
    for (const name of SETTINGS) Reflect.deleteProperty(process.env, name)
    Object.assign(process.env, environment)
    server.close()
    await portal.close()
    await world.close()
  })

  it('makes tokens that may do all and never end, and says so; or as was chosen', async () => {
    const whole = await run('token', 'create', '--user', 'mark', '--name', 'cli', '--json')
    assert.match(whole.err, /This token never expires/)
    const made = JSON.parse(whole.out) as Made
    assert.deepEqual(Object.keys(made), ['id', 'token', 'expiresAt'])
    assert.equal(made.expiresAt, null)
    const found = await findPersonByToken(world.portal.db, made.token)
    assert.deepEqual([found?.person.username, found?.scopes], ['mark', TOKEN_SCOPES])

    const narrow = await run(
      ...['token', 'create', '--user', 'mark', '--name', 'ci', '--json'],
      ...['--scope', 'request', 'audit', '--expires', '30'],
    )
    assert.equal(narrow.err, '')
    const { token, expiresAt } = JSON.parse(narrow.out) as Made
    assert.ok(expiresAt !== null && expiresAt.endsWith('Z'))
    assert.deepEqual((await findPersonByToken(world.portal.db, token))?.scopes, [
      'request',
      'audit',
    ])
    await assert.rejects(run('token', 'create', '--user', 'mark', '--name', 'x', '--scope', 'all'))
    await assert.rejects(run('token', 'create', '--user', 'mark', '--name', 'x', '--expires', '0'))
  })

  it('lists tokens without their secrets, and ends them', async () => {
    const { out } = await run('token', 'create', '--user', 'john', '--name', 'short', '--json')
    const { id, token } = JSON.parse(out) as Made
    const listed = (await run('token', 'list', '--user', 'john')).out
    assert.ok(listed.includes(id) && !listed.includes(token))
    assert.ok(listed.includes(`${token.slice(0, 12)}...${token.slice(-4)}`))
    assert.ok(!listed.includes('mark'), 'those of john alone')

    assert.equal((await run('token', 'end', id, '--reason', 'over')).out, `Ended ${id}.\n`)
    assert.equal(await findPersonByToken(world.portal.db, token), undefined)
    assert.ok(!(await run('token', 'list')).out.includes(id))
    assert.match((await run('token', 'end', id)).out, /Had ended already/)
    await assert.rejects(run('token', 'end', 'nothing'), { code: 'not_found' })
  })

  it('adds, lists and ends applications as an admin’s token may', async () => {
    const { out } = await run(
      ...['token', 'create', '--user', 'admin', '--name', 'cli', '--scope', 'admin', '--json'],
    )
    process.env['DAYPASS_TOKEN'] = (JSON.parse(out) as Made).token
    const added = await run('application', 'add', 'nightly', '--owner', 'mark', '--purpose', 'jobs')
    assert.equal(added.out, 'Added application nightly.\n')
    assert.match(
      (await run('application', 'list')).out,
      /^nightly +nightly +mark +active +0 +never$/m,
    )
    const ended = await run('application', 'end', 'nightly', '--reason', 'done')
    assert.equal(ended.out, 'Ended application nightly.\n')
    assert.match((await run('application', 'list')).out, /^nightly .* deleted/m)
    await assert.rejects(run('application', 'end', 'nightly'), { code: 'not_found' })
  })

  /** What a command prints; in this process, which costs no start of another. */
  async function run(...words: string[]): Promise<{ out: string; err: string }> {
    const program = new Command().exitOverride()
    addTokens(program)
    for (const command of program.commands.flatMap((each) => [each, ...each.commands])) {
      command.exitOverride().configureOutput({ writeErr: () => undefined })
    }
    const printed = { out: '', err: '' }
    const restore = [capture('stdout', 'out', printed), capture('stderr', 'err', printed)]
    try {
      await program.parseAsync(words, { from: 'user' })
    } finally {
      for (const put of restore) put()
    }
    return printed
  }
})

interface Made {
  readonly id: string
  readonly token: string
  readonly expiresAt: string | null
}

const SETTINGS = ['DAYPASS_STORE_OWNER_URL', 'DAYPASS_URL', 'DAYPASS_TOKEN']

function capture(
  name: 'stdout' | 'stderr',
  into: 'out' | 'err',
  printed: { out: string; err: string },
): () => void {
  const stream = process[name]
  const write = stream.write.bind(stream)
  stream.write = (text: string | Uint8Array): boolean => {
    printed[into] += String(text)
    return true
  }
  return () => {
    stream.write = write
  }
}
