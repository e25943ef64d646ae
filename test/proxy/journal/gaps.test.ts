import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serialize as serializeV8 } from 'node:v8'
import { crc32 } from 'node:zlib'
import { serialize } from 'pg-protocol'
import { watch } from '../../../broker/scheduling/watch.ts'
import { rows } from '../../../db/store.ts'
import { silentLog } from '../../../lib/log.ts'
import { publicBytesOf } from '../../../lib/seal.ts'
import { EVENT, EVENT_HEAD_BYTES, SCREENED } from '../../../proxy/journal/events.ts'
import type { Journal } from '../../../proxy/journal/journal.ts'
import {
  encodeSegmentHead,
  keyStream,
  makeSegmentKey,
} from '../../../proxy/journal/segment-head.ts'
import { Segments } from '../../../proxy/journal/segments.ts'
import { readSnapshot } from '../../../proxy/journal/snapshot.ts'
import { ANSWER, Conversation } from '../../support/conversation.ts'
import { flipBit, segmentsIn, ShippingRoom } from '../../support/shipping-room.ts'
import { until } from '../../support/until.ts'
import { message } from '../../support/wire-messages.ts'

const REFUSED = message('E', 'SERROR\0C42501\0Mpermission denied\0\0')
const DAMAGED = '[a part of the recording is missing here: it was damaged on the disk of the proxy]'
const HIDDEN = '[the recording up to here is missing: it was damaged on the disk of the proxy]'
const FAILED = '[a part of the recording is missing here: the proxy failed to read it]'

describe('gaps in a recording', () => {
  let room: ShippingRoom

  before(async () => {
    room = await ShippingRoom.make()
  })
  after(() => room.close())

  /** Where the last group ends. */
  function sizeOf(folder: string): number {
    return statSync(join(folder, segmentsIn(folder).at(-1) ?? '')).size
  }

  /** Writes what is said as one group, and damages it. */
  function damage(folder: string, journal: Journal, say: () => void): void {
    journal.commit()
    const path = join(folder, segmentsIn(folder).at(-1) ?? '')
    const before = sizeOf(folder)
    say()
    journal.commit()
    flipBit(path, before + 40)
  }

  it('stand in the recording of everyone who was connected, and in the trail, once', async () => {
    const folder = room.folder()
    const [one, two] = [await room.world.grant(), await room.world.grant()]
    const journal = room.journalIn(folder)
    const talk = new Conversation(journal, { session: one.id })
    const other = new Conversation(journal, { session: two.id })
    talk.query('select 1')
    damage(folder, journal, () => talk.query('select 2'))
    talk.query('select 3').close()
    other.close()
    journal.commit()
    let losses = 2
    const { missing } = room.deps(folder)
    const shipper = room.shipping(folder, journal, {
      missing: async (gaps) => {
        await missing(gaps)
        losses -= 1
        if (losses >= 0) throw new Error('connection reset')
      },
    })
    assert.deepEqual(await room.shown(one.id, 3), [
      [1, 'simple', 'select 1', 'ok'],
      [2, 'gap', DAMAGED, 'unknown'],
      [3, 'simple', 'select 3', 'unknown'],
    ])
    assert.deepEqual(await room.shown(two.id, 1), [[1, 'gap', DAMAGED, 'unknown']])
    await until('the end of it', () => Promise.resolve(losses < 0))
    assert.equal(await shipper.stop(), true)
    journal.close()

    const told = await room.gaps()
    assert.deepEqual(
      told.map(({ session }) => session),
      [one.id, two.id, null],
    )
    const alerts = await room.alerts()
    assert.deepEqual(
      alerts.map(({ rule, session }) => [rule, session]),
      [one.id, two.id, null].map((session) => ['recording_gap', session]),
    )
    assert.match(
      alerts[0]?.detail ?? '',
      /^A part of the recording of session [0-9]+ on shop is missing/,
    )
    const [ofOne, , ofNobody] = told
    assert.deepEqual([ofOne?.details['number'], ofOne?.details['missing']], ['2', DAMAGED])
    assert.match(ofOne?.details['since'] ?? '', /^2026-05-28T20:26:40\.00[0-9]Z$/)
    assert.equal(ofNobody?.details['file'], '000000000001.journal')
    assert.match(ofNobody.details['bytes'] ?? '', /^[1-9][0-9]+$/)
  })

  it('are told of for a week', async () => {
    const { store } = room.world
    const look = async (days: number) => {
      await rows(store.db, `update alerts set seen_at = now() - make_interval(days => :days)`, {
        days,
      })
      await watch({ store, log: silentLog })
      return (await room.alerts()).filter(({ open }) => open).length
    }
    const before = await look(6)
    assert.ok(before > 0)
    assert.equal(await look(8), 0)
    const [last] = await rows<{ why: string }>(
      store.db,
      `select cast(body as jsonb) #>> '{details,why}' as why
         from records
        where action = 'alert.resolved'
        limit 1`,
    )
    assert.equal(last?.why, 'it was told of for 7 days; the gap itself stays')
  })

  it('end what was asked behind them as unknown until nothing is outstanding', async () => {
    const folder = room.folder()
    const { id } = await room.world.grant()
    const journal = room.journalIn(folder)
    const talk = new Conversation(journal, { session: id })
    talk.query('select 1')
    damage(folder, journal, () => talk.ask(serialize.query('select 2')))
    // sent before the answer to the one that is lost
    talk.ask(serialize.query('update goods set price = 0'))
    talk.answer(ANSWER.row, ANSWER.done('SELECT 1'), ANSWER.ready)
    talk.ask(serialize.query('select 3'))
    talk.answer(REFUSED, ANSWER.ready).answer(ANSWER.row, ANSWER.done('SELECT 1'), ANSWER.ready)
    talk.query('select 4').close()
    journal.commit()
    const shipper = room.shipping(folder, journal)
    assert.deepEqual(await room.shown(id, 5), [
      [1, 'simple', 'select 1', 'ok'],
      [2, 'gap', DAMAGED, 'unknown'],
      [3, 'simple', 'update goods set price = 0', 'unknown'],
      [4, 'simple', 'select 3', 'unknown'],
      [5, 'simple', 'select 4', 'ok'],
    ])
    assert.equal(await shipper.stop(), true)
    journal.close()
  })

  it('knows what was prepared in front of them and behind', async () => {
    const folder = room.folder()
    const { id } = await room.world.grant()
    const journal = room.journalIn(folder)
    const talk = new Conversation(journal, { session: id })
    const prepare = (name: string) => [
      serialize.parse({ name, text: `select '${name}'` }),
      serialize.sync(),
    ]
    const run = (statement: string) =>
      talk
        .ask(serialize.bind({ statement }), serialize.execute({}), serialize.sync())
        .answer(ANSWER.bound, ANSWER.row, ANSWER.done('SELECT 1'), ANSWER.ready)
    talk.ask(...prepare('a')).answer(ANSWER.parsed, ANSWER.ready)
    damage(folder, journal, () => talk.query('select 1'))
    talk.ask(...prepare('b')).answer(ANSWER.parsed, ANSWER.ready)
    run('a')
    run('b').close()
    journal.commit()
    const shipper = room.shipping(folder, journal)
    assert.deepEqual(await room.shown(id, 3), [
      [1, 'gap', DAMAGED, 'unknown'],
      [2, 'extended', `select 'a'`, 'ok'],
      [3, 'extended', `select 'b'`, 'ok'],
    ])
    assert.equal(await shipper.stop(), true)
    journal.close()
  })

  it('do not hide who came in them, nor keep who left', async () => {
    const folder = room.folder()
    const [one, two] = [await room.world.grant(), await room.world.grant()]
    const journal = room.journalIn(folder)
    const leaving = new Conversation(journal, { session: one.id })
    leaving.query('select 1')
    let coming: Conversation | undefined
    damage(folder, journal, () => {
      coming = new Conversation(journal, { session: two.id })
      coming.query('select 2')
      leaving.close()
    })
    coming?.query('select 3')
    journal.commit()
    journal.tidy()
    coming?.query('select 4').close()
    journal.commit()
    const shipper = room.shipping(folder, journal)
    assert.deepEqual(await room.shown(two.id, 2), [
      [1, 'gap', HIDDEN, 'unknown'],
      [2, 'simple', 'select 4', 'unknown'],
    ])
    assert.equal(await shipper.stop(), true, 'nobody is taken for connected')
    journal.close()
  })

  it('are as small as can be where an event is none: the others in its group are read', async () => {
    const folder = room.folder()
    const [one, two] = [await room.world.grant(), await room.world.grant()]
    const journal = room.journalIn(folder)
    const other = new Conversation(journal, { session: two.id })
    const talk = new Conversation(journal, { session: one.id })
    other.query('select 1')
    talk.query('select 2')
    journal.begin(2, EVENT.client, 1_780_000_000_100)
    journal.putHeader(SCREENED, 2)
    journal.put(Buffer.from('{x'), 0, 2)
    journal.end()
    other.query('select 3').close()
    talk.query('select 4').query('select 5').close()
    journal.commit()
    journal.tidy()
    const shipper = room.shipping(folder, journal)
    assert.deepEqual(await room.shown(two.id, 2), [
      [1, 'simple', 'select 1', 'ok'],
      [2, 'simple', 'select 3', 'ok'],
    ])
    assert.deepEqual(
      (await room.shown(one.id, 4)).map(([number, , text, outcome]) => [number, text, outcome]),
      [
        [1, 'select 2', 'ok'],
        [3, 'select 4', 'unknown'],
        [4, 'select 5', 'ok'],
        [2, FAILED, 'unknown'],
      ],
    )
    await until('the file to be kept', () =>
      Promise.resolve(readdirSync(folder).includes('000000000001.journal.damaged')),
    )
    assert.equal(await shipper.stop(), true)
    journal.close()
  })

  it('are none where a client changes to an encoding that Node does not know', async () => {
    const folder = room.folder()
    const [one, two] = [await room.world.grant(), await room.world.grant()]
    const journal = room.journalIn(folder)
    const talk = new Conversation(journal, { session: one.id })
    const other = new Conversation(journal, { session: two.id })
    talk.ask(serialize.query('set client_encoding = LATIN10'))
    talk.answer(message('S', 'client_encoding\0LATIN10\0'), ANSWER.done('SET'), ANSWER.ready)
    other.query('select 1').close()
    talk.ask(message('Q', Buffer.from([0x27, 0xe9, 0x27, 0])))
    talk.answer(ANSWER.done('SELECT 1'), ANSWER.ready).close()
    journal.commit()
    const shipper = room.shipping(folder, journal)
    assert.deepEqual(await room.shown(two.id, 1), [[1, 'simple', 'select 1', 'ok']])
    assert.deepEqual((await room.shown(one.id, 2)).at(-1), [2, 'simple', `'\\xe9'`, 'ok'])
    assert.equal(await shipper.stop(), true)
    journal.close()
  })

  it('are not filled by what a client made look like a part of the journal', async () => {
    const folder = room.folder()
    const { id } = await room.world.grant()
    const journal = room.journalIn(folder)
    const talk = new Conversation(journal, { session: id })
    talk.query('select 1')
    const forged = groupOf(1, serialize.query('select forged'))
    damage(folder, journal, () =>
      talk.ask(serialize.bind({ values: [forged] }), serialize.execute({}), serialize.sync()),
    )
    talk.query('select 2').close()
    journal.commit()
    const shipper = room.shipping(folder, journal)
    assert.deepEqual(
      (await room.shown(id, 3)).map(([, , text]) => text),
      ['select 1', DAMAGED, 'select 2'],
    )
    assert.equal(await shipper.stop(), true)
    journal.close()
  })

  it('leave the damaged file, also where the thread dies before it is put out of the way', () => {
    const folder = room.folder()
    const journal = room.journalIn(folder)
    const talk = new Conversation(journal, { session: '1' })
    damage(folder, journal, () => talk.query('select 1'))
    talk.query('select 2')
    journal.commit()
    journal.tidy()
    const options = { folder, privateKey: room.key, progress: journal.progress, log: silentLog }
    const reader = { enter: () => undefined, take: () => undefined, lost: () => undefined }
    const first = new Segments(options)
    while (first.place.segment < 2 && first.read(reader));
    first.close()
    const second = new Segments(options, { segment: 2, at: 0 })
    second.removePassed()
    second.close()
    journal.close()
    assert.deepEqual(readdirSync(folder).sort(), [
      '000000000001.journal.damaged',
      '000000000002.journal',
    ])
  })

  it('stand where another version kept what was open, and where nobody can read what was', async () => {
    const folder = room.folder()
    const { id } = await room.world.grant()
    const speaker = { id: randomUUID(), session: id, organization: randomUUID() }
    const connection = {
      index: 1,
      speaker,
      number: 41,
      state: 'of another shape',
      isStrange: false,
    }
    const now = Date.parse('2026-06-01T10:00:00.000Z')
    const place = { life: randomUUID(), segment: 1, at: 0, now }
    keep(folder, { ...place, version: 0, connections: [connection] })
    const journal = room.journalIn(folder)
    const shipper = room.shipping(folder, journal)
    assert.deepEqual(await room.shown(id, 1), [
      [
        42,
        'gap',
        '[what ran here is not known: another version of the proxy had kept it]',
        'unknown',
      ],
    ])
    await shipper.stop()

    flipBit(join(folder, 'open-statements'), sizeOfSnapshot(folder) - 1)
    assert.throws(() => readSnapshot(folder, room.key), { code: 'snapshot_unreadable' })
    const before = (await room.gaps()).length
    const next = room.shipping(folder, journal)
    await until('a record', async () => (await room.gaps()).length === before + 1)
    assert.equal((await room.gaps()).at(-1)?.details['file'], 'open-statements')
    await next.stop()
    journal.close()
  })

  it('do not give a number out twice where nobody can read what was open', async () => {
    const folder = room.folder()
    const { id } = await room.world.grant()
    const journal = room.journalIn(folder)
    const talk = new Conversation(journal, { session: id })
    talk.query('select 1').query('select 2')
    journal.commit()
    const first = room.shipping(folder, journal)
    await room.shown(id, 2)
    journal.tidy()
    await until('a snapshot', () => Promise.resolve(existsSync(join(folder, 'open-statements'))))
    await first.stop()
    flipBit(join(folder, 'open-statements'), sizeOfSnapshot(folder) - 1)
    talk.query('select 3')
    journal.commit()
    let refusals = 1
    const { highestNumbers } = room.deps(folder)
    const next = room.shipping(folder, journal, {
      highestNumbers: (connections) => {
        refusals -= 1
        if (refusals === 0) return Promise.reject(new Error('connection reset'))
        return highestNumbers(connections)
      },
    })
    assert.deepEqual(await room.shown(id, 4), [
      [1, 'simple', 'select 1', 'ok'],
      [2, 'simple', 'select 2', 'ok'],
      [3, 'gap', HIDDEN, 'unknown'],
      [4, 'simple', 'select 3', 'unknown'],
    ])
    talk.close()
    journal.commit()
    await next.stop()
    journal.close()
  })

  /** A snapshot as some version wrote it. */
  function keep(folder: string, snapshot: OlderSnapshot): void {
    const key = makeSegmentKey()
    const body = serializeV8(snapshot)
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(body))
    const head = encodeSegmentHead(publicBytesOf(room.key), { life: snapshot.life, key })
    const whole = Buffer.concat([head, keyStream(key, 0).update(Buffer.concat([sum, body]))])
    writeFileSync(join(folder, 'open-statements'), whole)
  }
})

/** Of another version: with states of another shape. */
interface OlderSnapshot {
  readonly life: string
  readonly version: number
  readonly segment: number
  readonly at: number
  readonly now: number
  readonly connections: readonly object[]
}

function sizeOfSnapshot(folder: string): number {
  return readFileSync(join(folder, 'open-statements')).length
}

/** A group as the journal would hold it, guarded by a checksum that anybody can make. */
function groupOf(connection: number, messages: Buffer): Buffer {
  const event = Buffer.alloc(EVENT_HEAD_BYTES)
  event.writeUInt32BE(messages.length, 0)
  event.writeUInt32BE(connection, 4)
  event.writeUInt8(EVENT.client, 8)
  event.writeDoubleBE(1_780_000_000_100, 12)
  const payload = Buffer.concat([event, messages])
  const head = Buffer.alloc(8)
  head.writeUInt32BE(payload.length, 0)
  head.writeUInt32BE(crc32(payload), 4)
  return Buffer.concat([head, payload])
}
