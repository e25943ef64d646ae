import { randomUUID } from 'node:crypto'
import { lockPerson } from '../../../db/person-changes.ts'
import { createPerson, type Person } from '../../../db/people.ts'
import type { Origin, PersonScope } from '../../../db/scope.ts'
import { rows, type Store } from '../../../db/store.ts'
import { NAMES, type World } from '../../support/world.ts'
import { MORE_PEOPLE, type Username, type Words } from './words.ts'

/** What the broker's doors take to know who acts. */
export type Acting = readonly [Store, PersonScope, Origin]

/** Everyone of the organization by username. */
export type People = Readonly<Record<Username, Person>>

/** Adds the people who are not in every world, and gives everyone the name that is shown. */
export async function addPeople(world: World, { names }: Words): Promise<People> {
  for (const username of NAMES) {
    await rows(
      world.owner.db,
      `update people set display_name = :name where username = :username`,
      {
        username,
        name: names[username],
      },
    )
  }
  const added = await world.owner.change(async (tx) => {
    const made: Person[] = []
    for (const username of MORE_PEOPLE) {
      const person = await createPerson(tx, world.origins.admin, {
        username,
        displayName: names[username],
        passwordHash: null,
        portalUser: true,
        auditUser: username === 'nadia.horvat',
        managementPrivilege: username === 'nadia.horvat' ? 'read_only' : 'none',
      })
      made.push(person)
      if (username === 'tomas.novak') await lockPerson(tx, world.origins.admin, person.id)
    }
    return made
  })
  const [salma, wei, nadia, tomas] = added
  if (!salma || !wei || !nadia || !tomas) throw new Error('four were added')
  return {
    ...world.people,
    'salma.idrissi': salma,
    'wei.li': wei,
    'nadia.horvat': nadia,
    'tomas.novak': tomas,
  }
}

/** The organization as its records name it. */
export const HALDEN = { name: 'Halden Outfitters', accountId: '4711-0093' } as const

/** Lets somebody act. */
export function actingIn(world: World, people: People): (who: Username) => Acting {
  const organization = { ...world.scopes.admin.organization, ...HALDEN }
  return (who) => {
    const person = people[who]
    const actor = { type: 'person', id: person.id, name: who } as const
    const origin: Origin = {
      actor,
      organization,
      correlationId: randomUUID(),
      authMethod: 'password',
      clientIp: '203.0.113.7',
    }
    return [world.portal, { kind: 'person', organization, person }, origin]
  }
}
