import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { decodeBinary } from '../../../../proxy/pairing/values/binary-values.ts'
import { decodeUtf8 } from '../../../../proxy/wire/body.ts'
import { dataSourceCluster } from '../../../support/clusters.ts'

/** By type: values whose binary form must read as PostgreSQL itself prints them. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  bool: ['t', 'f'],
  bytea: ['\\x00ff', ''],
  int2: ['-32768', '32767'],
  int4: ['-2147483648', '7'],
  int8: ['-9223372036854775808', '9007199254740993'],
  oid: ['4294967295'],
  float4: [
    '0.1',
    '-0',
    '1e6',
    '123456',
    '1234567',
    '1e-5',
    'NaN',
    'Infinity',
    '3.4028235e38',
    '1e-45',
  ],
  float8: ['0.1', '1e15', '123456789012345', '1e-5', '0.0001', '1e300', '-Infinity', '5e-324'],
  numeric: [
    '0',
    '-0.00',
    '1',
    '10000',
    '12345.6789',
    '0.0001',
    '0.00001230',
    '-99999999.5',
    'NaN',
    'Infinity',
    '1e20',
    '100.00',
  ],
  text: ['', 'a', 'Grüße ✓'],
  varchar: ['x'],
  name: ['n'],
  bpchar: ['abc'],
  json: ['{"a": [1, null]}'],
  jsonb: ['{"a": [1, null]}'],
  uuid: ['6f0c2a4e-9d3b-4c51-8e1f-0123456789ab'],
  date: [
    '2000-01-01',
    '1999-12-31',
    '2024-02-29',
    '0001-01-01',
    '0044-03-15 BC',
    '9999-12-31',
    '10000-01-01',
    'infinity',
    '-infinity',
    '1900-03-01',
  ],
  time: ['00:00:00', '23:59:59.999999', '24:00:00', '04:05:06.7'],
  timestamp: [
    '2024-02-29 12:34:56.789',
    '1969-12-31 23:59:59.000001',
    '0044-03-15 01:02:03 BC',
    'infinity',
  ],
  timestamptz: ['2024-02-29 12:34:56+02', '1900-01-01 00:00:00+00', '-infinity'],
  interval: [
    '0',
    '1 year 2 mons 3 days 04:05:06.7',
    '-1 years 2 mons -3 days 04:05:06',
    '-00:00:01',
    '100:00:00',
    '1 mon -1 day',
    '-14 mons',
  ],
  inet: ['10.0.0.1', '10.0.0.1/8', '::1', '2001:db8::/32', 'fe80::1:0:0:2/64'],
  cidr: ['10.0.0.0/8', '192.168.1.1/32', '2001:db8::/32'],
  'int4[]': ['{}', '{1,NULL,3}', '{{1,2},{3,4}}', '[0:1]={5,6}'],
  'text[]': ['{a,"b c","",NULL,"NULL","x\\"y\\\\z","{}"}'],
  'timestamptz[]': ['{"2024-02-29 12:34:56+00"}'],
  'numeric[]': ['{1.50,-2}'],
  'uuid[]': ['{6f0c2a4e-9d3b-4c51-8e1f-0123456789ab}'],
}

describe('proxy/binary-values', () => {
  let client: pg.Client

  before(async () => {
    const cluster = await dataSourceCluster()
    client = new pg.Client({ connectionString: cluster.superuserUrl() })
    await client.connect()
    await client.query(
      "set timezone = 'UTC'; set datestyle = 'ISO'; set intervalstyle = 'postgres'",
    )
  })

  after(() => client.end())

  for (const [type, texts] of Object.entries(VALUES)) {
    it(`reads ${type} as PostgreSQL prints it`, async () => {
      for (const text of texts) {
        const { oid, printed, binary } = await bothFormats(client, type, text)

        assert.equal(decodeBinary(binary, oid, decodeUtf8), printed)
      }
    })
  }

  it('shows other types in hex with their OID', () => {
    assert.equal(decodeBinary(Buffer.from([1, 2]), 600, decodeUtf8), '\\x0102 (oid 600)')
  })

  it('shows malformed values in hex, whatever they claim to be', () => {
    const types = [16, 20, 23, 700, 869, 1007, 1082, 1114, 1186, 1700, 2950, 3802, 1009, 1231]
    for (const oid of types) {
      for (let round = 0; round < 200; round += 1) {
        const bytes = randomBytes(round % 40)
        assert.ok(decodeBinary(bytes, oid, decodeUtf8).length < 10_000)
      }
    }
    assert.equal(decodeBinary(Buffer.from([1]), 23, decodeUtf8), '\\x01 (oid 23)')
    const huge = Buffer.from('00007fff0000000000000000', 'hex').subarray(0, 8)
    assert.match(decodeBinary(huge, 1700, decodeUtf8), /oid 1700/)
  })
})

/** One value in its type's own text form and binary form, both made by the server. */
async function bothFormats(client: pg.Client, type: string, text: string) {
  const sent = await client.query<{ oid: string; send: string }>(
    'select oid::text, typsend::text as send from pg_type where oid = $1::regtype',
    [type],
  )
  const [found] = sent.rows
  assert.ok(found)
  const { rows } = await client.query<{ printed: string; binary: Buffer }>(
    `select format('%s', value) as printed, ${found.send}(value) as binary
       from (select $1::text::${type} as value) v`,
    [text],
  )
  const [row] = rows
  assert.ok(row)
  return { oid: Number(found.oid), ...row }
}
