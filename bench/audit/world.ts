import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmod, rm } from 'node:fs/promises'
import path from 'node:path'
import { environmentWith } from '../../config.ts'
import { isAuditUser, type AuditUserScope } from '../../db/audit-filter.ts'
import { chooseHome, EmbeddedPostgres, freePort } from '../../db/embedded.ts'
import { migrate } from '../../db/migrate.ts'
import { providePartLogins } from '../../db/part-logins.ts'
import { createPerson, getDefaultOrganization } from '../../db/people.ts'
import { systemOrigin, type Origin } from '../../db/scope.ts'
import { openStore, type Store } from '../../db/store.ts'
import { createToken } from '../../db/tokens.ts'
import { projectRoot } from '../../lib/project.ts'
import { hashPassword } from '../../portal/passwords.ts'
import { keep, keepFolder } from '../../test/support/clearing.ts'
import { Visitor } from '../../test/support/visitor.ts'
import { fillTrail } from './trail.ts'

/** A store with a long trail, and the built portal on it. */
export interface AuditWorld {
  readonly ownerUrl: string
  /** Under the portal's own login. */
  readonly store: Store
  readonly audrey: AuditUserScope
  readonly origin: Origin
  readonly portalUrl: string
  readonly portalPid: number
  readonly token: string
  readonly secondsToFill: number
  /** An auditor at a browser of their own. */
  visit(): Promise<Visitor>
}

const PROGRAM = path.join(projectRoot, 'dist/scripts/daypass.js')
/** What the owner of a store of this size would set, and as durable as theirs. */
const SETTINGS = {
  shared_buffers: '2GB',
  effective_cache_size: '8GB',
  // nothing is replicated: tables that are filled as they are made need no second copy in the log
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '8GB',
}

/** Builds it; all of it goes with this process. */
export async function makeAuditWorld(records: number): Promise<AuditWorld> {
  const ownerUrl = await startServer()
  await migrate(ownerUrl)
  const owner = (
    await keep(
      () => Promise.resolve(openStore(ownerUrl)),
      (store) => store.close(),
    )
  ).opened
  const organization = await getDefaultOrganization(owner.db)
  const began = performance.now()
  await fillTrail(ownerUrl, { records, organization })
  const secondsToFill = (performance.now() - began) / 1000

  const masterKey = randomBytes(32)
  const partUrls = await providePartLogins(ownerUrl, masterKey)
  const { opened: store } = await keep(
    () => Promise.resolve(openStore(partUrls.portal)),
    (opened) => opened.close(),
  )
  const password = randomBytes(12).toString('hex')
  const passwordHash = await hashPassword(password)
  const system = systemOrigin(organization, randomUUID())
  const person = await owner.change((tx) =>
    createPerson(tx, system, {
      username: 'audrey',
      displayName: 'audrey',
      passwordHash,
      portalUser: true,
      auditUser: true,
      managementPrivilege: 'none',
    }),
  )
  const scope = { kind: 'person', organization, person } as const
  if (!isAuditUser(scope)) throw new Error('made without the flag')
  const origin: Origin = {
    ...system,
    actor: { type: 'person', id: person.id, name: person.username },
    clientIp: '127.0.0.1',
  }
  const { token } = await owner.change((tx) => createToken(tx, origin, { person, name: 'bench' }))
  const portal = await startPortal(partUrls.portal, masterKey)
  return {
    ownerUrl,
    store,
    audrey: scope,
    origin,
    portalUrl: portal.url,
    portalPid: portal.pid,
    token,
    secondsToFill,
    visit: async () => {
      const visitor = new Visitor(portal.url)
      const { status } = await visitor.signIn('audrey', password)
      if (status !== 200) throw new Error(`signing in answered ${String(status)}`)
      return visitor
    },
  }
}

async function startServer(): Promise<string> {
  const folder = await keepFolder('daypass-bench-')
  // as root the server runs as someone else, who must be able to pass
  await chmod(folder, 0o711)
  const home = chooseHome({ dataDir: folder })
  await keep(
    () => Promise.resolve(home.dir),
    (dir) => rm(dir, { recursive: true, force: true }),
  )
  const { opened } = await keep(
    () =>
      new EmbeddedPostgres({
        ...home,
        dir: path.join(home.dir, 'cluster'),
        password: randomBytes(12).toString('hex'),
        settings: SETTINGS,
      }).start(),
    (server) => server.stop(),
  )
  return opened.url()
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
