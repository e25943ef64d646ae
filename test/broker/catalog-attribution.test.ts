import assert from 'node:assert/strict'
import { attribute, type Circumstances } from '../../broker/catalogs/attribution.ts'
import { compareCatalogs } from '../../broker/catalogs/diff.ts'
import {
  keyOf,
  packCatalog,
  unpackCatalog,
  type Catalog,
  type CatalogObject,
} from '../../broker/catalogs/catalog.ts'

const SESSION_USER = 50_001
const OTHER_USER = 50_002
const DBA = 10

describe('whose doing a difference is', () => {
  it('is the session that granted it, by the OID of a user that is gone', () => {
    const found = changes([], [object('role membership', 'x to y', { by: [SESSION_USER] })])

    assert.deepEqual(
      attribute(found, circumstances()).map(({ attribution }) => attribution),
      ['left behind'],
    )
  })

  it("is not this session's where another session's user has it", () => {
    const found = changes([], [object('table', 'a.t', { by: [OTHER_USER] })])

    assert.deepEqual(attribute(found, circumstances()), [])
  })

  it('is told of both sessions where two had a hand in it', () => {
    const found = changes(
      [],
      [object('role membership', 'x to y', { by: [SESSION_USER, OTHER_USER] })],
    )

    assert.deepEqual(
      attribute(found, circumstances()).map(({ attribution }) => attribution),
      ['left behind'],
    )
  })

  it('is only surmised where several sessions could SET ROLE to the owner', () => {
    const found = changes([], [object('table', 'a.t', { facts: { owner: 'writer' } })])
    const alone = attribute(found, circumstances({ ownRoles: new Set(['writer']) }))
    const shared = attribute(found, circumstances())
    const newer = attribute(
      found,
      circumstances({ ownRoles: new Set(['writer']), version: 160_000 }),
    )

    assert.deepEqual(
      [alone, shared, newer].map(([first]) => first?.attribution),
      ['left behind', 'changed meanwhile', 'changed meanwhile'],
    )
  })

  it("does not hide a DBA's table in a schema that a session made", () => {
    const found = changes([], [object('table', 'own.t', { parents: ['schema own'] })])
    const residue = attribute(found, circumstances({ known: new Set(['schema own']) }))

    assert.deepEqual(
      residue.map(({ name, attribution }) => [name, attribution]),
      [['own.t', 'changed meanwhile']],
    )
  })

  it('is told in one line where a schema goes with all it holds, or an extension comes', () => {
    const schema = [object('schema', 's'), object('table', 's.t', { parents: ['schema s'] })]
    const extension = [
      object('extension', 'e'),
      object('function', 'f()', { parents: ['schema public', 'extension e'] }),
    ]
    const found = changes(schema, extension)

    assert.deepEqual(
      found.map(({ key, change }) => `${key} ${change}`),
      ['extension e created', 'schema s dropped'],
    )
  })

  it('is counted where too much changed to list', () => {
    const many = Array.from({ length: 510 }, (_, n) => object('table', `a.t${String(n)}`))
    const residue = attribute(changes([], many), circumstances())

    assert.equal(residue.length, 501)
    assert.equal(residue.at(-1)?.detail, '10 more objects changed in that time and are not listed.')
  })

  it('survives being packed, whatever the names are', async () => {
    const catalog = catalogOf([
      object('table', 'a."line\nbreak\t\u{1f600}"', { facts: { owner: 'é' } }),
    ])

    assert.deepEqual(await unpackCatalog(await packCatalog(catalog)), catalog)
    assert.deepEqual(await unpackCatalog(await packCatalog(new Map())), new Map())
  })
})

function changes(before: readonly CatalogObject[], after: readonly CatalogObject[]) {
  return compareCatalogs(catalogOf(before), catalogOf(after))
}

function catalogOf(objects: readonly CatalogObject[]): Catalog {
  return new Map(objects.map((each) => [keyOf(each), each]))
}

function object(kind: string, name: string, more: Partial<CatalogObject> = {}): CatalogObject {
  return { kind, name, parents: [], by: [DBA], facts: {}, ...more }
}

function circumstances(more: Partial<Circumstances> = {}): Circumstances {
  return {
    database: 'shop',
    version: 150_000,
    roleOid: SESSION_USER,
    ownRoles: new Set(),
    otherUsers: new Set([OTHER_USER]),
    known: new Set(),
    madeByUs: new Set(),
    residueOwner: 'daypass_residue',
    ...more,
  }
}
