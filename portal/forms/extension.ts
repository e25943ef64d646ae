import type { ExtensionCommand } from '../../broker/extension/extension.ts'
import { zoneOf, type Zones } from '../presenters/moments.ts'
import { fieldsOf, mistakesIn, type Reading } from './fields.ts'
import { readMinutes, readTime } from './session-request.ts'

/** The form for more time as it was typed. */
export interface TypedExtension {
  readonly minutes: string
  /** The zone that the end is in. */
  readonly zone: string
  readonly end: string
  /** Which of two instants the end means, where its zone has it twice; else empty. */
  readonly endMeant: string
  readonly justification: string
}

/** Takes the form as it was typed. */
export function takeExtension(body: unknown): TypedExtension {
  const fields = fieldsOf(body)
  return {
    minutes: fields.text('minutes'),
    zone: fields.text('zone'),
    end: fields.text('end'),
    endMeant: fields.text('endMeant'),
    justification: fields.text('justification'),
  }
}

/** Turns what was typed into a command, or says what to mend. */
export function readExtension(typed: TypedExtension, zones: Zones): Reading<ExtensionCommand> {
  const minutes = readMinutes(typed.minutes)
  const zone = zoneOf(typed.zone, zones)
  const end = typed.end === '' ? {} : readTime(typed.end, { zone, meant: typed.endMeant })
  const mistakes = mistakesIn({
    minutes: minutes.mistake,
    zone: zone === undefined ? 'Choose one of the time zones shown.' : undefined,
    end: end.mistake,
    endMeant: end.unclear,
  })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return {
    ok: true,
    value: { minutes: minutes.count, end: end.at, justification: typed.justification },
  }
}
