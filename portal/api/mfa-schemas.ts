import { REQUIRED_FOR, STEP_UPS, TRUSTED_MODES } from '../../db/mfa-policy.ts'
import { count, flag, list, shape, text } from './json-schema.ts'

/** Second factors, as JSON Schema (2020-12). */
export const MFA_SCHEMAS = {
  mfaPolicy: shape({
    requiredFor: { enum: REQUIRED_FOR },
    stepUp: list({ enum: STEP_UPS }),
    totp: flag,
    trustedRanges: list(text),
    trustedMode: { enum: TRUSTED_MODES },
  }),
  usersFactors: shape({
    users: list(
      shape({ username: text, totp: flag, passkeys: list(text), recoveryCodesLeft: count }),
    ),
  }),
} as const
