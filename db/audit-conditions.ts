import type { AuditFilter, AuditScope } from './audit-filter.ts'
import { organizationIdOf } from './scope.ts'

/**
 * What a filter stands for in SQL: fixed fragments, of which only those are taken that are asked for.
 * Nothing a person typed is ever part of one; it is bound. Times are not among them: see audit-windows.ts.
 */
export interface AuditConditions {
  /** On `records r`: whose, and state rows alone or all. An index leads through these in the order of time. */
  readonly base: readonly string[]
  /** On `records r`: what its other columns must hold. */
  readonly own: readonly string[]
  /** Implied by `own`: what records_by_values looks up. Slow where it has to be worked out. */
  readonly keys: readonly KeyCondition[]
  /** On `records r`, implied by `own`: what the index of words narrows patterns to. */
  readonly lines: readonly string[]
  /** On `record_payloads p`: what the private values must hold. */
  readonly payload: readonly string[]
  /** Free text, found on either side. */
  readonly words: { readonly record: string; readonly payload: string } | undefined
  readonly bindings: Readonly<Record<string, unknown>>
}

/** Keys that a record must have, all of them or any. */
export interface KeyCondition {
  readonly operator: '@>' | '&&'
  readonly keys: string
}

/** The keys of `records r`, as its index has them. Beside private values they are kept as `p.keys`. */
export const RECORD_KEYS = `record_keys(r.organization_id, r.action, r.area, r.scope, r.state, r.actor_name, r.requester,
                      r.roles, r.username, r.data_source, r.subject, r.company, r.account_id)`

type NameFilter =
  'action' | 'actor' | 'requester' | 'username' | 'dataSource' | 'subject' | 'company' | 'accountId'
type ChoiceFilter = 'states' | 'actions' | 'areas'

interface Column {
  readonly column: string
  /** What record_keys calls its values. */
  readonly kind: string
}

/** Columns of which several values may be asked for, to the letter. */
const CHOICES: Readonly<Record<ChoiceFilter, Column>> = {
  states: { column: 'r.state', kind: 'state' },
  actions: { column: 'r.action', kind: 'action' },
  areas: { column: 'r.area', kind: 'area' },
}
const SCOPE: Column = { column: 'r.scope', kind: 'scope' }

/** So many letters of its beginning are keys of a value too, the most first; see value_keys. */
const STARTS: readonly number[] = [6, 3, 1]

/** Columns that are matched whole and in any case. What is `searched` stands in the text for free words too. */
const NAMES: Readonly<Record<NameFilter, Column & { readonly searched: boolean }>> = {
  action: { column: 'r.action', kind: 'action', searched: true },
  actor: { column: 'r.actor_name', kind: 'actor', searched: true },
  requester: { column: 'r.requester', kind: 'requester', searched: true },
  username: { column: 'r.username', kind: 'username', searched: true },
  dataSource: { column: 'r.data_source', kind: 'data source', searched: true },
  subject: { column: 'r.subject', kind: 'subject', searched: true },
  company: { column: 'r.company', kind: 'company', searched: false },
  accountId: { column: 'r.account_id', kind: 'account', searched: false },
}

/** As its index has it. */
const PRIVATE_LINES = `payload_search(p.payload)`
const REASONS = `lower(concat_ws(' ', p.payload #>> '{reason,value}', p.payload #>> '{justification,value}'))`
const CLIENT_IP = `lower(p.payload #>> '{client_ip,value}')`

/** Builds them for one reader and one filter. */
export function conditionsOf(scope: AuditScope, filter: AuditFilter): AuditConditions {
  const made = new Conditions(organizationIdOf(scope))
  if (filter.session !== null) made.session(filter.session)
  if (filter.scope !== null) made.oneOf('scope', SCOPE, [filter.scope])
  for (const name of namesIn(CHOICES)) {
    if (filter[name].length > 0) made.oneOf(name, CHOICES[name], filter[name])
  }
  for (const name of namesIn(NAMES)) {
    const text = filter[name]
    if (text !== null) made.named(name, NAMES[name], text)
  }
  if (filter.role !== null) made.role(filter.role)
  if (filter.clientIp !== null) made.clientIp(filter.clientIp)
  if (filter.reason !== null) made.reason(filter.reason)
  if (filter.q !== null) made.anywhere(filter.q)
  if (filter.view === 'sessions') made.stateRowsAlone()
  return made
}

/** Gathers fragments and what they bind, filter by filter. */
class Conditions implements AuditConditions {
  readonly base: string[] = []
  readonly own: string[] = []
  readonly keys: KeyCondition[] = []
  readonly lines: string[] = []
  readonly payload: string[] = []
  words: AuditConditions['words'] = undefined
  readonly bindings: Record<string, unknown> = {}
  /** Keys are an organization's own: who reads all of them goes without. */
  readonly #hasKeys: boolean

  constructor(organization: string | null) {
    this.#hasKeys = organization !== null
    if (organization === null) return
    this.base.push('r.organization_id = cast(:organization as uuid)')
    this.bindings['organization'] = organization
  }

  /** Looked up only beside something else: by itself it is most of the trail. */
  stateRowsAlone(): void {
    this.base.push('r.state is not null')
    if (this.keys.length > 0) this.#anyOf('scope', [`'role'`, `'session'`])
  }

  session(id: string): void {
    this.own.push('r.session_id = cast(:session as bigint)')
    this.bindings['session'] = id
  }

  oneOf(name: string, { column, kind }: Column, values: readonly string[]): void {
    this.own.push(`${column} = any (cast(:${name} as text[]))`)
    this.bindings[name] = values
    this.#anyOf(
      kind,
      values.map((value, index) => this.#bind(`${name}${index}`, value)),
    )
  }

  named(
    name: string,
    { column, kind, searched }: Column & { readonly searched: boolean },
    text: string,
  ): void {
    this.own.push(`lower(${column}) ${this.#whole(name, text)}`)
    this.#lookUp(kind, { name, text, searched })
  }

  role(text: string): void {
    const isAsked = this.#whole('role', text)
    this.own.push(
      `exists (select from unnest(r.roles) as names(role) where lower(names.role) ${isAsked})`,
    )
    this.#lookUp('role', { name: 'role', text, searched: true })
  }

  clientIp(text: string): void {
    this.payload.push(`${CLIENT_IP} ${this.#whole('clientIp', text)}`)
    if (this.#lookUpKey('client ip', 'clientIp', text)) return
    this.payload.push(`${PRIVATE_LINES} like ${this.#bind('clientIpLine', linePattern(text))}`)
  }

  reason(text: string): void {
    const pattern = this.#bind('reason', partPattern(text))
    this.payload.push(`${PRIVATE_LINES} like ${pattern}`, `${REASONS} like ${pattern}`)
  }

  anywhere(text: string): void {
    const pattern = this.#bind('q', partPattern(text))
    this.words = { record: `r.search like ${pattern}`, payload: `${PRIVATE_LINES} like ${pattern}` }
  }

  /** A value whole, in any case; `*` in it stands for any text. */
  #whole(name: string, text: string): string {
    if (!isPattern(text)) return `= ${this.#bind(name, text)}`
    return `like ${this.#bind(name, starPattern(text))}`
  }

  /** What its key does not tell of a pattern is looked up among the lines of what is searched. */
  #lookUp(
    kind: string,
    { name, text, searched }: { name: string; text: string; searched: boolean },
  ): void {
    if (this.#lookUpKey(kind, name, text) || !searched) return
    this.lines.push(`r.search like ${this.#bind(`${name}Line`, linePattern(text))}`)
  }

  /** A value by its key, a pattern by that of its beginning; true where that says all of it. */
  #lookUpKey(kind: string, name: string, text: string): boolean {
    if (!isPattern(text)) {
      this.#allOf(keyOf(kind, `lower(cast(:${name} as text))`))
      return true
    }
    const [start = ''] = text.split('*', 1)
    const { length: letters } = Array.from(start)
    const size = STARTS.find((most) => most <= letters)
    if (size === undefined) return false
    this.#allOf(startOf(kind, this.#bind(`${name}Start`, start), size))
    return this.#hasKeys && size === letters && text === `${start}*`
  }

  #allOf(key: string): void {
    if (this.#hasKeys) this.keys.push({ operator: '@>', keys: `array[${key}]` })
  }

  #anyOf(kind: string, values: readonly string[]): void {
    if (!this.#hasKeys) return
    const keys = values.map((value) => keyOf(kind, value))
    this.keys.push({ operator: '&&', keys: `array[${keys.join(', ')}]` })
  }

  #bind(name: string, value: string): string {
    this.bindings[name] = value
    return `lower(cast(:${name} as text))`
  }
}

function keyOf(kind: string, value: string): string {
  return `record_key(cast(:organization as uuid), '${kind}', ${value})`
}

function startOf(kind: string, start: string, size: number): string {
  return `record_start(cast(:organization as uuid), '${kind}', ${start}, ${size})`
}

function isPattern(text: string): boolean {
  return text.includes('*')
}

function partPattern(text: string): string {
  return `%${literal(text)}%`
}

function starPattern(text: string): string {
  return literal(text).replaceAll('*', '%')
}

/** What is searched has a line for each value. */
function linePattern(text: string): string {
  return `%\n${starPattern(text)}\n%`
}

/** What LIKE would read as wildcards, taken literally. */
function literal(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&')
}

function namesIn<T extends string>(record: Readonly<Record<T, unknown>>): T[] {
  return Object.keys(record).filter((name): name is T => name in record)
}
