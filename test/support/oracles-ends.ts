import { setTimeout as sleep } from 'node:timers/promises'
import type { SessionId } from '../../lib/ids.ts'
import { listBelieved, listOurRoles, type OurRole } from './oracles.ts'
import { runOn, type World } from './world.ts'

/** What is promised after an end, in milliseconds. */
export const ACCESS_ENDS_MS = 5_000
export const ROLE_GONE_MS = 10_000
/** By a proxy, wherever brokers and the data source are. */
export const PROXY_CUTS_MS = 2_000

export interface Gone {
  /** Milliseconds after which nobody could log in or was connected any more. */
  readonly accessMs: number
  /** Milliseconds after which the role was gone and the store knew. */
  readonly roleMs: number
  readonly faults: readonly string[]
  /** True where all is gone, and no fault is left but that it took too long. */
  readonly isLate: boolean
}

/** What is promised was done, and took longer than promised: on a busy machine that may be its doing. */
export class Late extends Error {}

/**
 * I2: waits until ended sessions have left nothing, and measures it from a moment of
 * performance.now(); what takes longer than promised is a fault, and three times as long is given up.
 */
export async function awaitGone(
  world: World,
  {
    from,
    ids,
    accessWithinMs = ACCESS_ENDS_MS,
    goneWithinMs = ROLE_GONE_MS,
  }: {
    readonly from: number
    /** Default: every session that has ended. */
    readonly ids?: readonly SessionId[]
    readonly accessWithinMs?: number
    readonly goneWithinMs?: number
  },
): Promise<Gone> {
  let accessMs: number | undefined
  for (;;) {
    const asked = performance.now()
    const left = await listLeft(world, ids)
    const passed = asked - from
    if (left.every(({ login, backends }) => !login && backends === 0)) accessMs ??= passed
    else accessMs = undefined
    const unfinished = (await listBelieved(world)).filter(
      ({ id, removed, username, over }) =>
        username !== null && !removed && over && (ids?.includes(id) ?? true),
    )
    if (left.length === 0 && unfinished.length === 0) {
      const faults = [
        ...lateness('nobody connected', accessMs ?? passed, accessWithinMs),
        ...lateness('the role gone', passed, goneWithinMs),
      ]
      return { accessMs: accessMs ?? passed, roleMs: passed, faults, isLate: faults.length > 0 }
    }
    if (passed > 3 * goneWithinMs) {
      const names = [
        ...left.map(describeLeft),
        ...unfinished.map(({ id, detail }) => `session ${id}: ${detail ?? 'nobody says why'}`),
      ]
      const fault = `I2: after ${seconds(passed)} there is still ${names.slice(0, 5).join(', ')}`
      return { accessMs: accessMs ?? passed, roleMs: passed, faults: [fault], isLate: false }
    }
    await sleep(50)
  }
}

/** Roles and backends of sessions that are over, or of those of them that are named. */
export async function listLeft(world: World, ids?: readonly SessionId[]): Promise<OurRole[]> {
  const believed = await listBelieved(world)
  const ended = believed.filter(({ id, over }) => over && (ids?.includes(id) ?? true))
  const oids = ended.map(({ oid }) => oid)
  const roles = await listOurRoles(world)
  const left = roles.filter(
    ({ comment, name, oid }) =>
      ended.some(({ uuid, username }) => uuid === comment || username === name) ||
      oids.includes(oid),
  )
  const known = new Set(left.map(({ oid }) => oid))
  const orphans = await runOn<{ oid: number; backends: number }>(
    world.shop.cluster.superuserUrl(),
    `select usesysid as oid, cast(count(*) as integer) as backends
       from pg_stat_activity
      where usesysid = any ($1)
      group by usesysid`,
    [oids.filter((oid) => oid !== null && !known.has(oid))],
  )
  const unnamed = { name: 'a dropped role', login: false, marked: false, comment: null }
  return [...left, ...orphans.map((orphan) => ({ ...unnamed, ...orphan }))]
}

function lateness(what: string, took: number, promised: number): string[] {
  if (took <= promised) return []
  return [`I2: ${what} after ${seconds(took)}, promised within ${seconds(promised)}`]
}

/** `dp_mark_7 (can log in, 2 connected)`. */
export function describeLeft({ name, login, backends }: OurRole): string {
  return `${name} (${login ? 'can log in' : 'no login'}, ${String(backends)} connected)`
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`
}
