import { randomUUID } from 'node:crypto'
import { DateTime } from 'luxon'
import { isAuditUser, type AuditUserScope } from '../../db/audit-filter.ts'
import { appendRecord, type RecordDraft, type SessionSnapshot } from '../../db/audit-log.ts'
import { createPerson, getDefaultOrganization, type Organization } from '../../db/people.ts'
import { systemOrigin, type Origin, type PersonScope } from '../../db/scope.ts'
import { getRow, openStore, type Store, type Transaction } from '../../db/store.ts'
import { createStore, type TestStore } from './store.ts'

/** A store with two organizations, an auditor in each, and a pen to write records with. */
export interface Trail {
  readonly store: TestStore
  /** The store under the portal's own login. */
  readonly portal: Store
  readonly audrey: AuditUserScope
  /** An Audit User of the other organization. */
  readonly stranger: AuditUserScope
  /** An admin without the Audit User flag. */
  readonly admin: PersonScope
  close(): Promise<void>
}

/** What a test says of a record; the rest is filled in. */
export interface Entry extends Partial<RecordDraft> {
  readonly at: string
  readonly actor?: string
  readonly clientIp?: string
  readonly organization?: Organization
}

/** Opens a trail that holds nothing but what making its people wrote. */
export async function openTrail(): Promise<Trail> {
  const store = await createStore()
  const portal = openStore(store.partUrls.portal)
  const home = await getDefaultOrganization(store.owner.db)
  const elsewhere = await getRow<Organization>(
    store.owner.db,
    `insert into organizations (name, account_id)
     values ('Elsewhere', '2')
  returning id, name, account_id as "accountId"`,
  )
  const audrey = await addPerson(store, home, { username: 'audrey', auditUser: true })
  const stranger = await addPerson(store, elsewhere, { username: 'stranger', auditUser: true })
  return {
    store,
    portal,
    audrey: asAuditor(audrey),
    stranger: asAuditor(stranger),
    admin: await addPerson(store, home, { username: 'root', auditUser: false }),
    close: async () => {
      await portal.close()
      await store.close()
    },
  }
}

/** Writes records in this order, in one transaction. */
export async function write(trail: Trail, entries: readonly Entry[]): Promise<void> {
  await trail.portal.change(async (tx) => {
    for (const entry of entries) await writeOne(tx, trail, entry)
  })
}

/** A session as records show it. */
export function snapshot(facts: Partial<SessionSnapshot> = {}): SessionSnapshot {
  return {
    id: '68',
    uuid: randomUUID(),
    ordinal: 1,
    requester: 'mark',
    roles: ['role1', 'role3'],
    username: 'TBD',
    start: instant('2026-11-23T10:00:00Z'),
    end: instant('2026-11-23T10:30:00Z'),
    ...facts,
  }
}

/** An instant written down in a test. */
export function instant(text: string): DateTime<true> {
  const at = DateTime.fromISO(text, { zone: 'utc' })
  if (!at.isValid) throw new Error(`not an instant: ${text}`)
  return at
}

async function writeOne(tx: Transaction, trail: Trail, entry: Entry): Promise<void> {
  const { at, actor = 'mark', clientIp, organization = trail.audrey.organization, ...draft } = entry
  const origin: Origin = {
    actor: { type: 'person', id: actor, name: actor },
    organization,
    correlationId: randomUUID(),
    ...(clientIp === undefined ? {} : { clientIp }),
  }
  await appendRecord(tx, origin, instant(at), {
    action: 'session.created',
    area: 'sessions',
    outcome: 'ok',
    ...(draft.action === undefined
      ? { scope: 'session', state: 'CREATED', session: snapshot() }
      : {}),
    ...draft,
  })
}

async function addPerson(
  store: TestStore,
  organization: Organization,
  { username, auditUser }: { username: string; auditUser: boolean },
): Promise<PersonScope> {
  const person = await store.owner.change((tx) =>
    createPerson(tx, systemOrigin(organization, randomUUID()), {
      username,
      displayName: username,
      passwordHash: null,
      portalUser: true,
      auditUser,
      managementPrivilege: 'admin',
    }),
  )
  return { kind: 'person', organization, person }
}

function asAuditor(scope: PersonScope): AuditUserScope {
  if (!isAuditUser(scope)) throw new Error('made without the flag')
  return scope
}
