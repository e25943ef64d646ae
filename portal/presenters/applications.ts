import type { Application } from '../../db/applications.ts'
import type { Token } from '../../db/token-lists.ts'
import type { FreshToken } from '../administration/tokens.ts'
import { fieldsOf, summaryOf } from '../forms/fields.ts'
import type { Shell } from '../shell.ts'
import { fieldReader, type Posted } from './administration.ts'
import { counted } from './counted.ts'
import { presentMaybe, presentMoment, type Zones } from './moments.ts'
import { flagsOf } from './page.ts'
import type { Action, Empty } from './pieces.ts'
import type {
  ApplicationForm,
  ApplicationPage,
  ApplicationRow,
  FreshApplicationPage,
} from './token-pages.ts'
import { presentSecret, presentToken, presentTokenForm } from './tokens.ts'
import { flagChoices, privilegeChoices, statusOf } from './users.ts'
import { visible } from './visible.ts'

/** The list of applications before there is one. */
export function noApplications(href: string | undefined): Empty {
  return {
    heading: 'No applications yet',
    text: 'An application is a program with an account of its own: it works through tokens, signs in nowhere, and everything it does is recorded under its name.',
    action: href === undefined ? undefined : { href, label: 'Add an application' },
  }
}

/** An application as its list shows it. */
export function presentApplication(application: Application, zones: Zones): ApplicationRow {
  const { name, text } = statusOf(application)
  return {
    id: application.id,
    href: `/applications/${application.id}`,
    username: visible(application.username),
    displayName: visible(application.displayName),
    owner: visible(application.owner.username),
    flags: flagsOf(application),
    tokens: tokensText(application, zones),
    status: { name: name === 'warning' ? 'ok' : name, text },
    lastUsed: presentMaybe(application.lastUsedAt, zones),
  }
}

function tokensText({ liveTokens, nextExpiry }: Application, zones: Zones): string {
  const live = counted(liveTokens, 'live token')
  if (nextExpiry === null) return live
  return `${live}, the next expires ${presentMoment(nextExpiry, zones).text}`
}

/** The form of a new application. */
export function presentFreshApplication(
  { page }: Shell,
  owner: string,
  posted: Posted,
): FreshApplicationPage {
  const form = formOf('/applications', posted, { owner })
  const username = fieldReader(posted)('username')
  return { page, errors: summaryOf(posted.mistakes), form: { ...form, username } }
}

/** What the page of one application is drawn from. */
export interface ApplicationFacts {
  readonly application: Application
  readonly tokens: readonly Token[]
  /** The reader may change it. */
  readonly may: boolean
  readonly auditHref: string | undefined
  readonly fresh?: FreshToken | undefined
  /** The form that was posted with mistakes: of the application, or of a token. */
  readonly posted: { readonly terms: Posted; readonly token: Posted }
}

/** One application: its tokens, its rights, its end. */
export function presentApplicationPage(
  { page, zones }: Shell,
  { application, tokens, may, auditHref, fresh, posted }: ApplicationFacts,
): ApplicationPage {
  const { id } = application
  const isOver = application.deletedAt !== null
  const mayChange = may && !isOver
  const form = formOf(`/applications/${id}`, posted.terms, {
    owner: application.owner.username,
    application,
  })
  return {
    page,
    errors: summaryOf({ ...posted.terms.mistakes, ...posted.token.mistakes }),
    application: presentApplication(application, zones),
    purpose: visible(application.purpose),
    created: presentMoment(application.createdAt, zones),
    createdBy: visible(application.createdBy ?? 'an operator'),
    shown: fresh && presentSecret(fresh, zones),
    rows: tokens.map((token) => presentToken(token, { zones, mayEnd: may })),
    empty: {
      heading: 'No tokens yet',
      text: 'It can do nothing before it has one. To replace one, make the new one first, then end the old one.',
    },
    tokenForm:
      mayChange && application.disabledAt === null
        ? presentTokenForm(`/applications/${id}/tokens`, posted.token)
        : undefined,
    form: mayChange ? form : undefined,
    actions: mayChange ? [...locking(application), ending(application)] : [],
    links: auditHref === undefined ? [] : [{ href: auditHref, label: 'What it did' }],
  }
}

/** Nothing for one that is out in another way. */
function locking({ id, outAs }: Application): Action[] {
  if (outAs === null) {
    const hint = 'Its tokens stop at once, and work again once it is unlocked.'
    const lock = { href: `/applications/${id}/lock`, label: 'Lock', tone: 'danger' } as const
    return [{ ...lock, takesReason: true, hint }]
  }
  if (outAs !== 'locked') return []
  return [{ href: `/applications/${id}/unlock`, label: 'Unlock', tone: 'plain' }]
}

function ending({ id, username }: Application): Action {
  const name = visible(username)
  return {
    href: `/applications/${id}/deletion`,
    label: 'End this application',
    tone: 'danger',
    takesReason: true,
    confirm: `End ${name} for good`,
    hint: 'Its tokens end at once, what it asked for is canceled, and what it was granted ends. Records keep its name.',
  }
}

function formOf(
  href: string,
  posted: Posted,
  { owner, application }: { readonly owner: string; readonly application?: Application },
): ApplicationForm {
  const field = fieldReader(posted)
  const fields = fieldsOf(posted.body)
  const isPosted = posted.body !== undefined
  const asIs = application?.auditUser === true ? ['audit'] : []
  const privilege = isPosted
    ? fields.text('managementPrivilege')
    : (application?.managementPrivilege ?? 'none')
  return {
    href,
    displayName: field('displayName', application?.displayName ?? ''),
    purpose: field('purpose', application?.purpose ?? ''),
    owner: field('owner', owner),
    flags: flagChoices(isPosted ? fields.list('flags') : asIs).filter(
      ({ value }) => value === 'audit',
    ),
    privileges: privilegeChoices(privilege),
  }
}
