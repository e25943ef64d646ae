import assert from 'node:assert/strict'
import { NO_FILTER } from '../../db/audit-filter.ts'
import { parsePlace, placeText } from '../../portal/forms/audit-cursor.ts'
import { readAuditForm, readDownloadChoice } from '../../portal/forms/audit-filter.ts'
import { listMeanings, readInstant } from '../../portal/forms/instants.ts'
import { auditHref, queryPairs } from '../../portal/presenters/audit-query.ts'
import { instant } from '../support/trail.ts'

const ZONES = { central: 'Europe/Warsaw' }

describe('an instant that a person wrote', () => {
  const read = (text: string, zone = 'Europe/Warsaw', day: 'first' | 'last' = 'first'): string => {
    const reading = readInstant(text, { zone, day })
    return reading.ok ? reading.value.toISO() : reading.sentence
  }

  for (const [text, expected] of [
    ['2026-11-23T10:00', '2026-11-23T09:00:00.000Z'],
    ['2026-11-23 10:00', '2026-11-23T09:00:00.000Z'],
    ['2026-07-01T10:00:05.5', '2026-07-01T08:00:05.500Z'],
    ['2026-11-23T10:00:00Z', '2026-11-23T10:00:00.000Z'],
    ['2026-11-23T10:00:00.123+05:30', '2026-11-23T04:30:00.123Z'],
    ['2026-11-23T10:00+0530', '2026-11-23T04:30:00.000Z'],
    ['2026-11-23T10:00 01:00', '2026-11-23T09:00:00.000Z'],
    ['2026-11-23T10:00-03', '2026-11-23T13:00:00.000Z'],
    ['2026-10-25T02:30+02:00', '2026-10-25T00:30:00.000Z'],
    ['2026-10-25T02:30+01:00', '2026-10-25T01:30:00.000Z'],
    ['2026-10-25T01:59', '2026-10-24T23:59:00.000Z'],
    ['2026-10-25T03:00', '2026-10-25T02:00:00.000Z'],
    ['2026-11-23', '2026-11-22T23:00:00.000Z'],
    [' 2024-02-29 00:00 ', '2024-02-28T23:00:00.000Z'],
  ] as const) {
    it(`reads "${text}" in Warsaw as ${expected}`, () => assert.equal(read(text), expected))
  }

  it('takes a day alone to its last millisecond where it is an end', () => {
    assert.equal(read('2026-11-23', 'Europe/Warsaw', 'last'), '2026-11-23T22:59:59.999Z')
    // 25 hours long
    assert.equal(read('2026-10-25', 'Europe/Warsaw', 'last'), '2026-10-25T22:59:59.999Z')
  })

  it('starts a day where the zone has no midnight', () => {
    assert.equal(read('2018-11-04', 'America/Sao_Paulo'), '2018-11-04T03:00:00.000Z')
  })

  it('asks back a local time that does not exist', () => {
    assert.match(read('2026-03-29T02:30'), /2026-03-29 02:30 does not exist in Europe\/Warsaw/)
    assert.match(read('2018-11-04T00:30', 'America/Sao_Paulo'), /does not exist/)
  })

  it('asks back a local time that exists twice, and says what a field without offsets takes', () => {
    const sentence = read('2026-10-25T02:30')
    assert.match(sentence, /comes twice in Europe\/Warsaw/)
    const offered = /choose UTC .* write (.+) or (.+)\.$/.exec(sentence)?.slice(1) ?? []
    assert.deepEqual(
      offered.map((text) => read(text, 'utc')),
      ['2026-10-25T00:30:00.000Z', '2026-10-25T01:30:00.000Z'],
    )
    // half an hour back only
    assert.match(read('2026-04-05T01:45', 'Australia/Lord_Howe'), /comes twice/)
  })

  it('knows both meanings of such a time, the earlier first, and none of any other', () => {
    const meanings = (text: string, zone: string) =>
      listMeanings(text, zone).map((at) => at.toISO({ suppressMilliseconds: true }))

    assert.deepEqual(meanings('2026-10-25T02:30', 'Europe/Warsaw'), [
      '2026-10-25T02:30:00+02:00',
      '2026-10-25T02:30:00+01:00',
    ])
    assert.deepEqual(meanings('2026-04-05T01:45', 'Australia/Lord_Howe'), [
      '2026-04-05T01:45:00+11:00',
      '2026-04-05T01:45:00+10:30',
    ])
    for (const text of ['2026-10-25T03:30', '2026-03-29T02:30', '2026-10-25T02:30Z', 'soon', '']) {
      assert.deepEqual(meanings(text, 'Europe/Warsaw'), [], text)
    }
  })

  for (const text of [
    'yesterday',
    '2026-13-01',
    '2026-02-30',
    '2025-02-29T10:00',
    '2026-11-23T24:00',
    '2026-11-23T10:60',
    '2026-11-23T10',
    '23.11.2026',
    '0000-01-01',
    '99999-01-01T00:00',
    '2026-11-23T10:00+99:00',
    "2026-11-23' --",
  ]) {
    it(`refuses "${text}" with what to write instead`, () => {
      assert.match(read(text), /Write a date and time such as/)
    })
  }
})

describe('the query of the Audit tab', () => {
  it('is the default view when it is empty', () => {
    const form = readAuditForm({}, ZONES)
    assert.deepEqual(form.filter, NO_FILTER)
    assert.deepEqual(form.mistakes, {})
    assert.deepEqual(form.zone, { choice: 'central', name: 'Europe/Warsaw' })
  })

  it('ignores names it does not know', () => {
    const query = { nonsense: '1', constructor: 'x', __proto__: { actor: 'x' } }
    assert.deepEqual(readAuditForm(query, ZONES).filter, NO_FILTER)
  })

  it('reads every filter', () => {
    const form = readAuditForm(
      {
        view: 'all',
        since: '2026-11-23T10:00',
        until: '2026-11-23T11:00',
        session: '68',
        state: ['CREATED', 'denied'],
        scope: 'Role',
        action: 'a',
        actor: 'b',
        requester: 'c',
        role: 'd',
        username: 'e',
        dataSource: 'f',
        clientIp: 'g',
        subject: 'j',
        company: 'k',
        accountId: 'l',
        area: ['Data sources', 'users'],
        reason: 'h',
        q: ' i ',
        zone: 'Asia/Kolkata',
      },
      ZONES,
    )
    assert.deepEqual(form.mistakes, {})
    assert.deepEqual(form.filter, {
      view: 'all',
      since: instant('2026-11-23T04:30:00Z'),
      until: instant('2026-11-23T05:30:00Z'),
      session: '68',
      states: ['CREATED', 'DENIED'],
      scope: 'role',
      action: 'a',
      actions: [],
      areas: ['data sources', 'users'],
      actor: 'b',
      requester: 'c',
      role: 'd',
      username: 'e',
      dataSource: 'f',
      clientIp: 'g',
      subject: 'j',
      company: 'k',
      accountId: 'l',
      reason: 'h',
      q: 'i',
    })
  })

  it('takes states with commas too', () => {
    assert.deepEqual(readAuditForm({ state: 'GRANTED,EXPIRED' }, ZONES).filter.states, [
      'GRANTED',
      'EXPIRED',
    ])
  })

  it('says what is wrong at each field, keeps what was typed, and narrows by the others', () => {
    const form = readAuditForm(
      {
        since: 'soon',
        session: '68x',
        state: ['DONE', 'GRANTED'],
        scope: 'both',
        view: 'none',
        zone: 'Mars/Base',
        cursor: '!!',
        q: 'x'.repeat(201),
        actor: 'john',
      },
      ZONES,
    )
    assert.deepEqual(Object.keys(form.mistakes).sort(), [
      'cursor',
      'q',
      'scope',
      'session',
      'since',
      'state',
      'view',
      'zone',
    ])
    assert.equal(form.typed.since, 'soon')
    assert.deepEqual(form.filter, { ...NO_FILTER, states: ['GRANTED'], actor: 'john' })
  })

  it('refuses an end before its start, and keeps the start', () => {
    const form = readAuditForm({ since: '2026-11-23T11:00', until: '2026-11-23T10:59' }, ZONES)
    assert.match(form.mistakes['until'] ?? '', /before Since/)
    assert.deepEqual(form.filter.since, instant('2026-11-23T10:00:00Z'))
    assert.equal(form.filter.until, null)
    const equal = readAuditForm({ since: '2026-11-23T11:00', until: '2026-11-23T11:00' }, ZONES)
    assert.deepEqual(equal.mistakes, {})
  })

  it('compares start and end as instants, not as text', () => {
    const query = { since: '2026-10-25T02:30+02:00', until: '2026-10-25T02:10+01:00' }
    assert.deepEqual(readAuditForm(query, ZONES).mistakes, {})
  })

  it('reads the same selection out of its own link, in any zone', () => {
    for (const zone of ['central', 'utc', 'America/St_Johns']) {
      const query = {
        since: '2026-10-25T01:30+01:00',
        state: ['DENIED', 'EXPIRED'],
        q: 'a&b=c+d %',
        zone,
        view: 'all',
      }
      const form = readAuditForm(query, ZONES)
      assert.deepEqual(form.mistakes, {})
      const link = new URL(auditHref(queryPairs(form)), 'http://localhost')
      const again: Record<string, string | string[]> = {}
      for (const name of link.searchParams.keys()) {
        const values = link.searchParams.getAll(name)
        again[name] = values.length > 1 ? values : (values[0] ?? '')
      }
      assert.deepEqual(readAuditForm(again, ZONES).filter, form.filter)
      assert.equal(readAuditForm(again, ZONES).zone.choice, form.zone.choice)
    }
  })

  it('takes its own cursors back, and nothing else for one', () => {
    const place = { at: instant('2026-11-23T10:00:00.123Z'), seq: '42', position: 100 }
    assert.deepEqual(parsePlace(placeText(place)), place)
    const forged = (text: string): string => Buffer.from(text).toString('base64url')
    for (const text of [
      '',
      '....',
      forged('1.2'),
      forged('1.0.1'),
      forged("1.2'.3"),
      forged('99999999999999.1.1'),
    ]) {
      assert.equal(parsePlace(text), undefined)
    }
  })

  it('includes filters in a download only where asked for', () => {
    assert.equal(readDownloadChoice({}).includeFilters, false)
    assert.equal(readDownloadChoice({ includeFilters: 'true' }).includeFilters, true)
    assert.equal(readDownloadChoice({ format: 'jsonl' }).format, 'jsonl')
    assert.deepEqual(
      Object.keys(readDownloadChoice({ format: 'xls', includeFilters: '1' }).mistakes),
      ['format', 'includeFilters'],
    )
  })
})
