import { awaitsTypes, readValues } from './values/bind-values.ts'
import type { Parameter, StatementValue } from './values/bind-values.ts'
import type { Asked, Execution, SqlText } from './execution.ts'
import type { Decode } from '../wire/body.ts'

/** A prepared statement. Types are filled in by Describe if Parse left them out. */
export interface Prepared {
  readonly name: string
  readonly sql: SqlText
  types: readonly number[]
}

/** A statement bound to its values. */
export class Portal {
  readonly name: string
  /** The unfinished execution: a suspended one goes on when the portal is executed again. */
  execution: Execution | undefined
  #prepared: Prepared
  #asked: Asked
  readonly #decode: Decode
  /** Kept for as long as a value can't be read because its type is not known. */
  #unread: readonly Parameter[] | undefined

  constructor(
    name: string,
    prepared: Prepared,
    bound: { parameters: readonly Parameter[]; decode: Decode },
  ) {
    this.name = name
    this.#prepared = prepared
    this.#decode = bound.decode
    this.#asked = this.#ask(readValues(bound.parameters, prepared.types, bound.decode))
    if (awaitsTypes(bound.parameters, prepared.types)) {
      this.#unread = bound.parameters.map(copyParameter)
    }
  }

  get prepared(): Prepared {
    return this.#prepared
  }

  /** What an execution of this portal says of itself, by what is known now. */
  get asked(): Asked {
    if (this.#unread && this.#prepared.types.length > 0) {
      this.#asked = this.#ask(readValues(this.#unread, this.#prepared.types, this.#decode))
      if (!awaitsTypes(this.#unread, this.#prepared.types)) this.#unread = undefined
    }
    return this.#asked
  }

  /** An error before it shows that it was planned on a statement that never came to be. */
  rebind(prepared: Prepared): void {
    this.#prepared = prepared
    this.#asked = this.#ask(this.#asked.values)
  }

  #ask(values: readonly StatementValue[]): Asked {
    const { name, sql } = this.#prepared
    return { sql, kind: 'extended', values, statementName: name, portalName: this.name }
  }
}

/** A statement without values: what is said of one that failed before it was bound. */
export function askedOf({ name, sql }: Prepared): Asked {
  return { sql, kind: 'extended', values: [], statementName: name, portalName: null }
}

/** Prepared by SQL's PREPARE, which shares the protocol's names, or not at all. */
export function unknownStatement(name: string): Prepared {
  return { name, sql: wordsOf(`SQL prepared statement ${name}`), types: [] }
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

/** A message that nobody can read; the server will say so with an error. */
export function undecodable(what: string, length: number): SqlText {
  return wordsOf(`undecodable ${what} message of ${length} bytes`)
}

/** Words of ours where there is no SQL text. */
export function wordsOf(text: string): SqlText {
  return { text, cut: null, redacted: false }
}

function copyParameter({ binary, bytes, cut = null }: Parameter): Parameter {
  return { binary, bytes: bytes && Buffer.from(bytes), cut }
}
