import { COUNTED_AT_MOST, placeOf, type Counted } from './audit-counts.ts'
import { ACTIONS, type RecordState } from './audit-log.ts'
import { asked, isSelective, leading, matching } from './audit-matching.ts'
import { piecesOf } from './audit-windows.ts'
import { organizationIdOf } from './scope.ts'
import { getRow, rows, type Db } from './store.ts'

/** Records of one action in one state and area: counted together, all three kinds of choices cost one count. */
export interface Cell {
  readonly action: string
  readonly state: RecordState | null
  readonly area: string
  /** At least as many as this, where it is more than COUNTED_AT_MOST. */
  readonly count: number
}

/** Months after the newest: what is frequent is counted past the most by then, and what is rare soon counted. */
const COUNTED = [2, 9, 9] as const

/** Of so many of the newest records nearly all must match, where each one of a cell is asked instead of looked up. */
const SAMPLE = 1_000
const NEARLY_ALL = 0.95

/** Counts what a filter holds that names no state, action or area; `stillInTime` is asked before each statement. */
export async function countCells(
  db: Db,
  counted: Counted,
  stillInTime: () => Promise<void>,
): Promise<readonly Cell[]> {
  await stillInTime()
  if (!(await holdsNearlyAll(db, counted))) return lookUpCells(db, counted, stillInTime)
  await stillInTime()
  return walkCells(db, counted)
}

/** Whether what is met on a walk is what is meant, to judge by the newest records. */
async function holdsNearlyAll(db: Db, counted: Counted): Promise<boolean> {
  // the index of cells begins with the organization; the records of one session are few
  if (organizationIdOf(counted.scope) === null || counted.filter.session !== null) return false
  const { place, bindings } = placeOf(counted)
  if (!isSelective(place.conditions)) return true
  const { share } = await getRow<{ share: number }>(
    db,
    `select cast(count(*) filter (where ${asked(place)}) as double precision) / greatest(count(*), 1) as share
       from (select *
               from records r
              where ${leading(place)}
              order by r.at desc, r.seq desc
              limit ${String(SAMPLE)}) as r`,
    bindings,
  )
  return share >= NEARLY_ALL
}

/**
 * Where little is narrowed but time: an index in the order of cells leads from the first record of one to the
 * first of the next, and then through each of them as far as people are told how many it has.
 */
async function walkCells(db: Db, counted: Counted): Promise<Cell[]> {
  const { place, bindings } = placeOf(counted)
  const match = isSelective(place.conditions) ? asked(place) : 'true'
  const first = (condition: string): string => `
          (select r.action, r.area, r.state
             from records r
            where ${leading(place)}
              and ${condition}
            order by r.action, r.area, r.state
            limit 1)`
  return rows<Cell>(
    db,
    `with recursive cells as (${first('true')}
      union all
     select next.action, next.area, next.state
       from cells c
      cross join lateral (
        select * from (
          ${first('r.action = c.action and r.area = c.area and r.state > c.state')} union all
          ${first('r.action = c.action and r.area = c.area and r.state is null and c.state is not null')} union all
          ${first('r.action = c.action and r.area > c.area')} union all
          ${first('r.action > c.action')}) as candidates
         limit 1) as next)
     select c.action, c.area, c.state, found.count
       from cells c
      cross join lateral (
        select cast(count(*) as double precision) as count
          from (select from records r
                 where ${leading(place)}
                   and r.action = c.action
                   and r.area = c.area
                   and (r.state = c.state or r.state is null and c.state is null)
                   and ${match}
                 limit :most) as capped) as found
      where found.count > 0`,
    { ...bindings, most: COUNTED_AT_MOST + 1 },
  )
}

/** Where other columns narrow: month by month, without what is frequent once enough of it was met. */
async function lookUpCells(
  db: Db,
  counted: Counted,
  stillInTime: () => Promise<void>,
): Promise<Cell[]> {
  const table = new Map<string, Cell>()
  for (const window of piecesOf(counted.window, COUNTED)) {
    await stillInTime()
    const actions = openActions(table)
    if (actions.length === 0) break
    for (const cell of await readCells(db, { ...counted, window }, actions)) addTo(table, cell)
  }
  return [...table.values()]
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

/** `actions` are named only once that leaves some out. */
async function readCells(db: Db, counted: Counted, actions: readonly string[]): Promise<Cell[]> {
  const { filter } = counted
  const isNarrowed = actions.length < ACTIONS.length
  const { place, bindings } = placeOf({
    ...counted,
    filter: isNarrowed ? { ...filter, actions } : filter,
  })
  return rows<Cell>(
    db,
    `select action, state, area, cast(count(*) as double precision) as count
       from (${matching(place, 'r.at, r.seq, r.action, r.state, r.area')}) as listed
      group by action, state, area`,
    bindings,
  )
}

function addTo(table: Map<string, Cell>, cell: Cell): void {
  const key = `${cell.action}\n${cell.state ?? ''}\n${cell.area}`
  table.set(key, { ...cell, count: cell.count + (table.get(key)?.count ?? 0) })
}
