import assert from 'node:assert/strict'
import { fdatasync, fstatSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { serialize } from 'pg-protocol'
import { Counters } from '../../../proxy/counters.ts'
import { Turns, type Passage } from '../../../proxy/io/turns.ts'
import { diskOf } from '../../../proxy/journal/disk.ts'
import type { Journal, JournalError, JournalOptions } from '../../../proxy/journal/journal.ts'
import { ANSWER, Conversation } from '../../support/conversation.ts'
import { fillingDisk } from '../../support/filling-disk.ts'
import { JournalFolder } from '../../support/journal-folder.ts'
import { until } from '../../support/until.ts'

const SPEAKER = { session: '1' }
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
