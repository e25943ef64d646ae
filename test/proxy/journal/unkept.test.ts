import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { fdatasync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { listConnections } from '../../../db/connections.ts'
import type { SessionId } from '../../../lib/ids.ts'
import type { JournalOptions } from '../../../proxy/journal/journal.ts'
import { clientOf, failureOf, GrantedWorld, OPERATOR, type Granted } from '../../support/granted.ts'
import { startProxyCrew, type ProxyCrew } from '../../support/proxy-crew.ts'
import { until } from '../../support/until.ts'

const EIO = Object.assign(new Error('input/output error'), { code: 'EIO' })

/** The disk of one process fails a sync, once, where there is this file; the kernel calls it clean then. */
const failsOnce = (file: string): string => `
  import fs from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  const sync = fs.fdatasync
  fs.fdatasync = (fd, done) => {
    if (!fs.existsSync(${JSON.stringify(file)})) return sync(fd, done)
    fs.unlinkSync(${JSON.stringify(file)})
    setImmediate(done, Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }))
  }
  syncBuiltinESMExports()`

describe('a proxy whose disk has not kept the recording', () => {
  let world: GrantedWorld
  let crew: ProxyCrew | undefined
  const folders: string[] = []
  before(async () => {
    world = await GrantedWorld.make()
  })
  after(async () => {
    await crew?.stop()
    await world.close()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  function folder(): string {
    const made = mkdtempSync(join(tmpdir(), 'daypass-unkept-'))
    folders.push(made)
    return made
  }

  /** A client that notes by which SQLSTATE it was ended. */
  async function connected(port: number, granted: Granted) {
    const client = clientOf(port, granted)
    const ended = new Promise<string>((resolve) => {
      client.on('error', (error: Error & { code?: string }) => resolve(error.code ?? ''))
    })
    await client.connect()
    return { client, ended }
  }

  async function recordedOf(id: SessionId, count: number) {
    const statements = await until('its recording', async () => {
      const found = await world.statements(id, count)
      return found.length >= count && found
    })
    return statements.map(({ text, outcome }) => `${text}: ${outcome}`).sort()
  }

  it('tells every client, ends with 1, and has lost and doubled nothing when it is back', async () => {
    let fault: typeof EIO | null = null
    const exits: number[] = []
    const sync: JournalOptions['sync'] = (fd, done) => {
      const failed = fault
      fault = null
      fdatasync(fd, (error) => done(failed ?? error))
    }
    const dataDir = folder()
    const proxy = await world.startProxy({ sync, dataDir, exit: (code) => exits.push(code) })
    const granted = await world.grant()
    const busy = await connected(proxy.port, granted)
    const idle = await connected(proxy.port, granted)
    await idle.client.query('select 1')
    const asleep = failureOf(busy.client.query('select pg_sleep(20)'))
    await world.waitUntilAsleep(processIdOf(busy.client))
    fault = EIO
    await idle.client.query('select 2')
    assert.equal(await idle.ended, '53100')
    assert.equal((await asleep).code, '53100')
    await until('the end of the process', () => Promise.resolve(exits.length > 0))
    assert.deepEqual(exits, [1])
    await assert.rejects(connected(proxy.port, granted), { code: 'ECONNREFUSED' })

    const next = await world.startProxy({ dataDir })
    const { client } = await connected(next.port, granted)
    await client.query('select 3')
    await client.end()
    assert.deepEqual(await recordedOf(granted.id, 4), [
      'select 1: ok',
      'select 2: ok',
      'select 3: ok',
      'select pg_sleep(20): aborted',
    ])
    const closings = await listConnections(world.store.db, OPERATOR, granted.id)
    const reasons = closings.map(({ closeReason }) => closeReason ?? '')
    assert.equal(reasons.filter((reason) => reason.includes('input/output error')).length, 2)
  })

  it('is one of several: its siblings go on, and it is replaced', async () => {
    const file = join(folder(), randomUUID())
    const running = await startProxyCrew(world, { processes: 2, preload: failsOnce(file) })
    crew = running
    const granted = await world.grant()
    const clients = await Promise.all([1, 2].map(() => connected(running.port, granted)))
    const members = await running.processes()
    await Promise.all(clients.map(({ client }) => client.query('select 1')))
    writeFileSync(file, '')
    // something for each to sync; one may be cut before its own comes by
    const asked = await Promise.all(
      clients.map(({ client }) => client.query('select 2').catch(codeOf)),
    )
    const cut = await Promise.race(
      clients.map(async ({ ended }, index) => ({ code: await ended, index })),
    )
    const answer = asked[cut.index]
    assert.equal(typeof answer === 'string' ? answer : cut.code, '53100')
    const other = clients[1 - cut.index]
    assert.ok(other)
    assert.equal(typeof asked[1 - cut.index], 'object')
    await until('its replacement', async () => {
      const now = await running.processes()
      const up = (await running.metrics()).match(/^daypass_proxy_up\{.*\} 1$/gm) ?? []
      return now.some((pid) => !members.includes(pid)) && up.length === 2
    })
    assert.match(running.printed(), /"ended":1,"msg":"a process of the proxy ended"/)
    const later = await Promise.all([1, 2].map(() => connected(running.port, granted)))
    for (const { client } of later) await client.query('select 3')
    await other.client.query('select 4')
    const answered = asked.filter((each) => typeof each !== 'string')
    const recorded = await recordedOf(granted.id, 5 + answered.length)
    // one that was cut while it ran is there as well, and says so
    const finished = recorded.filter((each) => !/^select 2: (aborted|unknown)$/.test(each))
    assert.deepEqual(finished, [
      'select 1: ok',
      'select 1: ok',
      ...answered.map(() => 'select 2: ok'),
      'select 3: ok',
      'select 3: ok',
      'select 4: ok',
    ])
    for (const { client } of [...later, other]) await client.end()
    assert.equal(await running.stop(), 0)
  })
})

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function processIdOf(client: pg.Client): number {
  return Number(Reflect.get(client, 'processID'))
}
