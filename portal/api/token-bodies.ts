import { z } from 'zod'
import { TOKEN_SCOPES } from '../../db/tokens.ts'
import { TOKEN_DAYS, TOKEN_DAYS_MOST, TOKEN_NAME_LONGEST } from '../administration/tokens.ts'
import { description, name, userBody } from './bodies.ts'

const { shape } = userBody
const reason = z.string().max(10_000).optional()

export const tokenBody = z.strictObject({
  name: name.max(TOKEN_NAME_LONGEST),
  scopes: z.array(z.enum(TOKEN_SCOPES)).min(1),
  expiresInDays: z.int().min(1).max(TOKEN_DAYS_MOST).default(TOKEN_DAYS),
})
export const tokenEndBody = z.strictObject({ reason })

export const applicationBody = z.strictObject({
  username: shape.username,
  displayName: shape.displayName,
  purpose: description.default(''),
  /** Who answers for it; absent: who asks. */
  owner: name.optional(),
  auditUser: z.boolean().default(false),
  managementPrivilege: z.enum(['none', 'read_only', 'admin']).default('none'),
})
/** What is absent stays. */
export const applicationChangeBody = z.strictObject({
  displayName: shape.displayName,
  purpose: description.optional(),
  owner: name.optional(),
  auditUser: z.boolean().optional(),
  managementPrivilege: z.enum(['none', 'read_only', 'admin']).optional(),
})
export const applicationEndBody = z.strictObject({ reason })
