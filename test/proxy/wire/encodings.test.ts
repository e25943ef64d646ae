import assert from 'node:assert/strict'
import { decoderOf } from '../../../proxy/wire/encodings.ts'
import { bestOf } from '../../support/best-of.ts'

/** Every client_encoding there is (manual, "Character Set Support"). */
const NAMES = [
  ...['BIG5', 'EUC_CN', 'EUC_JP', 'EUC_JIS_2004', 'EUC_KR', 'EUC_TW', 'GB18030', 'GBK'],
  ...['ISO_8859_5', 'ISO_8859_6', 'ISO_8859_7', 'ISO_8859_8', 'JOHAB', 'KOI8R', 'KOI8U'],
  ...['LATIN1', 'LATIN2', 'LATIN3', 'LATIN4', 'LATIN5', 'LATIN6', 'LATIN7', 'LATIN8', 'LATIN9'],
  ...['LATIN10', 'MULE_INTERNAL', 'SJIS', 'SHIFT_JIS_2004', 'SQL_ASCII', 'UHC', 'UTF8', 'WIN866'],
  ...['WIN874', 'WIN1250', 'WIN1251', 'WIN1252', 'WIN1253', 'WIN1254', 'WIN1255', 'WIN1256'],
  ...['WIN1257', 'WIN1258'],
]

function decoded(name: string, bytes: readonly number[]): string {
  return decoderOf(name)(Buffer.from(bytes), 0, bytes.length)
}

describe('proxy/wire/encodings', () => {
  it('reads text in the encodings that PostgreSQL names', () => {
    for (const [name, bytes, text] of [
      ['UTF8', [0xc3, 0xa9], 'é'],
      ['UTF8', [0xef, 0xbf, 0xbd, 0xf0, 0x9f, 0x8e, 0x88], '\ufffd🎈'],
      ['LATIN1', [0xe9, 0x80], 'é\u0080'],
      ['LATIN5', [0xf0, 0xfd], 'ğı'],
      ['SJIS', [0x83, 0x5c], 'ソ'],
      ['WIN1251', [0xe9], 'й'],
      ['SQL_ASCII', [0x61], 'a'],
      ['sql_ascii', [0x61, 0xc3, 0xa9], 'aé'],
    ] as const) {
      assert.equal(decoded(name, bytes), text, name)
    }
  })

  it('reads with every name that a server can report, and with any other', () => {
    for (const name of [...NAMES, '', 'klingon', 'constructor', '__proto__']) {
      assert.equal(decoded(name, [...Buffer.from(`select 'it''s'`)]), `select 'it''s'`, name)
    }
  })

  it('records different bytes as different texts, whatever the encoding', () => {
    for (const name of NAMES) {
      const texts = new Map<string, number>()
      for (let byte = 0x80; byte <= 0xff; byte += 1) {
        // a blank begins no second half
        const text = decoded(name, [0x27, byte, 0x20, 0x27])
        assert.equal(texts.get(text), undefined, `${name}: ${byte} is ${text}`)
        texts.set(text, byte)
      }
    }
  })

  it('shows bytes that are no text there by their numbers, and all others as they are', () => {
    for (const [name, bytes, text] of [
      ['UTF8', [0x61, 0xff, 0xc3, 0xa9, 0xed, 0xa0, 0x80, 0x62], 'a\\xffé\\xed\\xa0\\x80b'],
      [
        'UTF8',
        [0xc0, 0xaf, 0xe0, 0x80, 0xaf, 0xf4, 0x90, 0x80, 0x80],
        '\\xc0\\xaf\\xe0\\x80\\xaf\\xf4\\x90\\x80\\x80',
      ],
      ['SQL_ASCII', [0x63, 0xe9], 'c\\xe9'],
      ['LATIN10', [0x61, 0xe9], 'a\\xe9'],
      // cut in the middle of a character
      ['SJIS', [0x83, 0x5c, 0x83], 'ソ\\x83'],
      ['UTF8', [0xc3, 0xa9, 0xe2, 0x82], 'é\\xe2\\x82'],
      ['EUC_TW', [0x27, 0xc4, 0xe3, 0x27], "'\\xc4\\xe3'"],
    ] as const) {
      assert.equal(decoded(name, bytes), text, name)
    }
  })

  it('leaves no half of a character that would be read as a backslash or a letter', () => {
    assert.equal(decoded('SHIFT_JIS_2004', [0x27, 0x83, 0x5c, 0x27]), "'\\x83\\x5c'")
    assert.equal(decoded('JOHAB', [0x84, 0x41, 0x84, 0x41, 0x41]), '\\x84\\x41\\x84\\x41A')
    assert.equal(decoded('SJIS', [0xff, 0x20, 0x83, 0x5c, 0x27]), "\\xff \\x83\\x5c'")
  })

  it('reads a million bytes that are no text in no time', async () => {
    const bytes = Buffer.alloc(1024 * 1024, 0xff)
    const best = await bestOf(1_000, () => {
      const began = performance.now()
      for (const name of ['UTF8', 'SJIS', 'JOHAB']) decoderOf(name)(bytes, 0, bytes.length)
      return Promise.resolve(performance.now() - began)
    })
    assert.ok(best < 1_000, `${String(best)} ms`)
  })
})
