import { readCopyRun, tally, type CopyRun } from './copy-runs.ts'
import { WireError } from '../errors.ts'
import { becomeCopy, complete, fail } from './execution.ts'
import type { Execution } from './execution.ts'
import type { Ledger } from './ledger.ts'
import type { NameSpaces } from './name-spaces.ts'
import { namesBehind } from './named-in-sql.ts'
import { skipUpToSync } from './failures.ts'
import type { Portal } from './portals.ts'
import { executionOf } from './queue.ts'
import type { PendingExecute, PendingRun, StatementQueue } from './queue.ts'
import type { Pairing } from './asked.ts'
import { Body } from '../wire/body.ts'
import { byType } from '../wire/by-type.ts'
import { FROM_SERVER } from '../wire/codes.ts'
import type { Frame } from '../wire/frames.ts'
import {
  readParameterStatus,
  readParameterTypes,
  readReady,
  readReport,
  readTag,
} from '../wire/server-messages.ts'
import type { ServerReport } from '../wire/server-messages.ts'

/** Tags of statements that change the protocol's names from inside SQL. */
const FORGETS_ALL: Readonly<Record<string, 'statements' | 'portals' | 'both'>> = {
  'DISCARD ALL': 'both',
  'DEALLOCATE ALL': 'statements',
  'CLOSE CURSOR ALL': 'portals',
}
const FORGETS_ONE: Readonly<Record<string, 'statements' | 'portals'>> = {
  DEALLOCATE: 'statements',
  'CLOSE CURSOR': 'portals',
}

/** The server's half: every answer goes to what it answers, the head of the queue. */
export class StatementsAnswered {
  readonly #pairing: Pairing
  readonly #ledger: Ledger
  readonly #queue: StatementQueue
  readonly #names: NameSpaces
  readonly #body = new Body()
  readonly #handlers: readonly (((frame: Frame) => void) | undefined)[]

  constructor(pairing: Pairing) {
    const { ledger, queue, names } = pairing
    this.#pairing = pairing
    this.#ledger = ledger
    this.#queue = queue
    this.#names = names
    this.#handlers = byType([
      [FROM_SERVER.dataRow, (frame) => this.#rows(this.#over(frame))],
      [FROM_SERVER.copyData, (frame) => this.#copied(readCopyRun(this.#over(frame)))],
      [FROM_SERVER.commandComplete, (frame) => this.#complete(readTag(this.#over(frame)))],
      [FROM_SERVER.emptyQuery, () => this.#complete(null)],
      [FROM_SERVER.ready, (frame) => this.#ready(frame)],
      [FROM_SERVER.parseComplete, () => this.#parsed()],
      [FROM_SERVER.bindComplete, () => this.#bound()],
      [FROM_SERVER.closeComplete, () => this.#closed()],
      [FROM_SERVER.rowDescription, () => this.#described()],
      [FROM_SERVER.noData, () => this.#described()],
      [FROM_SERVER.parameterTypes, (frame) => this.#typed(frame)],
      [FROM_SERVER.portalSuspended, () => this.#suspended()],
      [FROM_SERVER.functionResult, (frame) => this.#functionResult(frame)],
      [FROM_SERVER.copyIn, () => this.#copyIn()],
      [FROM_SERVER.copyOut, () => this.#copyOut()],
      [FROM_SERVER.copyBoth, () => this.#copyOut()],
      [FROM_SERVER.error, (frame) => this.#failed(frame)],
      [FROM_SERVER.parameterStatus, (frame) => this.#parameterStatus(frame)],
    ])
  }

  /** A malformed body is for the client to judge; here it only means that nothing can be learned. */
  message(frame: Frame): void {
    try {
      this.#handlers[frame.type]?.(frame)
    } catch (thrown) {
      if (!(thrown instanceof WireError)) throw thrown
    }
  }

  /** The connection is over: what has no answer will get none. */
  end(outcome: 'aborted' | 'unknown'): void {
    const taken = this.#queue.takeAll()
    this.#names.drop(taken)
    this.#names.forgetPlans()
    for (const entry of taken) {
      const execution = executionOf(entry)
      if (execution) this.#ledger.close(execution, outcome)
    }
    this.#finishSuspended(this.#names.portals.clear())
    this.#ledger.end()
  }

  #over({ bytes, start, end }: Frame): Body {
    return this.#body.reset(bytes, start, end)
  }

  #rows(body: Body): void {
    const run = this.#running()
    if (!run) return
    run.execution.rows += body.uint32()
    run.execution.bytes += body.double()
  }

  #copied(copied: CopyRun): void {
    const run = this.#queue.run
    if (run && !run.copying && run.execution.copy) tally(run.execution.copy, copied)
  }

  /** The head, if it runs something; what follows a finished part of a Query is its next part. */
  #running(): PendingRun | undefined {
    const run = this.#queue.run
    if (run?.execution.outcome === undefined) return run
    if (run.kind === 'function call') return undefined
    if (run.kind === 'query') run.execution = this.#ledger.beginPart(run.execution)
    if (run.kind === 'execute') run.execution = this.#ledger.begin(run.execution.asked)
    return run
  }

  #parsed(): void {
    const head = this.#queue.head
    if (head?.kind !== 'parse') return
    this.#queue.shift()
    this.#names.statements.confirm(head.name, head.prepared)
  }

  #bound(): void {
    const head = this.#queue.head
    if (head?.kind !== 'bind') return
    this.#queue.shift()
    this.#names.rebind(head)
    const replaced = this.#names.portals.confirmed(head.name)
    this.#names.portals.confirm(head.name, head.portal)
    if (replaced) this.#finishSuspended([replaced])
  }

  #closed(): void {
    const head = this.#queue.head
    if (head?.kind !== 'close') return
    this.#queue.shift()
    const closed = head.target === 'portal' ? this.#names.portals.confirmed(head.name) : undefined
    this.#names.close(head.target, head.name)
    if (closed) this.#finishSuspended([closed])
  }

  #typed(frame: Frame): void {
    const head = this.#queue.head
    if (head?.kind !== 'describe') return
    const prepared = this.#names.statements.confirmed(head.prepared.name) ?? head.prepared
    prepared.types = readParameterTypes(this.#over(frame))
  }

  #described(): void {
    if (this.#queue.head?.kind === 'describe') this.#queue.shift()
    else this.#running()
  }

  #complete(tag: string | null): void {
    const run = this.#running()
    if (!run) return
    this.#refresh(run)
    this.#ledger.spend(run.execution, run.sentAt)
    complete(run.execution, tag)
    run.copying = false
    this.#ledger.hold(run.execution)
    if (run.kind === 'execute') this.#leave(run)
    if (tag !== null) this.#forget(tag, run.execution)
  }

  /** The portal stays open, and so does the record. */
  #suspended(): void {
    const run = this.#running()
    if (run?.kind !== 'execute') return
    this.#refresh(run)
    this.#ledger.spend(run.execution, run.sentAt)
    this.#queue.shift()
    if (run.portal) run.portal.execution = run.execution
    // a cursor of SQL's own may be fetched from by other means: what this Execute did is all of it
    else this.#ledger.close(run.execution, 'ok')
  }

  #functionResult(frame: Frame): void {
    const run = this.#running()
    if (run?.kind !== 'function call') return
    run.execution.rows += 1
    run.execution.bytes += this.#over(frame).uint32()
    this.#complete(null)
  }

  #copyIn(): void {
    const run = this.#running()
    if (!run) return
    becomeCopy(run.execution, 'copy in', run.early.shift() ?? { bytes: 0, digest: null })
    if (run.early.length === 0) run.earlyOpen = false
    run.copying = !this.#queue.dropSyncsBeforeCopyEnd()
  }

  #copyOut(): void {
    const run = this.#running()
    if (run) becomeCopy(run.execution, 'copy out', { bytes: 0, digest: null })
  }

  #failed(frame: Frame): void {
    const report = readReport(this.#over(frame), this.#ledger.decode)
    const head = this.#queue.head
    if (!head || head.kind === 'copy end') return
    if (head.kind === 'sync') {
      this.#ledger.failLast(report)
      return
    }
    if ('execution' in head) this.#failRun(report)
    // after a fatal error nothing is skipped up to a Sync: the connection ends
    if (isFatal(report) || head.kind === 'query' || head.kind === 'function call') return
    skipUpToSync(this.#pairing, head, report)
  }

  #failRun(report: ServerReport): void {
    const run = this.#running()
    if (!run) return
    this.#refresh(run)
    this.#ledger.spend(run.execution, run.sentAt)
    fail(run.execution, report)
    run.copying = false
    this.#ledger.hold(run.execution)
    if (run.kind === 'execute') this.#leave(run)
  }

  #ready(frame: Frame): void {
    const state = readReady(this.#over(frame))
    const head = this.#queue.head
    if (head?.kind === 'query' || head?.kind === 'function call') {
      this.#ledger.close(head.execution, 'unknown')
    }
    if (head?.kind === 'query') {
      this.#names.close('statement', '')
      const unnamed = this.#names.portals.confirmed('')
      this.#names.close('portal', '')
      if (unnamed) this.#finishSuspended([unnamed])
    }
    if (head?.kind === 'sync' || head?.kind === 'query' || head?.kind === 'function call') {
      this.#queue.shift()
    }
    if (state === 'I') this.#finishSuspended(this.#names.portals.clear())
    this.#ledger.settle(state)
  }

  #parameterStatus(frame: Frame): void {
    this.#ledger.parameterStatus(...readParameterStatus(this.#over(frame)))
  }

  #leave(run: PendingExecute): void {
    this.#queue.shift()
    if (run.portal?.execution === run.execution) run.portal.execution = undefined
  }

  /** Types and errors may have come to light since it was sent. */
  #refresh(run: PendingRun): void {
    if (run.kind === 'execute') this.#names.reread(run)
  }

  /** These portals are gone; what they had suspended has run as far as it ever will. */
  #finishSuspended(portals: readonly Portal[]): void {
    for (const portal of portals) {
      if (portal.execution?.touched) this.#ledger.close(portal.execution, 'ok')
      else if (portal.execution?.isOnlyBound) this.#ledger.close(portal.execution, 'unknown')
      portal.execution = undefined
    }
  }

  #forget(tag: string, { asked }: Execution): void {
    const all = FORGETS_ALL[tag]
    if (all === 'both' || all === 'statements') this.#names.statements.clear()
    if (all === 'both' || all === 'portals') this.#finishSuspended(this.#names.portals.clear())
    const one = FORGETS_ONE[tag]
    // which one stands in the text; forgetting one too many costs a record its text, one too few its truth
    if (one === 'statements') {
      this.#names.statements.clearNamed(namesBehind('deallocate', asked.sql))
    }
    if (one === 'portals') {
      this.#finishSuspended(this.#names.portals.clearNamed(namesBehind('close', asked.sql)))
    }
  }
}

function isFatal({ severity }: ServerReport): boolean {
  return severity === 'FATAL' || severity === 'PANIC'
}
