import type { DateTime } from 'luxon'
import { mayDecideExtension } from '../../broker/extension/decisions.ts'
import { findLimit } from '../../broker/extension/window.ts'
import type { Extension } from '../../db/extensions.ts'
import type { Session } from '../../db/sessions.ts'
import type { FieldMistakes } from '../errors.ts'
import type { SessionExtensions } from '../extension.ts'
import { summaryOf } from '../forms/fields.ts'
import type { ExtensionDecision, ExtensionRow, ExtensionSection } from './extension-pages.ts'
import { foldText, LINE, PARAGRAPH } from './folded.ts'
import { presentMeanings } from './meanings.ts'
import { lengthText, presentCountdown, presentMoment, presentZones, type Zones } from './moments.ts'
import { fullName } from './names.ts'
import type { Progress, RoleApproval } from './pieces.ts'
import { presentRoles, type RoleDescriptions } from './session-roles.ts'
import { isMine, presentProgress, type Look } from './sessions.ts'
import { visibleLines } from './visible-lines.ts'
import { visible } from './visible.ts'

/** What a form about an extension was posted with, when it comes back. */
export interface ReturnedExtension {
  readonly action: 'request' | 'approval' | 'denial' | 'cancellation'
  readonly typed: Readonly<Record<string, string>>
  readonly mistakes: FieldMistakes
}

export interface ExtensionFacts extends SessionExtensions {
  readonly look: Look
  readonly descriptions: RoleDescriptions
  readonly returned?: ReturnedExtension | undefined
}

/** Everything the page of a session says of more time; undefined where there is nothing to say. */
export function presentExtension(
  session: Session,
  facts: ExtensionFacts,
): ExtensionSection | undefined {
  const { extensions, look } = facts
  const open = extensions.find(({ state }) => state === 'CREATED')
  const past = extensions.filter(({ state }) => state !== 'CREATED')
  const asking =
    session.state === 'GRANTED' && isMine(session, look.scope) && open === undefined
      ? presentForm(session, facts)
      : {}
  const section = {
    ...asking,
    open: open && presentOpen(session, open, facts),
    note: noteOf(session, facts),
    noteTone: facts.job?.detail ? ('warn' as const) : ('' as const),
    past: past.map((extension) => presentPast(extension, look.zones)),
  }
  const isEmpty = Object.keys(asking).length === 0 && open === undefined && past.length === 0
  return isEmpty ? undefined : section
}

/** An extension that waits for this person, as Pending Approvals shows it. */
export function presentExtensionRow(
  extension: Extension,
  session: Session,
  { look, descriptions }: Pick<ExtensionFacts, 'look' | 'descriptions'>,
): ExtensionRow | undefined {
  const { zones, now, scope } = look
  const decision = presentExtensionDecision(session, extension, scope.person)
  if (decision === undefined) return undefined
  return {
    id: extension.id,
    sessionId: session.id,
    href: `/sessions/${session.id}`,
    requester: fullName(session.requester),
    dataSource: visible(session.dataSource.name),
    justification: foldText(extension.justification, PARAGRAPH),
    sessionJustification: foldText(session.justification, LINE),
    ...standingOf(session, extension, { look, descriptions }),
    oldEnd: presentMoment(extension.oldEnd, zones),
    newEnd: presentMoment(extension.newEnd, zones),
    length: lengthText(extension.newEnd.toMillis() - extension.oldEnd.toMillis()),
    age: `${lengthText(now.toMillis() - extension.requestedAt.toMillis())} ago`,
    requested: presentMoment(extension.requestedAt, zones),
    countdown:
      session.end === null ? undefined : presentCountdown('lapses in', session.end, { now }),
    decision,
  }
}

function presentForm(
  session: Session,
  { roles, look, returned }: ExtensionFacts,
): Pick<ExtensionSection, 'form' | 'closed'> {
  if (session.start === null || session.end === null) return {}
  const limit = findLimit({ start: session.start, roles, now: look.now })
  if (limit === undefined) return {}
  const { latest, remedy } = limit
  const most = visible(limit.sentence)
  const asked = returned?.action === 'request' ? returned : undefined
  if (minutesBetween(session.end, latest) < 1 && asked === undefined) {
    return { closed: `${most}, and the session lasts that long already: ${remedy}.` }
  }
  const field = (name: string) => ({
    value: asked?.typed[name] ?? '',
    error: asked?.mistakes[name],
  })
  const zone = asked?.typed['zone'] ?? look.zones.own ?? 'central'
  const [end, meant] = [field('end'), field('endMeant')]
  return {
    form: {
      href: `/sessions/${session.id}/extension`,
      errors: summaryOf(asked?.mistakes ?? {}),
      hint: `${most}: up to ${presentMoment(latest, look.zones).text}.`,
      minutes: field('minutes'),
      zones: presentZones(look.zones, zone),
      end,
      endMeanings: presentMeanings(
        { name: 'endMeant', zone, text: end.value, meant: meant.value, error: meant.error },
        look.zones,
      ),
      justification: field('justification'),
    },
  }
}

function presentOpen(
  session: Session,
  extension: Extension,
  { look, descriptions, returned }: ExtensionFacts,
): ExtensionSection['open'] {
  return {
    id: extension.id,
    newEnd: presentMoment(extension.newEnd, look.zones),
    justification: foldText(extension.justification, PARAGRAPH),
    ...standingOf(session, extension, { look, descriptions }),
    decision: presentExtensionDecision(session, extension, look.scope.person, returned),
    cancelHref: isMine(session, look.scope)
      ? `/extensions/${extension.id}/cancellation`
      : undefined,
  }
}

function presentExtensionDecision(
  { id, requester }: Session,
  extension: Extension,
  person: { readonly id: string },
  returned?: ReturnedExtension,
): ExtensionDecision | undefined {
  const roles = mayDecideExtension(extension, person)
  if (roles.length === 0) return undefined
  const href = `/extensions/${extension.id}`
  const field = (action: ReturnedExtension['action'], name: string) => {
    const mine = returned?.action === action ? returned : undefined
    return { value: mine?.typed[name] ?? '', error: mine?.mistakes[name] }
  }
  return {
    approvalHref: `${href}/approval`,
    denialHref: `${href}/denial`,
    denialLabel: `Deny more time for session ${id}`,
    denialHint: `The session ends as it stands, and ${visible(requester.username)} sees your reason.`,
    roles: roles.map(({ name }) => visible(name)),
    comment: field('approval', 'comment'),
    reason: field('denial', 'reason'),
  }
}

/** An extension's approvals are shown as those of a request. */
function standingOf(
  session: Session,
  { roles, state }: Extension,
  { look, descriptions }: Pick<ExtensionFacts, 'look' | 'descriptions'>,
): { progress: Progress; roles: RoleApproval[] } {
  const asked: Session = {
    ...session,
    roles,
    state: state === 'CREATED' ? 'CREATED' : session.state,
  }
  return {
    progress: presentProgress(asked),
    roles: presentRoles(asked, look, descriptions),
  }
}

function noteOf({ state, end }: Session, { job, look }: ExtensionFacts): string | undefined {
  if (job === undefined || state !== 'GRANTED' || end === null) return undefined
  const until = presentMoment(end, look.zones).text
  if (job.detail === null) {
    return `The session lasts until ${until}. Its data source is being told now; a moment later new logins work until then, too.`
  }
  const why = ` (${visible(job.detail)})`
  return `The session lasts until ${until}, but its data source has not been told yet${why}: until it has, new logins stop at the old end. It is tried again.`
}

function presentPast({ newEnd, state, reason, stateSince }: Extension, zones: Zones): string {
  const at = presentMoment(stateSince, zones).text
  const why = reason === null ? '' : `: ${visibleLines(reason)}`
  return `Until ${presentMoment(newEnd, zones).text}: ${OUTCOMES[state]} at ${at}${why}`
}

const OUTCOMES: Readonly<Record<Extension['state'], string>> = {
  CREATED: 'asked for',
  APPROVED: 'approved',
  DENIED: 'denied',
  CANCELED: 'taken back',
  EXPIRED: 'lapsed with the session',
}

function minutesBetween(from: DateTime<true>, to: DateTime<true>): number {
  return (to.toMillis() - from.toMillis()) / 60_000
}
