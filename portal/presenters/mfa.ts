import { encode } from 'uqr'
import type { Factors } from '../../db/mfa-factors.ts'
import type { MfaPolicy, RequiredFor, StepUp, TrustedMode } from '../../db/mfa-policy.ts'
import type { Person } from '../../db/people.ts'
import { fieldsOf, summaryOf } from '../forms/fields.ts'
import { CODES_MADE } from '../mfa/recovery-codes.ts'
import type { Shell } from '../shell.ts'
import { fieldReader, type Posted } from './administration.ts'
import type {
  MfaSettingsPage,
  OwnFactorsPage,
  RecoveryCodesPage,
  TotpPage,
  UserFactorsPage,
} from './mfa-pages.ts'
import { presentMaybe, presentMoment } from './moments.ts'
import type { Choice, Link, Page } from './pieces.ts'
import { visible } from './visible.ts'

/** What the page of one's own factors is made of. */
export interface OwnMaterial {
  readonly factors: Factors
  readonly totpAllowed: boolean
  readonly passkeysWork: boolean
  /** Nothing else is open before there is a factor. */
  readonly isDemanded: boolean
  readonly next: string | undefined
}

/** A person's own second factors. */
export function presentOwnFactors(
  { page, zones }: Shell,
  { factors, totpAllowed, passkeysWork, isDemanded, next }: OwnMaterial,
  posted: Posted,
): OwnFactorsPage {
  const { totp, passkeys, codesLeft } = factors
  const hasFactor = totp !== null || passkeys.length > 0
  const verb = totp === null ? 'Add an authenticator app' : 'Change to another app'
  return {
    page,
    errors: summaryOf(posted.mistakes),
    demand: isDemanded
      ? 'Your organization asks you for a second factor: add one, then go on.'
      : undefined,
    totp:
      totp === null
        ? undefined
        : {
            added: presentMoment(totp.addedAt, zones),
            lastUsed: presentMoment(totp.lastUsedAt, zones),
          },
    totpLabel: totpAllowed ? verb : undefined,
    passkeys: passkeys.map(({ id, name, createdAt, lastUsedAt }) => ({
      name: visible(name),
      added: presentMoment(createdAt, zones),
      lastUsed: presentMaybe(lastUsedAt, zones),
      removalHref: `/account/mfa/passkeys/${id}/removal`,
    })),
    passkeyName: fieldReader(posted)('name'),
    passkeysOff: passkeysWork
      ? undefined
      : 'Browsers make passkeys for a name on https alone; this portal is reached by an address, or in clear.',
    codes: hasFactor ? `${codesLeft} of ${CODES_MADE} are left.` : undefined,
    next: hasFactor && next !== undefined ? { href: next, label: 'Go on' } : undefined,
  }
}

/** A secret to be put into an app, as a picture and as text. */
export function presentTotp(
  page: Page,
  { secret, uri }: { readonly secret: string; readonly uri: string },
  posted: Posted,
): TotpPage {
  return {
    page,
    errors: summaryOf(posted.mistakes),
    qr: drawQr(uri),
    secret: (secret.match(/.{1,4}/g) ?? []).join(' '),
    code: { value: '', error: posted.mistakes['code'] },
  }
}

/** Light around a code, in squares: readers expect four (ISO/IEC 18004, 5.3.8). */
const QUIET_ZONE = 4

function drawQr(text: string): TotpPage['qr'] {
  const { data, size } = encode(text, { ecc: 'M', border: QUIET_ZONE })
  const squares = data.flatMap((row, y) =>
    row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])),
  )
  return { size, path: squares.join('') }
}

/** New recovery codes, shown this once. */
export function presentCodes(
  page: Page,
  { codes, next }: { readonly codes: readonly string[]; readonly next: Link },
): RecoveryCodesPage {
  return {
    page,
    lead: 'Each lets you in once where your app or passkey is out of reach. They are shown now and never again; older ones have ended.',
    codes,
    next,
  }
}

/** What an organization asks for, to be changed. */
export function presentMfaSettings(
  { page }: Shell,
  { policy, address }: { readonly policy: MfaPolicy; readonly address: string },
  posted: Posted,
): MfaSettingsPage {
  const isPosted = posted.body !== undefined
  const typed = fieldsOf(posted.body)
  const requiredFor = isPosted ? typed.text('requiredFor') : policy.requiredFor
  const stepUp: readonly string[] = isPosted ? typed.list('stepUp') : policy.stepUp
  const mode = isPosted ? typed.text('trustedMode') : policy.trustedMode
  const totp = isPosted ? typed.text('totp') === 'yes' : policy.totp
  return {
    page,
    errors: summaryOf(posted.mistakes),
    requiredFor: choices(REQUIRED, (name) => name === requiredFor),
    requiredForError: posted.mistakes['requiredFor'],
    stepUp: choices(STEPS, (name) => stepUp.includes(name)),
    totp: [
      {
        value: 'yes',
        label: 'Authenticator apps (TOTP) may be added',
        chosen: totp,
        hint: TOTP_HINT,
      },
    ],
    trustedRanges: fieldReader(posted)('trustedRanges', policy.trustedRanges.join('\n')),
    trustedMode: choices(MODES, (name) => name === mode),
    address,
  }
}

const TOTP_HINT =
  'Unticked, nobody adds one; those there are go on working. Passkeys are always open.'

type Words = { readonly label: string; readonly hint?: string }

const REQUIRED: Readonly<Record<RequiredFor, Words>> = {
  nobody: { label: 'Nobody', hint: 'whoever has one is asked for it all the same' },
  admins: { label: 'Admins' },
  approvers: { label: 'Approvers and admins', hint: 'approvers are the members of any group' },
  everyone: { label: 'Everyone' },
}

const STEPS: Readonly<Record<StepUp, Words>> = {
  approve: { label: 'Approve', hint: 'approving and denying requests and extensions' },
  terminate: { label: 'Terminate', hint: "ending sessions, and other people's sign-ins" },
  download: { label: 'Download', hint: 'records of the Audit tab and recordings, as files' },
}

const MODES: Readonly<Record<TrustedMode, Words>> = {
  skip: { label: 'No second factor is asked for at sign-in from there' },
  only: { label: 'Sign-ins are allowed from there alone' },
}

function choices(
  words: Readonly<Record<string, Words>>,
  isChosen: (name: string) => boolean,
): Choice[] {
  return Object.entries(words).map(([value, said]) => ({ value, ...said, chosen: isChosen(value) }))
}

/** What somebody has, for admins. */
export function presentUserFactors(
  { page, zones }: Shell,
  { person, factors, mayReset }: UserMaterial,
  posted: Posted,
): UserFactorsPage {
  const { totp, passkeys, codesLeft } = factors
  const isEmpty = totp === null && passkeys.length === 0 && codesLeft === 0
  return {
    page,
    username: visible(person.username),
    back: `/users/${person.id}`,
    facts: [
      {
        name: 'Authenticator app',
        value: totp === null ? 'none' : `last used ${presentMoment(totp.lastUsedAt, zones).text}`,
      },
      ...passkeys.map(({ name, lastUsedAt }) => ({
        name: `Passkey ${visible(name)}`,
        value:
          lastUsedAt === null ? 'never used' : `last used ${presentMoment(lastUsedAt, zones).text}`,
      })),
      ...(passkeys.length === 0 ? [{ name: 'Passkeys', value: 'none' }] : []),
      { name: 'Recovery codes left', value: String(codesLeft) },
    ],
    resetHref: mayReset && !isEmpty ? `/users/${person.id}/mfa/reset` : undefined,
    errors: summaryOf(posted.mistakes),
    reason: fieldReader(posted)('reason'),
  }
}

interface UserMaterial {
  readonly person: Person
  readonly factors: Factors
  readonly mayReset: boolean
}
