import { COUNTED_AT_MOST, hurry, placeOf, type CountOptions, type Counted } from './audit-counts.ts'
import type { AuditFilter, AuditScope } from './audit-filter.ts'
import { ACTIONS, type RecordState } from './audit-log.ts'
import { isSelective, leading, matching } from './audit-matching.ts'
import { RECORD_STATES } from './audit-record.ts'
import { piecesOf, windowOf } from './audit-windows.ts'
import { rows, type Db } from './store.ts'

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

/** Records of one action in one state and area: counted together, all three kinds of choices cost one count. */
interface Cell {
  readonly action: string
  readonly state: RecordState | null
  readonly area: string
  readonly count: number
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
    const table = new Map<string, Cell>()
    for (const window of piecesOf(windowOf(filter))) {
      await stillInTime()
      const actions = openActions(table)
      if (actions.length === 0) break
      const found = await readCells(tx, { scope, filter: unchosen, window }, actions)
      for (const cell of found) addTo(table, cell)
    }
    return countsOf([...table.values()], filter)
  })
}

/** Actions that older records may still add to: all of them, but for those counted past the most. */
function openActions(table: ReadonlyMap<string, Cell>): string[] {
  const cells = [...table.values()]
  const isFull = (action: string): boolean => {
    const own = cells.filter((cell) => cell.action === action)
    return own.length > 0 && own.every(({ count }) => count > COUNTED_AT_MOST)
  }
  const known = new Set<string>([...ACTIONS, ...cells.map(({ action }) => action)])
  return [...known].filter((action) => !isFull(action))
}

/** `actions` are named only once that leaves some out: an index then passes the frequent ones over. */
async function readCells(db: Db, counted: Counted, actions: readonly string[]): Promise<Cell[]> {
  const isNarrowed = actions.length < ACTIONS.length
  const { filter } = counted
  const { place, bindings } = placeOf({
    ...counted,
    filter: isNarrowed ? { ...filter, actions } : filter,
  })
  const listed = isSelective(placeOf(counted).place.conditions)
    ? matching(place, 'r.at, r.seq, r.action, r.state, r.area')
    : `select r.action, r.state, r.area
         from records r
        where ${leading(place)}
          ${isNarrowed ? 'and r.action = any (cast(:actions as text[]))' : ''}`
  return rows<Cell>(
    db,
    `select action, state, area, cast(count(*) as double precision) as count
       from (${listed}) as listed
      group by action, state, area`,
    bindings,
  )
}

function addTo(table: Map<string, Cell>, cell: Cell): void {
  const key = `${cell.action}\n${cell.state ?? ''}\n${cell.area}`
  table.set(key, { ...cell, count: cell.count + (table.get(key)?.count ?? 0) })
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
