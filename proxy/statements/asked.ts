import { readValues } from './values/bind-values.ts'
import { CopyDigest } from './digests.ts'
import type { Asked, Execution } from './execution.ts'
import type { Ledger } from './ledger.ts'
import { longBind, longCall, longParse, longQuery } from './long-messages.ts'
import { MessageReader } from './message-reader.ts'
import type { NameSpaces } from './name-spaces.ts'
import { Portal, undecodable, unknownPortal, wordsOf } from './portals.ts'
import type { Prepared } from './portals.ts'
import type { Pending, PendingRun, StatementQueue } from './queue.ts'
import { byType } from '../wire/by-type.ts'
import {
  readBind,
  readExecute,
  readFunctionCall,
  readParse,
  readQuery,
  readTarget,
} from '../wire/client-messages.ts'
import type { Target } from '../wire/client-messages.ts'
import { FROM_CLIENT } from '../wire/codes.ts'
import type { Frame, FrameHandler } from '../wire/frames.ts'

const NO_VALUES: readonly never[] = []

/** What both halves of the pairing work on. */
export interface Pairing {
  readonly ledger: Ledger
  readonly queue: StatementQueue
  readonly names: NameSpaces
}

/** The client's half: turns what was sent into expected answers, and begins a record for what runs. */
export class StatementsAsked implements FrameHandler {
  readonly #ledger: Ledger
  readonly #queue: StatementQueue
  readonly #names: NameSpaces
  readonly #read: Readers
  /** Bound in this chunk, without an Execute yet. */
  readonly #bound = new Set<Portal>()
  readonly #handlers: readonly (((frame: Frame) => void) | undefined)[]

  constructor({ ledger, queue, names }: Pairing) {
    this.#ledger = ledger
    this.#queue = queue
    this.#names = names
    this.#read = readersOf(ledger)
    this.#handlers = byType([
      [FROM_CLIENT.query, (frame) => this.#query(frame)],
      [FROM_CLIENT.parse, (frame) => this.#parse(frame)],
      [FROM_CLIENT.bind, (frame) => this.#bind(frame)],
      [FROM_CLIENT.describe, (frame) => this.#describe(frame)],
      [FROM_CLIENT.execute, (frame) => this.#execute(frame)],
      [FROM_CLIENT.close, (frame) => this.#close(frame)],
      [FROM_CLIENT.functionCall, (frame) => this.#functionCall(frame)],
      [FROM_CLIENT.sync, () => this.#sync()],
      [FROM_CLIENT.copyDone, () => this.#copyEnd()],
      [FROM_CLIENT.copyFail, () => this.#copyEnd()],
    ])
  }

  message(frame: Frame): void {
    this.#handlers[frame.type]?.(frame)
  }

  piece(frame: Frame): void {
    if (frame.type === FROM_CLIENT.copyData) this.#copyData(frame)
    if (frame.type === FROM_CLIENT.query) this.#read.query.piece(frame)
    if (frame.type === FROM_CLIENT.parse) this.#read.parse.piece(frame)
    if (frame.type === FROM_CLIENT.bind) this.#read.bind.piece(frame)
    if (frame.type === FROM_CLIENT.functionCall) this.#read.call.piece(frame)
  }

  #query(frame: Frame): void {
    const query = this.#read.query.read(frame)
    const sql = query ? this.#ledger.sql(query.text, query.cut) : undecodable('Query', frame.length)
    const execution = this.#begin({
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

  #parse(frame: Frame): void {
    const parse = this.#read.parse.read(frame)
    const prepared: Prepared = parse
      ? { name: parse.name, sql: this.#ledger.sql(parse.text, parse.cut), types: parse.types }
      : unreadable('Parse', frame.length)
    this.#expect({ kind: 'parse', name: prepared.name, prepared })
  }

  #bind(frame: Frame): void {
    const bind = this.#read.bind.read(frame)
    const prepared = bind ? this.#names.statement(bind.statement) : unreadable('Bind', frame.length)
    const { portal: name, parameters } = bind ?? { portal: '', parameters: [] }
    const portal = new Portal(name, prepared, { parameters, decode: this.#ledger.decode })
    if (!this.#queue.skipping) this.#bound.add(portal)
    this.#expect({ kind: 'bind', name, portal })
  }

  /**
   * What is bound goes to the server now, which plans it and calls what claims to be immutable: a record
   * begins, and an Execute that follows goes on with it.
   */
  chunkEnd(): void {
    for (const portal of this.#bound) {
      portal.execution = this.#begin(portal.asked)
      portal.execution.isOnlyBound = true
    }
    this.#bound.clear()
  }

  #describe(frame: Frame): void {
    const target = this.#read.target.read(frame)
    const portal = target?.kind === 'portal' ? this.#names.portals.find(target.name) : undefined
    const prepared = portal?.prepared ?? this.#described(target, frame.length)
    this.#expect({ kind: 'describe', prepared, portal })
  }

  #described(target: Target | undefined, length: number): Prepared {
    if (!target) return unreadable('Describe', length)
    if (target.kind === 'statement') return this.#names.statement(target.name)
    return { name: '', sql: unknownPortal(target.name).sql, types: [] }
  }

  #close(frame: Frame): void {
    const target = this.#read.target.read(frame) ?? { kind: 'statement', name: '' }
    this.#expect({ kind: 'close', target: target.kind, name: target.name })
  }

  #execute(frame: Frame): void {
    const name = this.#read.execute.read(frame)
    const portal = name === undefined ? undefined : this.#names.portals.find(name)
    const suspended = portal?.execution?.outcome ? undefined : portal?.execution
    const execution = suspended ?? this.#begin(portal?.asked ?? this.#unknown(name, frame.length))
    execution.isOnlyBound = false
    if (portal) {
      portal.execution = execution
      this.#bound.delete(portal)
    }
    this.#run({
      kind: 'execute',
      name: name ?? '',
      portal,
      execution,
      sentAt: this.#ledger.now,
      copying: false,
      early: [],
      earlyOpen: false,
    })
  }

  #unknown(name: string | undefined, length: number): Asked {
    if (name !== undefined) return unknownPortal(name)
    return { ...unknownPortal(''), sql: undecodable('Execute', length) }
  }

  #functionCall(frame: Frame): void {
    const call = this.#read.call.read(frame)
    const execution = this.#begin({
      sql: call
        ? wordsOf(`function call oid ${call.oid}`)
        : undecodable('FunctionCall', frame.length),
      kind: 'function call',
      values: readValues(call?.parameters ?? [], [], this.#ledger.decode),
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
    if (this.#queue.skipping) this.#names.replan([])
    this.#queue.skipping = false
    this.#queue.push({ kind: 'sync' })
  }

  #copyData({ bytes, start, end }: Frame): void {
    const run = this.#taker
    if (!run) return
    if (run.copying) {
      run.execution.copy?.add(bytes, start, end)
      return
    }
    if (!run.earlyOpen) run.early.push(new CopyDigest())
    run.earlyOpen = true
    run.early.at(-1)?.add(bytes, start, end)
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

  #begin(asked: Asked): Execution {
    return this.#ledger.begin(asked)
  }

  #run(entry: PendingRun): void {
    if (this.#queue.skipping && !entry.execution.touched) {
      this.#ledger.close(entry.execution, 'skipped')
    }
    this.#expect(entry)
  }

  /** What comes behind an error is not answered, but later messages before the Sync refer to it. */
  #expect(entry: Pending): void {
    this.#names.plan(entry)
    if (!this.#queue.skipping) this.#queue.push(entry)
  }
}

type Readers = ReturnType<typeof readersOf>

function readersOf(ledger: Ledger) {
  return {
    query: new MessageReader(ledger, {
      short: (body, decode) => ({ text: readQuery(body, decode), cut: null }),
      long: longQuery,
    }),
    parse: new MessageReader(ledger, {
      short: (body, decode) => ({ ...readParse(body, decode), cut: null }),
      long: longParse,
    }),
    bind: new MessageReader(ledger, { short: readBind, long: longBind }),
    call: new MessageReader(ledger, { short: readFunctionCall, long: longCall }),
    target: new MessageReader(ledger, { short: readTarget }),
    execute: new MessageReader(ledger, { short: readExecute }),
  }
}

function unreadable(what: string, length: number): Prepared {
  return { name: '', sql: undecodable(what, length), types: [] }
}
