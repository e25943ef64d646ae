import { createHash, randomBytes } from 'node:crypto'

export const CODES_MADE = 10
/** Five bits each: 80 bits a code, so that its hash alone is worth nothing. */
const CODE_LENGTH = 16
/** Small letters and digits, without those that look like others. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789'
const GROUPS = /.{4}/g
const CODE = /^[a-km-np-z2-9]{16}$/

/** New recovery codes, as people keep them: `abcd-efgh-ijkm-npqr`. */
export function makeRecoveryCodes(): string[] {
  return Array.from({ length: CODES_MADE }, () => {
    const letters = [...randomBytes(CODE_LENGTH)].map((byte) => LETTERS.charAt(byte % 32))
    return (letters.join('').match(GROUPS) ?? []).join('-')
  })
}

/** What is kept of a code, however it was typed; undefined where the text can be none. */
export function hashRecoveryCode(text: string): Buffer | undefined {
  const code = text.toLowerCase().replaceAll(/[\s-]/g, '')
  return CODE.test(code) ? createHash('sha256').update(code).digest() : undefined
}
