/** What all names of session users begin with, and one as they are made. */
const BEGINNING = 'dp_'
const EXAMPLE = 'dp_someone_1_k3x9'

/**
 * Which session users a name in pg_hba.conf fits as a pattern (from PostgreSQL 16 on, one that begins
 * with a slash): their names are made as they are granted, so that not every pattern can be told.
 */
export function fitsSessionUsers(name: string): 'all' | 'some' | 'none' | 'unknown' {
  if (!name.startsWith('/')) return 'none'
  const pattern = name.slice(1)
  const beginning = beginningOf(pattern)
  if (pattern === `^${beginning}` && BEGINNING.startsWith(beginning)) return 'all'
  const differs = !BEGINNING.startsWith(beginning) && !beginning.startsWith(BEGINNING)
  if (differs) return 'none'
  return fits(EXAMPLE, pattern) ? 'some' : 'unknown'
}

/** The plain characters that whatever fits begins with; empty where that can't be told. */
function beginningOf(pattern: string): string {
  if (pattern.includes('|')) return ''
  const plain = /^\^([\w-]*)/.exec(pattern)?.[1] ?? ''
  // what is repeated may be there no time at all
  return /^[*?{]/.test(pattern.slice(plain.length + 1)) ? plain.slice(0, -1) : plain
}

function fits(name: string, pattern: string): boolean {
  try {
    return new RegExp(pattern).test(name)
  } catch {
    return false
  }
}
