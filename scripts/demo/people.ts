import { randomInt } from 'node:crypto'
import { hash } from '@node-rs/argon2'
import { createPerson, getDefaultOrganization, type NewPerson } from '../../db/people.ts'
import { systemOrigin, type Origin } from '../../db/scope.ts'
import type { Transaction } from '../../db/store.ts'
import { uuidv7 } from '../../lib/ids.ts'
import type { DemoPerson } from '../home-file.ts'

type Flags = Pick<NewPerson, 'auditUser' | 'managementPrivilege'>

const PEOPLE: readonly (Flags & { username: string; displayName: string; does: string })[] = [
  {
    username: 'mark',
    displayName: 'Mark',
    does: 'an engineer: asks for access',
    auditUser: false,
    managementPrivilege: 'none',
  },
  {
    username: 'admin',
    displayName: 'Admin',
    does: 'approves role3 and manages everything',
    auditUser: true,
    managementPrivilege: 'admin',
  },
  {
    username: 'john',
    displayName: 'John',
    does: 'approves role1',
    auditUser: false,
    managementPrivilege: 'none',
  },
  {
    username: 'audrey',
    displayName: 'Audrey',
    does: 'an auditor: reads the Audit tab',
    auditUser: true,
    managementPrivilege: 'none',
  },
]

/** Letters and digits that nobody mistakes for one another. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'
const PASSWORD_LENGTH = 14

/** The origin of everything the demo sets up. */
export async function demoOrigin(tx: Transaction): Promise<Origin> {
  return systemOrigin(await getDefaultOrganization(tx), uuidv7(), 'system (demo)')
}

/** Makes the demo's people with passwords of their own; returns what to tell the newcomer. */
export async function makeDemoPeople(tx: Transaction, origin: Origin): Promise<DemoPerson[]> {
  const made: DemoPerson[] = []
  for (const person of PEOPLE) {
    const password = makePassword()
    await createPerson(tx, origin, {
      ...person,
      passwordHash: await hash(password),
      portalUser: true,
    })
    made.push({ username: person.username, password, flags: flagsOf(person), does: person.does })
  }
  return made
}

function makePassword(): string {
  return Array.from({ length: PASSWORD_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('')
}

function flagsOf({ auditUser, managementPrivilege }: Flags): string[] {
  return [
    'Portal User',
    ...(auditUser ? ['Audit User'] : []),
    ...(managementPrivilege === 'admin' ? ['Admin'] : []),
  ]
}
