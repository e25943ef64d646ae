import { DateTime, FixedOffsetZone } from 'luxon'
import { z } from 'zod'
import { digestOf, type PrivateValue, type RecordState } from './audit-log.ts'

/** One record of the trail as people read it: from the bytes that were written, not from the index. */
export interface AuditRecord {
  /** The event id. */
  readonly id: string
  readonly at: DateTime<true>
  readonly action: string
  readonly area: string
  readonly scope: 'role' | 'session' | null
  readonly state: RecordState | null
  readonly sessionId: string | null
  readonly actor: string
  readonly requester: string | null
  readonly roles: readonly string[]
  readonly username: string | null
  readonly start: DateTime<true> | null
  readonly end: DateTime<true> | null
  readonly dataSource: string | null
  /** The reason given; where there is none, the justification of the request. */
  readonly reason: string | null
  readonly clientIp: string | null
  readonly outcome: string
  /** Private values whose digest stands in the body but which can't be shown as proven. */
  readonly unproven: readonly UnprovenValue[]
  /** Everything else the body says, for the page of one record. */
  readonly body: RecordBody
  /** The canonical bytes themselves. */
  readonly bytes: string
}

/** `erased`: the payload is gone, as retention or law may demand. `altered`: it is not what was digested. */
export interface UnprovenValue {
  readonly name: PrivateName
  readonly why: 'erased' | 'altered'
}

/** A row of the store before it is read: the bytes, and the private values beside them. */
export interface RecordRow {
  readonly body: string
  readonly payload: unknown
}

/** Every state that a record can tell of. */
export const RECORD_STATES = [
  'CREATED',
  'APPROVED',
  'GRANTED',
  'DENIED',
  'EXPIRED',
  'CANCELED',
  'TERMINATED',
] as const satisfies readonly RecordState[]

const PRIVATE_NAMES = ['reason', 'justification', 'client_ip', 'user_agent'] as const
export type PrivateName = (typeof PRIVATE_NAMES)[number]

const named = z.object({ id: z.string(), name: z.string() })
const BODY = z.object({
  version: z.literal('1'),
  event_id: z.string(),
  organization: named.extend({ account_id: z.string() }),
  at: z.string(),
  action: z.string(),
  area: z.string(),
  actor: named.extend({ type: z.string() }),
  sign_in_id: z.string().optional(),
  auth_method: z.string().optional(),
  token_id: z.string().optional(),
  subject: named.extend({ type: z.string() }).optional(),
  data_source: named.optional(),
  session: z
    .object({
      id: z.string(),
      uuid: z.string(),
      ordinal: z.string(),
      requester: z.string(),
      roles: z.array(z.string()),
      username: z.string(),
      start: z.string().optional(),
      end: z.string().optional(),
    })
    .optional(),
  scope: z.enum(['role', 'session']).optional(),
  state: z.enum(RECORD_STATES).optional(),
  outcome: z.string(),
  correlation_id: z.string(),
  details: z.record(z.string(), z.string()).optional(),
  reason: z.string().optional(),
  justification: z.string().optional(),
  client_ip: z.string().optional(),
  user_agent: z.string().optional(),
})
export type RecordBody = z.infer<typeof BODY>

const PAYLOAD = z.record(z.string(), z.object({ salt: z.string(), value: z.string() }))

/** Reads a record out of its canonical bytes, and shows a private value only where its digest fits. */
export function parseRecord(row: RecordRow): AuditRecord {
  const body = BODY.parse(JSON.parse(row.body))
  const { values, unproven } = readPrivateValues(body, PAYLOAD.parse(row.payload ?? {}))
  const { session } = body
  return {
    id: body.event_id,
    at: instant(body.at),
    action: body.action,
    area: body.area,
    scope: body.scope ?? null,
    state: body.state ?? null,
    sessionId: session?.id ?? null,
    actor: body.actor.name,
    requester: session?.requester ?? null,
    roles: session?.roles ?? [],
    username: session?.username ?? null,
    start: session?.start === undefined ? null : instant(session.start),
    end: session?.end === undefined ? null : instant(session.end),
    dataSource: body.data_source?.name ?? null,
    reason: values.reason ?? values.justification ?? null,
    clientIp: values.client_ip ?? null,
    outcome: body.outcome,
    unproven,
    body,
    bytes: row.body,
  }
}

interface PrivateValues {
  readonly values: Partial<Record<PrivateName, string>>
  readonly unproven: readonly UnprovenValue[]
}

function readPrivateValues(body: RecordBody, payload: Record<string, PrivateValue>): PrivateValues {
  const values: Partial<Record<PrivateName, string>> = {}
  const unproven: UnprovenValue[] = []
  for (const name of PRIVATE_NAMES) {
    const digest = body[name]
    const kept = payload[name]
    if (digest === undefined) continue
    if (kept === undefined) unproven.push({ name, why: 'erased' })
    else if (digestOf(kept) !== digest) unproven.push({ name, why: 'altered' })
    else values[name] = kept.value
  }
  return { values, unproven }
}

const UTC = { zone: FixedOffsetZone.utcInstance }

/** As bodies write one. To have luxon read any kind of ISO text takes as long as all the rest of a record. */
function instant(text: string): DateTime<true> {
  const millis = Date.parse(text)
  const isUsual = !Number.isNaN(millis) && new Date(millis).toISOString() === text
  const parsed = isUsual ? DateTime.fromMillis(millis, UTC) : DateTime.fromISO(text, UTC)
  if (!parsed.isValid) throw new Error(`a record holds ${text}, which is no instant`)
  return parsed
}
