import { setTimeout as sleep } from 'node:timers/promises'
import { silentLog } from '../../lib/log.ts'
import type { SessionId } from '../../lib/ids.ts'
import { findSession, type Session } from '../../db/sessions.ts'
import { rows } from '../../db/store.ts'
import { brokerKey } from '../../broker/main.ts'
import { Lanes } from '../../broker/scheduling/lanes.ts'
import { reconcileAll, sweep, type SweepDeps } from '../../broker/scheduling/sweep.ts'
import { goOn, type Reached } from '../../broker/scheduling/steps.ts'
import type { World } from './world.ts'

/** A broker that ticks when told to. */
export interface HandBroker {
  readonly deps: SweepDeps
  /** One tick, and everything it set going. */
  tick(): Promise<void>
  reconcile(): Promise<void>
}

/** Builds a broker on a world, without a clock of its own. */
export function makeBroker(
  { broker, masterKey }: World,
  { reached = goOn }: { readonly reached?: Reached } = {},
): HandBroker {
  const key = brokerKey({ masterKey, partKey: undefined })
  const deps: SweepDeps = { store: broker, key, log: silentLog, reached, lanes: new Lanes() }
  return {
    deps,
    tick: async () => {
      await sweep(deps)
      await deps.lanes.idle()
    },
    reconcile: async () => {
      await reconcileAll(deps)
      await deps.lanes.idle()
    },
  }
}

/** The session as the owner of the store sees it. */
export async function look(world: World, id: SessionId): Promise<Session> {
  const session = await findSession(world.owner.db, { kind: 'part', part: 'operator' }, id)
  if (session === undefined) throw new Error(`no session ${id}`)
  return session
}

export interface StateRow {
  readonly scope: string
  readonly state: string
  readonly actor: string
  readonly roles: string
  readonly username: string
  readonly window: boolean
}

/** The rows that the Audit tab's default view shows of a session, oldest first. */
export function stateRows(world: World, id: SessionId): Promise<StateRow[]> {
  return rows(
    world.owner.db,
    `select scope, state, actor_name as actor, array_to_string(roles, ',') as roles, username,
            start_at is not null and end_at is not null as window
       from records
      where session_id = :id
        and state is not null
      order by at, seq`,
    { id },
  )
}

/** The life of a session in one line, role rows in lower case. */
export async function storyOf(world: World, id: SessionId): Promise<string> {
  const found = await stateRows(world, id)
  return found
    .map(({ scope, state }) => (scope === 'role' ? `role_${state.toLowerCase()}` : state))
    .join(' ')
}

/** Waits until a fact holds; fails with its name after the deadline in milliseconds. */
export async function until(
  fact: string,
  holds: () => Promise<boolean>,
  deadlineMs = 30_000,
): Promise<void> {
  const end = performance.now() + deadlineMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${fact}`)
    await sleep(50)
  }
}
