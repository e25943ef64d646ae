import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { silentLog, type Log } from '../../../lib/log.ts'
import { openingKey } from '../../../lib/seal.ts'
import { startRecording, type Recording } from '../../../proxy/journal/recording.ts'
import { Conversation } from '../../support/conversation.ts'
import { JournalFolder } from '../../support/journal-folder.ts'
import { until } from '../../support/until.ts'

const worker = new URL('../../support/wedged-worker.ts', import.meta.url)

describe('the thread that ships, seen from beside it', () => {
  let folder: JournalFolder
  let recording: Recording
  const said: string[] = []
  const log: Log = { ...silentLog, error: (_facts, sentence) => void said.push(sentence) }

  beforeEach(() => {
    folder = new JournalFolder()
    said.length = 0
  })
  afterEach(async () => {
    await recording.stop()
    folder.remove()
  })

  function start(behaviour: string, silenceMs?: number): void {
    writeFileSync(join(folder.path, 'behaviour'), behaviour)
    recording = startRecording({
      folder: folder.path,
      recording: 'prompt',
      storeUrl: '',
      proxyId: randomUUID(),
      key: openingKey(randomBytes(32)),
      log,
      worker,
      ...(silenceMs === undefined ? {} : { silenceMs }),
    })
  }

  function write(): number {
    const before = recording.journal.bytesWritten
    new Conversation(recording.journal, { session: '1' }).query('select 1')
    recording.journal.commit()
    return recording.journal.bytesWritten - before
  }

  it('shows what waits and how late it is also when it is silent', async () => {
    const earlier = folder.journal()
    new Conversation(earlier, { session: '1' }).query('select 1')
    earlier.close()
    const left = earlier.bytesWritten
    start('silent')
    assert.equal(recording.stats().waitingBytes, left + recording.journal.bytesWritten)
    await until('its first word', () => Promise.resolve(recording.stats().shipped === 1))
    const { waitingBytes } = recording.stats()
    assert.ok(waitingBytes >= 7)
    const more = write()
    assert.ok(more > 100)
    assert.equal(recording.stats().waitingBytes, waitingBytes + more)
    await until('being late', () => Promise.resolve(recording.stats().silentMs > 1_000))
    assert.ok(recording.stats().lagMs > 1_000)
  })

  it('is not late while it tells its numbers', async () => {
    start('well', 1_500)
    await until('its first word', () => Promise.resolve(recording.stats().shipped === 1))
    const since = performance.now()
    await until('more than it may be silent', () => {
      const { silentMs, lagMs, restarts } = recording.stats()
      // a machine that is busy keeps us from hearing it; what was told is the same
      if (silentMs < 1_000) assert.equal(lagMs, 5)
      assert.equal(restarts, 0)
      return Promise.resolve(performance.now() - since > 1_800)
    })
    assert.deepEqual(said, [])
  })

  it('is ended when it is silent for too long, and another takes its place', async () => {
    start('wedged', 1_200)
    await until('its first word', () => Promise.resolve(recording.stats().shipped === 1))
    const { waitingBytes } = recording.stats()
    const more = write()
    assert.equal(recording.stats().waitingBytes, waitingBytes + more)
    rmSync(join(folder.path, 'behaviour'))
    // the next one may have had its first word by the time that it is seen
    await until('another', () => {
      const { shipped, restarts } = recording.stats()
      assert.ok(shipped >= 1, 'what was counted stays counted')
      return Promise.resolve(restarts === 1)
    })
    await until('its first word', () => Promise.resolve(recording.stats().shipped === 2))
    assert.deepEqual(said, ['the shipping thread is silent: it is ended'])
    assert.equal(recording.stats().restarts, 1)
    assert.ok(recording.stats().silentMs < 1_000)
  })
})
