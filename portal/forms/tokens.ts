import { TOKEN_SCOPES } from '../../db/tokens.ts'
import type { ApplicationChange, ApplicationCommand } from '../administration/applications.ts'
import {
  TOKEN_DAYS,
  TOKEN_DAYS_MOST,
  TOKEN_NAME_LONGEST,
  type TokenCommand,
} from '../administration/tokens.ts'
import { userBody } from '../api/bodies.ts'
import { whole } from './administration.ts'
import { fieldsOf, mistakesIn, type Fields, type Reading } from './fields.ts'
import { readFlags } from './user-change.ts'

/** Reads the form of a new token. */
export function readToken(body: unknown): Reading<TokenCommand> {
  const fields = fieldsOf(body)
  const name = fields.text('name')
  const ticked = fields.list('scopes')
  const scopes = TOKEN_SCOPES.filter((scope) => ticked.includes(scope))
  const days = whole(fields, 'expiresInDays', {
    least: 1,
    most: TOKEN_DAYS_MOST,
    otherwise: TOKEN_DAYS,
  })
  const mistakes = mistakesIn({
    name: nameMistake(name),
    scopes: scopes.length === 0 ? 'Tick at least one thing that the token may do.' : undefined,
    expiresInDays: days.mistake,
  })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return { ok: true, value: { name, scopes, expiresInDays: days.count } }
}

/** Reads the form of a new application. */
export function readApplication(body: unknown): Reading<ApplicationCommand> {
  const fields = fieldsOf(body)
  const username = fields.text('username').toLowerCase()
  const mistakes = mistakesIn({
    username: userBody.shape.username.safeParse(username).error?.issues[0]?.message,
    ...termMistakes(fields),
  })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return { ok: true, value: { username, ...termsIn(body) } }
}

/** Reads the form of an application that is there: what of it can change. */
export function readApplicationChange(body: unknown): Reading<ApplicationChange> {
  const mistakes = mistakesIn(termMistakes(fieldsOf(body)))
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return { ok: true, value: termsIn(body) }
}

function termsIn(body: unknown): Omit<ApplicationCommand, 'username'> {
  const fields = fieldsOf(body)
  const { auditUser, managementPrivilege } = readFlags(body)
  const [displayName, owner] = [fields.text('displayName'), fields.text('owner')]
  return {
    displayName: displayName === '' ? undefined : displayName,
    purpose: fields.text('purpose'),
    owner: owner === '' ? undefined : owner,
    auditUser,
    managementPrivilege,
  }
}

const PURPOSE_LONGEST = 1000

function termMistakes(fields: Fields): Record<string, string | undefined> {
  const isLong = Array.from(fields.text('purpose')).length > PURPOSE_LONGEST
  return { purpose: isLong ? 'The purpose has at most 1,000 characters.' : undefined }
}

function nameMistake(name: string): string | undefined {
  if (name === '') return 'Say what the token is for.'
  if (Array.from(name).length <= TOKEN_NAME_LONGEST) return undefined
  return `The name has at most ${TOKEN_NAME_LONGEST} characters.`
}
