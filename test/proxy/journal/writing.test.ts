import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
  type fdatasyncSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serialize } from 'pg-protocol'
import { AppError } from '../../../lib/errors.ts'
import { silentLog } from '../../../lib/log.ts'
import { openingKey, publicBytesOf } from '../../../lib/seal.ts'
import { Journal, type JournalOptions } from '../../../proxy/journal/journal.ts'
import { SegmentFile } from '../../../proxy/journal/segment-file.ts'
import { ANSWER, Conversation } from '../../support/conversation.ts'
import { fillingDisk } from '../../support/filling-disk.ts'
import { message } from '../../support/wire-messages.ts'

const KEY = openingKey(randomBytes(32))

describe('the journal as it is written', () => {
  const folders: string[] = []
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  function folder(): string {
    const made = mkdtempSync(join(tmpdir(), 'daypass-journal-'))
    folders.push(made)
    return made
  }

  function journalIn(dir: string, options: Partial<JournalOptions> = {}): Journal {
    const publicKey = publicBytesOf(KEY)
    return new Journal({ folder: dir, recording: 'prompt', publicKey, log: silentLog, ...options })
  }

  it('reads back what was written, wherever the bytes end', () => {
    const dir = folder()
    const journal = journalIn(dir)
    const path = onlySegment(dir)
    const head = statSync(path).size
    const ends = [head]
    const talk = new Conversation(journal, { session: '1' })
    for (let n = 0; n < 3; n += 1) {
      talk.query(`select ${n}`)
      journal.commit()
      ends.push(statSync(path).size)
    }
    journal.close()
    const size = statSync(path).size
    for (let end = size; end >= 0; end -= 1) {
      truncateSync(path, end)
      const whole = ends.filter((at) => at > head && at <= end).length
      assert.equal(groupsIn(path)?.length, end < head ? undefined : whole, `cut at ${end}`)
    }
  })

  it('finds a flipped bit anywhere in a group', () => {
    const dir = folder()
    const journal = journalIn(dir)
    const path = onlySegment(dir)
    const head = statSync(path).size
    new Conversation(journal, { session: '1' }).query('select 1')
    journal.commit()
    journal.close()
    const bytes = readFileSync(path)
    for (let at = head; at < bytes.length; at += 1) {
      const file = Buffer.from(bytes)
      file.writeUInt8(file.readUInt8(at) ^ 0x10, at)
      const flipped = join(dir, 'flipped')
      writeFileSync(flipped, file)
      assert.equal(groupsIn(flipped)?.length, 0, `flipped at ${at}`)
    }
  })

  it('begins a new segment when one is full, and an event larger than one fits', () => {
    const dir = folder()
    const journal = journalIn(dir)
    const talk = new Conversation(journal, { session: '1' })
    const large = Buffer.alloc(60_000, 'x').toString()
    for (let n = 0; n < 300; n += 1) talk.query(`select '${large}'`)
    journal.commit()
    talk.query('select 2')
    journal.commit()
    journal.close()
    const sizes = readdirSync(dir)
      .sort()
      .map((name) => statSync(join(dir, name)).size)
    assert.equal(sizes.length, 2)
    assert.ok((sizes[0] ?? 0) > 16 * 1024 * 1024)
    const groups = groupsIn(join(dir, readdirSync(dir).sort()[1] ?? ''))
    assert.match(groups?.at(-1)?.toString('latin1') ?? '', /select 2/)
  })

  it('is for its owner alone, and shows neither SQL nor a value', () => {
    const dir = folder()
    const journal = journalIn(dir)
    const talk = new Conversation(journal, { session: '1' })
    talk.query('select secret_column from plain_table')
    talk.ask(serialize.bind({ values: ['plain value'] }), serialize.execute({}), serialize.sync())
    journal.commit()
    journal.close()
    assert.equal(statSync(onlySegment(dir)).mode & 0o777, 0o600)
    const bytes = readFileSync(onlySegment(dir)).toString('latin1')
    assert.doesNotMatch(bytes, /select|plain|secret_column/)
    assert.match(Buffer.concat(groupsIn(onlySegment(dir)) ?? []).toString('latin1'), /plain value/)
  })

  it('never has a password in it, not even where it can be opened', () => {
    const dir = folder()
    const journal = journalIn(dir)
    const talk = new Conversation(journal, { session: '1' })
    talk.query(`alter role r password 'hunter2'`)
    talk.ask(serialize.parse({ text: `alter role r password 'hunter2'` }))
    talk.ask(serialize.query(`alter role r password 'hunter2' ${'x'.repeat(100_000)}`))
    talk.ask(
      serialize.bind({
        values: ['postgres://u:hunter2@h/d', Buffer.from('host=h password=hunter2')],
      }),
    )
    talk.ask(message('Q', `alter role r password 'hunter2'`))
    talk.answer(
      message(
        'E',
        'SERROR\0C42601\0Msyntax error at or near "hunter2"\0',
        `WSQL statement "alter role r password 'hunter2'"\0\0`,
      ),
    )
    journal.commit()
    journal.close()
    const clear = Buffer.concat(groupsIn(onlySegment(dir)) ?? []).toString('latin1')
    assert.match(clear, /\[redacted\]/)
    assert.doesNotMatch(clear, /hunter2/)
    assert.doesNotMatch(clear, new RegExp(Buffer.from('hunter2').toString('base64').slice(0, 8)))
  })

  it('is on disk before commit returns, if it is strict', () => {
    const dir = folder()
    const seen: string[] = []
    const write = ((...args: Parameters<typeof writeSync>) => {
      seen.push('write')
      return writeSync(...args)
    }) as typeof writeSync
    const syncNow = (() => void seen.push('sync')) satisfies typeof fdatasyncSync
    const journal = journalIn(dir, { recording: 'strict', write, syncNow })
    const talk = new Conversation(journal, { session: '1' })
    seen.length = 0
    talk.query('select 1')
    journal.commit()
    assert.deepEqual(seen, ['write', 'sync'])
    journal.commit()
    assert.deepEqual(seen, ['write', 'sync'])
    journal.close()
  })

  it('waits for the disk, if it is strict, with what is asked and with the end of a segment', () => {
    const seen: string[] = []
    const syncNow = (() => void seen.push('sync')) satisfies typeof fdatasyncSync
    const journal = journalIn(folder(), { recording: 'strict', syncNow })
    const talk = new Conversation(journal, { session: '1' })
    talk.query('select 1')
    journal.commit()
    seen.length = 0
    talk.answer(ANSWER.ready)
    journal.commit(false, () => seen.push('answers'))
    assert.deepEqual(seen.splice(0), ['answers'])
    talk.query('select 2')
    journal.commit(true, () => seen.push('answers'))
    assert.deepEqual(seen.splice(0), ['answers', 'sync'])
    const segment = journal.progress[0]
    for (let n = 0; n < 300; n += 1) talk.answer(ANSWER.done('1'.repeat(60_000)))
    journal.commit(false)
    assert.deepEqual(seen, ['sync'])
    assert.notEqual(journal.progress[0], segment)
    journal.close()
  })

  it('keeps an answer that the disk refused, and not a question that therefore never went on', () => {
    const dir = folder()
    const disk = fillingDisk()
    const journal = journalIn(dir, { write: disk.write })
    const talk = new Conversation(journal, { session: '1' })
    talk.ask(serialize.query('select 1'))
    journal.commit()
    disk.isFull = true
    talk.answer(ANSWER.done('SELECT 41'), ANSWER.ready)
    talk.ask(serialize.query('select 2'))
    assert.throws(() => journal.commit(), { code: 'journal_failed' })
    assert.throws(() => journal.commit(), { code: 'journal_failed' })
    journal.forgetClients()
    disk.isFull = false
    talk.ask(serialize.query('select 3'))
    journal.commit()
    journal.close()
    const clear = allIn(dir)
    assert.match(clear, /select 1[^]*SELECT 41[^]*select 3/)
    assert.doesNotMatch(clear, /select 2/)
    assert.equal(clear.split('SELECT 41').length, 2)
  })

  it('takes back half a group, and uses no key for other bytes a second time', () => {
    const dir = folder()
    const disk = fillingDisk()
    const journal = journalIn(dir, { write: disk.write })
    const talk = new Conversation(journal, { session: '1' })
    talk.query('select 1')
    journal.commit()
    const size = statSync(onlySegment(dir)).size
    disk.room = 10
    talk.ask(serialize.query('select 2'))
    assert.throws(() => journal.commit(), { code: 'journal_failed' })
    assert.equal(statSync(onlySegment(dir)).size, size)
    journal.forgetClients()
    disk.room = undefined
    talk.query('select 3')
    journal.commit()
    journal.close()
    assert.equal(readdirSync(dir).length, 2)
    assert.match(allIn(dir), /select 1[^]*select 3/)
  })

  it('leaves no file behind where not even a head fits', () => {
    const dir = folder()
    const disk = fillingDisk()
    const journal = journalIn(dir, { write: disk.write })
    const talk = new Conversation(journal, { session: '1' })
    disk.isFull = true
    for (let n = 0; n < 3; n += 1) {
      talk.ask(serialize.query('select 1'))
      assert.throws(() => journal.commit(), { code: 'journal_failed' })
    }
    assert.equal(readdirSync(dir).length, 1)
    journal.close()
  })
})

function onlySegment(dir: string): string {
  const [name = ''] = readdirSync(dir)
  return join(dir, name)
}

/** The groups of a segment up to the first that is not whole; undefined where its head is not. */
function groupsIn(path: string): Buffer[] | undefined {
  try {
    const file = SegmentFile.open(path, KEY)
    const groups: Buffer[] = []
    for (let events = file.next(file.size); events; events = file.next(file.size)) {
      groups.push(events)
    }
    file.close()
    return groups
  } catch (error) {
    assert.ok(error instanceof AppError)
    assert.equal(error.code, 'segment_unreadable')
    return undefined
  }
}

function allIn(dir: string): string {
  const names = readdirSync(dir).sort()
  return names
    .map((name) => Buffer.concat(groupsIn(join(dir, name)) ?? []).toString('latin1'))
    .join('')
}
