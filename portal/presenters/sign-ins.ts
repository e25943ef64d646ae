import { DateTime } from 'luxon'
import type { SignIn, SignInPage } from '../../db/sign-in-lists.ts'
import { signInPlaceText, type SignInListForm } from '../forms/sign-in-list.ts'
import { timeValue, meaningsOf } from './audit-filters.ts'
import type { Tab } from './audit-pages.ts'
import { exactText, queryText, type Pair } from './audit-query.ts'
import { AUDIT_VIEW_NAMES, AUDIT_VIEWS } from './audit-views.ts'
import { counted } from './counted.ts'
import { presentMoment, presentZones, type Zones } from './moments.ts'
import type { Link, Page, Pager } from './pieces.ts'
import { privilegesOf, SIGN_INS_TAB, stateText } from './sign-in-words.ts'
import type { SignInDetails, SignInFilters, SignInRow, SignInsPage } from './sign-in-pages.ts'
import { visible } from './visible.ts'

/** What the page of sign-ins is drawn from. */
export interface SignInListFacts {
  readonly page: Page
  readonly form: SignInListForm
  readonly zones: Zones
  readonly found: SignInPage
  /** The reader has the Audit tab, too. */
  readonly isAuditor: boolean
  readonly details?: SignInDetails | undefined
}

/** The list at left with its filters, and the details at right once one is chosen. */
export function presentSignIns(facts: SignInListFacts): SignInsPage {
  const { page, form, found, details } = facts
  const { q } = form.filter
  return {
    page,
    views: facts.isAuditor ? viewsBeside() : [],
    wrong: ['zone', 'after'].flatMap((name) => form.mistakes[name] ?? []).map(visible),
    filters: presentFilters(facts),
    rows: found.signIns.map((signIn) => presentRow(signIn, facts)),
    count: `${counted(found.signIns.length, 'sign-in')}${found.next === undefined ? '' : ' on this page'}`,
    empty:
      q === null
        ? {
            heading: 'Nobody was signed in',
            text: `In ${form.day === undefined ? 'this range of time' : `all of ${form.day}`} nobody was signed in to the portal.`,
          }
        : {
            heading: 'No sign-ins match',
            text: `“${visible(q)}” was looked for in names and usernames. Choose another day or a longer range.`,
          },
    pager: presentPager(facts),
    listHref: `/sign-ins?${queryText(listPairs(form))}`,
    details,
  }
}

/** The views of the Audit tab, with this page as the one that is open. */
function viewsBeside(): Tab[] {
  const views = AUDIT_VIEW_NAMES.map((view) => ({
    href: view === 'sessions' ? '/audit' : `/audit?view=${view}`,
    label: AUDIT_VIEWS[view].label,
    current: false,
  }))
  return [...views, { ...SIGN_INS_TAB, current: true }]
}

/** What links keep of the list: its time, its search and its zone. */
export function listPairs(form: SignInListForm): Pair[] {
  const { day, filter, zone } = form
  const exact = (name: 'since' | 'until'): Pair[] => {
    const at = filter[name]?.setZone(zone.name)
    return at === undefined ? [] : [{ name, value: exactText(at) }]
  }
  return [
    ...(day === undefined ? [...exact('since'), ...exact('until')] : [{ name: 'day', value: day }]),
    ...(filter.q === null ? [] : [{ name: 'q', value: filter.q }]),
    { name: 'zone', value: zone.choice },
  ]
}

function presentFilters({ form, zones }: SignInListFacts): SignInFilters {
  const { shared, mistakes, typed, day } = form
  const isWrong = mistakes['since'] !== undefined || mistakes['until'] !== undefined
  const isNarrowed = form.filter.q !== null || day !== todayIn(form)
  return {
    q: { value: typed.q, error: mistakes['q'] },
    // the field of a browser holds days that there are, and sends no others
    day: { value: mistakes['day'] === undefined ? (day ?? '') : '', error: mistakes['day'] },
    since: { value: timeValue(shared, 'since'), error: mistakes['since'] },
    until: { value: timeValue(shared, 'until'), error: mistakes['until'] },
    sinceMeanings: meaningsOf(shared, 'since', zones),
    untilMeanings: meaningsOf(shared, 'until', zones),
    rangeOpen: day === undefined || isWrong,
    zones: presentZones(zones, form.zone.choice),
    days: day === undefined ? [] : neighboursOf(day, form),
    clear: isNarrowed
      ? {
          href: `/sign-ins?${queryText([{ name: 'zone', value: form.zone.choice }])}`,
          label: 'Today, everybody',
        }
      : undefined,
  }
}

function todayIn({ zone }: SignInListForm): string {
  return DateTime.utc().setZone(zone.name).toFormat('yyyy-LL-dd')
}

function neighboursOf(day: string, form: SignInListForm): Link[] {
  const noon = DateTime.fromISO(`${day}T12:00:00Z`, { zone: 'utc' })
  const link = (days: number, label: string): Link => {
    const value = noon.plus({ days }).toFormat('yyyy-LL-dd')
    const others = listPairs(form).filter(({ name }) => name !== 'day')
    return { href: `/sign-ins?${queryText([{ name: 'day', value }, ...others])}`, label }
  }
  return [link(-1, 'Day before'), ...(day < todayIn(form) ? [link(1, 'Day after')] : [])]
}

function presentRow(signIn: SignIn, { form, zones, details }: SignInListFacts): SignInRow {
  const { id, person, startedAt, isActive } = signIn
  return {
    id,
    href: `/sign-ins/${id}?${queryText(listPairs(form))}`,
    current: details?.id === id,
    name: visible(person.displayName),
    username: person.username,
    privileges: privilegesOf(person),
    started: presentMoment(startedAt, zonesFor(form, zones)),
    active: isActive,
    state: stateText(signIn),
  }
}

/** Times are shown in the zone that was chosen; beside it in the one that was not. */
export function zonesFor({ zone }: SignInListForm, zones: Zones): Zones {
  if (zone.name === zones.central) return zones
  return { central: zone.name, own: zones.central }
}

function presentPager({ form, found }: SignInListFacts): Pager {
  const { place } = form
  const pairs = listPairs(form)
  const after = found.next && { name: 'after', value: signInPlaceText(found.next) }
  return {
    newest: place === undefined ? undefined : `/sign-ins?${queryText(pairs)}`,
    older: after === undefined ? undefined : `/sign-ins?${queryText([...pairs, after])}`,
    text: place === undefined ? 'Active ones first' : 'Further sign-ins',
  }
}
