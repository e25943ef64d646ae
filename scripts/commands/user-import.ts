import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { changeAccount } from '../../broker/accounts.ts'
import { listPeople } from '../../db/people.ts'
import { getTimeZone } from '../../db/settings.ts'
import { storeTime, type Db } from '../../db/store.ts'
import { AppError, sentenceOf } from '../../lib/errors.ts'
import { planJson } from '../../portal/api/user-import.ts'
import { applyImport } from '../../portal/user-import/apply.ts'
import { mistakesIn } from '../../portal/user-import/import.ts'
import { planImport, type ImportPlan } from '../../portal/user-import/plan.ts'
import { onStore, OPERATOR } from '../operator.ts'
import { print, printJson } from '../print.ts'

interface ImportOptions {
  readonly dryRun?: true
  readonly json?: true
}

/** user import: an operator's command, on the store itself. */
export function addUserImport(user: Command): void {
  user
    .command('import')
    .description('add and change people by a CSV file: all of it or nothing')
    .argument('<file>', 'CSV in UTF-8; - reads standard input')
    .option('--dry-run', 'only say what it would do')
    .option('--json', 'as JSON, for scripts')
    .action(importUsers)
}

async function importUsers(file: string, { dryRun, json }: ImportOptions): Promise<void> {
  const csv = readText(file)
  const plan = await onStore((store, origin) => {
    if (dryRun) return planIn(store.db, csv)
    return store.change(async (tx) => {
      const ready = await planIn(tx, csv)
      if (ready.counts.wrong > 0) throw wrong(ready)
      await applyImport(
        tx,
        { origin, change: (within, command) => changeAccount(within, origin, command) },
        ready,
      )
      return ready
    })
  })
  if (json) printJson({ done: dryRun !== true, ...planJson(plan) })
  else print(sayPlan(plan, dryRun === true ? 'dry' : 'done'))
  if (plan.counts.wrong > 0) process.exitCode = 1
}

async function planIn(db: Db, csv: string): Promise<ImportPlan> {
  const people = await listPeople(db, OPERATOR)
  const clock = { zone: await getTimeZone(db), now: await storeTime(db) }
  const reading = planImport(csv, { people, clock })
  if (reading.ok) return reading.plan
  throw new AppError('invalid_request', reading.sentence)
}

function readText(file: string): string {
  const bytes = readBytes(file)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new AppError('invalid_request', `${file} is no text in UTF-8: save it as "CSV UTF-8".`)
  }
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? process.stdin.fd : file)
  } catch (cause) {
    throw new AppError('invalid_request', `${file} can't be read: ${sentenceOf(cause)}`, { cause })
  }
}

function wrong(plan: ImportPlan): AppError {
  const said = Object.entries(mistakesIn(plan)).map(([place, text]) => `${place}: ${text}`)
  return new AppError('invalid_request', `Nothing was imported.\n  ${said.join('\n  ')}`)
}

function sayPlan(plan: ImportPlan, how: 'dry' | 'done'): string {
  const { add, change, same, wrong: faulty } = plan.counts
  const summary =
    how === 'dry'
      ? `Would add ${add} and change ${change}; ${same} the same, ${faulty} wrong.`
      : `Added ${add}, changed ${change}; ${same} the same.`
  const lines = plan.lines
    .filter(({ outcome }) => outcome === 'add' || outcome === 'change')
    .map(({ outcome, values }) => `${outcome.padEnd(6)} ${values.username ?? ''}`)
  const faults = Object.entries(mistakesIn(plan)).map(([place, text]) => `${place}: ${text}`)
  return [...(how === 'dry' ? [...lines, ...faults] : []), summary].join('\n')
}
