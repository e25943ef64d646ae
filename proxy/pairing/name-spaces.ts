import { askedOfPortal, rebind, unknownStatement } from './portals.ts'
import type { Portal, Prepared } from './portals.ts'
import { StatementNames, type NamesState } from './names.ts'
import type { Pending } from './queue.ts'

export interface NameSpacesState {
  readonly statements: NamesState<Prepared>
  readonly portals: NamesState<Portal>
}

/** The names of one connection. */
export class NameSpaces {
  readonly statements: StatementNames<Prepared>
  readonly portals: StatementNames<Portal>

  constructor(state: NameSpacesState) {
    this.statements = new StatementNames(state.statements)
    this.portals = new StatementNames(state.portals)
  }

  /** What a Bind to this name will run. */
  statement(name: string): Prepared {
    return this.statements.find(name) ?? unknownStatement(name)
  }

  /** A message was sent: notes what it will change if it succeeds. */
  plan(entry: Pending): void {
    if (entry.kind === 'parse') this.statements.plan(entry.name, entry.prepared)
    if (entry.kind === 'bind') this.portals.plan(entry.name, entry.portal)
    if (entry.kind === 'close') this.#space(entry.target).plan(entry.name, null)
    // a simple Query drops the unnamed statement before anything else
    if (entry.kind === 'query') this.statements.plan('', null)
  }

  /** The server has closed a statement or a portal. */
  close(target: 'statement' | 'portal', name: string): void {
    this.#space(target).confirm(name, null)
  }

  /** An error came: plans anew with what is still to be answered, and corrects what relied on it. */
  replan(entries: readonly Pending[]): void {
    this.statements.forgetPlans()
    this.portals.forgetPlans()
    for (const entry of entries) {
      if (entry.kind === 'bind') this.#rebind(entry.portal)
      if (entry.kind === 'execute') {
        entry.portal = this.portals.find(entry.name)
        if (entry.portal) entry.execution.asked = askedOfPortal(entry.portal)
      }
      this.plan(entry)
    }
  }

  #rebind(portal: Portal): void {
    const prepared = this.statement(portal.prepared.name)
    if (prepared !== portal.prepared) rebind(portal, prepared)
  }

  #space(target: 'statement' | 'portal'): StatementNames<Prepared> | StatementNames<Portal> {
    return target === 'statement' ? this.statements : this.portals
  }
}
