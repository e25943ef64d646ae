import { requestExtension } from '../../../broker/extension/extension.ts'
import { hide } from '../../../broker/sessions/hiding.ts'
import {
  approve,
  cancel,
  deny,
  requestSession,
  terminate,
  type SessionRequest,
} from '../../../broker/sessions/lifecycle.ts'
import { makeCredential } from '../../../broker/sessions/credentials.ts'
import { putResidue } from '../../../db/residue.ts'
import { iso, rows, storeTime } from '../../../db/store.ts'
import type { SessionId } from '../../../lib/ids.ts'
import type { HandBroker } from '../../support/broker.ts'
import { recordConnection } from '../../support/recorded-session.ts'
import { openToldProxy } from '../../support/running.ts'
import type { World } from '../../support/world.ts'
import type { Acting } from './people.ts'
import type { Username, Words } from './words.ts'

/** One session of each kind, by what has become of it. */
export interface Sessions {
  /** Open, with a recording and more time asked for. */
  readonly granted: SessionId
  readonly created: SessionId
  /** Asks for a dangerous role, and has one approval of two. */
  readonly dangerous: SessionId
  readonly approved: SessionId
  readonly denied: SessionId
  readonly canceled: SessionId
  readonly expired: SessionId
  /** Nobody approved it in time. */
  readonly lapsed: SessionId
  /** Left something behind. */
  readonly terminated: SessionId
  /** The connection of the open session that has statements to show. */
  readonly connection: string
}

interface Stage {
  readonly world: World
  readonly broker: HandBroker
  readonly act: (who: Username) => Acting
  readonly words: Words
  /** The name of the dangerous role. */
  readonly emergency: string
}

/** Plays every life that a session can have. */
export async function playSessions(stage: Stage): Promise<Sessions> {
  const { world, broker, act, words, emergency } = stage
  const ask = async (who: Username, more: Partial<SessionRequest>): Promise<SessionId> => {
    const asked = { dataSource: 'shop', roles: ['role1'], justification: words.why, ...more }
    return (await requestSession(...act(who), asked)).id
  }
  const approvedBy = async (by: readonly Username[], id: SessionId): Promise<SessionId> => {
    for (const who of by) await approve(...act(who), id, { comment: words.comment })
    return id
  }
  const now = await storeTime(world.owner.db)
  const denied = await ask('mark', { roles: ['role1', 'role3'] })
  await deny(...act('john'), denied, { reason: words.denial })
  const lapsed = await ask('mark', { ttlMinutes: 5 })
  const granted = await approvedBy(
    ['john', 'admin'],
    await ask('mark', { roles: ['role1', 'role3'], minutes: 45 }),
  )
  const terminated = await approvedBy(['john'], await ask('salma.idrissi', {}))
  const canceled = await ask('mark', { roles: ['role2'] })
  const hidden = await ask('mark', { roles: ['role2'] })
  const expired = await ask('mark', { roles: ['role2'], minutes: 5 })
  await broker.tick()
  await rows(
    world.owner.db,
    `update sessions
        set start_at = now() - interval '5 minutes 1 second', end_at = now() - interval '1 second'
      where id = :expired`,
    { expired },
  )
  await rows(world.owner.db, `update sessions set dies_at = now() where id = :lapsed`, { lapsed })
  for (const id of [canceled, hidden]) {
    await cancel(...act('mark'), id, { reason: words.cancellation })
  }
  await terminate(...act('admin'), terminated, { reason: words.termination })
  await broker.tick()
  await hide(...act('mark'), hidden)
  await leaveBehind(stage, terminated)
  const waiting = {
    created: await ask('mark', { roles: ['role3'], justification: words.longWhy, minutes: 60 }),
    dangerous: await approvedBy(
      ['wei.li'],
      await ask('salma.idrissi', { roles: [emergency, 'role1'], minutes: 60 }),
    ),
    approved: await approvedBy(
      ['john'],
      await ask('wei.li', { start: now.plus({ hours: 3 }), minutes: 30 }),
    ),
  }
  const connection = await record(stage, granted)
  // the checks that approvals ask for
  await broker.tick()
  return { ...waiting, granted, denied, canceled, expired, lapsed, terminated, connection }
}

/** The table that the session user made, as the comparison of the catalogs finds it. */
async function leaveBehind({ world, broker, words }: Stage, id: SessionId): Promise<void> {
  await world.broker.change(async (tx) =>
    putResidue(tx, id, await storeTime(tx), [
      {
        ...words.leftBehind,
        database: world.shop.database,
        kind: 'table',
        attribution: 'left behind',
        change: 'created',
      },
    ]),
  )
  // the comparison waits until a removal is some time ago
  await rows(
    world.owner.db,
    `update sessions set removed_at = removed_at - interval '1 minute' where removed_at is not null`,
  )
  await rows(world.owner.db, `update catalog_visits set held_until = now()`)
  await broker.tick()
  await rows(
    world.owner.db,
    `update sessions set removed_at = removed_at + interval '1 minute' where removed_at is not null`,
  )
}

/** Fills the recording of an open session, and lets one statement of it run on. */
async function record({ world, act, words }: Stage, id: SessionId): Promise<string> {
  await makeCredential(...act('mark'), id)
  const at = await storeTime(world.owner.db)
  const [first, second] = words.statements
  const one = await recordConnection(world, id, { at: iso(at), application: 'psql' })
  await one.add(...first)
  const other = await recordConnection(world, id, {
    at: iso(at.plus({ seconds: 9 })),
    application: words.application,
  })
  await other.add(...second)
  const proxy = await openToldProxy(world, id)
  await proxy.run(words.running, 4)
  const asked = { minutes: 10, justification: words.moreTime }
  await requestExtension(...act('mark'), id, asked)
  return one.id
}
