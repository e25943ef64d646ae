import { countCells, type Cell } from './audit-cells.ts'
import { COUNTED_AT_MOST, hurry, type CountOptions } from './audit-counts.ts'
import type { AuditFilter, AuditScope } from './audit-filter.ts'
import type { RecordState } from './audit-log.ts'
import { RECORD_STATES } from './audit-record.ts'
import { windowOf } from './audit-windows.ts'
import type { Db } from './store.ts'

/**
 * How many records match; and how many would for each state, action and area if it were the only one
 * of its kind chosen. Each is at most COUNTED_AT_MOST + 1, which reads as "more than that".
 */
export interface ChoiceCounts {
  readonly matching: number
  /** Every state; one that no record has is 0. */
  readonly states: ReadonlyMap<RecordState, number>
  /** Those that occur. */
  readonly actions: ReadonlyMap<string, number>
  readonly areas: ReadonlyMap<string, number>
}

/** As ChoiceCounts says; undefined when that takes too long. */
export function countChoices(
  db: Db,
  scope: AuditScope,
  filter: AuditFilter,
  { deadlineMs }: CountOptions = {},
): Promise<ChoiceCounts | undefined> {
  const unchosen: AuditFilter = { ...filter, states: [], actions: [], areas: [] }
  return hurry(db, deadlineMs, async (tx, stillInTime) => {
    const counted = { scope, filter: unchosen, window: windowOf(filter) }
    return countsOf(await countCells(tx, counted, stillInTime), filter)
  })
}

/** A choice of one kind leaves the counts of its own kind alone and narrows those of the others. */
function countsOf(
  cells: readonly Cell[],
  { states, actions, areas }: Pick<AuditFilter, 'states' | 'actions' | 'areas'>,
): ChoiceCounts {
  const holds = (chosen: readonly string[], value: string | null): boolean =>
    chosen.length === 0 || chosen.includes(value ?? '')
  const byState = cells.filter((cell) => holds(states, cell.state))
  const byArea = cells.filter((cell) => holds(areas, cell.area))
  const byStateAndArea = byState.filter((cell) => holds(areas, cell.area))
  const chosen = byStateAndArea.filter((cell) => holds(actions, cell.action))
  return {
    matching: total(chosen),
    states: new Map(
      RECORD_STATES.map((state) => [
        state,
        total(byArea.filter((cell) => cell.state === state && holds(actions, cell.action))),
      ]),
    ),
    actions: totals(byStateAndArea, ({ action }) => action),
    areas: totals(
      byState.filter((cell) => holds(actions, cell.action)),
      ({ area }) => area,
    ),
  }
}

function totals(cells: readonly Cell[], nameOf: (cell: Cell) => string): Map<string, number> {
  const names = new Set(cells.map(nameOf))
  return new Map(
    [...names].map((name) => [name, total(cells.filter((cell) => nameOf(cell) === name))]),
  )
}

function total(cells: readonly Cell[]): number {
  const sum = cells.reduce((all, { count }) => all + count, 0)
  return Math.min(sum, COUNTED_AT_MOST + 1)
}
