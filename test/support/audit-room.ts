import assert from 'node:assert/strict'
import type { DateTime } from 'luxon'
import { approve, requestSession } from '../../broker/sessions/lifecycle.ts'
import { appendRecords, type RecordDraft } from '../../db/audit-log.ts'
import { rows, storeTime } from '../../db/store.ts'
import { serve, type Served } from './served.ts'
import { makeWorld, type World } from './world.ts'

/** A portal that browsers can reach, on a trail with something of everything in it. */
export interface AuditRoom extends Served {
  /** A session whose popover has something to tell. */
  readonly sessionId: string
}

/** Central Manager is where half hours matter. */
const CENTRAL = 'Asia/Kolkata'

/** Opens a portal on records of sessions and of everything else; `justification` is what mark wrote. */
export async function openAuditRoom(justification: string): Promise<AuditRoom> {
  const world = await makeWorld()
  await rows(
    world.owner.db,
    `insert into settings (name, value)
     values ('time_zone', :zone)
         on conflict (name) do update set value = :zone`,
    { zone: CENTRAL },
  )
  const sessionId = await askAndApprove(world, justification)
  await writeMany(world, await storeTime(world.portal.db))
  return { ...(await serve(world)), sessionId }
}

async function askAndApprove(
  { scopes, origins, portal }: World,
  justification: string,
): Promise<string> {
  const asked = await requestSession(portal, scopes.mark, origins.mark, {
    dataSource: 'shop',
    roles: ['role1', 'role3'],
    minutes: 30,
    justification,
  })
  await approve(portal, scopes.john, origins.john, asked.id, {})
  await approve(portal, scopes.admin, origins.admin, asked.id, {})
  return asked.id
}

const STATES = ['created', 'approved', 'granted', 'canceled', 'expired', 'denied'] as const

async function writeMany({ portal, origins }: World, now: DateTime<true>): Promise<void> {
  const origin = { ...origins.mark, clientIp: '203.0.113.207' }
  const entries = Array.from({ length: 240 }, (_, number) => ({
    origin,
    at: now.minus({ minutes: 7 * number + 1 }),
    draft: number % 4 === 3 ? otherDraft(number) : stateDraft(number, now),
  }))
  await portal.change((tx) => appendRecords(tx, entries.reverse()))
}

function stateDraft(number: number, now: DateTime<true>): RecordDraft {
  const verb = STATES[number % STATES.length] ?? 'created'
  const isRole = verb === 'approved' || verb === 'denied'
  return {
    action: isRole ? `role.${verb}` : `session.${verb}`,
    area: 'sessions',
    outcome: 'ok',
    scope: isRole ? 'role' : 'session',
    state: STATE_OF[verb],
    dataSource: { id: 's', name: 'shop' },
    reason:
      number % 5 === 0 ? `Refund of order ${String(1200 + number)} for the help desk` : 'ticket 7',
    session: {
      id: String(9000 + number),
      uuid: `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`,
      ordinal: 1,
      requester: 'mark',
      roles: isRole ? ['role3'] : ['role1', 'role3'],
      username: verb === 'granted' ? `dp_shop_${String(9000 + number)}_x7k2m9qp` : 'TBD',
      start: isRole ? null : now.minus({ minutes: 7 * number }),
      end: isRole ? null : now.plus({ minutes: 30 - 7 * number }),
    },
  }
}

const STATE_OF = {
  created: 'CREATED',
  approved: 'APPROVED',
  granted: 'GRANTED',
  canceled: 'CANCELED',
  expired: 'EXPIRED',
  denied: 'DENIED',
} as const

const OTHERS: readonly RecordDraft[] = [
  {
    action: 'data_source.changed',
    area: 'data sources',
    outcome: 'ok',
    subject: { type: 'data_source', id: 'a', name: 'shop' },
    details: { tls: 'verify-full', tls_before: 'disable' },
  },
  {
    action: 'user.role_changed',
    area: 'users',
    outcome: 'ok',
    subject: { type: 'person', id: 'b', name: 'audrey' },
    details: { audit_user: 'true' },
  },
  {
    action: 'task.failed',
    area: 'tasks',
    outcome: 'failed',
    subject: { type: 'task', id: 'reconcile', name: 'reconcile' },
    details: { error: 'The data source shop cannot be reached: connection refused' },
  },
  { action: 'auth.login_failed', area: 'sign-in', outcome: 'refused' },
]

function otherDraft(number: number): RecordDraft {
  const draft = OTHERS[Math.floor(number / 4) % OTHERS.length]
  assert.ok(draft)
  return draft
}
