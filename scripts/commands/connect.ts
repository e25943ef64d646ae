import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { z } from 'zod'
import { environmentWith } from '../../config.ts'
import { AppError } from '../../lib/errors.ts'
import { openPersonClient } from '../person-client.ts'

/** How long a grant that is due may take; the broker's own deadlines are shorter. */
const GRANT_PATIENCE_MS = 10_000
const ASK_AGAIN_MS = 250

const DUE = z.object({ state: z.string(), start: z.string().nullable() })
const CREDENTIAL = z.object({
  host: z.string(),
  port: z.number(),
  database: z.string(),
  username: z.string(),
  password: z.string(),
})

type Credential = z.infer<typeof CREDENTIAL>

/** connect: a new credential, and psql with everything set. */
export function addConnect(program: Command): void {
  program
    .command('connect')
    .description('open psql on a granted session of yours; options after -- go to psql')
    .argument('<session>', 'its number')
    .argument('[psql-options...]')
    .action(connect)
}

async function connect(id: string, options: readonly string[]): Promise<void> {
  process.exitCode = await runPsql(await makeCredential(id), options)
}

/** Right after its approval a session needs a moment until its user exists: that is waited for. */
async function makeCredential(id: string): Promise<Credential> {
  const client = openPersonClient()
  const address = `/sessions/${encodeURIComponent(id)}`
  const deadline = Date.now() + GRANT_PATIENCE_MS
  for (;;) {
    try {
      return CREDENTIAL.parse(await client.post(`${address}/credential`, {}))
    } catch (error) {
      const early = error instanceof AppError && error.code === 'session_not_granted'
      if (!early || Date.now() > deadline) throw error
      if (!isDue(DUE.parse(await client.get(address)))) throw error
    }
    await sleep(ASK_AGAIN_MS)
  }
}

function isDue({ state, start }: z.infer<typeof DUE>): boolean {
  return state === 'APPROVED' && start !== null && Date.parse(start) <= Date.now()
}

/** The secret goes by the environment: other people of the machine can read arguments. */
async function runPsql(
  { host, port, database, username, password }: Credential,
  options: readonly string[],
): Promise<number> {
  const psql = spawn('psql', options, {
    stdio: 'inherit',
    env: environmentWith({
      PGHOST: host,
      PGPORT: String(port),
      PGDATABASE: database,
      PGUSER: username,
      PGPASSWORD: password,
    }),
  })
  // psql itself answers Ctrl-C, by canceling its statement
  process.on('SIGINT', () => undefined)
  try {
    const [code] = (await once(psql, 'exit')) as [number | null]
    return code ?? 1
  } catch (cause) {
    throw new AppError(
      'psql_missing',
      'psql is not installed here: on Debian it comes with postgresql-client.',
      { cause },
    )
  }
}
