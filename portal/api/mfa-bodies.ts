import { z } from 'zod'
import { REQUIRED_FOR, STEP_UPS, TRUSTED_MODES } from '../../db/mfa-policy.ts'
import { RANGES_MOST } from '../forms/mfa.ts'

/** What is left out stays as it is. */
export const mfaPolicyBody = z.strictObject({
  requiredFor: z.enum(REQUIRED_FOR).optional(),
  stepUp: z.array(z.enum(STEP_UPS)).optional(),
  totp: z.boolean().optional(),
  trustedRanges: z.array(z.string().max(100)).max(RANGES_MOST).optional(),
  trustedMode: z.enum(TRUSTED_MODES).optional(),
})

/** Without a reason the answer is `reason_required`. */
export const mfaResetBody = z.strictObject({ reason: z.string().max(2000).default('') })
