import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serialize } from 'pg-protocol'
import { getDefaultOrganization } from '../../../db/people.ts'
import { listRunningStatements, publishRunning } from '../../../db/running-statements.ts'
import { openStore, rows } from '../../../db/store.ts'
import { silentLog, type Log } from '../../../lib/log.ts'
import { derivePartKey, openingKey } from '../../../lib/seal.ts'
import { startRecording, type RecordingOptions } from '../../../proxy/journal/recording.ts'
import { ANSWER, Conversation } from '../../support/conversation.ts'
import { GrantedWorld, OPERATOR } from '../../support/granted.ts'
import { until } from '../../support/until.ts'

describe('the recording', () => {
  let world: GrantedWorld
  let organization: string
  const folders: string[] = []

  before(async () => {
    world = await GrantedWorld.make()
    organization = (await getDefaultOrganization(world.store.db)).id
  })
  after(async () => {
    await world.close()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  function recordingIn(more: Partial<RecordingOptions> = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'daypass-journal-'))
    folders.push(folder)
    const recording = startRecording({
      folder,
      recording: 'prompt',
      storeUrl: world.proxyUrl,
      proxyId: randomUUID(),
      key: openingKey(derivePartKey(world.masterKey, 'proxy')),
      log: silentLog,
      ...more,
    })
    return { folder, ...recording }
  }

  it('ships from a thread of its own, tells its numbers, and leaves nothing behind', async () => {
    const { id } = await world.grant()
    const { folder, journal, stats, stop } = recordingIn()
    const talk = new Conversation(journal, { session: id, organization, now: Date.now() })
    talk.query('select 1').query('select 2').close()
    journal.commit()
    assert.equal((await world.statements(id, 2)).length, 2)
    await until('the numbers', () => Promise.resolve(stats().shipped === 2))
    assert.equal(stats().waitingBytes, 0)
    assert.equal(stats().failures, 0)
    assert.ok(stats().lagMs > 0 && stats().lagMs < 5000)
    talk.query('select 3')
    await stop()
    assert.deepEqual(readdirSync(folder), [])
  })

  it('shows what runs while it runs, to whoever may see the session, and alarms as before', async () => {
    const { id } = await world.grant()
    const { journal, stop } = recordingIn()
    const talk = new Conversation(journal, { session: id, organization, now: Date.now() })
    talk.query(`alter role r password 'x'`, 'ALTER ROLE')
    talk.ask(serialize.query('select pg_sleep(60)'))
    talk.answer(ANSWER.row)
    journal.commit()
    const [running] = await until('a running statement', async () => {
      const found = await listRunningStatements(world.store.db, OPERATOR, id)
      return found.length > 0 && found
    })
    assert.equal(running?.text, 'select pg_sleep(60)')
    assert.equal(running.connection, talk.id)
    assert.equal(running.number, 2)
    assert.equal(running.kind, 'simple')
    talk.answer(ANSWER.done('SELECT 1'), ANSWER.ready).close()
    journal.commit()
    await until('its end', async () => {
      return (await listRunningStatements(world.store.db, OPERATOR, id)).length === 0
    })
    const alerts = await rows(world.store.db, `select from alerts where session_id = :id`, { id })
    assert.equal(alerts.length, 1)
    await stop()
  })

  it('does not show what a proxy that is gone said last', async () => {
    const { id } = await world.grant()
    const store = openStore(world.proxyUrl)
    const proxy = randomUUID()
    const row = {
      connectionId: randomUUID(),
      sessionId: id,
      organizationId: organization,
      number: 7,
      text: `select '\0'`,
      textBytes: 11,
      kind: 'simple',
      startedAt: '2026-01-01T00:00:00.000Z',
      rows: 1,
      bytes: 2,
    }
    await publishRunning(store.db, proxy, [row])
    await publishRunning(store.db, randomUUID(), [])
    const [shown] = await listRunningStatements(world.store.db, OPERATOR, id)
    assert.equal(shown?.text, `select '\u2400'`)
    assert.deepEqual([shown.number, shown.rows, shown.bytes], [7, 1, 2])
    await rows(
      world.store.db,
      `update running_statements set told_at = now() - interval '6 seconds'`,
    )
    assert.deepEqual(await listRunningStatements(world.store.db, OPERATOR, id), [])
    await publishRunning(store.db, proxy, [])
    assert.deepEqual(await rows(world.store.db, `select from running_statements`), [])
    await store.close()
  })

  it('shows what runs beside a text that can not be cut or told as it is', async () => {
    const [cut, fine] = [await world.grant(), await world.grant()]
    const store = openStore(world.proxyUrl)
    const rowOf = (session: string, text: string) => ({
      connectionId: randomUUID(),
      sessionId: session,
      organizationId: organization,
      number: 1,
      text,
      textBytes: Buffer.byteLength(text),
      kind: 'simple',
      startedAt: '2026-01-01T00:00:00.000Z',
      rows: 0,
      bytes: 0,
    })
    const smile = '\u{1f600}'
    const proxy = randomUUID()
    await publishRunning(store.db, proxy, [
      rowOf(cut.id, `select '${'x'.repeat(9991)}${smile}'`),
      rowOf(cut.id, `select 'half of it: \ud83d'`),
      rowOf(fine.id, `select '${smile}'`),
    ])
    const shown = await listRunningStatements(world.store.db, OPERATOR, cut.id)
    assert.deepEqual(shown.map(({ text }) => text).sort(), [
      `select 'half of it: \ufffd'`,
      `select '${'x'.repeat(9991)}`,
    ])
    const [other] = await listRunningStatements(world.store.db, OPERATOR, fine.id)
    assert.equal(other?.text, `select '${smile}'`)
    await publishRunning(store.db, proxy, [])
    await store.close()
  })

  it('goes on when the thread dies: another takes its place, and the journal waited', async () => {
    const { id } = await world.grant()
    const said: string[] = []
    const log: Log = { ...silentLog, error: (_facts, sentence) => void said.push(sentence) }
    const worker = new URL('../../support/dying-worker.ts', import.meta.url)
    const { folder, journal, stop } = recordingIn({ worker, log })
    new Conversation(journal, { session: id, organization }).query('select 1').close()
    journal.commit()
    assert.equal((await world.statements(id, 1)).length, 1)
    assert.deepEqual(said, ['the shipping thread failed'])
    await stop()
    assert.deepEqual(readdirSync(folder), ['died-once'])
  })
})
