import type { DateTime } from 'luxon'
import { mayDecide } from '../../broker/policy/policy.ts'
import { isOver, usernameIn, type Session } from '../../broker/sessions/session.ts'
import type { AuditRecord } from '../../db/audit-record.ts'
import type { DataSourceCheck } from '../../db/data-source-checks.ts'
import type { DataSource } from '../../db/data-sources.ts'
import type { PersonScope } from '../../db/scope.ts'
import type { Address } from '../../lib/settings-reader.ts'
import type { FieldMistakes } from '../errors.ts'
import { mayAdminister, mayOversee } from '../privileges.ts'
import type { Recorded } from '../recorded.ts'
import { mayReadRecording } from '../recording.ts'
import type { Shell } from '../shell.ts'
import { presentConnections } from './connections.ts'
import type { ExtensionSection } from './extension-pages.ts'
import { lengthText, presentMaybe, presentMoment } from './moments.ts'
import type { RunningSection } from './recording-pages.ts'
import type { ResidueCard } from './residue.ts'
import type { Credential, Decision, ReasonForm, SessionPage } from './session-pages.ts'
import { GLOSSES } from './session-states.ts'
import {
  endingOf,
  hidingAction,
  isMine,
  lengthOf,
  presentEnding,
  presentProgress,
  presentRoles,
  windowTextOf,
  type Look,
  type RoleDescriptions,
} from './sessions.ts'
import { emptyText, presentSessionUser } from './session-user.ts'
import { presentSearch } from './statement-search.ts'
import { presentStatements } from './statements.ts'
import { presentTimeline } from './timeline.ts'
import { visibleLines } from './visible-lines.ts'
import { presentFailedTests } from './checks.ts'
import { visible } from './visible.ts'

/** What a form of this page was posted with, when it comes back. */
export interface Returned {
  readonly action: 'approval' | 'denial' | 'cancellation' | 'termination'
  readonly typed: { readonly comment?: string; readonly reason?: string }
  readonly mistakes: FieldMistakes
}

/** Everything the page of one session is made of. */
export interface SessionFacts {
  readonly shell: Shell
  readonly look: Look
  readonly session: Session
  readonly records: readonly AuditRecord[]
  /** What its connections ran, as far as this person may read it. */
  readonly recorded: Recorded
  /** Absent for those who may not read it. */
  readonly running?: RunningSection | undefined
  readonly descriptions: RoleDescriptions
  readonly source: DataSource | undefined
  /** The tests of its roles that its approval asked for. */
  readonly checks: readonly DataSourceCheck[]
  readonly proxy: Address
  readonly credentialMadeAt?: DateTime<true> | undefined
  readonly credential?: Credential | undefined
  readonly returned?: Returned | undefined
  readonly extension?: ExtensionSection | undefined
  readonly residue?: ResidueCard | undefined
}

/** One session, whole: where it stands, who decided, how to connect, what happened, what ran. */
export function presentSession(facts: SessionFacts): SessionPage {
  const { session, look, shell } = facts
  const { zones, scope } = look
  const href = `/sessions/${session.id}`
  const mine = isMine(session, scope)
  return {
    page: shell.page,
    id: session.id,
    uuid: session.uuid,
    state: { name: session.state, gloss: GLOSSES[session.state] },
    headline: headlineOf(session),
    isMine: mine,
    requester: visible(session.requester.username),
    dataSource: visible(session.dataSource.name),
    username: usernameIn(session.state, session),
    justification: visibleLines(session.justification),
    requested: presentMoment(session.createdAt, zones),
    start: presentMaybe(session.start, zones),
    end: presentMaybe(session.end, zones),
    length: lengthOf(session),
    windowText: windowTextOf(session),
    lapses: session.state === 'CREATED' ? presentMoment(session.diesAt, zones) : undefined,
    countdown: presentEnding(session, look.now),
    progress: session.state === 'CREATED' ? presentProgress(session) : undefined,
    ending: endingOf(session, zones, enderIn(facts.records)),
    removal: removalOf(session),
    policy: policyOf(session, scope),
    alarm: alarmOf(session),
    warnings: [...(mine ? warningsOf(session, look.now) : []), ...presentFailedTests(facts.checks)],
    roles: presentRoles(session, zones, facts.descriptions, scope.person),
    connection: mine && session.state === 'GRANTED' ? connectionOf(facts) : undefined,
    credential: facts.credential,
    decision: presentDecision(session, look, facts.returned),
    cancellation: mine && !isOver(session.state) ? reasonForm('cancellation', facts) : undefined,
    termination:
      !mine && mayAdminister(scope) && !isOver(session.state)
        ? reasonForm('termination', facts)
        : undefined,
    extension: facts.extension,
    again:
      mine && isOver(session.state)
        ? {
            href: `${href}/repetition`,
            changeHref: `/sessions/new?again=${session.id}`,
            isHidden: session.hiddenAt !== null,
            hiding: hidingAction(session, scope),
          }
        : undefined,
    residue: facts.residue,
    timeline: presentTimeline(facts.records, look),
    user: presentSessionUser(session, zones),
    ...presentRecorded(facts, href),
    running: facts.running,
    actions: [],
  }
}

function presentRecorded(
  { recorded, session, look }: SessionFacts,
  href: string,
): Pick<SessionPage, 'connections' | 'statements'> {
  const { zones, scope } = look
  const { connections, counts, search } = recorded
  const shown = mayReadRecording(scope, session)
  const drawn = { href, zones, connections, counts }
  return {
    connections:
      shown && connections.length > 0 ? presentConnections(connections, drawn) : undefined,
    statements: presentStatements(recorded.statements, {
      ...drawn,
      shown,
      search: presentSearch(search, { ...drawn, ...recorded }),
      empty: emptyText(session, connections.length),
      isAhead: session.grantedAt === null && !isOver(session.state),
    }),
  }
}

/** The forms of one who may decide now; undefined for everyone else. */
export function presentDecision(
  session: Session,
  { scope }: Look,
  returned?: Returned,
): Decision | undefined {
  const roles = mayDecide(session, scope.person)
  if (roles.length === 0) return undefined
  const href = `/sessions/${session.id}`
  const approval = returned?.action === 'approval' ? returned : undefined
  const denial = returned?.action === 'denial' ? returned : undefined
  return {
    approvalHref: `${href}/approval`,
    denialHref: `${href}/denial`,
    roles,
    labels: roles.map(visible),
    comment: { value: approval?.typed.comment ?? '', error: firstOf(approval, 'comment') },
    reason: { value: denial?.typed.reason ?? '', error: firstOf(denial, 'reason') },
  }
}

/** Who ended the session, as its records have it. */
function enderIn(records: readonly AuditRecord[]): string | undefined {
  const ending = records.find(
    ({ state, scope }) => state !== null && isOver(state) && scope === 'session',
  )
  return ending?.actor
}

function reasonForm(
  action: 'cancellation' | 'termination',
  { session, returned }: SessionFacts,
): ReasonForm {
  const mine = returned?.action === action ? returned : undefined
  return {
    href: `/sessions/${session.id}/${action}`,
    hint:
      session.grantedAt === null
        ? 'It ends at once and is never granted.'
        : 'Connections are cut at once and the session user is removed.',
    value: mine?.typed.reason ?? '',
    error: firstOf(mine, 'reason'),
  }
}

/** The sentence for a form's one field; a mistake about anything else is shown there too. */
function firstOf(returned: Returned | undefined, field: string): string | undefined {
  return returned && (returned.mistakes[field] ?? Object.values(returned.mistakes)[0])
}

function headlineOf(session: Session): string {
  const who = visible(session.requester.username)
  const sentences: Readonly<Record<Session['state'], string>> = {
    CREATED: 'The request waits for its approvers.',
    APPROVED:
      session.waitingFor === null
        ? 'Every role is approved. The session user is made when the window opens.'
        : `Waiting for the data source: ${visible(session.waitingFor)}`,
    GRANTED: 'The window is open: the session user exists and may log in.',
    DENIED: 'An approver denied a role, and with it the whole request.',
    EXPIRED:
      session.grantedAt === null
        ? 'Its time ran out before it was granted.'
        : 'The window has closed.',
    CANCELED:
      session.grantedAt === null ? `${who} ended it before it was granted.` : `${who} ended it.`,
    TERMINATED:
      session.grantedAt === null
        ? 'It was ended before it was granted.'
        : 'It was ended before its time.',
  }
  return sentences[session.state]
}

function removalOf({ state, grantedAt, removal }: Session): string | undefined {
  if (!isOver(state)) return undefined
  const isAtRest = removal.state === 'none' || removal.state === 'done'
  if (isAtRest && grantedAt === null) return 'There is none: the session was never granted.'
  if (removal.state === 'none') return undefined
  if (removal.state === 'done') return 'The session user is gone.'
  const standing = removal.state === 'blocked' ? 'Removal blocked' : 'Removal pending'
  const why = removal.detail === null ? '' : ` ${visible(removal.detail)}`
  return `${standing}: ${LOGIN_TEXTS[removal.login ?? 'taken']}. It is tried until it is done.${why}`
}

const LOGIN_TEXTS: Readonly<Record<NonNullable<Session['removal']['login']>, string>> = {
  taken: 'nobody can use the session user any more',
  unproven: 'the session user may still log in directly to the data source',
  remains: 'the session user CAN STILL LOG IN directly to the data source',
}

/** An ended session whose user is not shut out is the one thing nobody may overlook. */
function alarmOf({ removal, username, dataSource }: Session): string | undefined {
  const { login } = removal
  if (login === null || login === 'taken') return undefined
  // the first try takes a moment: no news until one has failed
  if (login === 'unproven' && removal.detail === null && removal.state === 'pending')
    return undefined
  const sure = login === 'remains' ? 'can still' : 'may still be able to'
  return `This session is over, but its user ${visible(username ?? '')} ${sure} log in directly to ${visible(dataSource.name)}, past the proxies and unrecorded. See "Session user" for the reason.`
}

function policyOf({ policyVersion }: Session, scope: PersonScope): SessionPage['policy'] {
  if (policyVersion === null) return undefined
  return {
    text: `asked under policy version ${policyVersion}`,
    href: mayOversee(scope) ? `/policy/versions/${policyVersion}` : undefined,
  }
}

const WARNING_MS = 10 * 60 * 1000

function warningsOf({ state, end }: Session, now: DateTime<true>): string[] {
  if (state !== 'GRANTED' || end === null) return []
  const left = end.toMillis() - now.toMillis()
  if (left > WARNING_MS) return []
  return [
    `This session ends in ${lengthText(left)}. Open connections are cut then: save your work.`,
  ]
}

function connectionOf({ session, proxy, source, credentialMadeAt, look }: SessionFacts) {
  const made = credentialMadeAt && presentMoment(credentialMadeAt, look.zones).text
  return {
    address: `${proxy.host}:${proxy.port}`,
    username: usernameIn(session.state, session),
    databases: source === undefined ? '-' : databasesOf(source),
    credentialHref: `/sessions/${session.id}/credential`,
    note:
      made === undefined
        ? 'No credential has been made yet. It is shown once, and only its proof is kept.'
        : `The last credential was made at ${made}; a new one ends it.`,
  }
}

function databasesOf({ databases, defaultDatabase }: DataSource): string {
  if (databases.includes('*')) return `every database; ${defaultDatabase} unless you name one`
  if (databases.length === 1) return defaultDatabase
  return `${databases.join(', ')}; ${defaultDatabase} unless you name one`
}
