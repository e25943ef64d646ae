import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { AppError } from '../lib/errors.ts'
import { openPersonClient } from './person-client.ts'
import { print, printJson } from './print.ts'

const CHECK = z.looseObject({
  id: z.string(),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
  ok: z.boolean().nullable(),
  message: z.string().nullable(),
  findings: z.array(
    z.looseObject({ verdict: z.string(), sentence: z.string(), remedy: z.string().optional() }),
  ),
})
type Check = z.infer<typeof CHECK>

const PAUSE_MS = 300
/** A broker gives each step of a test seconds; then something else is wrong. */
const PATIENCE_MS = 120_000
const FINDINGS = 1

/**
 * Has a broker run a test, waits for it and prints what it found; the exit code is 1 where there is
 * something to mend. Errors: `broker_absent`, and the API's own.
 */
export async function runTest(path: string, format: 'text' | 'json'): Promise<void> {
  const client = openPersonClient()
  const deadline = performance.now() + PATIENCE_MS
  let check = CHECK.parse(await client.post(path, {}))
  while (check.endedAt === null) {
    if (check.message !== null || performance.now() > deadline) throw absent(check)
    await sleep(PAUSE_MS)
    check = CHECK.parse(await client.get(`/checks/${check.id}`))
  }
  if (format === 'json') printJson(check)
  else print(check.findings.map(describe).join('\n'))
  if (check.ok !== true) process.exitCode = FINDINGS
}

function absent({ message }: Check): AppError {
  return new AppError(
    'broker_absent',
    message ?? 'The test does not end: see the log of the broker.',
  )
}

function describe({ verdict, sentence, remedy }: Check['findings'][number]): string {
  const indented = remedy?.replaceAll(/^/gm, '         ')
  const line = `${verdict.padEnd(8)} ${sentence}`
  return indented === undefined ? line : `${line}\n${indented}`
}
