import type { OpenLink } from '../../db/password-links.ts'
import type { PasswordState } from '../../db/passwords.ts'
import type { Person } from '../../db/people.ts'
import { summaryOf } from '../forms/fields.ts'
import { readMustChange } from '../forms/passwords.ts'
import { PASSWORD_HINT } from '../password-strength.ts'
import type { Shell } from '../shell.ts'
import { fieldReader, UNPOSTED, type Posted } from './administration.ts'
import { presentMaybe, presentMoment, type Zones } from './moments.ts'
import type {
  FirstAdminPage,
  FreshPasswordPage,
  OpenLinkRow,
  UserPasswordPage,
  WorthlessLinkPage,
} from './password-pages.ts'
import type { Page } from './pieces.ts'
import { visible } from './visible.ts'

/** One of the forms in which somebody chooses their own password. */
export interface PasswordForm {
  readonly href: string
  readonly username: string
  readonly heading: string
  readonly lead: string
  readonly button: string
  /** True where the current one is asked for. */
  readonly asksCurrent: boolean
}

/** A form for a new password; nothing that was typed into it is shown again. */
export function presentFreshPassword(
  page: Page,
  { username, asksCurrent, ...form }: PasswordForm,
  { mistakes }: Posted = UNPOSTED,
): FreshPasswordPage {
  return {
    ...form,
    page,
    username: visible(username),
    errors: summaryOf(mistakes),
    current: asksCurrent ? { value: '', error: mistakes['currentPassword'] } : undefined,
    password: { value: '', error: mistakes['password'], hint: PASSWORD_HINT },
    again: { value: '', error: mistakes['passwordAgain'] },
  }
}

/** The same for a link that was used, whose time is over, or that never was. */
export function presentWorthlessLink(page: Page): WorthlessLinkPage {
  return {
    page,
    next: {
      heading: 'This link does not work',
      text: 'It was used already, its time is over, or a newer password ended it. If you have a password, sign in with it. Else ask for another link there, or ask an admin for one.',
      action: { href: '/sign-in', label: 'To the sign-in page' },
    },
  }
}

/** The form of the first admin. */
export function presentFirstAdmin(page: Page, posted: Posted = UNPOSTED): FirstAdminPage {
  const field = fieldReader(posted)
  return {
    page,
    errors: summaryOf(posted.mistakes),
    username: field('username'),
    displayName: field('displayName'),
    email: field('email'),
    password: { value: '', error: posted.mistakes['password'], hint: PASSWORD_HINT },
    again: { value: '', error: posted.mistakes['passwordAgain'] },
  }
}

/** What is known of a user's password when an admin looks after it. */
export interface PasswordFacts {
  readonly person: Person
  readonly state: PasswordState
  readonly links: readonly OpenLink[]
  readonly isMailOpen: boolean
}

/** Another user's password: set it, or let them choose it by a link. */
export function presentUserPassword(
  { page, zones }: Shell,
  facts: PasswordFacts,
  posted: Posted = UNPOSTED,
): UserPasswordPage {
  const { person, state, links } = facts
  return {
    page,
    username: visible(person.username),
    displayName: visible(person.displayName),
    backHref: `/users/${person.id}`,
    standing: standingOf(state),
    changed: presentMaybe(state.changedAt, zones),
    errors: summaryOf(posted.mistakes),
    set: {
      href: `/users/${person.id}/password`,
      password: { value: '', error: posted.mistakes['password'], hint: PASSWORD_HINT },
      mustChange: [
        {
          value: 'yes',
          label: 'Must change it at the next sign-in',
          chosen: posted.body === undefined || readMustChange(posted.body),
          hint: 'so that nobody but them knows it; API tokens go on working',
        },
      ],
    },
    link: linkChoice(facts),
    open: links.map((link) => presentOpenLink(link, zones)),
  }
}

function standingOf({ isSet, mustChange }: PasswordState): string {
  if (!isSet) return 'none yet'
  return mustChange ? 'set, to be changed at the next sign-in' : 'set'
}

function linkChoice(facts: PasswordFacts): UserPasswordPage['link'] {
  const { person, state } = facts
  const name = visible(person.username)
  const heading = state.isSet ? 'Reset link' : 'Invitation'
  if (person.disabledAt !== null || !person.portalUser || person.kind !== 'person') {
    return { heading, text: `${name} may not sign in, so no link would work.`, actions: [] }
  }
  const life = state.isSet ? 'within 24 hours' : 'within 7 days'
  const { way, verb } = wayOf(facts)
  const href = `/users/${person.id}/password-link`
  return {
    heading,
    text: `With a link ${name} chooses a password once, ${life}. ${way}`,
    actions: [{ href, label: `${verb} ${heading.toLowerCase()}`, tone: 'primary' }],
  }
}

/** By letter where one can go; else it is shown to who asks for it. */
function wayOf({ person, isMailOpen }: PasswordFacts): { way: string; verb: 'Send' | 'Show' } {
  if (!isMailOpen) {
    const way = 'No mail server is set, so it is shown to you, once, to hand over in person.'
    return { way, verb: 'Show' }
  }
  if (person.email !== null) return { way: `It goes to ${visible(person.email)}.`, verb: 'Send' }
  const way = 'There is no e-mail address, so it is shown to you, once, to hand over in person.'
  return { way, verb: 'Show' }
}

function presentOpenLink(link: OpenLink, zones: Zones): OpenLinkRow {
  return {
    purpose: link.purpose === 'reset' ? 'reset' : 'invitation',
    madeBy:
      link.createdBy === null ? 'from sign-in or an operator' : `by ${visible(link.createdBy)}`,
    expires: presentMoment(link.expiresAt, zones),
  }
}
