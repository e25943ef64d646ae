import assert from 'node:assert/strict'
import { foldText, LINE, PARAGRAPH } from '../../portal/presenters/folded.ts'
import { lengthText, minutesText } from '../../portal/presenters/moments.ts'

describe('a long text', () => {
  const words = (count: number): string =>
    Array.from({ length: count }, (_, place) => `word${String(place)}`).join(' ')

  it('is folded between words, and nothing of it is lost', () => {
    for (const text of [words(90), words(400), `${words(30)}\n\n  1. ${words(200)}`]) {
      const { beginning, rest, restText } = foldText(text, PARAGRAPH)
      assert.ok(beginning.length <= PARAGRAPH.characters)
      assert.ok(rest.length > 0)
      assert.match(restText, /^The rest, [\d,]+ characters more$/)
      assert.equal(`${beginning} ${rest}`.replace(/\s+/g, ' '), text.replace(/\s+/g, ' '))
    }
  })

  it('is left alone where it is short, and where hardly anything would be folded', () => {
    for (const text of ['', 'ticket 7', words(50), `${'x'.repeat(PARAGRAPH.characters)} the end`]) {
      assert.deepEqual(foldText(text, PARAGRAPH), { beginning: text, rest: '', restText: '' })
    }
  })

  it('is one line where there is room for one', () => {
    const { beginning, rest } = foldText('INC-7\nsteps: one', LINE)
    assert.deepEqual([beginning, rest], ['INC-7', 'steps: one'])
    assert.equal(foldText(words(100), LINE).beginning.includes('\n'), false)
  })

  it('is cut within no character, even where it has no words', () => {
    const family = '\u{1F468}\u200d\u{1F469}\u200d\u{1F467}'
    for (const before of Array.from({ length: 12 }, (_, place) => place)) {
      const text = 'x'.repeat(before) + family.repeat(200)
      const { beginning, rest } = foldText(text, LINE)
      assert.equal(beginning + rest, foldText(text, WHOLE).beginning)
      assert.equal((beginning.length - before) % foldText(family, WHOLE).beginning.length, 0)
    }
  })

  const WHOLE = { characters: 1_000_000, lines: 1_000_000 }
})

describe('a length', () => {
  for (const [milliseconds, expected] of [
    [45_000, '45 s'],
    [30 * 60_000, '30 min'],
    [60 * 60_000, '1 h'],
    [65 * 60_000, '1 h 05 min'],
    [480 * 60_000, '8 h'],
    [48 * 3_600_000, '2 d'],
    [51 * 3_600_000, '2 d 3 h'],
  ] as const) {
    it(`is written as ${expected}`, () => {
      assert.equal(lengthText(milliseconds), expected)
      if (milliseconds >= 60_000) assert.equal(minutesText(milliseconds / 60_000), expected)
    })
  }
})
