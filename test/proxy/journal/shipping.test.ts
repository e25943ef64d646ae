import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serialize } from 'pg-protocol'
import pg from 'pg'
import { isRowFault } from '../../../db/row-faults.ts'
import { StatementBatch } from '../../../db/statement-batch.ts'
import { StatementCopy } from '../../../db/statement-copy.ts'
import { highestNumbers, type StatementRow } from '../../../db/statement-log.ts'
import { rowsOf } from '../../../db/statement-slice.ts'
import type { SessionId } from '../../../lib/ids.ts'
import { silentLog } from '../../../lib/log.ts'
import { openingKey, publicBytesOf } from '../../../lib/seal.ts'
import { deliver } from '../../../proxy/journal/deliver.ts'
import { readRefused } from '../../../proxy/journal/refused.ts'
import { EVENT } from '../../../proxy/journal/events.ts'
import { tellGaps } from '../../../proxy/journal/gaps.ts'
import { Journal } from '../../../proxy/journal/journal.ts'
import { Shipper } from '../../../proxy/journal/shipper.ts'
import { ANSWER, Conversation } from '../../support/conversation.ts'
import { GrantedWorld } from '../../support/granted.ts'
import { until } from '../../support/until.ts'

const KEY = openingKey(randomBytes(32))
const PUBLIC = publicBytesOf(KEY)
const PROXY = '00000000-0000-4000-8000-000000000001'
const PREPARE = serialize.parse({ name: 's1', text: 'select $1::text', types: [25] })
const RUN = [
  serialize.bind({ statement: 's1', values: ['one'] }),
  serialize.execute({}),
  serialize.sync(),
]
const RAN = [ANSWER.bound, ANSWER.row, ANSWER.done('SELECT 1'), ANSWER.ready]

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function rowOf(fields: Partial<StatementRow>): StatementRow {
  return {
    sessionId: '1',
    organizationId: randomUUID(),
    connectionId: randomUUID(),
    number: 1,
    part: 1,
    partOf: 1,
    kind: 'simple',
    text: '',
    textBytes: 0,
    textDigest: null,
    values: [],
    statementName: null,
    portalName: null,
    startedAt: Date.UTC(2026, 5, 1, 10),
    milliseconds: 1,
    tag: null,
    rows: 0,
    bytes: 0,
    copyDigest: null,
    sqlstate: null,
    message: null,
    outcome: 'ok',
    transaction: 'I',
    rolledBack: false,
    ...fields,
  }
}

describe('shipping', () => {
  let world: GrantedWorld
  let copy: StatementCopy
  const folders: string[] = []

  before(async () => {
    world = await GrantedWorld.make()
    copy = new StatementCopy(world.proxyUrl)
  })
  after(async () => {
    await copy.close()
    await world.close()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  function folder(): string {
    const made = mkdtempSync(join(tmpdir(), 'daypass-journal-'))
    folders.push(made)
    return made
  }

  function journalIn(dir: string): Journal {
    const publicKey = publicBytesOf(KEY)
    return new Journal({ folder: dir, recording: 'prompt', publicKey, log: silentLog })
  }

  const put = (dir: string) => (batch: StatementBatch) =>
    deliver({ folder: dir, publicKey: PUBLIC, db: world.store.db, copy, log: silentLog }, batch)

  function shipping(dir: string, { progress }: Journal, deliverBatch = put(dir)): Shipper {
    const shipper = new Shipper({
      folder: dir,
      privateKey: KEY,
      progress,
      log: silentLog,
      deliver: deliverBatch,
      missing: (gaps) => tellGaps({ store: world.store, proxyId: PROXY, log: silentLog }, gaps),
      highestNumbers: (connections) => highestNumbers(world.store.db, connections),
    })
    shipper.start()
    return shipper
  }

  /** Asks and answers, and one statement that has no answer yet. */
  function talkIn(journal: Journal, session: string): Conversation {
    const talk = new Conversation(journal, { session })
    for (const n of [1, 2, 3]) {
      talk.query(`select ${n}`)
      journal.commit()
    }
    return talk
  }

  async function shown(session: SessionId, count: number) {
    const statements = await world.statements(session, count)
    return statements.map(({ number, text, outcome }) => [number, text, outcome])
  }

  const segmentsIn = (dir: string) => readdirSync(dir).filter((name) => name.endsWith('.journal'))

  it('goes up to the last whole group where the end was torn; nobody knows how the rest ended', async () => {
    const dir = folder()
    const { id } = await world.grant()
    const earlier = journalIn(dir)
    const talk = talkIn(earlier, id)
    talk.ask(serialize.query('select pg_sleep(9)'))
    earlier.commit()
    const path = join(dir, segmentsIn(dir)[0] ?? '')
    const whole = readFileSync(path)
    talk.query('select 5')
    earlier.commit()
    earlier.close()
    writeFileSync(path, readFileSync(path).subarray(0, whole.length + 40))

    const journal = journalIn(dir)
    const shipper = shipping(dir, journal)
    assert.deepEqual(await shown(id, 4), [
      [1, 'select 1', 'ok'],
      [2, 'select 2', 'ok'],
      [3, 'select 3', 'ok'],
      [4, 'select pg_sleep(9)', 'unknown'],
    ])
    assert.equal(await shipper.stop(), true)
    assert.equal(segmentsIn(dir).length, 1)
    journal.close()
  })

  it('reads on behind a group that was damaged, and keeps the damaged file', async () => {
    const dir = folder()
    const { id } = await world.grant()
    const earlier = journalIn(dir)
    const path = join(dir, segmentsIn(dir)[0] ?? '')
    const talk = new Conversation(earlier, { session: id })
    const ends: number[] = []
    for (const n of [1, 2, 3]) {
      talk.query(`select ${n}`)
      earlier.commit()
      ends.push(readFileSync(path).length)
    }
    talk.close()
    earlier.close()
    const bytes = readFileSync(path)
    const at = (ends[0] ?? 0) + 60
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    writeFileSync(path, bytes)

    const journal = journalIn(dir)
    const shipper = shipping(dir, journal)
    assert.deepEqual(
      (await shown(id, 3)).map(([, text]) => text),
      [
        'select 1',
        '[a part of the recording is missing here: it was damaged on the disk of the proxy]',
        'select 3',
      ],
    )
    await until('the damaged file', () =>
      Promise.resolve(readdirSync(dir).some((name) => name.endsWith('.journal.damaged'))),
    )
    assert.equal(await shipper.stop(), true)
    journal.close()
    assert.ok(!segmentsIn(dir).includes('000000000001.journal'))
  })

  it('doubles nothing when it dies between the store and the file, and when the answer was lost', async () => {
    const dir = folder()
    const { id } = await world.grant()
    const journal = journalIn(dir)
    const talk = new Conversation(journal, { session: id })
    for (let n = 1; n <= 1200; n += 1) talk.query(`select ${n}`)
    talk.close()
    journal.commit()
    let losses = 2
    const first = shipping(dir, journal, async (batch) => {
      await put(dir)(batch)
      losses -= 1
      if (losses >= 0) throw new Error('connection reset')
    })
    await until('a batch', () => Promise.resolve(first.stats.shipped === 1200))
    assert.equal(first.stats.failures, 2)
    await first.stop()
    // what it knew is forgotten, and its file is still there
    const second = shipping(dir, journal)
    await until('a batch', () => Promise.resolve(second.stats.shipped === 1200))
    assert.equal(await second.stop(), true)
    journal.close()
    const { rows } = await world.store.db.raw<{ rows: { count: string }[] }>(
      'select count(*) from statements where session_id = ?',
      [id],
    )
    assert.equal(rows[0]?.count, '1200')
    assert.deepEqual(readdirSync(dir), ['000000000001.journal'])
  })

  it('knows what was prepared, bound and asked in a file that is gone', async () => {
    const dir = folder()
    const { id } = await world.grant()
    const journal = journalIn(dir)
    const talk = new Conversation(journal, { session: id })
    talk.ask(PREPARE, serialize.sync()).answer(ANSWER.parsed, ANSWER.ready)
    talk.ask(...RUN).answer(...RAN)
    talk.ask(serialize.query('select pg_sleep(1)'))
    journal.commit()
    const first = shipping(dir, journal)
    await until('the first', () => Promise.resolve(first.stats.shipped === 1))
    journal.tidy()
    await until('the file to be gone', () =>
      Promise.resolve(segmentsIn(dir).join() === '000000000002.journal'),
    )
    assert.equal(await first.stop(), false)

    talk.answer(ANSWER.row, ANSWER.done('SELECT 1'), ANSWER.ready)
    talk
      .ask(...RUN)
      .answer(...RAN)
      .close()
    journal.commit()
    const second = shipping(dir, journal)
    assert.deepEqual(await shown(id, 3), [
      [1, 'select $1::text', 'ok'],
      [2, 'select pg_sleep(1)', 'ok'],
      [3, 'select $1::text', 'ok'],
    ])
    const [, , last] = await world.statements(id, 3)
    assert.deepEqual(last?.values, ['one'])
    assert.equal(await second.stop(), true)
    journal.close()
    const kept = readFileSync(join(dir, 'open-statements')).toString('latin1')
    assert.doesNotMatch(kept, /select/)
  })

  it('ends what an earlier life left open, also when its files are gone', async () => {
    const dir = folder()
    const { id } = await world.grant()
    const earlier = journalIn(dir)
    const talk = talkIn(earlier, id)
    talk.ask(serialize.query('select pg_sleep(9)'))
    earlier.commit()
    const first = shipping(dir, earlier)
    await until('the first', () => Promise.resolve(first.stats.shipped === 3))
    earlier.tidy()
    await until('the file to be gone', () => Promise.resolve(segmentsIn(dir).length === 1))
    await first.stop()
    earlier.close()

    const journal = journalIn(dir)
    const second = shipping(dir, journal)
    assert.deepEqual((await shown(id, 4)).at(-1), [4, 'select pg_sleep(9)', 'unknown'])
    assert.equal(await second.stop(), true)
    journal.close()
  })

  it('lets others have their turn however much there is to read', async () => {
    const dir = folder()
    const journal = journalIn(dir)
    const talk = new Conversation(journal, { session: '1' })
    for (let group = 0; group < 5_000; group += 1) {
      talk.ask(serialize.flush())
      journal.commit()
    }
    const shipper = shipping(dir, journal)
    await new Promise((resolve) => setImmediate(resolve))
    const left = shipper.stats.waitingBytes
    assert.ok(left > 0 && left < journal.bytesWritten, `${String(left)} bytes`)
    await shipper.stop()
    journal.close()
  })

  it('waits while the store is away, reads no more than it can hold, and then ships all of it', async () => {
    const dir = folder()
    const { id } = await world.grant()
    const journal = journalIn(dir)
    const talk = new Conversation(journal, { session: id })
    let isAway = true
    let largest = 0
    const shipper = shipping(dir, journal, async (batch) => {
      largest = Math.max(largest, batch.count)
      if (isAway) throw new Error('connection refused')
      await put(dir)(batch)
    })
    for (let n = 1; n <= 6000; n += 1) {
      talk.query(`select ${n}`)
      if (n % 10 === 0) journal.commit()
    }
    talk.close()
    journal.commit()
    await until('some tries', () => Promise.resolve(shipper.stats.failures > 1))
    assert.ok(largest <= 5010, `${largest} in one batch`)
    assert.ok(shipper.stats.waitingBytes > 0)
    isAway = false
    await until('all of it', () => Promise.resolve(shipper.stats.shipped === 6000))
    assert.equal(await shipper.stop(), true)
    journal.close()
  })

  it('gets past a row that the store will never take, whatever is wrong with it', async () => {
    const dir = folder()
    const { id } = await world.grant()
    const journal = journalIn(dir)
    const shipper = shipping(dir, journal)
    const talk = new Conversation(journal, { session: id })
    talk.ask(serialize.query('select 1'))
    journal.commit()
    journal.begin(1, EVENT.server, 1_780_000_000_500)
    journal.putHeader(0x44, 12)
    journal.putUInt32(1)
    journal.putDouble(1e23)
    journal.end()
    talk.answer(ANSWER.done('SELECT 1'), ANSWER.ready)
    new Conversation(journal, { session: id, organization: 'nobody' }).query('select 2').close()
    talk.query('select 3')
    talk.close()
    journal.commit()
    const statements = await world.statements(id, 2)
    assert.deepEqual(
      statements.map(({ text, outcome }) => [text, outcome]),
      [
        ['[this statement could not be stored as it was]', 'ok'],
        ['select 3', 'ok'],
      ],
    )
    await until('both', () => Promise.resolve(shipper.stats.shipped === 3))
    assert.equal(await shipper.stop(), true)
    journal.close()
    const refused = join(dir, 'statements.refused')
    assert.doesNotMatch(readFileSync(refused, 'latin1'), /nobody|select 2/)
    assert.match(readRefused(refused, KEY).join('\n'), /"nobody".*select 2/)
  })

  it('stores what took a megabyte to bind or to prepare once, however often it runs', async () => {
    const dir = folder()
    const { id } = await world.grant()
    const journal = journalIn(dir)
    const values = Array.from({ length: 15 }, () => 'v'.repeat(60 * 1024))
    const text = `select $1 /* ${'t'.repeat(60 * 1024)} */`
    const parts = 'select 1;'.repeat(2000)
    // more than a string can hold
    const [times, answered] = [700, 200]
    const done = (count: number) => Array.from({ length: count }, () => ANSWER.done('SELECT 1'))
    const talk = new Conversation(journal, { session: id })
    talk.ask(serialize.parse({ name: 's', text }), serialize.bind({ statement: 's', values }))
    talk.ask(...Array.from({ length: times }, () => serialize.execute({})), serialize.sync())
    talk.answer(ANSWER.parsed, ANSWER.bound, ...done(times), ANSWER.ready)
    talk
      .ask(serialize.query(parts))
      .answer(...done(answered), ANSWER.ready)
      .close()
    journal.commit()
    const shipper = shipping(dir, journal)
    await until('all of it', () => Promise.resolve(shipper.stats.shipped === times + answered))
    assert.equal(await shipper.stop(), true)
    journal.close()

    const statements = await world.statements(id, times + answered)
    const [first, second] = statements
    assert.ok(first && second)
    // not by deepEqual, which would print them
    assert.ok(first.text === text && JSON.stringify(first.values) === JSON.stringify(values))
    assert.ok(second.text === text.slice(0, 1024))
    assert.deepEqual([second.textBytes, second.textDigest], [text.length, sha256(text)])
    const json = JSON.stringify(values)
    assert.deepEqual(second.values, [
      { text: '[all 15 as with No. 1]', bytes: json.length, sha256: sha256(json) },
    ])
    const [part, next] = statements.slice(times)
    assert.deepEqual([part?.text.length, next?.text.length], [parts.length, 1024])
    assert.equal(next?.textBytes, parts.length)
  })

  it('carries a batch in pieces that the store can take, and gets past what is too large', async () => {
    const row = rowOf({ text: 'x'.repeat(1024 * 1024) })
    const sizes: number[] = []
    const part = {
      copy: (slice: Buffer) => {
        sizes.push(rowsOf(slice).length)
        return Promise.resolve()
      },
    }
    const [db, log] = [world.store.db, silentLog]
    const deps = { folder: folder(), publicKey: PUBLIC, db, copy: part, log }
    const batch = new StatementBatch()
    for (let n = 0; n < 10; n += 1) batch.add(row)
    await deliver(deps, batch)
    assert.deepEqual(sizes, [3, 3, 3, 1])
    const tooLarge = Object.assign(new pg.DatabaseError('too large', 9, 'error'), { code: '54000' })
    assert.ok(isRowFault(tooLarge))
    assert.ok(isRowFault(new RangeError('Invalid string length')))
  })

  it('stores every character as it was, and a NUL as Unicode shows it', async () => {
    const dir = folder()
    const { id } = await world.grant()
    const journal = journalIn(dir)
    // not by INSERT, which would hide what COPY can't do
    const shipper = shipping(dir, journal, async (batch) => {
      for (const slice of batch.slices) await copy.copy(slice)
    })
    const talk = new Conversation(journal, { session: id })
    const odd = 'a\tb\nc\\d\re \\N \\. "quoted" ü 🎈 \u0001'
    talk.query(odd)
    talk.ask(
      serialize.parse({ text: 'select $1', types: [25, 25] }),
      serialize.bind({ values: [`${odd}\0`, null, ''] }),
      serialize.execute({}),
      serialize.sync(),
    )
    talk.answer(ANSWER.parsed, ANSWER.bound, ANSWER.done('SELECT 1\t\\'), ANSWER.ready).close()
    journal.commit()
    const [first, second] = await world.statements(id, 2)
    assert.equal(first?.text, odd)
    assert.deepEqual(second?.values, [`${odd}\u2400`, null, ''])
    assert.equal(second.tag, 'SELECT 1\t\\')
    assert.equal(await shipper.stop(), true)
    journal.close()
  })

  it("leaves what it can't open where a person finds it, and goes on", async () => {
    const dir = folder()
    const { id } = await world.grant()
    const foreign = new Journal({
      folder: dir,
      recording: 'prompt',
      publicKey: publicBytesOf(openingKey(randomBytes(32))),
      log: silentLog,
    })
    talkIn(foreign, id)
    foreign.close()
    // as an older version wrote it
    appendFileSync(join(dir, '000000000002.journal'), 'no head of ours')
    const journal = journalIn(dir)
    const shipper = shipping(dir, journal)
    talkIn(journal, id).close()
    journal.commit()
    assert.equal((await world.statements(id, 3)).length, 3)
    assert.equal(await shipper.stop(), true)
    journal.close()
    assert.deepEqual(readdirSync(dir).sort(), [
      '000000000001.journal.damaged',
      '000000000002.journal.damaged',
      '000000000003.journal',
      'open-statements',
    ])
  })
})
