import { DateTime } from 'luxon'
import type { Person } from '../../db/people.ts'
import type { PersonScope } from '../../db/scope.ts'
import type { NearEnd } from '../../db/session-endings.ts'
import { projectVersion } from '../../lib/project.ts'
import {
  mayAdminister,
  mayAudit,
  mayOversee,
  maySeeAdministration,
  maySeeSignIns,
} from '../privileges.ts'
import type { NavItem, Page } from './pieces.ts'
import { presentReminders } from './reminders.ts'
import { visible } from './visible.ts'
import { zoneText } from './zones.ts'

/** Where portal/public is served. */
export const ASSETS = '/public'

/** What every page needs to know before it is drawn. */
export interface PageFacts {
  readonly title: string
  readonly path: string
  readonly scope?: PersonScope | undefined
  readonly csrfToken: string
  readonly flash?: Page['flash']
  readonly zone: string
  /** Requests that this person may decide now. */
  readonly waiting: number
  /** Alerts that are open, for who may see them. */
  readonly alerts?: number
  /** The person's sessions that end soon. */
  readonly ends?: readonly NearEnd[]
  /** False where sessions and audit are switched off. */
  readonly portalMode: boolean
}

/** The frame around a page: who reads, where they can go, what was just done. */
export function presentPage(facts: PageFacts): Page {
  const { scope, zone } = facts
  const nav = scope === undefined ? [] : navOf(facts, scope)
  return {
    title: visible(facts.title),
    assets: ASSETS,
    theme: 'auto',
    person: scope && {
      username: scope.person.username,
      displayName: visible(scope.person.displayName),
      flags: flagsOf(scope.person),
    },
    nav,
    subnav: nav.some(({ pages, current }) => current && pages !== undefined),
    csrfToken: facts.csrfToken,
    flash: facts.flash && { ...facts.flash, text: visible(facts.flash.text) },
    reminders: presentReminders(facts.ends ?? [], facts.path),
    zone: zoneText(zone, DateTime.utc()),
    version: projectVersion,
  }
}

/** The flags of a person in the words of the Users tab. */
export function flagsOf(person: Pick<Person, 'managementPrivilege' | 'auditUser'>): string[] {
  return [
    ...(person.managementPrivilege === 'admin' ? ['Admin'] : []),
    ...(person.managementPrivilege === 'read_only' ? ['Read only'] : []),
    ...(person.auditUser ? ['Audit User'] : []),
  ]
}

/** An entry before it is known which page is open. */
type Entry = Omit<NavItem, 'current' | 'pages'> & { readonly pages?: readonly Entry[] }

function navOf(facts: PageFacts, scope: PersonScope): NavItem[] {
  const entries = entriesFor(facts, scope)
  const current = entries
    .flatMap((entry) => entry.pages ?? [entry])
    .map(({ href }) => href)
    .filter((href) => facts.path === href || facts.path.startsWith(`${href}/`))
    .sort((a, b) => b.length - a.length)[0]
  return entries.map((entry) => mark(entry, current))
}

function mark({ pages, ...entry }: Entry, current: string | undefined): NavItem {
  if (pages === undefined) return { ...entry, current: entry.href === current }
  const marked = pages.map((page) => mark(page, current))
  return { ...entry, pages: marked, current: marked.some((page) => page.current) }
}

function entriesFor({ portalMode, waiting, alerts }: PageFacts, scope: PersonScope): Entry[] {
  const sessions = [
    { href: '/sessions', label: 'Sessions' },
    { href: '/sessions/new', label: 'Request Access' },
    { href: '/approvals', label: 'Pending Approvals', count: waiting },
    { href: '/history', label: 'Session History' },
  ]
  const watching = [
    { href: '/alerts', label: 'Alerts', count: alerts, counted: 'open' },
    { href: '/tasks', label: 'Tasks' },
  ]
  return [
    ...(portalMode ? sessions : []),
    ...(portalMode && mayAudit(scope) ? [{ href: '/audit', label: 'Audit' }] : []),
    ...(mayOversee(scope) ? [administrationFor(scope)] : []),
    ...(maySeeSignIns(scope) && !mayOversee(scope) ? [SIGN_INS] : []),
    ...(mayOversee(scope) ? watching : []),
  ]
}

const SECOND_FACTORS: Entry = { href: '/settings/mfa', label: 'Second factors' }

/** An auditor finds it among the views of the Audit tab. */
const SIGN_INS: Entry = { href: '/sign-ins', label: 'User sign-ins' }

/** An auditor reads the policy alone: one page needs no entry above it. */
function administrationFor(scope: PersonScope): Entry {
  const policy = { href: '/policy', label: 'Policy' }
  if (!maySeeAdministration(scope)) return policy
  const pages = [
    { href: '/data-sources', label: 'Data sources' },
    { href: '/roles', label: 'Roles' },
    { href: '/groups', label: 'Groups' },
    { href: '/users', label: 'Users' },
    { href: '/applications', label: 'Applications' },
    ...(maySeeSignIns(scope) ? [SIGN_INS] : []),
    policy,
    ...(mayAdminister(scope) ? [SECOND_FACTORS] : []),
  ]
  return { href: '/data-sources', label: 'Administration', pages }
}
