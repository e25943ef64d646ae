import { createHash } from 'node:crypto'
import { announceMail } from '../../../db/mail-service.ts'
import { rows } from '../../../db/store.ts'
import type { World } from '../../support/world.ts'

/** Secrets as long as real ones, and known beforehand: the addresses of pages hold them. */
const SECRETS = { reset: 'r'.repeat(43), setup: 's'.repeat(43) }

/** The way to the pages behind a link. */
export const LINKS = {
  reset: `/password/link?secret=${SECRETS.reset}`,
  setup: `/password/link?secret=${SECRETS.setup}`,
}

/** A link of somebody's, and a mail server that is said to be there. */
export async function layLinks({ owner, broker }: World): Promise<void> {
  await announceMail(broker.db, true)
  await layLink(owner, 'reset', `(select id from people where username = 'wei.li')`)
}

/** Somebody whose password was set for them. */
export async function layMustChange({ owner }: World): Promise<void> {
  await rows(owner.db, `update people set must_change_password = true where username = 'john'`)
}

/** A world without an admin, and the link that makes one. */
export async function laySetup({ owner }: World): Promise<void> {
  await rows(owner.db, `update people set management_privilege = 'none'`)
  await layLink(owner, 'setup', 'null')
}

async function layLink(
  owner: World['owner'],
  purpose: keyof typeof SECRETS,
  person: string,
): Promise<void> {
  await rows(
    owner.db,
    `insert into password_links (organization_id, person_id, purpose, hash, expires_at)
     select id, ${person}, :purpose, :hash, now() + interval '1 day'
       from organizations
      limit 1`,
    { purpose, hash: createHash('sha256').update(SECRETS[purpose]).digest() },
  )
}
