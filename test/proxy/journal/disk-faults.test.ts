import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { fdatasync, fstatSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { serialize } from 'pg-protocol'
import { Counters } from '../../../proxy/counters.ts'
import { Turns, type Passage } from '../../../proxy/io/turns.ts'
import { diskOf } from '../../../proxy/journal/disk.ts'
import type { Journal, JournalError, JournalOptions } from '../../../proxy/journal/journal.ts'
import { Replay } from '../../../proxy/journal/replay.ts'
import type { FinishedStatement } from '../../../proxy/pairing/record.ts'
import { ANSWER, Conversation } from '../../support/conversation.ts'
import { fillingDisk } from '../../support/filling-disk.ts'
import { JournalFolder } from '../../support/journal-folder.ts'
import { until } from '../../support/until.ts'
import { WireEvents } from '../../support/wire-events.ts'
import { message } from '../../support/wire-messages.ts'

const SPEAKER = { session: '1' }
const COPY_DATA = 'd'.charCodeAt(0)
const EIO = Object.assign(new Error('input/output error'), { code: 'EIO' })

describe('a statement that waits while the disk refuses', () => {
  let folder: JournalFolder
  let forwarded: string[]
  let refused: unknown[]
  const question: Passage = {
    asks: true,
    arrivedAt: 0,
    forward: (bytes, start, end) => void forwarded.push(bytes.toString('latin1', start, end)),
    refuse: (error) => void refused.push(error),
  }
  beforeEach(() => {
    folder = new JournalFolder()
    forwarded = []
    refused = []
  })
  afterEach(() => folder.remove())

  /** A question in the journal's memory, at which its own timer has tried in vain. */
  async function timerFailed() {
    const disk = fillingDisk()
    let tries = 0
    const write = ((...args: Parameters<typeof writeSync>) => {
      if (disk.isFull) tries += 1
      return disk.write(...args)
    }) as typeof writeSync
    const journal = folder.journal({ write })
    const talk = new Conversation(journal, SPEAKER)
    journal.commit()
    disk.isFull = true
    talk.ask(serialize.query('select 1'))
    await until('a write by the timer', () => Promise.resolve(tries > 0))
    const turns = new Turns(journal, new Counters())
    turns.pass(question, Buffer.from('select 1'), 8)
    return { journal, disk, talk, turns }
  }

  it('is recorded before it goes on, also where the timer was the first to be refused', async () => {
    const { journal, disk, turns } = await timerFailed()
    disk.isFull = false
    assert.equal(turns.flush(), undefined)
    assert.deepEqual(forwarded, ['select 1'])
    assert.match(folder.clear, /select 1/)
    journal.close()
  })

  it('does not go on while the disk refuses, and is not recorded later', async () => {
    const { journal, disk, talk, turns } = await timerFailed()
    assert.match(String(turns.flush()), /no space left/)
    assert.deepEqual(forwarded, [])
    assert.equal(refused.length, 1)
    disk.isFull = false
    talk.query('select 2')
    journal.commit()
    journal.close()
    assert.match(folder.clear, /select 2/)
    assert.doesNotMatch(folder.clear, /select 1/)
  })
})

describe('a COPY while the disk refuses', () => {
  const NOW = 1_780_000_000_000
  let folder: JournalFolder
  let disk: ReturnType<typeof fillingDisk>
  let journal: Journal
  let turns: Turns
  beforeEach(() => {
    folder = new JournalFolder()
    disk = fillingDisk()
    journal = folder.journal({ write: disk.write })
    turns = new Turns(journal, new Counters())
  })
  afterEach(() => folder.remove())

  /** A connection that takes COPY data, as the relay drives it, and what of it went on to the server. */
  function copying(id: string) {
    const wire = new WireEvents(journal, journal.nextConnection())
    wire.opened({ id, session: '1', organization: 'o', statuses: [] }, NOW)
    const went = createHash('sha256')
    let bytes = 0
    const passage: Passage = {
      asks: true,
      arrivedAt: 0,
      forward: (piece, start, end) => {
        for (let at = start; piece[at] === COPY_DATA && at < end;) {
          const next = at + 1 + piece.readUInt32BE(at + 1)
          went.update(piece.subarray(at + 5, next))
          bytes += next - at - 5
          at = next
        }
      },
      refuse: () => wire.refused(),
    }
    const say = (chunk: Buffer, after = 0): void => {
      wire.client(chunk, NOW + after)
      turns.pass(passage, chunk, chunk.length)
    }
    say(serialize.query('copy t from stdin'))
    turns.flush()
    wire.server(message('G', Buffer.of(0, 0, 0)), NOW)
    return { wire, say, went: () => ({ bytes, digest: went.digest('hex') }) }
  }

  /** Carries so many bytes, which nothing else does; long chunks do not wait for the end of a turn. */
  const data = (length: number) => serialize.copyData(randomBytes(length))
  const REFUSED_COPY = message('E', 'SERROR\0VERROR\0C22P04\0Mno\0\0')

  /** What the journal says in the end. */
  function recorded(): readonly FinishedStatement[] {
    disk.isFull = false
    journal.commit()
    journal.close()
    const finished: FinishedStatement[] = []
    const replay = new Replay({
      finished: (statement) => void finished.push(statement),
      failed: (error) => assert.fail(String(error)),
    })
    for (const segment of folder.segments) {
      for (const group of folder.groupsIn(segment) ?? []) replay.take(group)
    }
    return finished
  }
  const only = (): FinishedStatement => {
    const [statement, ...more] = recorded()
    assert.ok(statement)
    assert.equal(more.length, 0)
    return statement
  }

  for (const size of [9_000, 60_000]) {
    it(`says what went on, and no digest of what did not: chunks of ${size} bytes`, () => {
      const { wire, say, went } = copying('a')
      for (const after of [0, 300, 600]) {
        say(data(size), after)
        turns.flush()
      }
      disk.isFull = true
      copying('b')
      // the second's progress is told in this turn, and can't be written
      say(data(size), 1_100)
      turns.flush()
      wire.closed('refused', NOW + 1_200)
      const { bytes } = went()
      assert.equal(bytes, 3 * size)
      const copy = only()
      assert.deepEqual([copy.kind, copy.bytes, copy.digest], ['copy in', bytes, null])
      assert.equal(copy.outcome, 'aborted')
    })
  }

  it('says so too where its end did not go on', () => {
    const { wire, say, went } = copying('a')
    say(data(1_000))
    turns.flush()
    disk.isFull = true
    say(Buffer.concat([data(500), serialize.copyDone(), serialize.query('select 1')]))
    turns.flush()
    wire.closed('refused', NOW)
    const copy = only()
    assert.deepEqual([copy.bytes, copy.digest], [went().bytes, null])
  })

  it('loses nothing of one that is not refused, but that the server refuses just then', () => {
    const [refused, other] = [copying('a'), copying('b')]
    for (const { say } of [refused, other]) say(data(2_000))
    turns.flush()
    disk.isFull = true
    refused.say(serialize.copyDone())
    other.wire.server(REFUSED_COPY, NOW + 10)
    turns.flush()
    other.wire.server(ANSWER.ready, NOW + 20)
    const [copy] = recorded()
    assert.ok(copy)
    const { bytes, digest } = other.went()
    assert.deepEqual([copy.outcome, copy.bytes, copy.digest], ['error', bytes, digest])
  })

  it('says what went on where server and disk refuse at once', () => {
    const { wire, say, went } = copying('a')
    say(data(2_000))
    turns.flush()
    disk.isFull = true
    say(data(700))
    wire.server(REFUSED_COPY, NOW + 10)
    turns.flush()
    wire.closed('refused', NOW + 20)
    const copy = only()
    assert.deepEqual([copy.outcome, copy.bytes, copy.digest], ['error', went().bytes, null])
  })

  it('goes on as if nothing was, once the disk takes more', () => {
    const { wire, say, went } = copying('a')
    for (const after of [0, 1_100, 2_200]) {
      say(Buffer.concat([data(700), data(40)]), after)
      turns.flush()
    }
    disk.isFull = true
    copying('b')
    turns.flush()
    disk.isFull = false
    say(Buffer.concat([data(9), serialize.copyDone()]), 3_300)
    turns.flush()
    wire.server(Buffer.concat([ANSWER.done('COPY 7'), ANSWER.ready]), NOW + 4_000)
    const copy = only()
    const { bytes, digest } = went()
    assert.deepEqual([copy.bytes, copy.digest, copy.outcome], [bytes, digest, 'ok'])
  })
})

describe('a journal that the disk has not kept', () => {
  let folder: JournalFolder
  let told: JournalError[]
  let fault: typeof EIO | null
  beforeEach(() => {
    folder = new JournalFolder()
    told = []
    fault = null
  })
  afterEach(() => folder.remove())

  const sync: JournalOptions['sync'] = (_fd, done) => void setImmediate(() => done(fault))
  const syncNow = (): void => {
    if (fault) throw fault
  }
  const unkept = (error: JournalError): void => void told.push(error)

  /** However well the disk seems afterwards: the sync that succeeds next is a lie. */
  async function assertGivenUp(journal: Journal): Promise<void> {
    await until('being told', () => Promise.resolve(told.length > 0))
    fault = null
    const talk = new Conversation(journal, SPEAKER)
    const turns = new Turns(journal, new Counters())
    // three of its own syncs could have come by
    await new Promise((resolve) => setTimeout(resolve, 160))
    talk.ask(serialize.query('select 99'))
    assert.throws(() => journal.commit(), { code: 'journal_failed' })
    assert.match(String(turns.flush()), /input\/output error/)
    journal.close()
    assert.equal(told.length, 1)
    assert.doesNotMatch(folder.clear, /select 99/)
  }

  it('because of its timer’s sync takes nothing more', async () => {
    const journal = folder.journal({ sync, unkept })
    new Conversation(journal, SPEAKER).query('select 1')
    journal.commit()
    fault = EIO
    await until('being told', () => Promise.resolve(told.length > 0))
    assert.equal(journal.pendingBytes, 0)
    assert.throws(() => journal.commit(), { code: 'journal_failed' }, 'also with nothing to write')
    await assertGivenUp(journal)
  })

  it('because of the sync of a file it lets go of takes nothing more', async () => {
    let syncs = 0
    const counted: JournalOptions['sync'] = (fd, done) => {
      syncs += 1
      sync(fd, done)
    }
    const journal = folder.journal({ sync: counted, unkept, recording: 'strict' })
    // strict has nothing left for the timer: the next asynchronous sync is that of letting go
    new Conversation(journal, SPEAKER).query('select 1')
    journal.commit()
    journal.close()
    assert.equal(syncs, 0)
    const prompt = folder.journal({ sync: counted, unkept })
    new Conversation(prompt, SPEAKER).query('select 1')
    prompt.commit()
    fault = EIO
    prompt.tidy()
    assert.equal(syncs, 1)
    await assertGivenUp(prompt)
  })

  it('because of the sync of its folder takes nothing more', async () => {
    const journal = folder.journal({ sync, unkept, syncFolder: (_folder, done) => done(EIO) })
    await assertGivenUp(journal)
  })

  it('because of a strict sync takes nothing more, forgets what was asked and keeps what was answered', async () => {
    const journal = folder.journal({ syncNow, unkept, recording: 'strict' })
    const turns = new Turns(journal, new Counters())
    const talk = new Conversation(journal, SPEAKER)
    talk.ask(serialize.query('select 1'))
    journal.commit()
    fault = EIO
    talk.answer(ANSWER.done('SELECT 41'), ANSWER.ready)
    talk.ask(serialize.query('select 2'))
    assert.match(String(turns.flush()), /input\/output error/)
    talk.close()
    await assertGivenUp(journal)
    const { clear } = folder
    assert.match(clear, /select 1[^]*SELECT 41[^]*closed by the client/)
    assert.equal(clear.split('SELECT 41').length, 2)
    assert.doesNotMatch(clear, /select 2/)
  })

  it('because of its last sync says so too', () => {
    const journal = folder.journal({ syncNow, unkept })
    fault = EIO
    journal.close()
    assert.equal(told.length, 1)
  })
})

describe('a new file of the journal', () => {
  let folder: JournalFolder
  beforeEach(() => (folder = new JournalFolder()))
  afterEach(() => folder.remove())

  it('that could not be made and not be removed stands in nobody’s way', () => {
    const disk = fillingDisk()
    const name = (number: number) =>
      join(folder.path, `${String(number).padStart(12, '0')}.journal`)
    const journal = folder.journal({
      write: ((...args: Parameters<typeof writeSync>) => {
        // somebody has taken it away: removing it fails
        if (disk.isFull) rmSync(name(2), { force: true })
        return disk.write(...args)
      }) as typeof writeSync,
    })
    const talk = new Conversation(journal, SPEAKER)
    talk.query('select 1')
    journal.commit()
    disk.isFull = true
    journal.tidy()
    // one that could not be removed is still there
    writeFileSync(name(2), '')
    disk.isFull = false
    journal.tidy()
    talk.query('select 2')
    journal.commit()
    journal.close()
    assert.deepEqual(folder.segments, [name(1), name(2), name(3)])
    assert.match(Buffer.concat(folder.groupsIn(name(3)) ?? []).toString('latin1'), /select 2/)
  })

  it('has its name on disk before a strict commit returns, once', () => {
    const seen: string[] = []
    const journal = folder.journal({
      recording: 'strict',
      syncNow: () => void seen.push('file'),
      syncFolderNow: (path) => void seen.push(path),
    })
    const talk = new Conversation(journal, SPEAKER)
    for (const n of [1, 2]) {
      talk.query(`select ${n}`)
      journal.commit()
    }
    assert.deepEqual(seen, ['file', folder.path, 'file'])
    journal.tidy()
    talk.query('select 3')
    journal.commit()
    assert.deepEqual(seen.slice(3), ['file', folder.path])
    journal.close()
  })

  it('has its name on disk when the timer has looked at it, once', async () => {
    let files = 0
    const folders: string[] = []
    const journal = folder.journal({
      sync: (fd, done) => {
        files += 1
        fdatasync(fd, done)
      },
      syncFolder: (path, done) => {
        folders.push(path)
        done(null)
      },
    })
    const talk = new Conversation(journal, SPEAKER)
    for (const n of [1, 2]) {
      talk.query(`select ${n}`)
      journal.commit()
      await until('a sync', () => Promise.resolve(files >= n))
    }
    assert.deepEqual(folders, [folder.path])
    journal.tidy()
    await until('the next', () => Promise.resolve(folders.length > 1))
    assert.deepEqual(folders, [folder.path, folder.path])
    journal.close()
  })

  it('can be synced on this machine, and a folder that is not there is a fault', async () => {
    const { syncFolder, syncFolderNow } = diskOf({})
    const sync = promisify(syncFolder)
    syncFolderNow(folder.path)
    await sync(folder.path)
    const nowhere = join(folder.path, 'nowhere')
    assert.throws(() => syncFolderNow(nowhere), { code: 'ENOENT' })
    await assert.rejects(sync(nowhere), { code: 'ENOENT' })
  })

  it('is not closed under a sync: its number could be somebody’s socket by then', async () => {
    const held: { fd: number; go: () => void }[] = []
    const journal = folder.journal({
      sync: (fd, done) => void held.push({ fd, go: () => done(null) }),
    })
    new Conversation(journal, SPEAKER).query('select 1')
    journal.commit()
    await until('a sync by the timer', () => Promise.resolve(held.length > 0))
    new Conversation(journal, SPEAKER).query('select 2')
    journal.commit()
    journal.tidy()
    const [first] = held
    assert.ok(first)
    assert.doesNotThrow(() => fstatSync(first.fd))
    first.go()
    // what came during the sync needs one more
    await until('its last sync', () => Promise.resolve(held.filter(isOf(first.fd)).length > 1))
    assert.doesNotThrow(() => fstatSync(first.fd))
    held.filter(isOf(first.fd))[1]?.go()
    await until('its end', () => Promise.resolve(isClosed(first.fd)))
    journal.close()
  })
})

function isOf(fd: number) {
  return (each: { readonly fd: number }): boolean => each.fd === fd
}

function isClosed(fd: number): boolean {
  try {
    fstatSync(fd)
    return false
  } catch {
    return true
  }
}
