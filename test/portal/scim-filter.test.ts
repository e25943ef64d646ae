import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ScimError } from '../../portal/scim/errors.ts'
import { parseFilter, parsePath } from '../../portal/scim/filter.ts'
import { directoryFilter } from '../../portal/scim/user-filter.ts'

describe('filters of SCIM', () => {
  const refused = (type: string) => (error: unknown) =>
    error instanceof ScimError && error.scimType === type && error.status === 400

  it('gives back every comparison that is written by the grammar, whatever its text', () => {
    const name = fc.constantFrom('userName', 'externalId', 'emails.value', 'ID', 'nickName')
    const value = fc.oneof(
      fc.string({
        unit: fc.constantFrom('a', 'Z', ' ', '"', '\\', ']', ')', 'ë', '\u0000', '\ud83d\ude00'),
      }),
      fc.boolean(),
      fc.integer(),
      fc.constant(null),
    )
    const space = fc.constantFrom(' ', '  ')
    const one = fc.tuple(name, fc.constantFrom('eq', 'EQ', 'Eq'), space, value, fc.boolean())
    fc.assert(
      fc.property(
        fc.array(one, { minLength: 1, maxLength: 5 }),
        fc.constantFrom('and', 'AND'),
        (all, and) => {
          const text = all
            .map(([attribute, eq, gap, held, isWrapped]) => {
              const said = `${attribute}${gap}${eq}${gap}${JSON.stringify(held)}`
              return isWrapped ? `(${said})` : said
            })
            .join(` ${and} `)
          fc.pre(text.length <= 2000)
          assert.deepEqual(
            parseFilter(text),
            all.map(([attribute, , , held]) => ({
              attribute: attribute.toLowerCase(),
              within: [],
              value: JSON.parse(JSON.stringify(held)) as unknown,
            })),
          )
        },
      ),
    )
  })

  it('answers every other text with invalidFilter, and never otherwise', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from('aeq nd"\\[]().:1,{}')), maxLength: 60 }),
        (text) => {
          try {
            parseFilter(text)
          } catch (error) {
            assert.ok(refused('invalidFilter')(error), String(error))
          }
        },
      ),
    )
    const wrong = [
      '',
      'userName',
      'userName eq',
      'userName eq ann',
      'userName eq "ann',
      'userName co "ann"',
      'userName pr',
      'not (userName eq "ann")',
      'userName eq "ann" or userName eq "bob"',
      'userName eq "ann" and',
      '(userName eq "ann"',
      'userName eq "ann")',
      'emails[type eq "work" eq "x"',
      'userName eq {"a": 1}',
      `userName eq "${'a'.repeat(2000)}"`,
      '('.repeat(1999),
    ]
    for (const text of wrong) assert.throws(() => parseFilter(text), refused('invalidFilter'), text)
  })

  it('knows attributes behind their schema, and inside lists', () => {
    const urn = 'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ann"'
    assert.deepEqual(parseFilter(urn), [{ attribute: 'username', within: [], value: 'ann' }])
    assert.deepEqual(parseFilter('emails[type eq "work" and primary eq true].value eq "a@b.io"'), [
      {
        attribute: 'emails.value',
        within: [
          { attribute: 'type', within: [], value: 'work' },
          { attribute: 'primary', within: [], value: true },
        ],
        value: 'a@b.io',
      },
    ])
    assert.deepEqual(parsePath('members[value eq "7"]'), {
      attribute: 'members',
      within: [{ attribute: 'value', within: [], value: '7' }],
      sub: undefined,
    })
    const extension = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department'
    assert.deepEqual(parsePath(extension), {
      attribute: extension.toLowerCase(),
      within: [],
      sub: undefined,
    })
    assert.throws(() => parsePath('members['), refused('invalidPath'))
  })

  it('asks of users what they have, and nothing that no user can fit', () => {
    const asked = (text: string) => directoryFilter(parseFilter(text))
    assert.deepEqual(asked('userName eq "ANN" and active eq "False"'), {
      username: 'ann',
      active: false,
    })
    assert.deepEqual(asked('emails eq "A@b.io" and externalId eq "Ab"'), {
      email: 'a@b.io',
      externalId: 'Ab',
    })
    assert.equal(asked('userName eq "ann" and userName eq "bob"'), undefined)
    assert.equal(asked('emails[type eq "home"].value eq "a@b.io"'), undefined)
    for (const text of [
      'title eq "x"',
      'userName eq true',
      'active eq "yes"',
      'active[a eq 1] eq true',
    ])
      assert.throws(() => asked(text), refused('invalidFilter'), text)
  })
})
