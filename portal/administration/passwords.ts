import { isMailOpen } from '../../db/mail-service.ts'
import { queueMail } from '../../db/mails.ts'
import { aboutLinkSecret, makePasswordLink, type MadeLink } from '../../db/password-links.ts'
import { findPasswordState, setPassword } from '../../db/passwords.ts'
import type { Person } from '../../db/people.ts'
import type { Origin } from '../../db/scope.ts'
import { getSealingKey } from '../../db/sealing-keys.ts'
import { storeTime, type Transaction } from '../../db/store.ts'
import { AppError } from '../../lib/errors.ts'
import { seal } from '../../lib/seal.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, NotFound } from '../errors.ts'
import { passwordLinkUrl } from '../password-link-url.ts'
import { hashChosenPassword } from '../password-strength.ts'
import type { Visit } from '../visit.ts'

/** What was done to let somebody choose a password. */
export interface HandedLink {
  readonly purpose: MadeLink['purpose']
  readonly expiresAt: MadeLink['expiresAt']
  /** Where it leads, once and to who made it; undefined: it went by letter. */
  readonly url: string | undefined
}

/** Sets another person's password. Errors: `invalid_request`, `not_found`. */
export async function setPasswordOf(
  { store }: PortalDeps,
  { origin }: Visit,
  { person, password, mustChange }: { person: Person; password: string; mustChange: boolean },
): Promise<void> {
  const passwordHash = await hashChosenPassword(password, person)
  const at = await store.change((tx) =>
    setPassword(tx, origin, { person, passwordHash, mustChange, way: 'by an admin' }),
  )
  if (at === undefined) throw new NotFound()
}

/**
 * Makes a link with which another person chooses a password: who has none is invited. It goes to
 * them by letter; where none can go, to who asked for it, this once. Errors: `invalid_request`.
 */
export async function handLinkTo(
  deps: PortalDeps,
  { origin }: Visit,
  person: Person,
): Promise<HandedLink> {
  mustBeAbleToUse(person)
  const { db } = deps.store
  const [state, isOpen] = await Promise.all([findPasswordState(db, person.id), isMailOpen(db)])
  const purpose = state?.isSet ? 'reset' : 'invitation'
  if (isOpen && person.email !== null) {
    const { expiresAt } = await deps.store.change((tx) => mailLink(tx, origin, { person, purpose }))
    return { purpose, expiresAt, url: undefined }
  }
  const link = await deps.store.change((tx) =>
    makePasswordLink(tx, origin, { person, purpose, handed: 'shown' }),
  )
  return {
    purpose,
    expiresAt: link.expiresAt,
    url: passwordLinkUrl(deps.config.publicUrl, link.secret),
  }
}

/** Makes a link and its letter: the secret leaves the transaction sealed to the broker alone. */
export async function mailLink(
  tx: Transaction,
  origin: Origin,
  { person, purpose }: { person: Person; purpose: 'invitation' | 'reset' },
): Promise<MadeLink> {
  const broker = await getSealingKey(tx, 'broker')
  const link = await makePasswordLink(tx, origin, { person, purpose, handed: 'mailed' })
  await queueMail(tx, person.organizationId, {
    kind: 'password_link',
    key: link.id,
    to: [person.id],
    facts: { link: link.id, purpose, by: origin.actor.type === 'system' ? '' : origin.actor.name },
    sealed: seal(broker, link.secret, aboutLinkSecret(link.id)),
    dueAt: await storeTime(tx),
  })
  return link
}

/** Nobody sets their own password as an admin: that would go past the one they have. */
export function refuseOwn(visit: Visit, { id }: Person): void {
  if (id !== visit.scope.person.id) return
  throw new AppError('own_request', 'Change your own password on your account page.')
}

function mustBeAbleToUse(person: Person): void {
  if (person.kind !== 'person') {
    throw new InvalidRequest({ user: 'A service has tokens and no password.' })
  }
  if (person.disabledAt !== null || !person.portalUser) {
    throw new InvalidRequest({
      user: `${person.username} may not sign in, so no link would work: unlock the user first.`,
    })
  }
}
