import { decodeBinary, inHex } from './binary-values.ts'
import { withoutBrokenEnd, type Cut } from '../../statements/digests.ts'
import type { Decode } from '../../wire/body.ts'
import type { RawParameter } from '../../wire/client-messages.ts'

/** A value too long to keep: its beginning, and what proves the rest. */
export interface CutValue extends Cut {
  readonly text: string
}

/** null is SQL's NULL, which '' is not. */
export type StatementValue = string | null | CutValue

/** A value as it came, whole or cut. */
export interface Parameter extends RawParameter {
  readonly cut?: Cut | null
  /** Its text, where a secret was taken out of it and its bytes are not kept. */
  readonly text?: string
}

/** A value's share of an array, and a string's own fields. */
const VALUE_BYTES = 24

/** text, json, bpchar, varchar (pg_type.dat). */
const TEXT_TYPES: ReadonlySet<number> = new Set([25, 114, 1042, 1043])

/**
 * Bind values as a person can read them: text as it was sent, binary decoded by its type, what cannot
 * be decoded in hex with its OID. Types are those of the statement, 0 or absent while unknown.
 */
export function readValues(
  parameters: readonly Parameter[],
  types: readonly number[],
  decode: Decode,
): StatementValue[] {
  return parameters.map((parameter, index) => readValue(parameter, types[index] ?? 0, decode))
}

/** What values take in memory, roughly, in bytes. */
export function weightOfValues(values: readonly StatementValue[]): number {
  let weight = 0
  for (const value of values) {
    const text = typeof value === 'string' ? value : value?.text
    weight += VALUE_BYTES + (text?.length ?? 0)
  }
  return weight
}

/** True when a type that is not known yet would make a value readable. */
export function awaitsTypes(parameters: readonly Parameter[], types: readonly number[]): boolean {
  return parameters.some(
    ({ binary, bytes }, index) => binary && bytes !== null && (types[index] ?? 0) === 0,
  )
}

function readValue(parameter: Parameter, oid: number, decode: Decode): StatementValue {
  const { binary, bytes, cut, text } = parameter
  if (text !== undefined) return cut ? { text, ...cut } : text
  if (bytes === null) return null
  if (cut) return { text: beginning(bytes, { binary, oid, decode }), ...cut }
  return binary ? decodeBinary(bytes, oid, decode) : decode(bytes, 0, bytes.length)
}

/** Text types look alike in both formats; of all others half a value cannot be decoded. */
function beginning(
  bytes: Buffer,
  { binary, oid, decode }: { binary: boolean; oid: number; decode: Decode },
): string {
  if (binary && !TEXT_TYPES.has(oid)) return inHex(bytes, oid)
  return withoutBrokenEnd(decode(bytes, 0, bytes.length))
}
