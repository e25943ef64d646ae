import { z } from 'zod'
import { RECORDING_MONTHS_MOST } from '../../broker/policy/retention.ts'
import { isStorable } from '../../broker/sessions/request.ts'
import { LONGEST_DELAY_SECONDS } from '../../db/alert-rules.ts'
import { ALERT_RULES } from '../../db/alerts.ts'
import { TLS_MODES } from '../../db/data-sources.ts'
import { readInstant } from '../forms/instants.ts'
import { PASSWORD_LEAST, PASSWORD_MOST } from '../passwords.ts'

/** Far beyond what any field takes; the broker says the exact limits in its own sentences. */
const LONG_TEXT = 10_000
const DAYS_30_MINUTES = 43_200
const DAYS_366_MINUTES = 527_040
/** Behind a time of day: the end of `2026-01-31` alone looks like an offset too. */
const OFFSET = /T[0-9:.,]+(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)$/i

const text = z.string().max(LONG_TEXT)
const kept = z
  .string()
  .refine(isStorable, { error: 'This holds a NUL or half a character: remove it.' })
export const name = kept.trim().min(1).max(200)
const databaseName = kept.trim().min(1).max(63)
export const description = kept.trim().max(1000)
const rulePart = kept.max(1000)
export const instant = z
  .string()
  .transform((value, context) => {
    const reading = readInstant(value, { zone: 'utc', day: 'first' })
    if (reading.ok && OFFSET.test(value)) return reading.value
    context.addIssue({
      code: 'custom',
      message: 'Write the time as ISO-8601 with its offset, such as 2026-01-31T14:30:00Z.',
    })
    return z.NEVER
  })
  .meta({ format: 'date-time' })

export const sessionBody = z.strictObject({
  dataSource: name,
  roles: z.array(text).min(1),
  start: instant.optional(),
  end: instant.optional(),
  minutes: z.number().positive().max(DAYS_30_MINUTES).optional(),
  fromApproval: z.boolean().optional(),
  ttlMinutes: z.number().positive().max(DAYS_366_MINUTES).optional(),
  justification: text.default(''),
})

export const approvalBody = z.strictObject({
  roles: z.array(text).min(1).optional(),
  comment: text.optional(),
})
/** Without a reason the broker answers `reason_required`, as it does everywhere. */
export const denialBody = z.strictObject({
  roles: z.array(text).min(1).optional(),
  reason: text.default(''),
})
export const cancellationBody = z.strictObject({ reason: text.optional() })
export const terminationBody = z.strictObject({ reason: text.default('') })
/** More time: so many minutes on top of the end, or another end. */
export const extensionBody = z.strictObject({
  minutes: z.number().positive().max(DAYS_30_MINUTES).optional(),
  end: instant.optional(),
  justification: text.default(''),
})
export const extensionApprovalBody = z.strictObject({ comment: text.optional() })
export const extensionDenialBody = z.strictObject({ reason: text.default('') })
export const nothingBody = z.strictObject({})

export const dataSourceBody = z.strictObject({
  name,
  /** The admin login: sealed to the broker when kept, and never answered. */
  url: kept.min(1).max(LONG_TEXT),
  databases: z.array(name).min(1).optional(),
  defaultDatabase: name.optional(),
  tls: z.enum(TLS_MODES).default('verify-full'),
  tlsCa: kept.max(100_000).optional(),
  residueOwner: databaseName.optional(),
  justificationPattern: rulePart.optional(),
  justificationMessage: rulePart.optional(),
})

export const roleBody = z.strictObject({
  dataSource: name,
  name: databaseName,
  databaseRole: databaseName,
  description: description.default(''),
  group: name.optional(),
  approvers: z.array(name).optional(),
  approvalsNeeded: z.int().min(0).max(10).default(1),
  defaultMinutes: z.int().min(1).max(DAYS_30_MINUTES).default(30),
  maximumMinutes: z.int().min(1).max(DAYS_30_MINUTES).default(60),
  dangerous: z.boolean().default(false),
})

export const groupBody = z.strictObject({
  name,
  description: description.default(''),
  members: z.array(name).default([]),
})

/** The version of the policy that a change was made from; absent: whatever is in force. */
const policyVersion = z.int().min(0).optional()

export const rolePolicyBody = z.strictObject({
  description: description.optional(),
  group: name.nullable().optional(),
  approvalsNeeded: z.int().min(0).max(10).optional(),
  defaultMinutes: z.int().min(1).max(DAYS_30_MINUTES).optional(),
  maximumMinutes: z.int().min(1).max(DAYS_30_MINUTES).optional(),
  dangerous: z.boolean().optional(),
  offered: z.boolean().optional(),
  policyVersion,
})

export const groupDefinitionBody = z.strictObject({
  name: name.optional(),
  description: description.optional(),
  policyVersion,
})
export const membersBody = z.strictObject({ members: z.array(name).min(1), policyVersion })

export const sourcePolicyBody = z.strictObject({
  justificationPattern: rulePart.nullable().optional(),
  justificationMessage: rulePart.nullable().optional(),
  offered: z.boolean().optional(),
  policyVersion,
})
export const justificationBody = z.strictObject({
  pattern: rulePart,
  message: rulePart.default(''),
  policyVersion,
})
export const trialBody = z.strictObject({
  pattern: rulePart,
  message: rulePart.default(''),
  text: text.default(''),
})
export const requestLifeBody = z.strictObject({
  minutes: z.int().min(1).max(DAYS_366_MINUTES),
  policyVersion,
})
export const retentionBody = z.strictObject({
  /** Null: for ever. */
  months: z.int().min(1).max(RECORDING_MONTHS_MOST).nullable(),
  policyVersion,
})
export const proposalBody = z.strictObject({ policyVersion })
export const rejectionBody = z.strictObject({ reason: text.optional(), policyVersion })

/** A selection of the Audit tab under a name; `query` as its address holds it. */
export const savedFilterBody = z.strictObject({
  name: kept.trim().min(1).max(100),
  shared: z.boolean().default(false),
  query: kept.max(4000),
})
export const savedFilterChangeBody = z.strictObject({
  name: kept.trim().min(1).max(100).optional(),
  shared: z.boolean().optional(),
  query: kept.max(4000).optional(),
})

/** What is chosen is looked at with what is known of its person; here it only has to be text. */
const chosenPassword = kept.max(PASSWORD_MOST)
export const ownPasswordBody = z.strictObject({
  currentPassword: kept.max(PASSWORD_MOST),
  password: chosenPassword,
})
export const userPasswordBody = z.strictObject({
  password: chosenPassword,
  mustChange: z.boolean().default(true),
})

export const alertRuleBody = z.strictObject({
  rule: z.enum(ALERT_RULES),
  enabled: z.boolean(),
  /** Null or absent: the rule's own. */
  afterSeconds: z.int().min(0).max(LONGEST_DELAY_SECONDS).nullable().default(null),
  mailed: z.boolean(),
  /** Null or absent: every admin. */
  group: name.nullable().default(null),
})

export const userBody = z.strictObject({
  username: z.string().regex(/^[a-z0-9][a-z0-9._@-]{0,62}$/, {
    error: 'Write the username in small letters, digits and . _ @ -, at most 63 of them.',
  }),
  displayName: name.optional(),
  email: z.email({ error: 'Write the e-mail address as name@example.com.' }).optional(),
  password: kept
    .min(PASSWORD_LEAST, { error: `Choose a password of at least ${PASSWORD_LEAST} characters.` })
    .max(PASSWORD_MOST)
    .optional(),
  portalUser: z.boolean().default(true),
  auditUser: z.boolean().default(false),
  managementPrivilege: z.enum(['none', 'read_only', 'admin']).default('none'),
  /** Absent: as admins may. */
  mayEndSignIns: z.boolean().optional(),
  /** Null or absent: never. */
  expiresAt: instant.nullable().optional(),
})
