import { fail, type Execution } from './execution.ts'
import { askedOf, askedOfPortal } from './portals.ts'
import { executionOf } from './queue.ts'
import type { Pending, PendingExecute } from './queue.ts'
import type { Pairing } from './asked.ts'
import type { ServerReport } from '../wire/server-messages.ts'

/** The messages whose failure makes the server ignore everything up to the next Sync. */
export type Failing = Exclude<Pending, { kind: 'sync' | 'query' | 'function call' | 'copy end' }>

/**
 * The head has failed: all behind it up to the next Sync is skipped. An error of Parse, Bind or Describe
 * belongs to the Execute that they were sent for, and has a record of its own if there is none.
 */
export function skipUpToSync(pairing: Pairing, failing: Failing, report: ServerReport): void {
  const { ledger, queue, names } = pairing
  if (failing.kind === 'parse' && failing.name === '') {
    names.statements.confirm('', null) // gone, though its successor failed
  }
  const taken = queue.takeUpToSync()
  names.drop(taken)
  const itsRun = taken.find(
    (entry): entry is PendingExecute => entry.kind === 'execute' && runs(entry, failing),
  )
  if (itsRun) failBeforeRun(pairing, itsRun.execution, report)
  else failWithoutRun(pairing, failing, report)
  for (const execution of taken.map(executionOf)) {
    if (execution && !execution.touched) ledger.close(execution, 'skipped')
  }
}

/** Whether this Execute is of the statement or portal that just failed. */
function runs({ portal }: PendingExecute, failing: Failing): boolean {
  if (!portal) return false
  if (failing.kind === 'bind') return portal === failing.portal
  if (failing.kind === 'parse') return portal.prepared === failing.prepared
  if (failing.kind !== 'describe') return false
  return failing.portal ? portal === failing.portal : portal.prepared === failing.prepared
}

function failBeforeRun({ ledger }: Pairing, execution: Execution, report: ServerReport): void {
  if (execution.outcome) return
  fail(execution, report)
  ledger.hold(execution)
}

function failWithoutRun(pairing: Pairing, failing: Failing, report: ServerReport): void {
  const { ledger } = pairing
  if (failing.kind === 'bind') {
    const { portal } = failing
    failBeforeRun(pairing, portal.execution ?? ledger.begin(askedOfPortal(portal)), report)
  }
  if (failing.kind === 'parse' || failing.kind === 'describe') {
    failBeforeRun(pairing, ledger.begin(askedOf(failing.prepared)), report)
  }
}
