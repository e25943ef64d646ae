import { text, count, list, shape, type Json } from './json-schema.ts'
import { AUDIT_SCHEMAS } from './audit-schemas.ts'
import { MFA_SCHEMAS } from './mfa-schemas.ts'
import { PASSWORD_SCHEMAS } from './password-schemas.ts'
import { POLICY_SCHEMAS } from './policy-schemas.ts'
import { SESSION_SCHEMAS } from './session-schemas.ts'
import { SIGN_IN_SCHEMAS } from './sign-in-schemas.ts'
import { TOKEN_SCHEMAS } from './token-schemas.ts'
import { USER_IMPORT_SCHEMAS } from './user-import-schemas.ts'
import { WATCH_SCHEMAS } from './watch-schemas.ts'

/** What the API answers with, as JSON Schema (2020-12). */
export const schemas = {
  any: { type: 'object' },
  problem: shape({
    type: text,
    title: text,
    status: count,
    detail: text,
    code: text,
    instance: text,
    errors: list(shape({ field: text, message: text })),
  }),
  ...AUDIT_SCHEMAS,
  ...SESSION_SCHEMAS,
  ...TOKEN_SCHEMAS,
  ...WATCH_SCHEMAS,
  ...SIGN_IN_SCHEMAS,
  ...PASSWORD_SCHEMAS,
  ...MFA_SCHEMAS,
  ...USER_IMPORT_SCHEMAS,
  ...POLICY_SCHEMAS,
} as const satisfies Readonly<Record<string, Json>>
