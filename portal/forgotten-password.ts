import { findPerson, getOrganization, type Person } from '../db/people.ts'
import { listWhoForgot, mayBeSentReset } from '../db/passwords.ts'
import type { Origin } from '../db/scope.ts'
import { mailLink } from './administration/passwords.ts'
import type { PortalDeps } from './deps.ts'

/** No longer than a name or an address can be (RFC 5321, 4.5.3.1.3). */
const NAME_MOST = 254

/** Writes a letter with a link to everyone who signs in by this name, or has this e-mail address. */
export async function sendResetLetters(
  deps: PortalDeps,
  where: Omit<Origin, 'actor' | 'authMethod'>,
  name: string,
): Promise<void> {
  if (name.length > NAME_MOST) return
  const { db } = deps.store
  for (const { id } of await listWhoForgot(db, name)) {
    const person = await findPerson(db, { kind: 'part', part: 'portal' }, id)
    if (person !== undefined) await sendTo(deps, where, person)
  }
}

async function sendTo(
  deps: PortalDeps,
  where: Omit<Origin, 'actor' | 'authMethod'>,
  person: Person,
): Promise<void> {
  const organization = await getOrganization(deps.store.db, person.organizationId)
  const actor = { type: 'system', id: 'system', name: 'system (forgotten password)' } as const
  const origin = { ...where, organization, actor }
  await deps.store.change(async (tx) => {
    if (await mayBeSentReset(tx, person.id))
      await mailLink(tx, origin, { person, purpose: 'reset' })
  })
}
