import {
  askedOfPortal,
  ignoredPortal,
  ignoredStatement,
  rebind,
  unknownPortal,
  unknownStatement,
  weightOf,
} from './portals.ts'
import type { Portal, Prepared } from './portals.ts'
import { noNames, StatementNames, type NamesState } from './names.ts'
import type { Asked } from './execution.ts'
import type { Pending, PendingBind, PendingExecute } from './queue.ts'

export interface NameSpacesState {
  readonly statements: NamesState<Prepared>
  readonly portals: NamesState<Portal>
  /** Bytes, roughly, of what is planned behind an error. */
  ignored: number
}

/**
 * Plans kept behind an error, in bytes: the server reads on and keeps nothing, so a client may send
 * names for as long as it likes.
 */
const IGNORED_MOST = 4 * 1024 * 1024
/** A key in a map, and the name itself. */
const NAME_BYTES = 128

export function emptyNames(): NameSpacesState {
  return { statements: noNames(), portals: noNames(), ignored: 0 }
}

/**
 * The names of one connection. What is planned is a first reading only: what a name meant is known when
 * the server answers, for by then it is confirmed.
 */
export class NameSpaces {
  readonly statements: StatementNames<Prepared>
  readonly portals: StatementNames<Portal>
  readonly #state: NameSpacesState

  constructor(state: NameSpacesState) {
    this.#state = state
    this.statements = new StatementNames(state.statements)
    this.portals = new StatementNames(state.portals)
  }

  /** What a Bind to this name will run. */
  statement(name: string): Prepared {
    if (this.#ignoresNames) return ignoredStatement(name)
    return this.statements.find(name) ?? unknownStatement(name)
  }

  /** What an Execute of this name will run; undefined where that is not known. */
  portal(name: string): Portal | undefined {
    return this.#ignoresNames ? undefined : this.portals.find(name)
  }

  /** What is said of an Execute whose portal is not known. */
  unknownPortal(name: string): Asked {
    return this.#ignoresNames ? ignoredPortal(name) : unknownPortal(name)
  }

  /** A message was sent: notes what it will change if it succeeds. */
  plan(entry: Pending): void {
    if (entry.kind === 'parse') this.statements.plan(entry.name, entry.prepared)
    if (entry.kind === 'bind') this.portals.plan(entry.name, entry.portal)
    if (entry.kind === 'close') this.#space(entry.target).plan(entry.name, null)
    // a simple Query drops the unnamed statement before anything else
    if (entry.kind === 'query') this.statements.plan('', null)
  }

  /** A message was sent behind an error: only what comes before the Sync will ever refer to it. */
  planIgnored(entry: Pending): void {
    if (this.#ignoresNames) return
    const ignored = this.#state.ignored + this.#growthBy(entry)
    if (ignored <= IGNORED_MOST) this.plan(entry)
    else this.forgetPlans()
    this.#state.ignored = ignored
  }

  /** Nothing of what was sent will happen. */
  forgetPlans(): void {
    this.statements.forgetPlans()
    this.portals.forgetPlans()
    this.#state.ignored = 0
  }

  /** The server has closed a statement or a portal. */
  close(target: 'statement' | 'portal', name: string): void {
    this.#space(target).confirm(name, null)
  }

  /** The server has come to this Bind: an error before it may have kept its statement from being. */
  rebind({ portal, statement }: PendingBind): void {
    if (statement !== undefined) rebindTo(portal, this.statements.confirmed(statement), statement)
  }

  /** The server has come to this Execute, of the portal that it knows under the name now. */
  reread(run: PendingExecute): void {
    if (run.name !== undefined) rereadAs(run, this.portals.confirmed(run.name), run.name)
  }

  /**
   * These were taken from the queue unanswered. Their plans are void, and each is read once more as the
   * server would have come to it.
   */
  drop(entries: readonly Pending[]): void {
    const ahead = new NameSpaces({ ...emptyNames(), ...this.#replanned() })
    for (const entry of entries) {
      this.#unplan(entry)
      if (entry.kind === 'bind' && entry.statement !== undefined) {
        rebindTo(entry.portal, ahead.statements.find(entry.statement), entry.statement)
      }
      if (entry.kind === 'execute' && entry.name !== undefined) {
        rereadAs(entry, ahead.portals.find(entry.name), entry.name)
      }
      ahead.plan(entry)
    }
  }

  /** Behind an error, with more names in it than are kept. */
  get #ignoresNames(): boolean {
    return this.#state.ignored > IGNORED_MOST
  }

  #replanned(): Pick<NameSpacesState, 'statements' | 'portals'> {
    const { statements, portals } = this.#state
    return {
      statements: { confirmed: statements.confirmed, planned: new Map<string, Prepared | null>() },
      portals: { confirmed: portals.confirmed, planned: new Map<string, Portal | null>() },
    }
  }

  #unplan(entry: Pending): void {
    if (entry.kind === 'parse') this.statements.unplan(entry.name, entry.prepared)
    if (entry.kind === 'bind') this.portals.unplan(entry.name, entry.portal)
    if (entry.kind === 'close') this.#space(entry.target).unplan(entry.name, null)
    if (entry.kind === 'query') this.statements.unplan('', null)
  }

  /** What a plan adds to those that are kept; it may take the place of another. */
  #growthBy(entry: Pending): number {
    switch (entry.kind) {
      case 'parse':
        return weightOfPlan(entry.prepared) - weightOfPlan(this.statements.planned(entry.name))
      case 'bind':
        return weightOfPlan(entry.portal) - weightOfPlan(this.portals.planned(entry.name))
      case 'close':
        return weightOfPlan(null) - weightOfPlan(this.#space(entry.target).planned(entry.name))
      case 'query':
        return weightOfPlan(null) - weightOfPlan(this.statements.planned(''))
      default:
        return 0
    }
  }

  #space(target: 'statement' | 'portal'): StatementNames<Prepared> | StatementNames<Portal> {
    return target === 'statement' ? this.statements : this.portals
  }
}

function weightOfPlan(planned: Prepared | Portal | null | undefined): number {
  if (planned === undefined) return 0
  return planned === null ? NAME_BYTES : NAME_BYTES + weightOf(planned)
}

function rebindTo(portal: Portal, known: Prepared | undefined, name: string): void {
  // of SQL's own there is a new one at each look
  const isOfSql = known === undefined && portal.prepared.isOfSql === true
  if (known !== portal.prepared && !isOfSql) rebind(portal, known ?? unknownStatement(name))
}

/** A record that has ended says what ran. */
function rereadAs(run: PendingExecute, portal: Portal | undefined, name: string): void {
  if (run.execution.outcome !== undefined) return
  if (portal) run.execution.asked = askedOfPortal(portal)
  else if (run.portal) run.execution.asked = unknownPortal(name)
  run.portal = portal
}
