import type { TaskDone, TaskName, TaskPage } from '../../db/tasks.ts'
import { TASK_NAMES } from '../../db/tasks.ts'
import { placeText } from '../forms/audit-cursor.ts'
import type { TaskForm } from '../forms/task-filter.ts'
import { timeValue } from './audit-filters.ts'
import { exactText } from './audit-query.ts'
import { presentZones, type Zones } from './moments.ts'
import type { Choice, Page, Pager } from './pieces.ts'
import { counted } from './counted.ts'
import type { TaskRow, TasksPage } from './task-pages.ts'
import { visible } from './visible.ts'
import { stamp, withTimes, type TimeColumn } from './zones.ts'

/** What the page of tasks is drawn from. */
export interface TaskFacts {
  readonly page: Page
  readonly form: TaskForm
  readonly found: TaskPage
  readonly zones: Zones
  readonly times: TimeColumn
  /** Where rows may lead. */
  readonly links: { readonly sessions: boolean; readonly records: boolean }
}

const NAMES: Readonly<Record<TaskName, string>> = {
  grant: 'Grant a session',
  removal: 'Remove a session user',
  expiry: 'End a session whose time ran out',
  termination: 'End a session',
  extension: 'Extend a session',
  reconcile: 'Compare a data source with the store',
  comparison: 'Look for what a session left behind',
  check: 'Test a data source or role',
  mail: 'Letters',
  retention: 'Drop old recordings',
  accounts: 'End accounts that expire',
  upkeep: "Look after the store's own tables",
}

/** What the broker did by itself, newest first. */
export function presentTasks(facts: TaskFacts): TasksPage {
  const { page, form, found, zones, times } = facts
  const { typed, mistakes } = form
  const isNarrowed = narrowing(form).length > 0
  return {
    page,
    tasks: choices('Any task', typed.task, TASK_NAMES, (name) => NAMES[name]),
    outcomes: choices('Any result', typed.outcome, ['ok', 'failed'], (name) => OUTCOMES[name].text),
    taskError: mistakes['task'],
    outcomeError: mistakes['outcome'],
    session: { value: typed.session, error: mistakes['session'] },
    since: { value: timeValue(form.shared, 'since'), error: mistakes['since'] },
    until: { value: timeValue(form.shared, 'until'), error: mistakes['until'] },
    zones: presentZones(zones, form.zone.choice),
    clear: isNarrowed ? { href: hrefOf(zoneOnly(form)), label: 'Clear all filters' } : undefined,
    zoneSuffix: times.suffix,
    rows: found.tasks.map((task) => presentTask(task, facts)),
    empty: isNarrowed
      ? { heading: 'No tasks match', text: 'Take a filter off, or widen the time.' }
      : {
          heading: 'No tasks yet',
          text: 'What the broker does by itself is listed here: grants, removals, comparisons, tests.',
        },
    pager: presentPager(facts),
  }
}

function presentTask(task: TaskDone, { times, links }: TaskFacts): TaskRow {
  const { id, sessionId, dataSource, startedAt, endedAt, result, outcome } = task
  const ended = stamp(endedAt, times)
  return {
    recordId: id,
    what: NAMES[task.task],
    href: links.records ? `/audit/${id}` : undefined,
    session:
      sessionId === null
        ? undefined
        : { id: sessionId, href: links.sessions ? `/sessions/${sessionId}` : undefined },
    dataSource: dataSource === null ? undefined : visible(dataSource),
    started: stamp(startedAt, times),
    ended: ended ?? { iso: '', text: '' },
    duration: startedAt === null ? '' : durationText(endedAt.toMillis() - startedAt.toMillis()),
    result: visible(withTimes(result, times.zone)),
    outcome: OUTCOMES[outcome],
  }
}

/** `0.24 s`, `12.0 s`, `3 min 05 s`. */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`
  const whole = Math.floor(seconds)
  return `${String(Math.floor(whole / 60))} min ${String(whole % 60).padStart(2, '0')} s`
}

const OUTCOMES = {
  ok: { mark: 'ok', text: 'done' },
  failed: { mark: 'refused', text: 'failed' },
} as const satisfies Readonly<Record<TaskDone['outcome'], TaskRow['outcome']>>

function choices<T extends string>(
  any: string,
  chosen: string,
  values: readonly T[],
  label: (value: T) => string,
): Choice[] {
  return [
    { value: '', label: any, chosen: !values.some((value) => value === chosen) },
    ...values.map((value) => ({ value, label: label(value), chosen: value === chosen })),
  ]
}

type Pair = readonly [string, string]

/** The filters that narrow something; instants with their offset, so that a link means the same everywhere. */
function narrowing({ filter, zone }: TaskForm): Pair[] {
  const { task, outcome, session, since, until } = filter
  const time = (at: typeof since): string | null => at && exactText(at.setZone(zone.name))
  const pairs = { task, outcome, session, since: time(since), until: time(until) }
  return Object.entries(pairs).filter((pair): pair is [string, string] => pair[1] !== null)
}

function zoneOnly({ zone }: TaskForm): Pair[] {
  return [['zone', zone.choice]]
}

function hrefOf(pairs: readonly Pair[]): string {
  return `/tasks?${new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value])).toString()}`
}

function presentPager({ form, found }: TaskFacts): Pager {
  const before = form.place?.position ?? 0
  const last = before + found.tasks.length
  const pairs = [...narrowing(form), ...zoneOnly(form)]
  const older = found.next && placeText({ ...found.next, position: last })
  return {
    newest: before === 0 ? undefined : hrefOf(pairs),
    older: older === undefined ? undefined : hrefOf([...pairs, ['cursor', older]]),
    text:
      before === 0 && found.next === undefined
        ? counted(found.tasks.length, 'task')
        : `Tasks ${String(before + 1)} to ${String(last)}`,
  }
}
