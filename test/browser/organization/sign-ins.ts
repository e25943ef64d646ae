import { createSignIn, endSignIn, noteHost } from '../../../db/sign-ins.ts'
import { uuidv7 } from '../../../lib/ids.ts'
import type { World } from '../../support/world.ts'
import type { Acting, People } from './people.ts'
import type { Username, Words } from './words.ts'

/** Sign-ins that pages of the organization show. */
export interface LaidSignIns {
  readonly active: string
  readonly terminated: string
}

/** One that is open with a name beside its address, and one that was ended with a reason. */
export async function laySignIns(
  { portal }: World,
  { people, act, words }: { people: People; act: (who: Username) => Acting; words: Words },
): Promise<LaidSignIns> {
  const begin = async (who: Username): Promise<string> => {
    const id = uuidv7()
    const [, , origin] = act(who)
    const from = { ...origin, signInId: id, userAgent: words.browser }
    const signIn = { id, person: people[who], authMethod: 'password' } as const
    await portal.change((tx) => createSignIn(tx, from, signIn))
    return id
  }
  const [active, terminated] = [await begin('wei.li'), await begin('salma.idrissi')]
  await noteHost(portal.db, active, words.host)
  const [, , admin] = act('admin')
  const ending = { id: terminated, as: 'terminated', reason: words.termination } as const
  await portal.change((tx) => endSignIn(tx, admin, ending))
  return { active, terminated }
}
