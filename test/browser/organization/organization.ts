import { openStore, rows } from '../../../db/store.ts'
import { silentLog } from '../../../lib/log.ts'
import { Shutdown } from '../../../lib/shutdown.ts'
import { createApp } from '../../../portal/app.ts'
import { makeBroker } from '../../support/broker.ts'
import { configFor } from '../../support/portal.ts'
import { listen, serve, type Served } from '../../support/served.ts'
import { makeWorld, type World } from '../../support/world.ts'
import { layApplications } from './applications.ts'
import { administer, raiseAlerts, shareOutRights, type Administered } from './administration.ts'
import { layFactors } from './factors.ts'
import { layLinks, layMustChange, laySetup } from './links.ts'
import { writePast } from './past.ts'
import { actingIn, addPeople, HALDEN, type Acting, type People } from './people.ts'
import { playSessions, type Sessions } from './sessions.ts'
import { laySignIns, type LaidSignIns } from './sign-ins.ts'
import type { Username, Words } from './words.ts'

/** An organization in the middle of its work: something of everything there is a page for. */
export interface Organization extends Served {
  readonly people: People
  readonly administered: Administered
  readonly sessions: Sessions
  readonly act: (who: Username) => Acting
  readonly signIns: LaidSignIns
  readonly application: { readonly id: string }
  /** A record with everything that records can hold. */
  readonly recordId: string
}

/** Opens an organization in which these words were typed wherever words can be. */
export async function openOrganization(words: Words): Promise<Organization> {
  const world = await makeWorld()
  await setZone(world)
  await shareOutRights(world)
  await nameOrganization(world)
  const people = await addPeople(world, words)
  const act = actingIn(world, people)
  await writePast(world, act, words)
  const [admin, audrey] = [act('admin'), act('audrey')]
  const administered = await administer(world, people, { words, admin, audrey })
  const broker = makeBroker(world)
  await broker.tick()
  const emergency = administered.emergency.name
  const sessions = await playSessions({ world, broker, act, words, emergency })
  await raiseAlerts(world, administered, words)
  await nameDatabase(world)
  await layLinks(world)
  await layFactors(world, 'tomas.novak')
  const signIns = await laySignIns(world, { people, act, words })
  const application = await layApplications(world, { admin, words })
  const recordId = await findRecord(world, sessions)
  const told = { people, administered, sessions, act, signIns, application, recordId }
  return { ...(await serve(world)), ...told }
}

/** Opens a world in which nothing has happened yet; without offers nobody can even ask. */
export async function openFresh({ offers }: { readonly offers: boolean }): Promise<Served> {
  const world = await makeWorld()
  await setZone(world)
  if (!offers) await rows(world.owner.db, 'delete from roles')
  if (!offers) await rows(world.owner.db, 'delete from data_sources')
  if (!offers) await rows(world.owner.db, 'delete from group_members')
  if (!offers) await rows(world.owner.db, 'delete from groups')
  if (!offers) await layMustChange(world)
  return serve(world)
}

/** Opens a world in which nobody is an admin yet. */
export async function openSetup(): Promise<Served> {
  const served = await openFresh({ offers: false })
  await laySetup(served.world)
  await layFactors(served.world, 'john')
  return served
}

/** The sign-in page of a demo, and one whose store does not answer. */
export async function openDoors(world: World): Promise<Doors> {
  const shutdown = new Shutdown(silentLog)
  const away = openStore('postgres://nobody@127.0.0.1:1/none')
  shutdown.onClose('store', () => away.close())
  const config = configFor(world, { DAYPASS_DEMO: 'true' })
  const deps = { config, store: world.portal, log: silentLog, shutdown }
  const demo = await listen(createApp({ ...deps, demoAccounts: DEMO_ACCOUNTS }))
  const withoutStore = await listen(createApp({ ...deps, store: away }))
  return {
    demo: demo.url,
    away: withoutStore.url,
    close: async () => {
      demo.close()
      withoutStore.close()
      await shutdown.close()
    },
  }
}

/** Addresses of portals that show their door alone. */
export interface Doors {
  readonly demo: string
  readonly away: string
  close(): Promise<void>
}

const DEMO_ACCOUNTS = [
  { username: 'mark', password: 'h7kd-2mqp-x9rt', does: 'an engineer: asks for access' },
  { username: 'admin', password: 'w4bn-6tzc-p3va', does: 'approves role3 and manages everything' },
  { username: 'john', password: 'q8sf-5jhe-r2yk', does: 'approves role1' },
  { username: 'audrey', password: 'm6gx-9cwd-t4nb', does: 'an auditor: reads the Audit tab' },
]

/** Where the organization sits. */
const ZONE = 'Europe/Warsaw'

async function setZone(world: World): Promise<void> {
  await rows(
    world.owner.db,
    `insert into settings (name, value)
     values ('time_zone', :zone)
         on conflict (name) do update set value = :zone`,
    { zone: ZONE },
  )
}

async function nameOrganization({ owner }: World): Promise<void> {
  await rows(owner.db, `update organizations set name = :name, account_id = :accountId`, HALDEN)
}

/** The database of a test has a name that nobody would choose. */
async function nameDatabase({ owner }: World): Promise<void> {
  await rows(owner.db, `update data_sources set databases = array[name], default_database = name`)
}

async function findRecord({ owner }: World, { granted }: Sessions): Promise<string> {
  const [found] = await rows<{ id: string }>(
    owner.db,
    `select event_id as id from records where session_id = :granted and action = 'session.created'`,
    { granted },
  )
  if (found === undefined) throw new Error('each session has its first record')
  return found.id
}
