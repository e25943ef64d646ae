import assert from 'node:assert/strict'
import fc from 'fast-check'
import { canonicalize, storable, type Canonical } from '../../db/canonical.ts'
import { rows } from '../../db/store.ts'
import { createStore, type TestStore } from '../support/store.ts'

const NOT_STORABLE = { code: 'text_not_storable' }

/** Any text that a record may hold, with many characters that are written in special ways. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '"',
        '\\',
        '/',
        '\n',
        '\r',
        '\t',
        '\b',
        '\f',
        '\u0001',
        '\u001f',
        '\u007f',
        '\u2028',
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    { maxLength: 12 },
  )
  .map((characters) => characters.join(''))
  .filter((candidate) => !/\u0000|\p{Surrogate}/u.test(candidate))

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/)

const { value } = fc.letrec<{ value: Canonical }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5 }),
  ),
}))

describe('canonical JSON', () => {
  it('sorts members by UTF-16 code units, writes no spaces and leaves absent members out', () => {
    const body = {
      b: ['2', '1'],
      a: { z: '', y: undefined },
      '\u20ac': '€',
      '\ud83d\ude00': 'x',
      '\ufb33': 'y',
    }
    // the order that RFC 8785, 3.2.3 prints for these names
    assert.equal(
      canonicalize(body),
      '{"a":{"z":""},"b":["2","1"],"\u20ac":"€","\ud83d\ude00":"x","\ufb33":"y"}',
    )
  })

  it('tells an absent member from an empty one', () => {
    assert.notEqual(canonicalize({ reason: '' }), canonicalize({ reason: undefined }))
  })

  it('escapes as RFC 8785 says: short forms, lower-case hex, nothing else', () => {
    assert.equal(
      canonicalize('"\\/\b\f\n\r\t\u000f€\u007f'),
      '"\\"\\\\/\\b\\f\\n\\r\\t\\u000f€\u007f"',
    )
  })

  it('is read back as the value it was written from', () => {
    fc.assert(
      fc.property(value, (any) => assert.deepEqual(JSON.parse(canonicalize(any)), plain(any))),
    )
  })

  it('is the same whatever order the members were made in', () => {
    fc.assert(
      fc.property(fc.dictionary(name, text), (members) => {
        const reversed = Object.fromEntries(Object.entries(members).reverse())
        assert.equal(canonicalize(reversed), canonicalize(members))
      }),
    )
  })

  for (const [what, bad] of [
    ['a NUL', 'a\u0000b'],
    ['a high surrogate alone', 'a\ud83d'],
    ['a low surrogate alone', '\ude00a'],
  ] as const) {
    it(`refuses ${what} in a value or a name`, () => {
      assert.throws(() => storable(bad), NOT_STORABLE)
      assert.throws(() => canonicalize({ details: [bad] }), NOT_STORABLE)
      assert.throws(() => canonicalize({ [bad]: '' }), NOT_STORABLE)
    })
  }

  describe('beside canonical_json() in the store', () => {
    let store: TestStore

    before(async () => {
      store = await createStore()
    })

    after(() => store.close())

    it('writes the same bytes', async () => {
      const values = fc.sample(value, 300)
      const written = await rows<{ bytes: string }>(
        store.owner.db,
        `select canonical_json(item) as bytes
           from jsonb_array_elements(cast(:values as jsonb)) with ordinality as given(item, place)
          order by place`,
        { values: JSON.stringify(values) },
      )
      assert.equal(written.length, values.length)
      assert.deepEqual(
        written.map(({ bytes }) => bytes),
        values.map(canonicalize),
      )
    })
  })
})

/** fast-check makes objects without a prototype, and so JSON.parse's differ from them. */
function plain(any: Canonical): unknown {
  return JSON.parse(JSON.stringify(any))
}
