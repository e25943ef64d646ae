import type { DateTime } from 'luxon'
import { appendRecords, type RecordDraft, type RecordEntry } from '../../../db/audit-log.ts'
import { systemOrigin, type Origin } from '../../../db/scope.ts'
import { rows, storeTime } from '../../../db/store.ts'
import type { World } from '../../support/world.ts'
import type { Acting } from './people.ts'
import type { Username, Words } from './words.ts'

/** The sessions of the weeks before: they live in records alone. */
const PAST_SESSIONS = 18
/** The first session that is more than records. */
export const FIRST_SESSION = 61

const REQUESTERS = ['mark', 'salma.idrissi', 'wei.li'] as const
const ENDS = ['CANCELED', 'EXPIRED', 'DENIED', 'EXPIRED', 'TERMINATED', 'CANCELED'] as const
type End = (typeof ENDS)[number]

/** Writes what happened before, so that the trail is as long as in a week's use. */
export async function writePast(
  world: World,
  act: (who: Username) => Acting,
  words: Words,
): Promise<void> {
  await rows(
    world.owner.db,
    `alter table sessions alter column id restart with ${String(FIRST_SESSION)}`,
  )
  await world.portal.change(async (tx) => {
    const now = await storeTime(tx)
    const entries = Array.from({ length: PAST_SESSIONS }, (_, place) =>
      storyOf(place, now, { act, words, world }),
    ).flat()
    await appendRecords(
      tx,
      entries.sort((a, b) => a.at.toMillis() - b.at.toMillis()),
    )
  })
}

interface Told {
  readonly act: (who: Username) => Acting
  readonly words: Words
  readonly world: World
}

/** One session of the past from its request to its end. */
function storyOf(place: number, now: DateTime<true>, { act, words, world }: Told): RecordEntry[] {
  const who = REQUESTERS[place % REQUESTERS.length] ?? 'mark'
  const end = ENDS[place % ENDS.length] ?? 'EXPIRED'
  const asked = now.minus({ hours: 9 * (PAST_SESSIONS - place), minutes: 7 * (place % 5) })
  const id = String(FIRST_SESSION - PAST_SESSIONS + place)
  const start = asked.plus({ minutes: 6 })
  const session = {
    id,
    uuid: `00000000-0000-7000-8000-${id.padStart(12, '0')}`,
    ordinal: 1,
    requester: who,
    roles: place % 4 === 1 ? ['role1', 'role3'] : ['role1'],
    username: 'TBD',
    start,
    end: start.plus({ minutes: 30 }),
  }
  const username = `dp_${who.replaceAll('.', '_')}_${id}_k3v9q2`
  const dataSource = { id: world.dataSource.id, name: 'shop' }
  const system = systemOrigin(world.scopes.admin.organization, id)
  const move = (origin: Origin, minutes: number, draft: Partial<RecordDraft>): RecordEntry => ({
    origin,
    at: asked.plus({ minutes, milliseconds: 137 * (place % 7) }),
    draft: { ...STATE_ROW, dataSource, session, ...draft },
  })
  const originOf = (name: Username): Origin => act(name)[2]
  const roleRow = { ...session, start: null, end: null }
  const story = [
    move(originOf(who), 0, { justification: words.why }),
    move(originOf('john'), 4, {
      action: end === 'DENIED' ? 'role.denied' : 'role.approved',
      scope: 'role',
      state: end === 'DENIED' ? 'DENIED' : 'APPROVED',
      // what is denied gets no user any more
      session: { ...roleRow, roles: ['role1'], username: end === 'DENIED' ? '-' : 'TBD' },
      reason: end === 'DENIED' ? words.denial : words.comment,
    }),
  ]
  if (end === 'DENIED') {
    const denied = { action: 'session.denied', state: 'DENIED', reason: words.denial } as const
    return [
      ...story,
      move(originOf('john'), 4, { ...denied, session: { ...session, username: '-' } }),
    ]
  }
  if (session.roles.length > 1) {
    const third = { ...roleRow, roles: ['role3'] }
    story.push(move(originOf('admin'), 5, { ...ROLE_APPROVED, session: third }))
  }
  const open = { ...session, username }
  return [
    ...story,
    move(system, 5, { action: 'session.approved', state: 'APPROVED' }),
    move(system, 6, { action: 'session.granted', state: 'GRANTED', session: open }),
    endOf(end, { move, open, system, originOf, who, words }),
  ]
}

function endOf(
  end: Exclude<End, 'DENIED'>,
  told: {
    move: (origin: Origin, minutes: number, draft: Partial<RecordDraft>) => RecordEntry
    open: NonNullable<RecordDraft['session']>
    system: Origin
    originOf: (name: Username) => Origin
    who: Username
    words: Words
  },
): RecordEntry {
  const { move, open, system, originOf, who, words } = told
  if (end === 'EXPIRED') {
    return move(system, 36, { action: 'session.expired', state: end, session: open })
  }
  return end === 'CANCELED'
    ? move(originOf(who), 22, {
        action: 'session.canceled',
        state: end,
        session: open,
        reason: words.cancellation,
      })
    : move(originOf('admin'), 17, {
        action: 'session.terminated',
        state: end,
        session: open,
        reason: words.termination,
      })
}

const STATE_ROW = {
  action: 'session.created',
  area: 'sessions',
  outcome: 'ok',
  scope: 'session',
  state: 'CREATED',
} as const

const ROLE_APPROVED = { action: 'role.approved', scope: 'role', state: 'APPROVED' } as const
