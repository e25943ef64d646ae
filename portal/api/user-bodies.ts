import { z } from 'zod'
import { instant, userBody } from './bodies.ts'

const { shape } = userBody
const reason = z.string().max(10_000).optional()

/** What of a person is to change; what is absent stays. Null takes an e-mail address or a date away. */
export const userChangeBody = z.strictObject({
  username: shape.username.optional(),
  displayName: shape.displayName,
  email: z.email({ error: 'Write the e-mail address as name@example.com.' }).nullable().optional(),
  expiresAt: instant.nullable().optional(),
  portalUser: z.boolean().optional(),
  auditUser: z.boolean().optional(),
  managementPrivilege: z.enum(['none', 'read_only', 'admin']).optional(),
  mayEndSignIns: z.boolean().optional(),
})

/** Why somebody is locked, let in again or deleted. */
export const userReasonBody = z.strictObject({ reason })
/** Without a reason the answer is `reason_required`. */
export const userDisableBody = z.strictObject({ reason: z.string().max(10_000).default('') })
/** `confirmation` repeats the username. */
export const userDeletionBody = z.strictObject({ confirmation: z.string(), reason })
/** Names or ids of all the approver groups of a person. */
export const userGroupsBody = z.strictObject({
  groups: z.array(z.string().min(1).max(200)),
  policyVersion: z.int().min(0).optional(),
})
