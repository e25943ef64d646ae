import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chown, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { EmbeddedPostgresError } from '../../db/embedded-errors.ts'
import type { EmbeddedPostgres } from '../../db/embedded.ts'

/** Connects, or fails within fifteen seconds. */
export async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 15_000 })
  await client.connect()
  return client
}

/** The rows of one statement, asked as the superuser. */
export async function ask(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = await connect(server.url())
  try {
    const result = await client.query<Record<string, unknown>>(sql)
    return result.rows
  } finally {
    await client.end()
  }
}

/** The refusal that a start must end in. */
export async function refusal(starting: Promise<unknown>): Promise<EmbeddedPostgresError> {
  const error: unknown = await starting.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof EmbeddedPostgresError, String(error))
  return error
}

/** Waits for a fact, half a minute at most. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await isSo())) {
    assert.ok(Date.now() < deadline, 'waited in vain')
    await sleep(5)
  }
}

/** True where a process that we may signal has this number. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** What any user of this machine sees of its processes' arguments. */
export function commandLines(): string[] {
  if (!existsSync('/proc/self/cmdline')) {
    return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n')
  }
  const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return numbers.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    } catch {
      return '' // gone since it was listed
    }
  })
}

/** As PostgreSQL writes it, with the number of a process that is not it. */
export async function writePidFile(dir: string, pid: number): Promise<void> {
  const file = join(dir, 'postmaster.pid')
  await writeFile(file, `${pid}\n${dir}\n1700000000\n5432\n\n127.0.0.1\n\nready   \n`)
  const { uid, gid } = await stat(dir)
  await chown(file, uid, gid)
}
