import type { PersonFactors } from '../../db/mfa-factors.ts'
import type { MfaPolicy } from '../../db/mfa-policy.ts'

/** What an organization asks for, as the API says it. */
export function mfaPolicyJson(policy: MfaPolicy): Record<string, unknown> {
  return {
    requiredFor: policy.requiredFor,
    stepUp: policy.stepUp,
    totp: policy.totp,
    trustedRanges: policy.trustedRanges,
    trustedMode: policy.trustedMode,
  }
}

/** Who has what, as the API says it; it holds no secret. */
export function personFactorsJson(person: PersonFactors): Record<string, unknown> {
  return {
    username: person.username,
    totp: person.totp,
    passkeys: person.passkeys,
    recoveryCodesLeft: person.codesLeft,
  }
}
