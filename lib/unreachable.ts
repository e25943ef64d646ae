/** Ends a union: the compiler proves that no variant is left, and a lie is caught at run time. */
export function unreachable(value: never): never {
  throw new Error(`unreachable variant: ${JSON.stringify(value)}`)
}
