import { TASK_NAMES, type TaskFilter } from '../../db/tasks.ts'
import type { FieldMistakes } from '../errors.ts'
import type { Zones } from '../presenters/moments.ts'
import type { AuditPlace } from './audit-cursor.ts'
import { readAuditForm, type AuditForm, type AuditZone } from './audit-filter.ts'
import { fieldsOf, mistakesIn } from './fields.ts'

/** The query of the page of tasks, read. */
export interface TaskForm {
  /** Fields with a mistake narrow nothing. */
  readonly filter: TaskFilter
  readonly zone: AuditZone
  readonly place: AuditPlace | undefined
  /** As typed, so that a form with a mistake loses nothing. */
  readonly typed: Readonly<Record<'task' | 'outcome' | 'session' | 'since' | 'until', string>>
  readonly mistakes: FieldMistakes
  /** The part that the Audit tab has too. */
  readonly shared: AuditForm
}

const OUTCOMES = ['ok', 'failed'] as const

/** Reads the query of the page of tasks or of its API: session, times, zone and place as the Audit tab does. */
export function readTaskForm(query: unknown, zones: Zones, remembered = 'central'): TaskForm {
  const fields = fieldsOf(query)
  const names = ['session', 'since', 'until', 'zone', 'cursor']
  const shared = readAuditForm(
    Object.fromEntries(names.map((name) => [name, fields.text(name)])),
    zones,
    { remembered },
  )
  const [asked, outcomeAsked] = [fields.text('task'), fields.text('outcome')]
  const task = TASK_NAMES.find((name) => name === asked)
  const outcome = OUTCOMES.find((name) => name === outcomeAsked)
  const { since, until, session } = shared.filter
  return {
    filter: { task: task ?? null, outcome: outcome ?? null, session, since, until },
    zone: shared.zone,
    place: shared.place,
    typed: {
      task: asked,
      outcome: outcomeAsked,
      session: shared.typed.session,
      since: shared.typed.since,
      until: shared.typed.until,
    },
    mistakes: {
      ...shared.mistakes,
      ...mistakesIn({
        task:
          asked !== '' && task === undefined
            ? `No task is called ${asked}: use ${TASK_NAMES.join(', ')}.`
            : undefined,
        outcome:
          outcomeAsked !== '' && outcome === undefined
            ? `Use ${OUTCOMES.join(' or ')}, not ${outcomeAsked}.`
            : undefined,
      }),
    },
    shared,
  }
}
