import { awaitsTypes, readValues, weightOfValues } from './values/bind-values.ts'
import type { Parameter, StatementValue } from './values/bind-values.ts'
import type { Asked, Execution, SqlText } from './execution.ts'
import type { Decode } from '../wire/body.ts'
import { decoderOf } from '../wire/encodings.ts'

const IGNORED = 'sent behind an error, and ignored by the data source: too much of it to keep'
/** Objects and a name around a text, and those around a value's bytes, as V8 lays them out. */
const PLAN_BYTES = 400
const UNREAD_BYTES = 200

/** A prepared statement. Types are filled in by Describe if Parse left them out. */
export interface Prepared {
  readonly name: string
  readonly sql: SqlText
  types: readonly number[]
  /** Not of the protocol's Parse, as far as anyone knows. */
  readonly isOfSql?: true
}

/** A statement bound to its values. */
export interface Portal {
  readonly name: string
  prepared: Prepared
  /** What was known when it was bound; ask `askedOfPortal`. */
  asked: Asked
  /** The unfinished execution: a suspended one goes on when the portal is executed again. */
  execution: Execution | undefined
  /** Kept for as long as a value can't be read because its type is not known. */
  unread: Unread | undefined
}

/** Values as they came. */
interface Unread {
  readonly parameters: readonly Parameter[]
  readonly encoding: string
}

export function makePortal(
  name: string,
  prepared: Prepared,
  { parameters, encoding, decode }: Unread & { readonly decode: Decode },
): Portal {
  const values = readValues(parameters, prepared.types, decode)
  const isUnread = awaitsTypes(parameters, prepared.types)
  return {
    name,
    prepared,
    asked: askedWith(prepared, name, values),
    execution: undefined,
    unread: isUnread ? { parameters: parameters.map(copyParameter), encoding } : undefined,
  }
}

/** What an execution of this portal says of itself, by what is known now. */
export function askedOfPortal(portal: Portal): Asked {
  const { unread, prepared, name } = portal
  if (unread && prepared.types.length > 0) {
    const values = readValues(unread.parameters, prepared.types, decoderOf(unread.encoding))
    portal.asked = askedWith(prepared, name, values)
    if (!awaitsTypes(unread.parameters, prepared.types)) portal.unread = undefined
  }
  return portal.asked
}

/** An error before it shows that it was planned on a statement that never came to be. */
export function rebind(portal: Portal, prepared: Prepared): void {
  portal.prepared = prepared
  portal.asked = askedWith(prepared, portal.name, portal.asked.values)
  const { execution } = portal
  // what is executed is read once more when the server comes to that; the record of a Bind alone is not
  if (execution?.isOnlyBound && execution.outcome === undefined) execution.asked = portal.asked
}

function askedWith(
  { name, sql }: Prepared,
  portalName: string,
  values: readonly StatementValue[],
): Asked {
  return { sql, kind: 'extended', values, statementName: name, portalName }
}

/** A statement without values: what is said of one that failed before it was bound. */
export function askedOf({ name, sql }: Prepared): Asked {
  return { sql, kind: 'extended', values: [], statementName: name, portalName: null }
}

/** Prepared by SQL's PREPARE, which shares the protocol's names, or not at all. */
export function unknownStatement(name: string): Prepared {
  return { name, sql: wordsOf(`SQL prepared statement ${name}`), types: [], isOfSql: true }
}

/** A cursor of SQL's DECLARE, which shares the protocol's names, or nothing at all. */
export function unknownPortal(name: string): Asked {
  return {
    sql: wordsOf(`SQL cursor ${name}`),
    kind: 'extended',
    values: [],
    statementName: null,
    portalName: name,
  }
}

/** Named behind an error, where so much was sent that its names were not kept. */
export function ignoredStatement(name: string): Prepared {
  return { name, sql: wordsOf(IGNORED), types: [] }
}

/** As `ignoredStatement`, of a portal. */
export function ignoredPortal(name: string): Asked {
  return { ...unknownPortal(name), sql: wordsOf(IGNORED) }
}

/** What a plan for this statement or portal takes in memory, roughly, in bytes. */
export function weightOf(planned: Prepared | Portal): number {
  if ('sql' in planned) return PLAN_BYTES + planned.sql.text.length
  const { prepared, asked, unread } = planned
  let weight = weightOf(prepared) + weightOfValues(asked.values)
  for (const { bytes } of unread?.parameters ?? []) weight += UNREAD_BYTES + (bytes?.length ?? 0)
  return weight
}

/** A message that nobody can read; the server will say so with an error. */
export function undecodable(what: string, length: number): SqlText {
  return wordsOf(`undecodable ${what} message of ${length} bytes`)
}

/** Words of ours where there is no SQL text. */
export function wordsOf(text: string): SqlText {
  return { text, cut: null, redacted: false }
}

function copyParameter({ binary, bytes, cut = null, text }: Parameter): Parameter {
  return {
    binary,
    bytes: bytes && Buffer.from(bytes),
    cut,
    ...(text === undefined ? {} : { text }),
  }
}
