import type { DataSourceCheck, Finding, Verdict } from '../../db/data-source-checks.ts'
import { iso } from '../../db/store.ts'
import type { Shell } from '../shell.ts'
import type { Check, CheckPage, Health } from './admin-pages.ts'
import { presentMoment, type Zones } from './moments.ts'
import type { Action } from './pieces.ts'
import { isoOrNull } from './session-json.ts'
import { counted } from './counted.ts'
import { visible } from './visible.ts'

/** How often the page of a test that has not ended looks again. */
export const REFRESH_SECONDS = 2
/** A broker looks every second: one that has not looked for this long is not there. */
const UNATTENDED_SECONDS = 15

const LOOKS: Readonly<Record<Verdict, Check['verdict']>> = {
  ok: 'ok',
  note: 'note',
  warning: 'warning',
  failed: 'refused',
  danger: 'refused',
}

/** The page of one test. */
export function presentCheck(
  { page, zones }: Shell,
  check: DataSourceCheck,
  mayAsk: boolean,
): CheckPage {
  const { dataSource, role } = check
  return {
    page,
    id: check.id,
    heading: visible(
      role === null ? `Test of ${dataSource.name}` : `Test of ${role.name} on ${dataSource.name}`,
    ),
    back:
      role === null
        ? { href: '/data-sources', label: 'Data sources' }
        : { href: '/roles', label: 'Roles' },
    asked: `Asked for by ${visible(check.askedBy)}`,
    at: presentMoment(check.askedAt, zones),
    ended: check.endedAt === null ? undefined : presentMoment(check.endedAt, zones),
    health: healthOf(check),
    unattended: isUnattended(check) ? UNATTENDED : undefined,
    findings: presentFindings(check.findings),
    again: mayAsk && check.endedAt !== null ? [{ ...testAction(check), label: 'Test again' }] : [],
    lookAgain: check.endedAt === null ? `/checks/${check.id}` : undefined,
  }
}

const UNATTENDED = 'No broker has picked this up: see that one runs.'

/** Findings as a list shows them, what is to be mended first. */
export function presentFindings(findings: readonly Finding[]): Check[] {
  return [...findings]
    .sort((a, b) => Number(a.ok) - Number(b.ok))
    .map(({ verdict, sentence, remedy }) => ({
      verdict: LOOKS[verdict],
      label: verdict,
      text: visible(sentence),
      remedy: remedy === undefined ? undefined : visibleRemedy(remedy),
    }))
}

/** The lines stay lines: they are there to be copied. */
function visibleRemedy(remedy: string): string {
  return remedy.split('\n').map(visible).join('\n')
}

/** How what was tested stands, in a few words. */
export function healthOf(check: DataSourceCheck | undefined): Health {
  if (check === undefined) return { verdict: 'untested', text: 'not tested' }
  if (isUnattended(check)) return { verdict: 'warning', text: 'no broker' }
  if (check.endedAt === null) {
    return { verdict: 'untested', text: check.startedAt === null ? 'waiting' : 'testing' }
  }
  const wrong = check.findings.filter(({ ok }) => !ok)
  const severe = wrong.some(({ verdict }) => LOOKS[verdict] === 'refused')
  if (wrong.length === 0) return { verdict: 'ok', text: 'in order' }
  return { verdict: severe ? 'refused' : 'warning', text: counted(wrong.length, 'finding') }
}

/** What the tests at a session's approval found to mend, a sentence each. */
export function presentFailedTests(checks: readonly DataSourceCheck[]): string[] {
  return checks.flatMap(({ role, dataSource, findings }) =>
    findings
      .filter(({ ok }) => !ok)
      .map(({ sentence }) => visible(`Testing ${role?.name ?? dataSource.name}: ${sentence}`)),
  )
}

/** Who looks at a list of what can be tested. */
export interface TestReader {
  readonly zones: Zones
  readonly mayAsk: boolean
  /** The last test of each. */
  readonly checks: readonly DataSourceCheck[]
}

/** What the row of a list shows of tests. */
export interface Tested {
  readonly health: Health
  readonly test: { readonly href: string; readonly text: string } | undefined
  readonly checks: readonly Check[]
  readonly actions: readonly Action[]
}

/** How a data source or a role stood when it was last tested, and the button that tests it again. */
export function presentTested(
  subject: SubjectOfCheck,
  { zones, mayAsk, checks }: TestReader,
): Tested {
  const check = checks.find(
    ({ dataSource, role }) =>
      dataSource.id === subject.dataSource.id && role?.id === subject.role?.id,
  )
  return {
    health: healthOf(check),
    test: check && {
      href: `/checks/${check.id}`,
      text: presentMoment(check.endedAt ?? check.askedAt, zones).text,
    },
    checks: presentFindings(check?.findings.filter(({ ok }) => !ok) ?? []),
    actions: mayAsk ? [testAction(subject)] : [],
  }
}

/** The button that asks for a test. */
export function testAction({ dataSource, role }: SubjectOfCheck): Action {
  const href = role ? `/roles/${role.id}/check` : `/data-sources/${dataSource.id}/check`
  return { href, label: 'Test', tone: 'plain' }
}

/** What a test is of. */
export interface SubjectOfCheck {
  readonly dataSource: { readonly id: string }
  readonly role: { readonly id: string } | null | undefined
}

/** A test as the API says it. */
export function checkJson(check: DataSourceCheck): Record<string, unknown> {
  return {
    id: check.id,
    dataSource: check.dataSource.name,
    role: check.role?.name ?? null,
    session: check.sessionId,
    cause: check.cause,
    askedBy: check.askedBy,
    askedAt: iso(check.askedAt),
    startedAt: isoOrNull(check.startedAt),
    endedAt: isoOrNull(check.endedAt),
    ok: check.ok,
    message: isUnattended(check) ? UNATTENDED : null,
    findings: check.findings,
    dangers: check.dangers,
  }
}

function isUnattended({ startedAt, endedAt, waitedSeconds }: DataSourceCheck): boolean {
  return startedAt === null && endedAt === null && waitedSeconds > UNATTENDED_SECONDS
}
