/** What the view of tasks takes. */
import type { Choice, Empty, Field, Link, Moment, Page, Pager, ZoneChoice } from './pieces.ts'

// ---- views/tasks/index: GET /tasks {task, outcome, session, since, until, zone}

export interface TaskRow {
  readonly recordId: string
  /** In plain words: `Remove a session user`. */
  readonly what: string
  /** The page of its record, for who may read the trail. */
  readonly href?: string | undefined
  readonly session?: { readonly id: string; readonly href?: string | undefined } | undefined
  readonly dataSource?: string | undefined
  readonly started?: Moment | undefined
  readonly ended: Moment
  readonly duration: string
  readonly result: string
  readonly outcome: { readonly mark: 'ok' | 'refused'; readonly text: string }
}

export interface TasksPage {
  readonly page: Page
  readonly tasks: readonly Choice[]
  readonly outcomes: readonly Choice[]
  readonly session: Field
  readonly since: Field
  readonly until: Field
  readonly taskError?: string | undefined
  readonly outcomeError?: string | undefined
  readonly zones: readonly ZoneChoice[]
  /** The page without any filter, where there is one. */
  readonly clear?: Link | undefined
  /** The zone's suffix for the two time columns: `UTC +1`. */
  readonly zoneSuffix: string
  readonly rows: readonly TaskRow[]
  readonly empty: Empty
  readonly pager: Pager
}
