import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import path from 'node:path'
import { environmentWith } from '../../config.ts'
import { isAuditUser, type AuditUserScope } from '../../db/audit-filter.ts'
import { freePort } from '../../db/embedded.ts'
import { providePartLogins } from '../../db/part-logins.ts'
import { createPerson, getDefaultOrganization } from '../../db/people.ts'
import { systemOrigin, type Origin } from '../../db/scope.ts'
import { openStore, type Store } from '../../db/store.ts'
import { createToken } from '../../db/tokens.ts'
import { projectRoot } from '../../lib/project.ts'
import { hashPassword } from '../../portal/passwords.ts'
import { keep } from '../../test/support/clearing.ts'
import { Visitor } from '../../test/support/visitor.ts'
import { startFilled, type Filled, type FilledWish } from './filled.ts'

/** A store with a long trail, and the built portal on it. */
export interface AuditWorld extends Filled {
  /** As the owner of its tables. */
  readonly owner: Store
  /** Under the portal's own login. */
  readonly store: Store
  readonly audrey: AuditUserScope
  readonly origin: Origin
  readonly portalUrl: string
  readonly portalPid: number
  readonly token: string
  /** An auditor at a browser of their own. */
  visit(): Promise<Visitor>
}

const PROGRAM = path.join(projectRoot, 'dist/scripts/daypass.js')

/** Builds it; all of it goes with this process but the trail, where a folder keeps it. */
export async function makeAuditWorld(wish: FilledWish): Promise<AuditWorld> {
  const filled = await startFilled(wish)
  const masterKey = randomBytes(32)
  const partUrls = await providePartLogins(filled.ownerUrl, masterKey)
  const owner = await openKept(filled.ownerUrl)
  const auditor = await makeAuditor(owner)
  const portal = await startPortal(partUrls.portal, masterKey)
  return {
    ...filled,
    ...auditor,
    owner,
    store: await openKept(partUrls.portal),
    portalUrl: portal.url,
    portalPid: portal.pid,
    visit: async () => {
      const visitor = new Visitor(portal.url)
      const { status } = await visitor.signIn(auditor.audrey.person.username, auditor.password)
      if (status !== 200) throw new Error(`signing in answered ${String(status)}`)
      return visitor
    },
  }
}

async function openKept(url: string): Promise<Store> {
  const { opened } = await keep(
    () => Promise.resolve(openStore(url)),
    (store) => store.close(),
  )
  return opened
}

interface Auditor extends Pick<AuditWorld, 'audrey' | 'origin' | 'token'> {
  readonly password: string
}

async function makeAuditor(owner: Store): Promise<Auditor> {
  const organization = await getDefaultOrganization(owner.db)
  const system = systemOrigin(organization, randomUUID())
  const password = randomBytes(12).toString('hex')
  const passwordHash = await hashPassword(password)
  // a trail that is kept has seen others
  const username = `audrey.${randomBytes(4).toString('hex')}`
  const person = await owner.change((tx) =>
    createPerson(tx, system, {
      username,
      displayName: username,
      passwordHash,
      portalUser: true,
      auditUser: true,
      managementPrivilege: 'none',
    }),
  )
  const audrey = { kind: 'person', organization, person } as const
  if (!isAuditUser(audrey)) throw new Error('made without the flag')
  const origin: Origin = {
    ...system,
    actor: { type: 'person', id: person.id, name: username },
    clientIp: '127.0.0.1',
  }
  const { token } = await owner.change((tx) => createToken(tx, origin, { person, name: 'bench' }))
  return { audrey, origin, token, password }
}

async function startPortal(
  storeUrl: string,
  masterKey: Buffer,
): Promise<{ readonly url: string; readonly pid: number }> {
  const port = await freePort()
  const env = environmentWith({
    DAYPASS_STORE_URL: storeUrl,
    DAYPASS_MASTER_KEY: masterKey.toString('base64'),
    DAYPASS_PORTAL_PORT: String(port),
    DAYPASS_DEMO: 'false',
  })
  const { opened } = await keep(
    () => Promise.resolve(fork(PROGRAM, ['serve', 'portal'], { execArgv: [], env })),
    end,
  )
  await ready(opened)
  if (opened.pid === undefined) throw new Error('the portal has no process')
  return { url: `http://127.0.0.1:${String(port)}`, pid: opened.pid }
}

/** Errors: it ended before it was ready, which it has told on its standard error. */
async function ready(part: ChildProcess): Promise<void> {
  const ended = once(part, 'exit').then(() => {
    throw new Error('the portal did not start')
  })
  await Promise.race([once(part, 'message'), ended])
}

async function end(part: ChildProcess): Promise<void> {
  if (part.exitCode !== null) return
  const ended = once(part, 'exit')
  part.kill('SIGTERM')
  await ended
}
