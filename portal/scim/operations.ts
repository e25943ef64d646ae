import { badSyntax, badValue, ScimError } from './errors.ts'
import { parsePath, type AttributePath } from './filter.ts'
import { attributesOf, readResource } from './resource.ts'
import { PATCH } from './urns.ts'

/** One change of one attribute. */
export interface Operation extends AttributePath {
  readonly op: 'add' | 'replace' | 'remove'
  readonly value: unknown
}

/** Each costs as much as what it changes is long. */
const OPERATIONS_MOST = 1_000

const OPS = ['add', 'replace', 'remove'] as const

/**
 * Reads the body of a PATCH (RFC 7644, 3.5.2) into changes of single attributes. As Entra and Okta
 * send them, too: "Replace" for "replace", and objects without a path whose names may be paths
 * ("name.givenName"). Errors: `invalidSyntax`, `invalidPath`, `invalidValue`, `noTarget`.
 */
export function readOperations(body: unknown): readonly Operation[] {
  const list = readResource(body, PATCH).get('operations')
  if (!Array.isArray(list) || list.length === 0) {
    throw badSyntax('Give "Operations": a list of at least one change.')
  }
  if (list.length > OPERATIONS_MOST) {
    throw badSyntax(`Send at most ${String(OPERATIONS_MOST)} operations at once.`)
  }
  return list.flatMap((each: unknown) => readOperation(each))
}

function readOperation(each: unknown): Operation[] {
  const given = attributesOf(each)
  const said = given?.get('op')
  const op = OPS.find((one) => typeof said === 'string' && said.toLowerCase() === one)
  if (given === undefined || op === undefined) {
    throw badSyntax('Give each operation an "op": add, replace or remove.')
  }
  const value = given.get('value')
  const path = given.get('path')
  if (path !== undefined && path !== null && typeof path !== 'string') {
    throw badSyntax('Give "path" as text.')
  }
  if (op !== 'remove' && value === undefined) throw badValue(`Give a value to ${op}.`)
  if (typeof path === 'string' && path.trim() !== '') return [{ op, value, ...parsePath(path) }]
  if (op === 'remove') throw new ScimError(400, 'Say in "path" what to remove.', 'noTarget')
  return membersOf(value, op)
}

function membersOf(value: unknown, op: 'add' | 'replace'): Operation[] {
  const members = attributesOf(value)
  if (members === undefined) {
    throw badValue('Without a path the value is an object of attributes.')
  }
  return [...members].map(([name, each]) => ({ op, value: each, ...parsePath(name) }))
}
