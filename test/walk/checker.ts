import { setTimeout as sleep } from 'node:timers/promises'
import type { DateTime } from 'luxon'
import { rows } from '../../db/store.ts'
import { sentenceOf } from '../../lib/errors.ts'
import type { SessionId } from '../../lib/ids.ts'
import { listOurRoles, ungrantedLogins, violations } from '../support/oracles.ts'
import {
  ACCESS_ENDS_MS,
  awaitGone,
  describeLeft,
  listLeft,
  seconds,
} from '../support/oracles-ends.ts'
import { runOn, type World } from '../support/world.ts'
import { secretLeaks } from '../faults/secrets.ts'
import type { Happening, History } from './history.ts'
import type { Outage } from './nemesis.ts'
import type { Stage } from './stage.ts'

/** What a proxy has after an end to cut a connection. */
const CUT_MS = 2_000
/** Recordings are at most 2 s behind; after what happened here a journal may have to be shipped first. */
const RECORDED_MS = 60_000
/** Everything ends at once, after everything was broken. */
const QUIET_MS = 60_000

/** What takes a removal's time: proxies have no part in it. */
const OF_REMOVALS = /the store|the data source|the wire of the brokers|(kill -9|freeze) broker/
/** What keeps the checker itself from looking, and a moment for its pools afterwards. */
const OF_SERVERS = /the store|the data source/
const POOLS_MS = 2_000

/**
 * Watches while the walk goes on: nobody may be able to log in before there is a GRANTED record, nor
 * be there after the end for longer than is promised.
 */
export async function watch(
  { world }: Stage,
  {
    history,
    outages,
    signal,
  }: { history: History; outages: readonly Outage[]; signal: AbortSignal },
): Promise<string[]> {
  const faults = new Set<string>()
  const seen = { looks: 0, blind: 0 }
  const judged = new Set<SessionId>()
  while (!signal.aborted) {
    await sleep(1_000)
    const began = Date.now()
    try {
      const late = await overstayers(world, outages)
      for (const fault of [...(await ungrantedLogins(world)), ...late.faults]) faults.add(fault)
      seen.looks += 1
      for (const id of late.judged) judged.add(id)
    } catch (error) {
      seen.blind += 1
      if (lastEnd(outages, OF_SERVERS) + POOLS_MS < began) {
        faults.add(`the checker could not look: ${sentenceOf(error)}`)
      }
    }
  }
  const { looks, blind } = seen
  const outcome = `${String(looks)} looks, ${String(blind)} in vain, ${String(judged.size)} ends judged`
  history.write({ who: 'checker', what: 'watch', outcome })
  return judged.size > 0 ? [...faults] : [...faults, `the checker saw no end: ${outcome}`]
}

/** I2 while things break: who is there longer after an end than is promised, from when all was mended. */
async function overstayers(
  world: World,
  outages: readonly Outage[],
): Promise<{ readonly faults: string[]; readonly judged: readonly SessionId[] }> {
  const before = new Date(Date.now() - ACCESS_ENDS_MS).toISOString()
  const over = await rows<{ id: SessionId }>(
    world.owner.db,
    `select id
       from sessions
      where granted_at is not null
        and least(ended_at, end_at) < cast(:before as timestamptz)`,
    { before },
  )
  const ids = over.map(({ id }) => id)
  const left = await listLeft(world, ids)
  // asked afterwards: what broke while we looked is not held against anybody
  if (lastEnd(outages, OF_REMOVALS) > Date.parse(before)) return { faults: [], judged: [] }
  const there = left.filter(({ login, backends }) => login || backends > 0)
  const promised = seconds(ACCESS_ENDS_MS)
  const faults = there.map((role) => `I2: ${describeLeft(role)} over ${promised} after the end`)
  return { faults, judged: ids }
}

/** When the last of such outages was over; Infinity while one lasts. */
function lastEnd(outages: readonly Outage[], of: RegExp): number {
  return Math.max(0, ...outages.filter(({ what }) => of.test(what)).map(({ to }) => to))
}

/** Everything that must hold once all is mended and all sessions are over. */
export async function check(
  stage: Stage,
  history: History,
  outages: readonly Outage[],
): Promise<string[]> {
  const { world } = stage
  const gone = await awaitGone(world, {
    from: performance.now(),
    accessWithinMs: QUIET_MS,
    goneWithinMs: QUIET_MS,
  })
  history.write({ who: 'checker', what: 'quiet', outcome: `after ${seconds(gone.roleMs)}` })
  const left = (await listOurRoles(world)).map(({ name }) => `I2: ${name} is still there`)
  return [
    ...gone.faults,
    ...left,
    ...(await violations(world)),
    ...(await outsideWindows(stage, history, outages)),
    ...(await unrecorded(stage, history)),
    ...(await lateWithoutAlert(stage)),
    ...(await secretLeaks(
      world,
      stage.parts.map(({ process }) => process),
    )),
  ]
}

interface Life {
  readonly id: string
  readonly granted: DateTime<true> | null
  readonly end: DateTime<true> | null
  readonly ended: DateTime<true> | null
}

/** Nothing a client did inside may lie before GRANTED, or more than two seconds after the end. */
async function outsideWindows(
  { world }: Stage,
  { all }: History,
  outages: readonly Outage[],
): Promise<string[]> {
  const lives = await rows<Life>(
    world.owner.db,
    `select id, granted_at as granted, end_at as "end", ended_at as ended from sessions`,
  )
  const byId = new Map(lives.map((life) => [life.id, life]))
  return all
    .filter(
      ({ what, outcome }) =>
        outcome === 'ok' && (what === 'statement' || what.startsWith('connect')),
    )
    .flatMap((done) => {
      const life = byId.get(done.session ?? '')
      const began = done.began ?? done.at
      if (life?.granted == null)
        return [`somebody was in session ${String(done.session)}, never granted`]
      if (done.at < life.granted.toMillis()) return [`in session ${life.id} before it was granted`]
      const over = Math.min(life.end?.toMillis() ?? Infinity, life.ended?.toMillis() ?? Infinity)
      const latest = allowance(over, outages) + CUT_MS
      if (began <= latest) return []
      return [`${describe(done)} began ${seconds(began - over)} after session ${life.id} was over`]
    })
}

/** A proxy that is frozen, or whose store is away, can learn of an end only afterwards. */
function allowance(over: number, outages: readonly Outage[]): number {
  const during = outages.filter(
    ({ what, from, to }) =>
      /proxy|the store/.test(what) && from <= over + CUT_MS && to >= over - CUT_MS,
  )
  return Math.max(over, ...during.map(({ to }) => to))
}

/** I6: what ran is recorded, whether its client was told so or not. */
async function unrecorded({ world }: Stage, { all }: History): Promise<string[]> {
  const ran = await runOn<{ operation: string }>(
    world.shop.superuserUrl,
    'select operation from ran',
  )
  const acknowledged = all
    .filter(({ what, outcome }) => what === 'statement' && outcome === 'ok')
    .map(({ detail }) => /op-\d+-\d+/.exec(detail ?? '')?.[0] ?? '')
  const expected = new Set([...ran.map(({ operation }) => operation), ...acknowledged])
  const deadline = Date.now() + RECORDED_MS
  for (;;) {
    const texts = await rows<{ text: string }>(world.owner.db, 'select text from statements')
    const recorded = new Set(texts.flatMap(({ text }) => /op-\d+-\d+/.exec(text)?.[0] ?? []))
    const missing = [...expected].filter((operation) => !recorded.has(operation))
    if (missing.length === 0) return []
    if (Date.now() > deadline) {
      return missing.map((operation) => `I6: ${operation} ran and is not recorded`)
    }
    await sleep(1_000)
  }
}

/** I12: a session that took more than a minute to remove must have been an alert. */
async function lateWithoutAlert({ world }: Stage): Promise<string[]> {
  const late = await rows<{ id: string }>(
    world.owner.db,
    `select s.id
       from sessions s
      where s.removed_at > s.ended_at + interval '70 seconds'
        and not exists (select from alerts a where a.session_id = s.id or a.data_source_id = s.data_source_id)`,
  )
  return late.map(({ id }) => `I12: session ${id} took over a minute to remove and nobody was told`)
}

function describe({ who, what, detail }: Happening): string {
  return [who, what, detail].filter((part) => part !== undefined).join(' ')
}
