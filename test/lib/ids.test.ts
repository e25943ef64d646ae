import assert from 'node:assert/strict'
import { isUuid, parseSessionId, uuidv7 } from '../../lib/ids.ts'

describe('ids', () => {
  it('takes a session id in plain decimal', () => {
    assert.equal(parseSessionId('68'), '68')
    assert.equal(parseSessionId('9'.repeat(18)), '9'.repeat(18))
  })

  it('refuses every other spelling of a session id', () => {
    const wrong = [
      '',
      '0',
      '068',
      '+68',
      '-1',
      ' 68',
      '68 ',
      '6e1',
      '0x44',
      '6.8',
      '٦٨',
      '9'.repeat(19),
    ]
    for (const text of wrong) assert.equal(parseSessionId(text), undefined, JSON.stringify(text))
  })

  it('makes UUIDs of version 7 that sort by their time', () => {
    const early = uuidv7(Date.parse('2026-11-23T00:00:00Z'))
    const late = uuidv7(Date.parse('2026-11-23T00:00:01Z'))
    assert.ok(early < late)
    assert.match(early, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.ok(isUuid(early))
    assert.equal(
      Number.parseInt(early.replaceAll('-', '').slice(0, 12), 16),
      Date.parse('2026-11-23T00:00:00Z'),
    )
  })

  it('makes no UUID twice in one millisecond', () => {
    assert.equal(new Set(Array.from({ length: 10_000 }, () => uuidv7(1))).size, 10_000)
  })
})
