import { BlockList, isIP } from 'node:net'
import type { Finding } from '../../db/data-source-checks.ts'
import { VERSION_16, type Target } from '../sources/data-source.ts'
import { identifier } from '../sources/identifiers.ts'
import { finding } from './findings.ts'
import { fitsSessionUsers } from './name-patterns.ts'
import type { Entry } from './trial.ts'
import { MARKER } from '../session-users/session-users.ts'

/** One line of pg_hba.conf as the server reads it. */
export interface HbaRule {
  readonly type: string
  readonly databases: readonly string[]
  readonly users: readonly string[]
  /** `all`, `samehost`, `samenet`, a name, or an address with `netmask`; null for sockets. */
  readonly address: string | null
  readonly netmask: string | null
  readonly method: string
}

/** What can be known of who reaches the data source as a session user. */
export interface AccessFacts {
  readonly login: string
  /** The broker's address as the server sees it; null over a socket. */
  readonly brokerAddress: string | null
  /** True where the broker came over loopback or a socket, as a proxy beside it would. */
  readonly sameHost: boolean
  /** Roles that session users are members of: pg_hba knows them by these, too. */
  readonly memberships: readonly string[]
  /** Undefined where the broker may not read them. */
  readonly rules: readonly HbaRule[] | undefined
}

/** Whether session users can go past the proxies: `open` and `closed` are proven. */
export interface Exposure {
  readonly state: 'open' | 'closed' | 'unknown'
  readonly finding: Finding
}

/** Reads what the server says of its own door. */
export async function readAccessFacts(
  { client, version }: Target,
  roles: readonly string[],
): Promise<AccessFacts> {
  const { rows } = await client.query<AccessFacts & { readable: boolean }>(
    `with recursive lent as (
       select oid
         from pg_roles
        where rolname = any ($1)
        union
       select m.roleid
         from pg_auth_members m
         join lent on lent.oid = m.member
     )
     select current_user as login, host(inet_client_addr()) as "brokerAddress",
            coalesce(inet_client_addr() = inet_server_addr()
                     or inet_client_addr() <<= inet '127.0.0.0/8'
                     or inet_client_addr() = inet '::1', true) as "sameHost",
            coalesce((select json_agg(r.rolname) from lent join pg_roles r using (oid)), '[]') as memberships,
            has_table_privilege('pg_catalog.pg_hba_file_rules', 'select')
              and has_function_privilege('pg_catalog.pg_hba_file_rules()', 'execute') as readable`,
    [[MARKER, ...roles]],
  )
  if (rows[0] === undefined) throw new Error('a select without a row')
  const { readable, ...facts } = rows[0]
  return { ...facts, rules: readable ? await readRules(client, version) : undefined }
}

async function readRules(client: Target['client'], version: number): Promise<HbaRule[]> {
  // from 16 on a line may be of an included file, which counts its own lines
  const place = version >= VERSION_16 ? 'rule_number' : 'line_number'
  const { rows } = await client.query<HbaRule>(
    `select type, database as databases, user_name as users, address, netmask, auth_method as method
       from pg_catalog.pg_hba_file_rules
      where error is null
      order by ${place}`,
  )
  if (version >= VERSION_16) return rows
  // a slash begins a pattern from 16 on; before, it was part of a name that no session user has
  return rows.map((rule) => ({
    ...rule,
    users: rule.users.filter((name) => !name.startsWith('/')),
  }))
}

/** Says whether session users get in past the proxies, and what to write into pg_hba.conf. */
export function judgeAccess(facts: AccessFacts, entry: Entry): Exposure {
  if (facts.rules !== undefined) return judgeRules(facts, facts.rules)
  const remedy = readingRules(facts.login)
  if (entry === 'rejected') {
    const from = facts.brokerAddress ?? 'the socket'
    const sentence = `pg_hba keeps session users out from ${from}, where the broker runs. Whether it does elsewhere can't be told, because the broker may not read it. Let it read the rules, and they are judged.`
    return { state: 'unknown', finding: finding('note', sentence, remedy) }
  }
  if (entry === 'unknown' || facts.sameHost) {
    const why =
      entry === 'unknown'
        ? 'its trial did not get that far'
        : 'it runs on the same host as the data source'
    const sentence = `Whether session users can log in past the proxies can't be told from here: the broker may not read pg_hba, and ${why}. Let it read the rules, and they are judged.`
    return { state: 'unknown', finding: finding('note', sentence, remedy) }
  }
  const sentence = `Session users can log in to the data source directly from ${facts.brokerAddress ?? ''}, where the broker runs; unless a proxy runs there too, recording can be walked around.`
  return { state: 'unknown', finding: finding('warning', sentence, linesFor(facts)) }
}

function judgeRules(facts: AccessFacts, rules: readonly HbaRule[]): Exposure {
  const entrances = findEntrances(rules, facts.memberships)
  const doubtful = entrances.filter(isDoubtful)
  const open = doubtful.filter(({ patterns }) => patterns.length === 0)
  if (open.length > 0) {
    const sentence = `Session users can log in to the data source directly: pg_hba lets them in from ${open.map(describe).join(', ')}, so recording can be walked around.`
    return { state: 'open', finding: finding('warning', sentence, linesFor(facts)) }
  }
  if (doubtful.length > 0) {
    const patterns = doubtful.flatMap((each) => each.patterns).map((name) => JSON.stringify(name))
    const sentence = `Whether session users can log in to the data source directly can't be told: in pg_hba ${[...new Set(patterns)].join(', ')} may fit names of theirs, from ${doubtful.map(describe).join(', ')}. Reject them above those lines.`
    return { state: 'unknown', finding: finding('note', sentence, linesFor(facts)) }
  }
  const from = entrances.map(describe).join(', ')
  const sentence =
    from === ''
      ? "pg_hba lets session users in from nowhere, so proxies can't work."
      : `pg_hba lets session users in from ${from} alone: let only proxies run there.`
  return { state: 'closed', finding: finding(from === '' ? 'failed' : 'ok', sentence) }
}

interface Range {
  readonly address: string
  /** Leading bits that count; undefined for what is not an address. */
  readonly bits: number | undefined
}

/** A way in for some session user to some database. */
interface Entrance {
  readonly range: Range
  /** True where whoever connects is whoever they say, so that no password keeps anybody to the proxies. */
  readonly isBelieved: boolean
  /** The patterns of names by which alone it may be one; empty where it is one for sure. */
  readonly patterns: readonly string[]
}

/** Methods that prove nothing: `ident` asks the very host that the connection comes from. */
const BELIEVING: ReadonlySet<string> = new Set(['trust', 'ident'])

/**
 * The first line that fits decides, so what an earlier line decides for all of them is decided;
 * ranges are nested or apart, never across.
 */
function findEntrances(rules: readonly HbaRule[], memberships: readonly string[]): Entrance[] {
  const found = new Map<string, Entrance>()
  for (const types of Object.values(TYPES)) {
    const decided: Range[] = []
    for (const rule of rules) {
      const range = rangeOf(rule)
      if (range === undefined || !types.includes(rule.type)) continue
      if (decided.some((wider) => isWithin(range, wider))) continue
      const patterns = rule.method === 'reject' ? undefined : meant(rule, memberships)
      if (patterns !== undefined) {
        const entrance = { range, isBelieved: BELIEVING.has(rule.method), patterns }
        found.set([describe(entrance), ...patterns].join(), entrance)
      }
      if (meansAll(rule)) decided.push(range)
    }
  }
  return [...found.values()]
}

/** What comes in without a password, or from more than one host. */
function isDoubtful({ range, isBelieved }: Entrance): boolean {
  return isBelieved || (!isOneHost(range) && !isLoopback(range))
}

function describe({ range, isBelieved }: Pick<Entrance, 'range' | 'isBelieved'>): string {
  return isBelieved ? `${textOf(range)} without a password` : textOf(range)
}

/** Which lines fit a connection (hba.c, check_hba), by what encrypts it. */
const TYPES: Readonly<Record<'TLS' | 'GSS' | 'nothing', readonly string[]>> = {
  TLS: ['host', 'hostssl', 'hostnogssenc'],
  GSS: ['host', 'hostnossl', 'hostgssenc'],
  nothing: ['host', 'hostnossl', 'hostnogssenc'],
}

/** The patterns by which a line may fit some session user: none where it does, undefined where it can't. */
function meant(
  { users, databases }: HbaRule,
  memberships: readonly string[],
): string[] | undefined {
  if (databases.every((name) => name === 'replication' || name === 'sameuser')) return undefined
  const fits = users.some(
    (name) =>
      name === 'all' ||
      ['all', 'some'].includes(fitsSessionUsers(name)) ||
      (name.startsWith('+') && memberships.includes(name.slice(1))),
  )
  if (fits) return []
  const patterns = users.filter((name) => fitsSessionUsers(name) === 'unknown')
  return patterns.length === 0 ? undefined : patterns
}

/** True where the line fits every session user and every database, so that no later one counts. */
function meansAll({ users, databases }: HbaRule): boolean {
  const user = users.some(
    (name) => name === 'all' || name === `+${MARKER}` || fitsSessionUsers(name) === 'all',
  )
  return user && databases.includes('all')
}

function rangeOf({ address, netmask }: HbaRule): Range | undefined {
  if (address === null) return undefined
  return { address, bits: netmask === null ? undefined : bitsOf(netmask) }
}

/** 24 for 255.255.255.0, 64 for ffff:ffff:ffff:ffff::. */
function bitsOf(netmask: string): number {
  const parts = netmask.includes(':')
    ? netmask.split(':').map((part) => Number.parseInt(part || '0', 16))
    : netmask.split('.').map(Number)
  return parts.reduce((bits, part) => bits + part.toString(2).replaceAll('0', '').length, 0)
}

function isWithin(range: Range, wider: Range): boolean {
  if (wider.address === 'all') return true
  const families = [isIP(range.address), isIP(wider.address)]
  if (range.bits === undefined || wider.bits === undefined || families[0] !== families[1]) {
    return range.address === wider.address && range.bits === wider.bits
  }
  return range.bits >= wider.bits && holds(wider.address, wider.bits, range.address)
}

function holds(network: string, bits: number, address: string): boolean {
  const list = new BlockList()
  const family = isIP(network) === 6 ? 'ipv6' : 'ipv4'
  list.addSubnet(network, bits, family)
  return list.check(address, family)
}

function isOneHost({ address, bits }: Range): boolean {
  const family = isIP(address)
  if (family === 0) return address !== 'all' && address !== 'samenet' && !address.startsWith('.')
  return bits === (family === 6 ? 128 : 32)
}

function isLoopback({ address, bits }: Range): boolean {
  if (bits === undefined || isIP(address) !== 4) return false
  return bits >= 8 && holds('127.0.0.0', 8, address)
}

function textOf({ address, bits }: Range): string {
  if (bits === undefined) return address === 'all' ? 'everywhere' : address
  return bits === 0 ? 'everywhere' : `${address}/${bits}`
}

/** What pg_hba.conf should say; the broker is a member of the marker that it made, so it comes first. */
function linesFor({ login, brokerAddress }: AccessFacts): string {
  const broker = brokerAddress ?? '<broker address>'
  return [
    '# in pg_hba.conf, above all other lines; then: select pg_reload_conf();',
    `hostssl all ${hbaName(login)} ${broker}/${broker.includes(':') ? '128' : '32'} scram-sha-256`,
    `hostssl all +${MARKER} <proxy address>/32 scram-sha-256`,
    `host    all +${MARKER} all reject`,
  ].join('\n')
}

/** A name as pg_hba.conf takes it: what isn't plain, or means something there, stands in quotes. */
function hbaName(name: string): string {
  const isPlain = /^[\w$-]+$/.test(name) && name !== 'all'
  return isPlain ? name : `"${name.replaceAll('"', '""')}"`
}

/** What lets the broker read the rules, so that nothing has to be guessed. */
function readingRules(login: string): string {
  return [
    `grant select on pg_hba_file_rules to ${identifier(login)};`,
    `grant execute on function pg_hba_file_rules() to ${identifier(login)};`,
  ].join('\n')
}
