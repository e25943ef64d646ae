import { DateTime } from 'luxon'
import type { ManagementPrivilege } from '../../db/people.ts'
import type { Flags } from '../../db/person-flags.ts'
import type { AccountChange } from '../../broker/accounts.ts'
import { userChangeBody } from '../api/user-bodies.ts'
import { InvalidRequest } from '../errors.ts'
import { fieldsOf, mistakesIn, type Reading } from './fields.ts'
import { listMeanings, readInstant } from './instants.ts'

/** Reads the form of an account; times without an offset are of this zone. */
export function readAccount(body: unknown, zone: string): Reading<AccountChange> {
  const fields = fieldsOf(body)
  const username = fields.text('username').toLowerCase()
  const displayName = fields.text('displayName')
  const email = fields.text('email')
  const expiry = hasField(body, 'expiresAt') ? readExpiry(fields.text('expiresAt'), zone) : {}
  const { shape } = userChangeBody
  const mistakes = mistakesIn({
    username: shape.username.safeParse(username).error?.issues[0]?.message,
    displayName: displayName === '' ? 'Give the user a name.' : undefined,
    email: email === '' ? undefined : shape.email.safeParse(email).error?.issues[0]?.message,
    expiresAt: expiry.mistake,
  })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  const change = { username, displayName, email: email === '' ? null : email }
  return { ok: true, value: { ...change, expiresAt: expiry.at } }
}

/** Reads the flags of a person: the boxes that are ticked, and the privilege that is chosen. */
export function readFlags(body: unknown): Flags {
  const fields = fieldsOf(body)
  const flags = fields.list('flags')
  return {
    portalUser: flags.includes('portal'),
    auditUser: flags.includes('audit'),
    mayEndSignIns: flags.includes('end_sign_ins'),
    managementPrivilege: privilegeIn(fields.text('managementPrivilege')),
  }
}

function privilegeIn(text: string): ManagementPrivilege {
  return text === 'admin' || text === 'read_only' ? text : 'none'
}

/** Errors: `invalid_request` where what was typed is not the name of who is to be deleted. */
export function readConfirmation(typed: string, { username }: { readonly username: string }): void {
  if (typed.trim().toLowerCase() === username) return
  throw new InvalidRequest({ confirmation: `Type ${username}, the username, to delete this user.` })
}

/**
 * An expiration date as its field holds it, so that sending it back unread changes nothing: a day
 * alone for the end of that day, no more digits than it takes, an offset where the clock shows it twice.
 */
export function expiryText(at: DateTime<true> | null, zone: string): string {
  if (at === null) return ''
  const local = at.setZone(zone)
  if (!local.isValid) return ''
  if (local.toMillis() === local.endOf('day').toMillis()) return local.toFormat('yyyy-LL-dd')
  const digits = local.millisecond > 0 ? ':ss.SSS' : local.second > 0 ? ':ss' : ''
  const text = local.toFormat(`yyyy-LL-dd HH:mm${digits}`)
  return listMeanings(text, zone).length === 0 ? text : `${text}${local.toFormat('ZZ')}`
}

/** What was typed for an expiration date. */
export interface Expiry {
  /** Null: never. */
  readonly at?: DateTime<true> | null
  readonly mistake?: string
}

/** Reads an expiration date as it is typed; empty means never, and a day alone its end. */
export function readExpiry(text: string, zone: string): Expiry {
  if (text === '') return { at: null }
  const reading = readInstant(text, { zone, day: 'last' })
  if (reading.ok) return { at: reading.value }
  const [first, second] = reading.meanings.map((at) => at.toFormat('yyyy-LL-dd HH:mmZZ'))
  if (first === undefined || second === undefined) return { mistake: reading.sentence }
  return { mistake: `${text} comes twice in ${zone}: write ${first} or ${second}.` }
}

function hasField(body: unknown, name: string): boolean {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name)
}
