import type { DateTime } from 'luxon'
import { isOver, usernameIn, type Session } from '../../broker/sessions/session.ts'
import type { AuditRecord } from '../../db/audit-record.ts'
import type { DataSourceCheck } from '../../db/data-source-checks.ts'
import type { DataSource } from '../../db/data-sources.ts'
import type { PersonScope } from '../../db/scope.ts'
import type { Address } from '../../lib/settings-reader.ts'
import { mayAdminister, mayOversee } from '../privileges.ts'
import type { Recorded } from '../recorded.ts'
import { mayReadRecording } from '../recording.ts'
import type { Shell } from '../shell.ts'
import { presentConnections } from './connections.ts'
import type { ExtensionSection } from './extension-pages.ts'
import { foldText, PARAGRAPH } from './folded.ts'
import { lengthText, presentMaybe, presentMoment } from './moments.ts'
import { fullName } from './names.ts'
import type { RunningSection } from './recording-pages.ts'
import type { ResidueCard } from './residue.ts'
import { presentDecision, presentEndingForm, type Returned } from './session-forms.ts'
import { alarmOf, headlineOf, presentOutcome, presentRemoval } from './session-outcome.ts'
import type { Credential, SessionPage } from './session-pages.ts'
import { presentAwaited, presentRoles, type RoleDescriptions } from './session-roles.ts'
import { GLOSSES } from './session-states.ts'
import {
  hidingAction,
  isMine,
  lengthOf,
  presentEnding,
  presentProgress,
  windowTextOf,
  type Look,
} from './sessions.ts'
import { emptyText, presentSessionUser } from './session-user.ts'
import { presentSearch } from './statement-search.ts'
import { presentStatements } from './statements.ts'
import { presentTimeline } from './timeline.ts'
import { presentFailedTests } from './checks.ts'
import { visible } from './visible.ts'

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
    requester: fullName(session.requester),
    dataSource: visible(session.dataSource.name),
    roleNames: session.roles.map(({ name }) => visible(name)),
    awaited: presentAwaited(session, look),
    outcome: presentOutcome(session, facts.records, look),
    username: usernameIn(session.state, session),
    justification: foldText(session.justification, PARAGRAPH),
    requested: presentMoment(session.createdAt, zones),
    start: presentMaybe(session.start, zones),
    end: presentMaybe(session.end, zones),
    endLabel: endLabelOf(session),
    length: lengthOf(session),
    windowText: windowTextOf(session),
    lapses: session.state === 'CREATED' ? presentMoment(session.diesAt, zones) : undefined,
    countdown: presentEnding(session, look.now),
    progress: session.state === 'CREATED' ? presentProgress(session) : undefined,
    removal: presentRemoval(session),
    policy: policyOf(session, scope),
    alarm: alarmOf(session),
    warnings: [...(mine ? warningsOf(session, look.now) : []), ...presentFailedTests(facts.checks)],
    roles: presentRoles(session, look, facts.descriptions),
    connection: mine && session.state === 'GRANTED' ? connectionOf(facts) : undefined,
    credential: facts.credential,
    decision: presentDecision(session, look, facts.returned),
    ending: endingFormOf(facts),
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
  }
}

/** Its requester may cancel it, with a reason or without; an admin must say why. */
function endingFormOf({ session, look, returned }: SessionFacts): SessionPage['ending'] {
  if (isOver(session.state)) return undefined
  if (isMine(session, look.scope)) {
    const form = presentEndingForm('cancellation', session, returned)
    return { ...form, id: 'cancel', required: false }
  }
  if (!mayAdminister(look.scope)) return undefined
  const form = presentEndingForm('termination', session, returned)
  return { ...form, id: 'terminate', required: true }
}

/** What may still end before its time, or did, has an end that was only planned. */
function endLabelOf({ state, end, endedAt }: Session): string {
  const isEarly = endedAt !== null && end !== null && endedAt < end
  return !isOver(state) || isEarly ? 'Planned end' : 'End'
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
