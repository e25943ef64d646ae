import type { ExtensionCommand } from '../../broker/extension/extension.ts'
import { zoneOf, type Zones } from '../presenters/moments.ts'
import { fieldsOf, mistakesIn, type Reading } from './fields.ts'
import { readMinutes, readTime } from './session-request.ts'

/** The form for more time as it was typed. */
export interface TypedExtension {
  readonly minutes: string
  readonly end: string
  readonly justification: string
}

/** Takes the form as it was typed. */
export function takeExtension(body: unknown): TypedExtension {
  const fields = fieldsOf(body)
  return {
    minutes: fields.text('minutes'),
    end: fields.text('end'),
    justification: fields.text('justification'),
  }
}

/** Turns what was typed into a command, or says what to mend; the end is in Central Manager's zone. */
export function readExtension(typed: TypedExtension, zones: Zones): Reading<ExtensionCommand> {
  const minutes = readMinutes(typed.minutes)
  const end = typed.end === '' ? {} : readTime(typed.end, zoneOf('central', zones))
  const mistakes = mistakesIn({ minutes: minutes.mistake, end: end.mistake })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return {
    ok: true,
    value: { minutes: minutes.count, end: end.at, justification: typed.justification },
  }
}
