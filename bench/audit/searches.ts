/** One search as the address of the Audit tab has it. */
export interface Search {
  readonly name: string
  readonly query: Readonly<Record<string, string>>
}

/** What is asked of each column: something frequent, something rare and something absent. */
interface Column {
  readonly name: string
  readonly frequent: string
  readonly rare: string
  readonly absent?: string
}

const COLUMNS: readonly Column[] = [
  { name: 'actor', frequent: 'mark.adler', rare: 'rare.visitor', absent: 'nobody' },
  { name: 'requester', frequent: 'MARK.ADLER', rare: 'rare.visitor', absent: 'nobody' },
  { name: 'role', frequent: 'role1', rare: 'role300', absent: 'role9999' },
  { name: 'username', frequent: 'TBD', rare: 'dp_rare_*', absent: 'dp_nobody_1' },
  { name: 'dataSource', frequent: 'shop', rare: 'fleet 6', absent: 'nowhere' },
  { name: 'clientIp', frequent: '10.0.0.1', rare: '10.77.9.*', absent: '10.0.0.99' },
  { name: 'reason', frequent: 'incident', rare: 'quokka', absent: 'zyzzyva' },
  { name: 'q', frequent: 'incident', rare: 'quokka', absent: 'zyzzyva' },
  { name: 'state', frequent: 'APPROVED', rare: 'TERMINATED' },
  { name: 'scope', frequent: 'session', rare: 'role' },
  { name: 'action', frequent: 'session.created', rare: 'session.residue', absent: 'mfa.enabled*' },
  { name: 'area', frequent: 'tasks', rare: 'alerts' },
  { name: 'subject', frequent: 'anna.*', rare: 'vera.zhang', absent: 'nobody' },
  { name: 'company', frequent: 'Default organization', rare: 'default*', absent: 'Acme' },
  { name: 'accountId', frequent: '1', rare: '1*', absent: '77' },
]

/** Beginnings that many values of a column have, for every column that takes a pattern but those above. */
const PATTERNS: readonly (readonly [string, string])[] = [
  ['actor', 'a*'],
  ['requester', 'anna.*'],
  ['role', 'role1*'],
  ['username', 'dp_*'],
  ['dataSource', 'sho*'],
  ['clientIp', '10.0.*'],
  ['action', 'session.*'],
]

/** Columns that only the view of all records has something of. */
const ALL = { view: 'all' }

/** No filter, and each filter alone. */
export function singleSearches(since: string): Search[] {
  return [
    { name: 'states, no filter', query: {} },
    { name: 'all records', query: ALL },
    { name: 'since a day', query: { since } },
    { name: 'until a year ago', query: { until: yearAgo() } },
    ...COLUMNS.flatMap(({ name, frequent, rare, absent }) =>
      [frequent, rare, ...(absent === undefined ? [] : [absent])].map((value) => ({
        name: `${name} ${value}`,
        query: { ...ALL, [name]: value },
      })),
    ),
    ...PATTERNS.map(([name, value]) => ({
      name: `${name} ${value}`,
      query: { ...ALL, [name]: value },
    })),
    ...['actor', 'requester', 'role', 'username', 'dataSource', 'subject', 'action', 'company'].map(
      (name) => ({ name: `${name} of one letter`, query: { ...ALL, [name]: 'q*' } }),
    ),
    { name: 'several actions', query: { ...ALL, action: 'auth.login,task.failed' } },
  ]
}

/** Every two columns, each with its frequent and its rare value. */
export function pairSearches(): Search[] {
  return COLUMNS.flatMap((one, index) =>
    COLUMNS.slice(index + 1).flatMap((other) =>
      [one.frequent, one.rare].flatMap((first) =>
        [other.frequent, other.rare].map((second) => ({
          name: `${one.name} ${first} + ${other.name} ${second}`,
          query: { ...ALL, [one.name]: first, [other.name]: second },
        })),
      ),
    ),
  )
}

/** Each beginning that is frequent, beside everything else. */
export function patternSearches(): Search[] {
  return PATTERNS.flatMap(([name, value]) =>
    COLUMNS.filter((other) => other.name !== name).flatMap((other) =>
      [other.frequent, other.rare].map((second) => ({
        name: `${name} ${value} + ${other.name} ${second}`,
        query: { ...ALL, [name]: value, [other.name]: second },
      })),
    ),
  )
}

function yearAgo(): string {
  const year = new Date().getUTCFullYear() - 1
  return `${String(year)}-06-15T12:00Z`
}
