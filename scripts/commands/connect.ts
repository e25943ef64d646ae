import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Command } from 'commander'
import { z } from 'zod'
import { environmentWith } from '../../config.ts'
import { AppError } from '../../lib/errors.ts'
import { openPersonClient } from '../person-client.ts'

const CREDENTIAL = z.object({
  host: z.string(),
  port: z.number(),
  database: z.string(),
  username: z.string(),
  password: z.string(),
})

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
  const path = `/sessions/${encodeURIComponent(id)}/credential`
  const credential = CREDENTIAL.parse(await openPersonClient().post(path, {}))
  process.exitCode = await runPsql(credential, options)
}

/** The secret goes by the environment: other people of the machine can read arguments. */
async function runPsql(
  { host, port, database, username, password }: z.infer<typeof CREDENTIAL>,
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
