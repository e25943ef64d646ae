import { SocketAddress } from 'node:net'
import { readBool, readFloat4, readFloat8, readInt8, readNumeric } from './binary-numbers.ts'
import { readDate, readInterval, readTime, readTimestamp, readTimestampTz } from './binary-times.ts'
import { WireError } from '../../errors.ts'
import { Body } from '../../wire/body.ts'
import type { Decode } from '../../wire/body.ts'

type Reader = (body: Body, decode: Decode) => string

/** pg_type.dat: OIDs of built-in types never change. */
const READERS: ReadonlyMap<number, Reader> = new Map<number, Reader>([
  [16, readBool],
  [17, readBytea],
  [18, readText], // "char"
  [19, readText], // name
  [20, readInt8],
  [21, (body) => body.int16().toString()],
  [23, (body) => body.int32().toString()],
  [25, readText],
  [26, (body) => body.uint32().toString()], // oid
  [114, readText], // json
  [142, readText], // xml
  [650, readAddress], // cidr
  [700, readFloat4],
  [701, readFloat8],
  [705, readText], // unknown
  [869, readAddress], // inet
  [1042, readText], // bpchar
  [1043, readText], // varchar
  [1082, readDate],
  [1083, readTime],
  [1114, readTimestamp],
  [1184, readTimestampTz],
  [1186, readInterval],
  [1700, readNumeric],
  [2950, readUuid],
  [3802, readJsonb],
])

/** Arrays of the above; the type of their elements stands in the value itself. */
const ARRAYS: ReadonlySet<number> = new Set([
  143, 199, 651, 1000, 1001, 1002, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1028, 1041,
  1115, 1182, 1183, 1185, 1187, 1231, 2951, 3807,
])
/** MAXDIM in PostgreSQL. */
const DIMENSIONS_MOST = 6
/** What array_out puts in quotes. */
const ARRAY_QUOTED = /^$|[{}",\\\s]|^null$/i
/** PGSQL_AF_INET and PGSQL_AF_INET6 in utils/inet.h. */
const IPV4 = 2
const IPV6 = 3

/** A binary value as PostgreSQL would print it; of other types, and if malformed, hex and OID. */
export function decodeBinary(bytes: Buffer, oid: number, decode: Decode): string {
  const body = new Body(bytes)
  try {
    const text = ARRAYS.has(oid) ? readArray(body, decode) : READERS.get(oid)?.(body, decode)
    if (text === undefined) return inHex(bytes, oid)
    body.end()
    return text
  } catch (thrown) {
    if (thrown instanceof WireError) return inHex(bytes, oid)
    throw thrown
  }
}

/** How a value is shown that cannot be decoded. */
export function inHex(bytes: Buffer, oid: number): string {
  return `\\x${bytes.toString('hex')} (oid ${oid})`
}

function readText(body: Body, decode: Decode): string {
  return body.textOf(body.left, decode)
}

function readBytea(body: Body): string {
  return `\\x${body.bytes(body.left).toString('hex')}`
}

function readJsonb(body: Body, decode: Decode): string {
  if (body.uint8() !== 1) throw new WireError('jsonb of another version')
  return readText(body, decode)
}

function readUuid(body: Body): string {
  const hex = body.bytes(16).toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function readAddress(body: Body): string {
  const family = body.uint8()
  const bits = body.uint8()
  const isCidr = body.uint8() !== 0
  const address = body.bytes(body.uint8())
  if (family === IPV4 && address.length === 4) {
    return withBits(address.join('.'), { bits, isCidr, most: 32 })
  }
  if (family !== IPV6 || address.length !== 16) throw new WireError('an address of no known family')
  const groups = address.toString('hex').replace(/(.{4})(?=.)/g, '$1:')
  const short = new SocketAddress({ address: groups, family: 'ipv6' }).address
  return withBits(short, { bits, isCidr, most: 128 })
}

function withBits(text: string, shown: { bits: number; isCidr: boolean; most: number }): string {
  return shown.isCidr || shown.bits !== shown.most ? `${text}/${shown.bits}` : text
}

interface Dimension {
  readonly length: number
  readonly lower: number
}

function readArray(body: Body, decode: Decode): string {
  const count = body.int32()
  body.int32() // whether there are nulls; each says so itself
  const element = READERS.get(body.uint32())
  if (!element || count < 0 || count > DIMENSIONS_MOST) throw new WireError('an unknown array')
  const dimensions: Dimension[] = []
  for (let index = 0; index < count; index += 1) {
    dimensions.push({ length: body.int32(), lower: body.int32() })
  }
  if (dimensions.length === 0) return '{}'
  const elements = dimensions.reduce((product, { length }) => product * length, 1)
  // each element has at least its length; this also keeps the recursion below in bounds
  if (dimensions.some(({ length }) => length < 1) || elements * 4 > body.left) {
    throw new WireError('an array larger than its bytes')
  }
  return bounds(dimensions) + elementsOf(dimensions, () => readElement(body, { element, decode }))
}

function elementsOf([dimension, ...inner]: readonly Dimension[], next: () => string): string {
  if (!dimension) return next()
  const texts: string[] = []
  for (let index = 0; index < dimension.length; index += 1) texts.push(elementsOf(inner, next))
  return `{${texts.join(',')}}`
}

function readElement(body: Body, { element, decode }: { element: Reader; decode: Decode }): string {
  const length = body.int32()
  if (length === -1) return 'NULL'
  const inner = new Body(body.bytes(length))
  const text = element(inner, decode)
  inner.end()
  return ARRAY_QUOTED.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text
}

/** Shown only when a dimension does not begin at 1, as array_out does. */
function bounds(dimensions: readonly Dimension[]): string {
  if (dimensions.every(({ lower }) => lower === 1)) return ''
  const shown = dimensions.map(({ length, lower }) => `[${lower}:${lower + length - 1}]`)
  return `${shown.join('')}=`
}
