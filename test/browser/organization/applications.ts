import { createApplication, noteApplicationUse } from '../../../db/applications.ts'
import { rows, type Transaction } from '../../../db/store.ts'
import { endToken } from '../../../db/token-ends.ts'
import { createToken, type NewToken } from '../../../db/tokens.ts'
import type { Origin } from '../../../db/scope.ts'
import type { World } from '../../support/world.ts'
import type { Acting } from './people.ts'
import type { Words } from './words.ts'

/** Two programs, and tokens in every state: live, expired, ended, and made before they were scoped. */
export async function layApplications(
  world: World,
  { admin, words }: { readonly admin: Acting; readonly words: Words },
): Promise<{ readonly id: string }> {
  const [, scope, origin] = admin
  const { person } = scope
  const nightly = await world.owner.change(async (tx) => {
    const made = await createApplication(tx, origin, {
      username: 'nightly-report',
      displayName: words.group.name,
      purpose: words.why.slice(0, 1000),
      auditUser: true,
      managementPrivilege: 'none',
      owner: world.people.john,
    })
    await createApplication(tx, origin, {
      username: 'deploy',
      displayName: 'Deploy',
      purpose: '',
      auditUser: false,
      managementPrivilege: 'none',
      owner: person,
    })
    await layTokens(tx, origin, made, words)
    await layTokens(tx, origin, person, words)
    return made
  })
  const program = { type: 'service', id: nightly.id, name: nightly.username } as const
  const use = { id: nightly.id, username: nightly.username, from: '203.0.113.40' }
  await world.owner.change((tx) => noteApplicationUse(tx, { ...origin, actor: program }, use))
  return { id: nightly.id }
}

async function layTokens(
  tx: Transaction,
  origin: Origin,
  person: NewToken['person'],
  words: Words,
): Promise<void> {
  const name = words.filter.own
  const make = (asked: Omit<NewToken, 'name' | 'person'>) =>
    createToken(tx, origin, { person, name, ...asked })
  const used = await make({ scopes: ['request', 'audit'], days: 90 })
  const over = await make({ scopes: ['request'], days: 1 })
  const ended = await make({ days: 30 })
  await make({})
  await rows(
    tx,
    `update tokens set last_used_at = now(), last_used_ip = '203.0.113.40' where id = :id`,
    { id: used.id },
  )
  await rows(tx, `update tokens set expires_at = now() - interval '1 hour' where id = :id`, {
    id: over.id,
  })
  await endToken(tx, origin, { id: ended.id })
}
