import { readFileSync } from 'node:fs'
import type { SessionId } from '../../lib/ids.ts'
import { derivePartKey, open, openingKey } from '../../lib/seal.ts'
import { aboutUpstream } from '../../db/session-intents.ts'
import { getRow, rows } from '../../db/store.ts'
import type { PartProcess } from '../support/part-process.ts'
import { runOn, type World } from '../support/world.ts'

/** I8: where something secret can be read that nobody should find. Never names the secret itself. */
export async function secretLeaks(
  world: World,
  parts: readonly PartProcess[],
  more: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const secrets = { ...(await secretsOf(world)), ...more }
  const places: [string, string][] = [
    ...parts.map((part): [string, string] => [
      `log of process ${String(part.pid)}`,
      part.printed(),
    ]),
    ...parts.map((part): [string, string] => ['process list', argumentsOf(part)]),
    ['statements seen on the data source', await statementsOn(world.shop.superuserUrl)],
    ['statements seen on the store', await statementsOn(world.owner.url)],
    ['tables of the store', await dump(world)],
  ]
  return places.flatMap(([place, text]) =>
    Object.entries(secrets)
      .filter(([, secret]) => text.includes(secret))
      .map(([name]) => `I8: ${name} stands in the ${place}`),
  )
}

/** What the proxy alone can open: the password of a session's user on the data source. */
export async function upstreamSecretOf(world: World, id: SessionId): Promise<string> {
  const { sealed } = await getRow<{ sealed: Buffer }>(
    world.owner.db,
    'select upstream_sealed as sealed from session_users where session_id = :id',
    { id },
  )
  return open(openingKey(derivePartKey(world.masterKey, 'proxy')), sealed, aboutUpstream(id))
}

async function secretsOf(world: World): Promise<Record<string, string>> {
  const key = openingKey(derivePartKey(world.masterKey, 'proxy'))
  const users = await rows<{ id: Parameters<typeof aboutUpstream>[0]; sealed: Buffer }>(
    world.owner.db,
    'select session_id as id, upstream_sealed as sealed from session_users limit 20',
  )
  const upstream = users.map(({ id, sealed }): [string, string] => [
    `the proxy's secret of session ${id}`,
    open(key, sealed, aboutUpstream(id)),
  ])
  return {
    ...Object.fromEntries(upstream),
    'the master key in hex': world.masterKey.toString('hex'),
    'the master key in base64': world.masterKey.toString('base64'),
    'the admin password': new URL(world.shop.adminUrl).password,
    "the broker's store password": new URL(world.broker.url).password,
    "the proxy's store password": new URL(world.proxy.url).password,
  }
}

function argumentsOf({ pid }: PartProcess): string {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')
  } catch {
    // gone, or a system without /proc
    return ''
  }
}

async function statementsOn(url: string): Promise<string> {
  const now = await runOn<{ query: string }>(
    url,
    'select query from pg_stat_activity where pid <> pg_backend_pid() and query is not null',
  )
  const [kept] = await runOn<{ there: boolean }>(
    url,
    `select to_regclass('pg_stat_statements') is not null as there`,
  )
  const before = kept?.there
    ? await runOn<{ query: string }>(url, 'select query from pg_stat_statements')
    : []
  return [...now, ...before].map(({ query }) => query).join('\n')
}

/** Every table as text, as a dump would show it. */
async function dump({ owner }: World): Promise<string> {
  const tables = await rows<{ name: string }>(
    owner.db,
    `select quote_ident(relname) as name
       from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`,
  )
  const texts: string[] = []
  for (const { name } of tables) {
    const found = await rows<{ line: string }>(
      owner.db,
      `select cast(t as text) as line from ${name} t limit 20000`,
    )
    texts.push(...found.map(({ line }) => line))
  }
  return texts.join('\n')
}
