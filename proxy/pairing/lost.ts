import { executionOf } from './queue.ts'
import type { Pairing } from './asked.ts'

/**
 * Closes what was asked behind a gap in the recording: which answers belong to it nobody can say, nor
 * whether it ran. Names mean what they were last given to.
 */
export function closeUnknown({ ledger, queue, names }: Pairing): void {
  for (const entry of queue.takeAll()) {
    const execution = executionOf(entry)
    if (execution) ledger.close(execution, 'unknown')
    if (entry.kind === 'parse') names.statements.confirm(entry.name, entry.prepared)
    if (entry.kind === 'bind') names.portals.confirm(entry.name, entry.portal)
    if (entry.kind === 'close') names.close(entry.target, entry.name)
    if (entry.kind === 'query') names.close('statement', '')
  }
  queue.skipping = false
  ledger.end()
}
