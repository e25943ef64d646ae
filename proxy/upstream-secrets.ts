import type { KeyObject } from 'node:crypto'
import type { Gate } from '../broker/sessions/gate.ts'
import type { SessionId } from '../lib/ids.ts'
import { deriveScramKeys, type ScramKeys } from '../lib/scram.ts'
import { open } from '../lib/seal.ts'

/** Of so many sessions at a time; whose last login is the longest ago goes first. */
const KEPT_MOST = 1_000

/**
 * Opens the passwords of session users on their data sources, once for the connections of a session: who
 * connects for each transaction would pay for it each time. Kept in memory beside the key that opens them
 * all, so they tell nobody more.
 */
export class UpstreamSecrets {
  readonly #key: KeyObject
  readonly #kept = new Map<SessionId, UpstreamSecret>()

  constructor(key: KeyObject) {
    this.#key = key
  }

  /** Errors: `sealed_value_unreadable`. */
  of({ id, upstreamSealed }: Pick<Gate, 'id' | 'upstreamSealed'>): UpstreamSecret {
    const known = this.#kept.get(id)
    const secret = known?.sealed.equals(upstreamSealed)
      ? known
      : new UpstreamSecret(
          upstreamSealed,
          open(this.#key, upstreamSealed, `session_users.upstream_sealed:${id}`),
        )
    this.#kept.delete(id)
    this.#kept.set(id, secret)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > KEPT_MOST && oldest !== undefined) this.#kept.delete(oldest)
    return secret
  }
}

/** One password, with the keys that were made of it last. */
export class UpstreamSecret {
  readonly sealed: Buffer
  readonly #text: string
  #made:
    { readonly salt: Buffer; readonly iterations: number; readonly keys: ScramKeys } | undefined

  constructor(sealed: Buffer, text: string) {
    this.sealed = sealed
    this.#text = text
  }

  /** A server has one salt for each user, so that the next login asks for the same keys. */
  async keysFor(salt: Buffer, iterations: number): Promise<ScramKeys> {
    const made = this.#made
    if (made?.iterations === iterations && made.salt.equals(salt)) return made.keys
    const keys = await deriveScramKeys(this.#text, salt, iterations)
    this.#made = { salt: Buffer.from(salt), iterations, keys }
    return keys
  }
}
