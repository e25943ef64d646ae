import { readValues } from './values/bind-values.ts'
import {
  parameterOf,
  readScreened,
  shortCall,
  shortParse,
  shortQuery,
  sqlOf,
} from './asked-messages.ts'
import type { BindValues, CallValues, ParseText, Unreadable } from './asked-messages.ts'
import { readCopyRun, tally, type CopyRun } from './copy-runs.ts'
import type { Asked, SqlText } from './execution.ts'
import type { Ledger } from './ledger.ts'
import type { NameSpaces } from './name-spaces.ts'
import { askedOfPortal, makePortal, undecodable, unknownPortal, wordsOf } from './portals.ts'
import type { Portal, Prepared } from './portals.ts'
import { empty } from './emptied.ts'
import type { Pending, PendingRun, StatementQueue } from './queue.ts'
import { WireError } from '../errors.ts'
import { SCREENED } from '../journal/events.ts'
import type { ScreenedMessage, UnreadableMessage } from '../statements/screened.ts'
import { Body, type Decode } from '../wire/body.ts'
import { byType } from '../wire/by-type.ts'
import { readBind, readExecute, readTarget } from '../wire/client-messages.ts'
import type { Target } from '../wire/client-messages.ts'
import { FROM_CLIENT } from '../wire/codes.ts'
import type { Frame } from '../wire/frames.ts'

const NO_VALUES: readonly never[] = []

/** What both halves of the pairing work on. */
export interface Pairing {
  readonly ledger: Ledger
  readonly queue: StatementQueue
  readonly names: NameSpaces
}

/**
 * The client's half: turns what was sent into expected answers, and begins a record for what runs. A
 * malformed body is the server's to judge, and is recorded as one that nobody can read.
 */
export class StatementsAsked {
  readonly #ledger: Ledger
  readonly #queue: StatementQueue
  readonly #names: NameSpaces
  readonly #body = new Body()
  /** Bound in this chunk. */
  readonly #bound: Portal[] = []
  readonly #handlers: readonly (((frame: Frame) => void) | undefined)[]

  constructor({ ledger, queue, names }: Pairing) {
    this.#ledger = ledger
    this.#queue = queue
    this.#names = names
    this.#handlers = byType([
      [FROM_CLIENT.query, (frame) => this.#query(this.#read(frame, shortQuery))],
      [FROM_CLIENT.parse, (frame) => this.#parse(this.#read(frame, shortParse))],
      [FROM_CLIENT.bind, (frame) => this.#bind(this.#read(frame, readBind))],
      [FROM_CLIENT.describe, (frame) => this.#describe(this.#read(frame, readTarget))],
      [FROM_CLIENT.execute, (frame) => this.#execute(this.#read(frame, readExecute))],
      [FROM_CLIENT.close, (frame) => this.#close(this.#read(frame, readTarget))],
      [FROM_CLIENT.functionCall, (frame) => this.#functionCall(this.#read(frame, shortCall))],
      [FROM_CLIENT.sync, () => this.#sync()],
      [FROM_CLIENT.flush, (frame) => this.#flush(frame)],
      [FROM_CLIENT.copyData, (frame) => this.#copyData(readCopyRun(this.#over(frame)))],
      [FROM_CLIENT.copyDone, () => this.#copyEnd()],
      [FROM_CLIENT.copyFail, () => this.#copyEnd()],
      [SCREENED, (frame) => this.#screened(readScreened(frame))],
    ])
  }

  message(frame: Frame): void {
    this.#handlers[frame.type]?.(frame)
  }

  #over({ bytes, start, end }: Frame): Body {
    return this.#body.reset(bytes, start, end)
  }

  #read<T>(frame: Frame, read: (body: Body, decode: Decode) => T): T | Unreadable {
    try {
      return read(this.#over(frame), this.#ledger.decode)
    } catch (thrown) {
      if (thrown instanceof WireError) return { unreadable: frame.length }
      throw thrown
    }
  }

  #screened(message: ScreenedMessage): void {
    switch (message.kind) {
      case 'query':
        this.#query(message)
        return
      case 'parse':
        this.#parse(message)
        return
      case 'bind':
        this.#bind({ ...message, parameters: message.parameters.map(parameterOf) })
        return
      case 'call':
        this.#functionCall({ ...message, parameters: message.parameters.map(parameterOf) })
        return
      case 'unreadable':
        this.#unreadable(message)
    }
  }

  #unreadable({ type, length }: UnreadableMessage): void {
    if (type === FROM_CLIENT.query) this.#query({ unreadable: length })
    if (type === FROM_CLIENT.parse) this.#parse({ unreadable: length })
    if (type === FROM_CLIENT.bind) this.#bind({ unreadable: length })
    if (type === FROM_CLIENT.functionCall) this.#functionCall({ unreadable: length })
  }

  #query(query: SqlText | Unreadable): void {
    const sql = 'unreadable' in query ? undecodable('Query', query.unreadable) : query
    const execution = this.#ledger.begin({
      sql,
      kind: 'simple',
      values: NO_VALUES,
      statementName: null,
      portalName: null,
    })
    this.#run({
      kind: 'query',
      execution,
      sentAt: this.#ledger.now,
      copying: false,
      early: [],
      earlyOpen: false,
    })
  }

  #parse(parse: ParseText | Unreadable): void {
    const prepared: Prepared =
      'unreadable' in parse
        ? unreadable('Parse', parse.unreadable)
        : { name: parse.name, sql: sqlOf(parse), types: parse.types }
    this.#expect({ kind: 'parse', name: prepared.name, prepared })
  }

  #bind(bind: BindValues | Unreadable): void {
    const { encoding, decode } = this.#ledger
    const isUnreadable = 'unreadable' in bind
    const prepared = isUnreadable
      ? unreadable('Bind', bind.unreadable)
      : this.#names.statement(bind.statement)
    const name = isUnreadable ? '' : bind.portal
    const parameters = isUnreadable ? [] : bind.parameters
    const portal = makePortal(name, prepared, { parameters, encoding, decode })
    if (!this.#queue.skipping) this.#bound.push(portal)
    const statement = isUnreadable ? undefined : bind.statement
    this.#expect({ kind: 'bind', name, statement, portal })
  }

  /**
   * What is bound and has no Execute yet goes to the server now, which plans it and calls what claims to be
   * immutable: a record begins, and an Execute that follows goes on with it.
   */
  chunkEnd(): void {
    for (const portal of this.#bound) {
      if (portal.execution) continue
      portal.execution = this.#ledger.begin(askedOfPortal(portal))
      portal.execution.isOnlyBound = true
    }
    empty(this.#bound)
  }

  #describe(target: Target | Unreadable): void {
    const isPortal = !('unreadable' in target) && target.kind === 'portal'
    const portal = isPortal ? this.#names.portal(target.name) : undefined
    const prepared = portal?.prepared ?? this.#described(target)
    this.#expect({ kind: 'describe', prepared, portal })
  }

  #described(target: Target | Unreadable): Prepared {
    if ('unreadable' in target) return unreadable('Describe', target.unreadable)
    if (target.kind === 'statement') return this.#names.statement(target.name)
    return { name: '', sql: unknownPortal(target.name).sql, types: [] }
  }

  #close(target: Target | Unreadable): void {
    const { kind, name } = 'unreadable' in target ? NOTHING_NAMED : target
    this.#expect({ kind: 'close', target: kind, name })
  }

  #execute(name: string | Unreadable): void {
    const portal = typeof name === 'string' ? this.#names.portal(name) : undefined
    const suspended = portal?.execution?.outcome ? undefined : portal?.execution
    const execution =
      suspended ?? this.#ledger.begin(portal ? askedOfPortal(portal) : this.#unknown(name))
    execution.isOnlyBound = false
    if (portal) portal.execution = execution
    this.#run({
      kind: 'execute',
      name: typeof name === 'string' ? name : undefined,
      portal,
      execution,
      sentAt: this.#ledger.now,
      copying: false,
      early: [],
      earlyOpen: false,
    })
  }

  #functionCall(call: CallValues | Unreadable): void {
    const isUnreadable = 'unreadable' in call
    const execution = this.#ledger.begin({
      sql: isUnreadable
        ? undecodable('FunctionCall', call.unreadable)
        : wordsOf(`function call oid ${call.oid}`),
      kind: 'function call',
      values: readValues(isUnreadable ? [] : call.parameters, [], this.#ledger.decode),
      statementName: null,
      portalName: null,
    })
    this.#run({
      kind: 'function call',
      execution,
      sentAt: this.#ledger.now,
      copying: false,
      early: [],
      earlyOpen: false,
    })
  }

  /** During COPY IN the server ignores Sync; after an error it is what the server waits for. */
  #sync(): void {
    if (this.#queue.run?.copying) return
    if (this.#queue.skipping) this.#names.forgetPlans()
    this.#queue.skipping = false
    this.#queue.push({ kind: 'sync' })
  }

  /** Nothing answers one, but the server refuses one with a body: everything up to the Sync is skipped. */
  #flush({ length }: Frame): void {
    if (length > 0 && !this.#queue.run?.copying) this.#expect({ kind: 'refused flush' })
  }

  #copyData(copied: CopyRun): void {
    const run = this.#taker
    if (!run) return
    if (run.copying) {
      if (run.execution.copy) tally(run.execution.copy, copied)
      return
    }
    const open = run.earlyOpen ? run.early.at(-1) : undefined
    const early = open ?? { bytes: 0, digest: null }
    if (!open) run.early.push(early)
    run.earlyOpen = true
    tally(early, copied)
  }

  #copyEnd(): void {
    const run = this.#taker
    if (!run) return
    if (!run.copying) this.#queue.push({ kind: 'copy end' })
    run.copying = false
    run.earlyOpen = false
  }

  /** Whose COPY data this is: of the COPY that takes some now, or of the last message that can. */
  get #taker(): PendingRun | undefined {
    const run = this.#queue.run
    return run?.copying ? run : this.#queue.lastRun
  }

  #run(entry: PendingRun): void {
    if (this.#queue.skipping && !entry.execution.touched) {
      this.#ledger.close(entry.execution, 'skipped')
    }
    this.#expect(entry)
  }

  /** What comes behind an error is not answered, but later messages before the Sync refer to it. */
  #expect(entry: Pending): void {
    if (this.#queue.skipping) {
      this.#names.planIgnored(entry)
      return
    }
    this.#names.plan(entry)
    this.#queue.push(entry)
  }

  #unknown(name: string | Unreadable): Asked {
    if (typeof name === 'string') return this.#names.unknownPortal(name)
    return { ...unknownPortal(''), sql: undecodable('Execute', name.unreadable) }
  }
}

const NOTHING_NAMED: Target = { kind: 'statement', name: '' }

function unreadable(what: string, length: number): Prepared {
  return { name: '', sql: undecodable(what, length), types: [] }
}
