import { DateTime } from 'luxon'
import type { Person } from '../../db/people.ts'
import type { PersonScope } from '../../db/scope.ts'
import { projectVersion } from '../../lib/project.ts'
import { mayAudit, maySeeAdministration } from '../privileges.ts'
import type { NavItem, Page } from './pieces.ts'
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
  /** False where sessions and audit are switched off. */
  readonly portalMode: boolean
}

/** The frame around a page: who reads, where they can go, what was just done. */
export function presentPage(facts: PageFacts): Page {
  const { scope, zone } = facts
  return {
    title: visible(facts.title),
    assets: ASSETS,
    theme: 'auto',
    person: scope && {
      username: scope.person.username,
      displayName: visible(scope.person.displayName),
      flags: flagsOf(scope.person),
    },
    nav: scope === undefined ? [] : navOf(facts, scope),
    csrfToken: facts.csrfToken,
    flash: facts.flash && { ...facts.flash, text: visible(facts.flash.text) },
    zone: zoneText(zone, DateTime.utc()),
    version: projectVersion,
  }
}

/** The flags of a person in the words of the Users tab. */
export function flagsOf(person: Person): string[] {
  return [
    ...(person.managementPrivilege === 'admin' ? ['Admin'] : []),
    ...(person.managementPrivilege === 'read_only' ? ['Read only'] : []),
    ...(person.auditUser ? ['Audit User'] : []),
  ]
}

function navOf(facts: PageFacts, scope: PersonScope): NavItem[] {
  const sessions = [
    { href: '/sessions', label: 'Sessions' },
    { href: '/sessions/new', label: 'Request Access' },
    { href: '/approvals', label: 'Pending Approvals', count: facts.waiting },
    { href: '/history', label: 'Session History' },
  ]
  const audit = [{ href: '/audit', label: 'Audit' }]
  const administration = [
    { href: '/data-sources', label: 'Data sources' },
    { href: '/roles', label: 'Roles' },
    { href: '/users', label: 'Users' },
  ]
  const items = [
    ...(facts.portalMode ? sessions : []),
    ...(facts.portalMode && mayAudit(scope) ? audit : []),
    ...(maySeeAdministration(scope) ? administration : []),
  ]
  const current = items
    .map(({ href }) => href)
    .filter((href) => facts.path === href || facts.path.startsWith(`${href}/`))
    .sort((a, b) => b.length - a.length)[0]
  return items.map((item) => ({ ...item, current: item.href === current }))
}
