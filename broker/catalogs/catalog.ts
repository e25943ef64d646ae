import { createHash } from 'node:crypto'
import { gunzip, gzip } from 'node:zlib'
import { promisify } from 'node:util'
import { CLUSTER_LINES } from './cluster.ts'
import { DATABASE_LINES } from './lines.ts'
import type { Target } from '../sources/data-source.ts'

/** One object of a catalog, as it stood. */
export interface CatalogObject {
  readonly kind: string
  readonly name: string
  /** What it came with and goes with, as `kind name`. */
  readonly parents: readonly string[]
  /** OIDs of its owner, or of who granted it. */
  readonly by: readonly number[]
  readonly facts: Readonly<Record<string, string>>
}

/** A catalog by `kind name`. */
export type Catalog = ReadonlyMap<string, CatalogObject>

/** Stands for the server itself where a database is named: no database can have this name. */
export const SERVER = ''

/** Between two queries somebody more urgent may need the connection; throws where that is so. */
export type Yielding = () => void

/** In UTF-16 units, of three bytes at most. */
const LONGEST_NAME = 500
const NAME_BEGINS = 200

const pack = promisify(gzip)
const unpack = promisify(gunzip)

/** Reads the catalogs of the database connected to. */
export function readDatabase(target: Target, giveWay: Yielding): Promise<Catalog> {
  return readLines(target, giveWay, DATABASE_LINES)
}

/** Reads what all databases of the server share. */
export function readServer(target: Target, giveWay: Yielding): Promise<Catalog> {
  return readLines(target, giveWay, [CLUSTER_LINES], [target.dataSource.residueOwner])
}

/** The name by which an object is found again in another snapshot. */
export function keyOf({ kind, name }: Pick<CatalogObject, 'kind' | 'name'>): string {
  return `${kind} ${name}`
}

/**
 * A name as it is kept, for it is part of a key and an index takes 2,704 bytes of one: the identity of
 * a function with a hundred arguments is longer, and must not keep its maker from being removed.
 */
export function keptName(name: string): string {
  if (name.length <= LONGEST_NAME) return name
  const beginning = name.slice(0, NAME_BEGINS).replace(/\p{Surrogate}$/u, '')
  return `${beginning}… ${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}

/** A catalog as it is kept: gzip of one JSON array a line. */
export function packCatalog(catalog: Catalog): Promise<Buffer> {
  const lines = [...catalog.values()].map(({ kind, name, parents, by, facts }) =>
    JSON.stringify([kind, name, parents, by, facts]),
  )
  return pack(lines.join('\n'))
}

/** The reverse of packCatalog. */
export async function unpackCatalog(objects: Buffer): Promise<Catalog> {
  const text = (await unpack(objects)).toString('utf8')
  const lines = text === '' ? [] : text.split('\n')
  return index(lines.map(parseLine))
}

interface Line {
  readonly kind: string
  readonly name: string
  readonly parents: readonly string[]
  readonly by: readonly (string | number)[]
  readonly facts: Readonly<Record<string, unknown>>
}

/** In one transaction that sees one moment; names without a schema mean the server's own. */
async function readLines(
  { client }: Target,
  giveWay: Yielding,
  queries: readonly string[],
  values: readonly unknown[] = [],
): Promise<Catalog> {
  const found: CatalogObject[] = []
  await client.query('begin isolation level repeatable read read only')
  try {
    // names and times must read alike whatever somebody set for this database or login
    await client.query(
      `set local search_path to pg_catalog;
       set local timezone to 'UTC';
       set local quote_all_identifiers to off`,
    )
    for (const query of queries) {
      giveWay()
      const { rows } = await client.query<Line>(query, [...values])
      found.push(...rows.map(objectOf))
    }
  } finally {
    // where this fails too, the connection is gone and the server has rolled back by itself
    await client.query('rollback').catch(() => undefined)
  }
  return index(found)
}

function objectOf({ kind, name, parents, by, facts }: Line): CatalogObject {
  const kept = keptName(name)
  const all = kept === name ? facts : { ...facts, 'in full': name }
  const told = Object.entries(all).filter(([, value]) => value !== null && value !== '')
  return {
    kind,
    name: kept,
    parents,
    by: by.map(Number),
    facts: Object.fromEntries(told.map(([fact, value]) => [fact, String(value)])),
  }
}

/** What packCatalog wrote, and nothing else ever wrote there. */
function parseLine(line: string): CatalogObject {
  const [kind, name, parents, by, facts] = JSON.parse(line) as [
    string,
    string,
    string[],
    number[],
    Record<string, string>,
  ]
  return { kind, name, parents, by, facts }
}

function index(objects: readonly CatalogObject[]): Catalog {
  return new Map(objects.map((object) => [keyOf(object), object]))
}
