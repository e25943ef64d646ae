import { decodeUtf8 } from './body.ts'
import type { Decode } from './body.ts'

/**
 * client_encoding names (manual, "Character Set Support") to WHATWG labels. Absent ones, SQL_ASCII
 * among them, are read as UTF-8, with a replacement character for what is not.
 */
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
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
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

/** How to read text of a connection whose ParameterStatus reported this client_encoding. */
export function decoderOf(clientEncoding: string): Decode {
  const name = clientEncoding.toUpperCase()
  if (name === 'LATIN1') return (bytes, start, end) => bytes.toString('latin1', start, end)
  const label = LABELS[name]
  if (label === undefined) return decodeUtf8
  const decoder = new TextDecoder(label)
  return (bytes, start, end) => decoder.decode(bytes.subarray(start, end))
}
