import { rows } from '../../db/store.ts'
import { openTrail, snapshot, write, type Entry, type Trail } from './trail.ts'

/** The seed's own example, told as records, and a few of other kinds around it. */
export const STORY: readonly Entry[] = [
  { at: '2026-11-23T09:00:00.000Z', action: 'auth.login', area: 'sign-in', clientIp: '192.0.2.1' },
  {
    at: '2026-11-23T09:10:00.000Z',
    action: 'session.created',
    scope: 'session',
    state: 'CREATED',
    session: snapshot(),
    justification: 'ticket 100%_done',
    clientIp: '192.0.2.1',
    dataSource: { id: 'd', name: 'shop' },
    subject: { type: 'session', id: '68', name: 'Request 68' },
    details: { shift: 'Night "B"', '100%': 'sure' },
  },
  {
    at: '2026-11-23T09:20:00.000Z',
    action: 'role.approved',
    scope: 'role',
    state: 'APPROVED',
    actor: 'admin',
    session: snapshot({ roles: ['role3'], start: null, end: null }),
    dataSource: { id: 'd', name: 'shop' },
    clientIp: '192.0.2.2',
  },
  {
    at: '2026-11-23T09:20:00.000Z',
    action: 'role.approved',
    scope: 'role',
    state: 'APPROVED',
    actor: 'john',
    session: snapshot({ roles: ['role1'], start: null, end: null }),
    dataSource: { id: 'd', name: 'shop' },
  },
  {
    at: '2026-11-23T09:20:00.000Z',
    action: 'session.approved',
    scope: 'session',
    state: 'APPROVED',
    actor: 'system',
    session: snapshot(),
    dataSource: { id: 'd', name: 'shop' },
  },
  {
    at: '2026-11-23T10:00:00.000Z',
    action: 'session.granted',
    scope: 'session',
    state: 'GRANTED',
    actor: 'system',
    session: snapshot({ username: 'dp_mark_68_x7' }),
    dataSource: { id: 'd', name: 'shop' },
  },
  {
    at: '2026-11-23T10:05:00.500Z',
    action: 'session.denied',
    scope: 'session',
    state: 'DENIED',
    actor: 'john',
    session: snapshot({ id: '680', requester: 'markus', roles: ['role10'], username: '-' }),
    dataSource: { id: 'e', name: 'Shop 2' },
    reason: 'Not During the sale',
  },
]

/** A trail that holds the story, and the same once more elsewhere: whatever is asked has something to leak. */
export async function openStory(): Promise<Trail> {
  const trail = await openTrail()
  // what making the people wrote would only be noise here
  await rows(trail.store.owner.db, `delete from record_payloads`)
  await rows(trail.store.owner.db, `delete from records`)
  await write(trail, STORY)
  const { organization } = trail.stranger
  const elsewhere = [...STORY, { at: '2026-11-23T09:30:00.000Z', reason: 'elsewhere' }]
  await write(
    trail,
    elsewhere.map((entry) => ({ ...entry, organization })),
  )
  return trail
}
