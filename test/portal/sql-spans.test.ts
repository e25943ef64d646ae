import assert from 'node:assert/strict'
import fc from 'fast-check'
import { visibleLines } from '../../lib/visible.ts'
import { foldSql, markFound, sqlSpans, type SqlSpan } from '../../portal/presenters/sql-spans.ts'

describe('SQL in colours', () => {
  it('tells keywords, constants, names, numbers and comments apart', () => {
    const spans = sqlSpans(`select "from", 'it''s' -- from\nfrom t where n = $1 and (m)<(1.5e3)`)
    const of = (kind: SqlSpan['kind']) =>
      spans.filter((span) => span.kind === kind).map(({ text }) => text)
    assert.deepEqual(of('keyword'), ['select', 'from', 'where', 'and'])
    assert.deepEqual(of('string'), ["'it''s'"])
    assert.deepEqual(of('name'), ['"from"'])
    assert.deepEqual(of('number'), ['$1', '1.5e3'])
    assert.deepEqual(of('comment'), ['-- from'])
  })

  it('takes a function body for one constant, and an unfinished comment for the rest', () => {
    assert.deepEqual(kindsOf('do $x$ begin; end $x$'), ['keyword', 'plain', 'string'])
    assert.deepEqual(kindsOf('/* a /* b */ select'), ['comment'])
  })

  it('loses no character, and shows those that hide, wherever it is divided', () => {
    const piece = fc.constantFrom(
      'select ',
      "'",
      '"',
      '$$',
      '--',
      '/*',
      '*/',
      '\u202e',
      '\n',
      '\u0000',
      'مدينة',
      '北京',
      '👩‍💻',
      'e\u0301',
    )
    const texts = fc.array(piece).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 20 }), (text, characters) => {
        const spans = sqlSpans(text)
        assert.equal(textOf(spans), visibleLines(text))
        const { beginning, rest } = foldSql(spans, { characters, lines: 2 })
        assert.equal(textOf(beginning) + textOf(rest), visibleLines(text))
      }),
    )
  })

  it('folds what is long or has many lines, and not for a little more', () => {
    const fold = { characters: 100, lines: 3 }
    assert.deepEqual(foldSql(sqlSpans('x'.repeat(120)), fold).rest, [])
    const { beginning, rest } = foldSql(sqlSpans('x'.repeat(1_000)), fold)
    assert.deepEqual([textOf(beginning).length, textOf(rest).length], [100, 900])
    assert.equal(textOf(foldSql(sqlSpans('a\nb\nc\nd\ne\nf\ng'), fold).beginning), 'a\nb\nc')
  })

  it('marks what was searched for, in any case, over the ends of spans, and literally', () => {
    const found = (text: string, sought: string) =>
      textOf(markFound(sqlSpans(text), sought).filter(({ isFound }) => isFound))
    assert.equal(found('select 1 FROM t', 'From T'), 'FROM t')
    assert.equal(found("select 'a.c', 'abc'", 'a.c'), 'a.c')
    assert.equal(found('select $1, $2', '$1'), '$1')
    assert.equal(found("select 'ЖАР', 'жар'", 'жар'), 'ЖАРжар')
    const piece = fc.constantFrom('a', 'A', '.', '(', '[', '\\', '-', '\u202e', '👩', "'", ' ')
    const texts = fc.array(piece).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(texts, texts, (text, sought) => {
        assert.equal(textOf(markFound(sqlSpans(text), sought)), visibleLines(text))
      }),
    )
  })

  it('reads a text of 100 kB in a moment, however hostile', () => {
    for (const text of ['/*'.repeat(50_000), "'".repeat(100_001), '$a$b'.repeat(25_000)]) {
      const began = performance.now()
      assert.equal(textOf(sqlSpans(text)), text)
      assert.equal(textOf(markFound(sqlSpans(text), text.charAt(0))), text)
      assert.ok(performance.now() - began < 2_000)
    }
  })
})

function kindsOf(text: string): string[] {
  return sqlSpans(text).map(({ kind }) => kind)
}

function textOf(spans: readonly SqlSpan[]): string {
  return spans.map(({ text }) => text).join('')
}
