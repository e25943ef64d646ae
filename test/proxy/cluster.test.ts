import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { connect } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type pg from 'pg'
import { listen, type Listening } from '../../db/notices.ts'
import { getRow, rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { silentLog } from '../../lib/log.ts'
import { encodeCancel } from '../../proxy/wire/startup.ts'
import { clientOf, failureOf, GrantedWorld, type TestProxy } from '../support/granted.ts'
import { startProxyCrew, type ProxyCrew } from '../support/proxy-crew.ts'
import { until } from '../support/until.ts'
import { WireClient } from '../support/wire-client.ts'

describe('two processes of the proxy on one port', () => {
  let world: GrantedWorld
  let crew: ProxyCrew
  const notices: string[] = []
  let listening: Listening

  before(async () => {
    world = await GrantedWorld.make()
    crew = await startProxyCrew(world, { processes: 2 })
    listening = listen(world.proxyUrl, 'daypass_cancels', {
      heard: (what) => void notices.push(what ?? 'listening'),
      log: silentLog,
    })
    await until('listening', () => Promise.resolve(notices.length > 0))
  })

  after(async () => {
    await crew.stop()
    await listening.close()
    await world.close()
  })

  async function connected(count: number) {
    const granted = await world.grant()
    const clients = Array.from({ length: count }, () => clientOf(crew.port, granted))
    for (const client of clients) {
      client.on('error', () => undefined)
      await client.connect()
    }
    return { granted, clients }
  }

  /** Which process has each connection of a session, in the order they were opened. */
  function owners(id: SessionId): Promise<{ proxy: string; pid: number }[]> {
    return rows(
      world.store.db,
      `select proxy_id as proxy, backend_pid as pid from connections where session_id = :id order by opened_at`,
      { id },
    )
  }

  async function cancelAt(port: number, { pid, key }: { pid: number; key: Buffer }): Promise<void> {
    const socket = connect({ host: '127.0.0.1', port })
    socket.write(encodeCancel(pid, key))
    socket.resume()
    await once(socket, 'close')
  }

  async function metric(name: string): Promise<number> {
    const lines = (await crew.metrics()).split('\n').filter((line) => line.startsWith(name))
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }

  /** Cancel requests that reached a process other than the one they came to. */
  async function foundElsewhere(): Promise<number> {
    const lines = (await crew.metrics()).matchAll(/found="elsewhere"\} ([0-9]+)/g)
    return [...lines].reduce((sum, [, count]) => sum + Number(count), 0)
  }

  it('share their clients, and each records into a folder of its own', async () => {
    const { granted, clients } = await connected(4)
    for (const [at, client] of clients.entries()) {
      await client.query(`select ${String(at)}`)
      await client.query(`select 'second'`)
    }
    const proxies = new Set((await owners(granted.id)).map(({ proxy }) => proxy))
    assert.equal(proxies.size, 2)
    assert.equal((await world.statements(granted.id, 8)).length, 8)
    const numbers = await rows<{ numbers: number[] }>(
      world.store.db,
      `select array_agg(number order by number) as numbers from statements where session_id = :id group by connection_id`,
      { id: granted.id },
    )
    assert.deepEqual(
      numbers.map((each) => each.numbers.map(Number)),
      Array.from({ length: 4 }, () => [1, 2]),
    )
    for (const folder of ['journal', 'journal-2']) {
      assert.ok(existsSync(path.join(crew.dataDir, folder, 'proxy-id')), folder)
    }
    await Promise.all(clients.map((client) => client.end()))
  })

  for (const minor of [0, 2]) {
    it(`find a cancel key of protocol 3.${String(minor)} wherever its connection is`, async () => {
      const granted = await world.grant()
      const client = await WireClient.logIn(crew.port, granted, { minor, database: world.database })
      assert.equal(client.backend.key.length, minor === 0 ? 4 : 32)
      const [before, asked] = [await foundElsewhere(), notices.length]
      // requests go to one process and then to the other: one of two is not the owner's
      for (let request = 0; request < 2; request += 1) {
        const outcome = client.query('select pg_sleep(20)')
        await world.waitUntilAsleep(client.backend.pid)
        await cancelAt(crew.port, client.backend)
        assert.equal(await outcome, '57014')
      }
      assert.equal((await foundElsewhere()) - before, 1)
      assert.equal(notices.length, asked, 'the store was not asked')
      client.close()
    })
  }

  it('cancel nothing for a wrong key', async () => {
    const granted = await world.grant()
    const client = await WireClient.logIn(crew.port, granted, {
      minor: 0,
      database: world.database,
    })
    const outcome = client.query('select pg_sleep(20)')
    const { pid, key } = client.backend
    await world.waitUntilAsleep(pid)
    const wrong = { pid, key: Buffer.from(key.map((byte) => byte ^ 1)) }
    await Promise.all([cancelAt(crew.port, wrong), cancelAt(crew.port, wrong)])
    await world.waitUntilAsleep(pid)
    await Promise.all([cancelAt(crew.port, client.backend), cancelAt(crew.port, client.backend)])
    assert.equal(await outcome, '57014')
    client.close()
  })

  it('are found by the proxy of another machine, through the store', async () => {
    const far: TestProxy = await world.startProxy()
    const { granted, clients } = await connected(1)
    await clients[0]?.end()
    const client = await WireClient.logIn(crew.port, granted, {
      minor: 2,
      database: world.database,
    })
    // it listens from a moment after its start
    await until('a cancelled statement', async () => {
      const outcome = client.query('select pg_sleep(5)')
      await world.waitUntilAsleep(client.backend.pid)
      await cancelAt(far.port, client.backend)
      return (await outcome) === '57014'
    })
    client.close()
    await far.stop()
  })

  it('give their numbers, and one that is gone is seen to be', async () => {
    const [statements, shipped] = [
      await metric('daypass_proxy_statements_total'),
      await metric('daypass_proxy_statements_shipped_total'),
    ]
    const { clients } = await connected(2)
    for (const client of clients) await client.query('select 1')
    assert.equal((await metric('daypass_proxy_statements_total')) - statements, 2)
    await until('what was shipped', async () => {
      return (await metric('daypass_proxy_statements_shipped_total')) - shipped >= 2
    })
    const text = await crew.metrics()
    for (const line of [
      'daypass_proxy_up{process="1"} 1',
      'daypass_proxy_up{process="2"} 1',
      'daypass_proxy_connections{process="1"} 1',
      'daypass_proxy_connections{process="2"} 1',
    ]) {
      assert.ok(text.includes(`${line}\n`), `${line} is missing in:\n${text}`)
    }
    await Promise.all(clients.map((client) => client.end()))
  })

  it('replace one that is killed, and ship what it left; the others never notice', async () => {
    const { granted, clients } = await connected(2)
    const [one, two] = clients as [pg.Client, pg.Client]
    const asleep = Promise.allSettled([
      one.query('select pg_sleep(20)'),
      two.query('select pg_sleep(20)'),
    ])
    const pids = (await owners(granted.id)).map(({ pid }) => pid)
    for (const pid of pids) await world.waitUntilAsleep(pid)

    const [victim = 0] = await crew.processes()
    process.kill(victim, 'SIGKILL')
    const statements = await until('the left statement', async () => {
      const found = await world.statements(granted.id, 1)
      return found.length > 0 && found
    })
    assert.deepEqual(
      statements.map(({ text, outcome }) => [text, outcome]),
      [['select pg_sleep(20)', 'unknown']],
    )
    await until('the replacement', async () => (await metric('daypass_proxy_up')) === 2)
    const { open } = await getRow<{ open: number }>(
      world.store.db,
      `select count(*)::int as open from connections where session_id = :id and closed_at is null`,
      { id: granted.id },
    )
    assert.equal(open, 1)
    for (const pid of pids) await world.onShop(`select pg_cancel_backend(${String(pid)})`)
    const outcomes = (await asleep).map((each) =>
      each.status === 'rejected' && each.reason instanceof Error
        ? each.reason.message
        : each.status,
    )
    assert.equal(outcomes.filter((text) => text.includes('canceling statement')).length, 1)
    const { clients: later } = await connected(2)
    for (const client of [...later, ...clients]) await client.end().catch(() => undefined)
  })

  it('leave nothing behind when fewer of them are started after a crash', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'daypass-crew-'))
    const many = await startProxyCrew(world, { processes: 2, dataDir })
    const granted = await world.grant()
    const clients = [clientOf(many.port, granted), clientOf(many.port, granted)]
    for (const client of clients) {
      client.on('error', () => undefined)
      await client.connect()
    }
    const asleep = clients.map((client) =>
      client.query('select pg_sleep(20)').catch(() => undefined),
    )
    for (const { pid } of await owners(granted.id)) await world.waitUntilAsleep(pid)
    await many.kill()
    await Promise.all(asleep)

    const one = await startProxyCrew(world, { processes: 1, dataDir })
    const statements = await world.statements(granted.id, 2)
    assert.deepEqual(
      statements.map(({ outcome }) => outcome),
      ['unknown', 'unknown'],
    )
    await until('their connections are over', async () => {
      const { open } = await getRow<{ open: number }>(
        world.store.db,
        `select count(*)::int as open from connections where session_id = :id and closed_at is null`,
        { id: granted.id },
      )
      return open === 0
    })
    const client = clientOf(one.port, granted)
    await client.connect()
    assert.equal((await failureOf(client.query('select 1/0'))).code, '22012')
    await client.end()
    assert.equal(await one.stop(), 0)
  })

  it('end together: every client is told, and nothing is left to ship', async () => {
    const { granted, clients } = await connected(2)
    const told: string[] = []
    for (const client of clients) {
      client.on('error', (error: Error & { code?: string }) => told.push(error.code ?? ''))
      await client.query('select 1')
    }
    assert.equal(await crew.stop(), 0)
    assert.deepEqual(
      told.filter((code) => code === '57P01'),
      ['57P01', '57P01'],
    )
    assert.equal((await world.statements(granted.id, 2)).length, 2)
  })

  it('end like that also when the one that started them is killed', async () => {
    const orphaned = await startProxyCrew(world, { processes: 2 })
    const granted = await world.grant()
    const told: Promise<string>[] = []
    for (const client of [clientOf(orphaned.port, granted), clientOf(orphaned.port, granted)]) {
      await client.connect()
      told.push(
        new Promise((resolve) =>
          client.on('error', (error: Error & { code?: string }) => resolve(error.code ?? '')),
        ),
      )
    }
    const members = await orphaned.processes()
    assert.equal(members.length, 2)
    process.kill(orphaned.pid, 'SIGKILL')
    assert.deepEqual(await Promise.all(told), ['57P01', '57P01'])
    await until('their ends', () => Promise.resolve(!members.some(isRunning)))
    await orphaned.stop()
  })
})

/** One that has ended and waits for its parent to look doesn't run. */
function isRunning(pid: number): boolean {
  const status = `/proc/${String(pid)}/status`
  return existsSync(status) && !/^State:\s+Z/m.test(readFileSync(status, 'utf8'))
}
