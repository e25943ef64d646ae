import { hash, verify } from '@node-rs/argon2'

/** OWASP's password storage advice for argon2id: 19 MiB, two passes, one lane. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** NIST SP 800-63B asks for length, not for punctuation. */
export const PASSWORD_LEAST = 12
export const PASSWORD_MOST = 1024

/** The argon2id hash to keep of a password. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, COST)
}

/**
 * True where the password fits the hash. Without a hash it does the same work against one that
 * nothing fits, so that a name nobody has takes as long as a wrong password.
 */
export async function passwordFits(kept: string | undefined, password: string): Promise<boolean> {
  const fits = await verify(kept ?? (await decoy()), password)
  return kept !== undefined && fits
}

/** Makes the decoy ahead of the first sign-in, whose time would otherwise tell. */
export async function readyDecoy(): Promise<void> {
  await decoy()
}

let decoyHash: Promise<string> | undefined

function decoy(): Promise<string> {
  decoyHash ??= hashPassword(crypto.randomUUID())
  return decoyHash
}
