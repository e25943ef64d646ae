import { Secret, TOTP } from 'otpauth'

/** What every authenticator app understands (RFC 6238, 1.2 and 4). */
const ALGORITHM = 'SHA1'
const DIGITS = 6
const PERIOD_SECONDS = 30
/** As long as HMAC-SHA-1's own output (RFC 4226, 4, R6). */
const SECRET_BYTES = 20
/** A phone's clock may be one step off on either side (RFC 6238, 5.2). */
const WINDOW = 1

const CODE = /^\d{6}$/

/** A new secret, in the base32 that apps take typed. */
export function makeTotpSecret(): string {
  return new Secret({ size: SECRET_BYTES }).base32
}

/** What the QR code of a secret says to an app. */
export function totpUri(
  secret: string,
  { username, host }: { readonly username: string; readonly host: string },
): string {
  return totpOf(secret, `${username}@${host}`).toString()
}

/** True where the text can be a code of an app at all. */
export function isTotpCode(text: string): boolean {
  return CODE.test(text)
}

/** The step that a code belongs to; undefined where it is of none around `at`, in milliseconds. */
export function findTotpStep(secret: string, code: string, at: number): number | undefined {
  if (!isTotpCode(code)) return undefined
  const delta = totpOf(secret, '').validate({ token: code, timestamp: at, window: WINDOW })
  return delta === null
    ? undefined
    : TOTP.counter({ period: PERIOD_SECONDS, timestamp: at }) + delta
}

function totpOf(secret: string, label: string): TOTP {
  return new TOTP({
    issuer: 'Daypass',
    label,
    algorithm: ALGORITHM,
    digits: DIGITS,
    period: PERIOD_SECONDS,
    secret,
  })
}
