import type { Decode } from './body.ts'

/** client_encoding names (manual, "Character Set Support") to WHATWG labels. */
const LABELS: Readonly<Record<string, string>> = {
  BIG5: 'big5',
  EUC_CN: 'gbk',
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
  GB18030: 'gb18030',
  GBK: 'gbk',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'windows-1254',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  SJIS: 'shift_jis',
  UHC: 'euc-kr',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
}

/** Those that Node can't read; as UTF-8, some of their bytes would be other characters. */
const UNREADABLE: ReadonlySet<string> = new Set([
  'EUC_JIS_2004',
  'EUC_TW',
  'JOHAB',
  'LATIN10',
  'MULE_INTERNAL',
  'SHIFT_JIS_2004',
])

/** In these the second byte of a character may look like ASCII, a backslash among it. */
const HALF_ASCII: ReadonlySet<string> = new Set([
  'BIG5',
  'GB18030',
  'GBK',
  'JOHAB',
  'SHIFT_JIS_2004',
  'SJIS',
  'UHC',
])
const HIGH = 0x80
/** No quote is found there, in any of them. */
const HALF_FROM = 0x40
const REPLACED = '\ufffd'
/** A cut can leave so many bytes of a character. */
const HALF_MOST = 3

/**
 * How to read text of a connection whose ParameterStatus reported this client_encoding. Bytes that are
 * no text there are shown as `\xNN`, so that what differs is never recorded alike. SQL_ASCII, and names
 * that PostgreSQL does not have, are read as UTF-8. Takes any name.
 */
export function decoderOf(clientEncoding: string): Decode {
  const name = clientEncoding.toUpperCase()
  if (name === 'LATIN1') return (bytes, start, end) => bytes.toString('latin1', start, end)
  const escape = HALF_ASCII.has(name) ? escapePairs : escapeHigh
  if (UNREADABLE.has(name)) return escape
  const decoder = decoderLabelled(LABELS[name])
  if (decoder) return (bytes, start, end) => decodeWith(decoder, escape, { bytes, start, end })
  return Object.hasOwn(LABELS, name) ? escape : decodeUtf8OrEscape
}

type Decoder = InstanceType<typeof TextDecoder>

/** Undefined where this Node was built without it. */
function decoderLabelled(label: string | undefined): Decoder | undefined {
  if (label === undefined) return undefined
  try {
    return new TextDecoder(label)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

interface Range {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

function decodeWith(decoder: Decoder, escape: Decode, { bytes, start, end }: Range): string {
  const text = decoder.decode(bytes.subarray(start, end))
  if (!text.includes(REPLACED)) return text
  // the usual reason is a text that was cut in the middle of its last character
  for (let half = 1; half <= Math.min(HALF_MOST, end - start); half += 1) {
    const shorter = decoder.decode(bytes.subarray(start, end - half))
    if (!shorter.includes(REPLACED)) return shorter + escapeHigh(bytes, end - half, end)
  }
  return escape(bytes, start, end)
}

const decodeUtf8OrEscape: Decode = (bytes, start, end) => {
  const text = bytes.toString('utf8', start, end)
  return text.includes(REPLACED) ? escapeNotUtf8(bytes, start, end) : text
}

function escapeNotUtf8(bytes: Buffer, start: number, end: number): string {
  const text = Buffer.allocUnsafe((end - start) * ESCAPED_BYTES)
  let length = 0
  for (let at = start; at < end;) {
    const whole = lengthOfUtf8(bytes, at, end)
    if (whole === 0) length = putEscaped(text, length, bytes[at] ?? 0)
    for (let next = 0; next < whole; next += 1) text[length + next] = bytes[at + next] ?? 0
    length += whole
    at += Math.max(whole, 1)
  }
  return text.toString('utf8', 0, length)
}

/** Of the character that begins here (Unicode, table 3-7); 0 where none does. */
function lengthOfUtf8(bytes: Buffer, at: number, end: number): number {
  const first = bytes[at] ?? 0
  if (first < HIGH) return 1
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (at + length > end) return 0
  for (let next = 1; next < length; next += 1) {
    if (((bytes[at + next] ?? 0) & 0xc0) !== HIGH) return 0
  }
  const second = bytes[at + 1] ?? 0
  if (first === 0xe0 && second < 0xa0) return 0
  if (first === 0xed && second > 0x9f) return 0
  if (first === 0xf0 && second < 0x90) return 0
  if (first === 0xf4 && second > 0x8f) return 0
  return length
}

const escapeHigh: Decode = (bytes, start, end) => escapeBytes({ bytes, start, end }, 0x100)
const escapePairs: Decode = (bytes, start, end) => escapeBytes({ bytes, start, end }, HALF_FROM)

/** ASCII stays; behind another byte, only what is below `halfFrom`. */
function escapeBytes({ bytes, start, end }: Range, halfFrom: number): string {
  const text = Buffer.allocUnsafe((end - start) * ESCAPED_BYTES)
  let length = 0
  let isHalf = false
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0
    const isSecond: boolean = isHalf && byte >= halfFrom
    isHalf = byte >= HIGH && !isSecond
    if (byte >= HIGH || isSecond) length = putEscaped(text, length, byte)
    else {
      text[length] = byte
      length += 1
    }
  }
  return text.toString('latin1', 0, length)
}

/** `\xNN`; returns where the next one goes. */
function putEscaped(text: Buffer, at: number, byte: number): number {
  text[at] = BACKSLASH
  text[at + 1] = LETTER_X
  text[at + 2] = HEX[byte >> 4] ?? 0
  text[at + 3] = HEX[byte & 0xf] ?? 0
  return at + ESCAPED_BYTES
}

const ESCAPED_BYTES = 4
const BACKSLASH = 0x5c
const LETTER_X = 0x78
const HEX = Buffer.from('0123456789abcdef')
