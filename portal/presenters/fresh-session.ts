import type { DateTime } from 'luxon'
import type { OfferedRole } from '../../broker/policy/policy.ts'
import { bindingMaximum, type Window } from '../../broker/sessions/window.ts'
import type { DataSource } from '../../db/data-sources.ts'
import type { FieldMistakes } from '../errors.ts'
import { summaryOf } from '../forms/fields.ts'
import type { TypedRequest } from '../forms/session-request.ts'
import type { Shell } from '../shell.ts'
import { presentMeanings } from './meanings.ts'
import { lengthText, minutesText, presentMoment, presentZones, type Zones } from './moments.ts'
import type { FreshSessionPage, RoleChoice, WindowPreview } from './session-pages.ts'
import { counted } from './counted.ts'
import { fullName, type Names } from './names.ts'
import { visible } from './visible.ts'

/** SESSIONS: a justification has at most this many characters. */
const JUSTIFICATION_MOST = 2_000

export interface FreshSessionFacts {
  readonly shell: Shell
  readonly sources: readonly DataSource[]
  readonly roles: readonly OfferedRole[]
  /** Of their approvers. */
  readonly names: Names
  readonly typed: TypedRequest
  readonly mistakes: FieldMistakes
  readonly justificationHint?: string | undefined
  readonly preview?: WindowPreview | undefined
}

/** The form of Request Access, empty or as it was typed. */
export function presentFreshSession(facts: FreshSessionFacts): FreshSessionPage {
  const { shell, sources, roles, typed, mistakes } = facts
  const meanings = (field: 'start' | 'end', meant: string) => {
    const name = `${field}Meant`
    const { zone, [field]: text } = typed
    return presentMeanings({ name, text, zone, meant, error: mistakes[name] }, shell.zones)
  }
  return {
    page: shell.page,
    errors: summaryOf(mistakes),
    dataSources: sources.map(({ name }) => ({
      value: name,
      label: visible(name),
      chosen: name === typed.dataSource,
    })),
    empty:
      sources.length > 0
        ? undefined
        : {
            heading: 'No data sources yet',
            text: 'An admin adds the PostgreSQL servers that people may ask for.',
          },
    dataSourceError: mistakes['dataSource'],
    roleGroups:
      roles.length === 0
        ? []
        : [
            {
              heading: `Roles on ${visible(typed.dataSource)}`,
              roles: roles.map((role) => presentChoice(role, facts)),
            },
          ],
    rolesError: mistakes['roles'],
    when: typed.when,
    length: typed.length,
    start: { value: typed.start, error: mistakes['start'] },
    end: { value: typed.end, error: mistakes['end'] },
    startMeanings: meanings('start', typed.startMeant),
    endMeanings: meanings('end', typed.endMeant),
    minutes: {
      value: typed.minutes,
      error: mistakes['minutes'],
      placeholder: defaultText(roles, typed),
    },
    ttlMinutes: { value: typed.ttlMinutes, error: mistakes['ttlMinutes'] },
    justification: {
      value: typed.justification,
      error: mistakes['justification'],
      longest: JUSTIFICATION_MOST,
      hint: facts.justificationHint && visible(facts.justificationHint),
    },
    zones: presentZones(shell.zones, typed.zone),
    preview: facts.preview,
  }
}

/** What a request would mean: its window in both zones, who approves, when it lapses. */
export function presentPreview(
  { window, diesAt }: { readonly window: Window; readonly diesAt: DateTime<true> },
  roles: readonly OfferedRole[],
  { zones, names }: { readonly zones: Zones; readonly names: Names },
): WindowPreview {
  const binding = bindingMaximum(roles)
  const fixed = window.kind === 'fixed' ? window : undefined
  return {
    start: fixed && presentMoment(fixed.start, zones),
    end: fixed && presentMoment(fixed.end, zones),
    length:
      window.kind === 'fixed'
        ? lengthText(window.end.toMillis() - window.start.toMillis())
        : minutesText(window.minutes),
    boundBy:
      binding &&
      `${visible(binding.name)} allows at most ${minutesText(binding.maximumMinutes)}${roles.length > 1 ? ', the least of the roles chosen' : ''}`,
    lapses: presentMoment(diesAt, zones),
    approvals: roles.map((role) => ({
      role: visible(role.name),
      text: `${approversText(role, names)}, ${neededText(role)}`,
    })),
  }
}

/** The length that an empty field means; unsaid while it depends on roles not chosen yet. */
function defaultText(roles: readonly OfferedRole[], typed: TypedRequest): string | undefined {
  const chosen = roles.filter(({ name }) => typed.roles.includes(name))
  const possible = (chosen.length > 0 ? chosen : roles).map((role) => role.defaultMinutes)
  const least = Math.min(...possible)
  if (chosen.length === 0 && possible.some((minutes) => minutes !== least)) return undefined
  return possible.length === 0 ? undefined : `default ${least}`
}

function presentChoice(
  role: OfferedRole,
  { typed, names }: Pick<FreshSessionFacts, 'typed' | 'names'>,
): RoleChoice {
  return {
    value: role.name,
    label: visible(role.name),
    chosen: role.refusal === undefined && typed.roles.includes(role.name),
    refused: role.refusal && visible(role.refusal),
    hint: role.description === '' ? undefined : visible(role.description),
    approvers: approversText(role, names),
    needed: neededText(role),
    longest: `up to ${minutesText(role.maximumMinutes)}`,
    maximumMinutes: role.maximumMinutes,
  }
}

function approversText({ approvers, approverIds, needed }: OfferedRole, names: Names): string {
  if (needed === 0) return 'Approved at once'
  if (approvers.length === 0) return 'No approvers found'
  const people = approvers.map((username, place) =>
    fullName({ username, displayName: names.get(approverIds[place] ?? '') }),
  )
  return `Approved by ${people.join(', ')}`
}

function neededText({ needed }: OfferedRole): string {
  return needed === 0 ? 'no approval needed' : `${counted(needed, 'approval')} needed`
}
