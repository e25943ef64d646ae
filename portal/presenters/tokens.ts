import type { Token } from '../../db/token-lists.ts'
import { TOKEN_SCOPES, type TokenScope } from '../../db/tokens.ts'
import { TOKEN_DAYS, TOKEN_DAYS_MOST, type FreshToken } from '../administration/tokens.ts'
import { fieldsOf, summaryOf } from '../forms/fields.ts'
import type { Shell } from '../shell.ts'
import { fieldReader, type Posted } from './administration.ts'
import { presentMaybe, presentMoment, type Zones } from './moments.ts'
import type { Choice, Empty } from './pieces.ts'
import type { ShownSecret, TokenForm, TokenRow, TokensPage } from './token-pages.ts'
import { visible } from './visible.ts'

/** One's own tokens, with the form of another one and, once, the secret of the one just made. */
export function presentOwnTokens(
  { page, zones }: Shell,
  tokens: readonly Token[],
  { posted, fresh }: { readonly posted: Posted; readonly fresh?: FreshToken | undefined },
): TokensPage {
  return {
    page,
    trail: { href: '/account', label: 'Your account' },
    heading: 'API tokens',
    lead: 'A token lets a program act for you: as far as its scopes go, and never beyond your own rights.',
    errors: summaryOf(posted.mistakes),
    shown: fresh && presentSecret(fresh, zones),
    rows: tokens.map((token) => presentToken(token, { zones, mayEnd: true })),
    empty: NO_TOKENS,
    form: presentTokenForm('/account/tokens', posted),
  }
}

/** The tokens of a user, for who oversees them. */
export function presentTokensOf(
  { page, zones }: Shell,
  tokens: readonly Token[],
  {
    user,
    mayEnd,
  }: {
    readonly user: { readonly id: string; readonly username: string }
    readonly mayEnd: boolean
  },
): TokensPage {
  const name = visible(user.username)
  return {
    page,
    trail: { href: `/users/${user.id}`, label: name },
    heading: `API tokens of ${name}`,
    lead: 'What programs may do in the name of this user. Only the user makes tokens; admins end them.',
    errors: [],
    rows: tokens.map((token) => presentToken(token, { zones, mayEnd })),
    empty: { heading: 'No tokens', text: `${name} has made none.` },
  }
}

const NO_TOKENS: Empty = {
  heading: 'No tokens yet',
  text: 'Programs and the command line act for you through one. Make one for each, so that each can be ended by itself.',
}

/** A token in a list. */
export function presentToken(
  token: Token,
  { zones, mayEnd }: { readonly zones: Zones; readonly mayEnd: boolean },
): TokenRow {
  const name = visible(token.name)
  const isOver = token.endedAt !== null
  return {
    id: token.id,
    name,
    secret: token.prefix === null ? 'daypass_…' : `${token.prefix}…${token.suffix ?? ''}`,
    scopes: token.scopes,
    state: STATES[token.state],
    created: presentMoment(token.createdAt, zones),
    createdBy: visible(token.createdBy ?? 'an operator'),
    expires: presentMaybe(token.expiresAt, zones),
    lastUsed: presentMaybe(token.lastUsedAt, zones),
    lastUsedIp: visible(token.lastUsedIp ?? ''),
    ended: presentMaybe(token.endedAt, zones),
    endedBy: isOver ? visible(token.endedBy ?? 'Daypass or an operator') : '',
    actions:
      mayEnd && !isOver
        ? [
            {
              href: `/tokens/${token.id}/deletion`,
              label: 'End',
              tone: 'danger',
              takesReason: true,
              confirm: `End ${name}`,
              hint: 'Whatever uses it is refused from its next call on. It does not come back.',
            },
          ]
        : [],
  }
}

const STATES: Readonly<Record<Token['state'], TokenRow['state']>> = {
  live: { name: 'ok', text: 'live' },
  expired: { name: 'warning', text: 'expired' },
  ended: { name: 'disabled', text: 'ended' },
}

/** A secret in the one answer that shows it. */
export function presentSecret({ secret, token }: FreshToken, zones: Zones): ShownSecret {
  return { name: visible(token.name), secret, expires: presentMaybe(token.expiresAt, zones) }
}

/** The form of a new token. */
export function presentTokenForm(href: string, posted: Posted): TokenForm {
  const field = fieldReader(posted)
  const ticked: readonly string[] = fieldsOf(posted.body).list('scopes')
  return {
    href,
    name: field('name'),
    scopes: TOKEN_SCOPES.map((scope) => ({ ...SCOPES[scope], chosen: ticked.includes(scope) })),
    scopesError: posted.mistakes['scopes'],
    expiresInDays: {
      ...field('expiresInDays', String(TOKEN_DAYS)),
      hint: `From 1 to ${TOKEN_DAYS_MOST} days.`,
    },
  }
}

const SCOPES: Readonly<Record<TokenScope, Omit<Choice, 'chosen'>>> = {
  request: {
    value: 'request',
    label: 'request',
    hint: 'asks for access, and uses the sessions that were asked for',
  },
  approve: { value: 'approve', label: 'approve', hint: 'decides the requests of others' },
  audit: {
    value: 'audit',
    label: 'audit',
    hint: 'reads the trail, recordings, alerts and everything that is set up; changes none of it',
  },
  admin: {
    value: 'admin',
    label: 'admin',
    hint: 'changes data sources, roles, users, policy and tokens, and terminates sessions',
  },
}
