import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { dial, type Address } from './dial.ts'
import type { BackendKey } from './wire/server-messages.ts'
import { encodeCancel, type CancelRequest } from './wire/startup.ts'

/** A backend, and how to reach its server once more. */
export interface Cancelable {
  readonly address: Address
  readonly backend: BackendKey
}

/**
 * A cancel request as other proxies are shown it. Whoever gave the key out can check the proof; nobody
 * else learns anything from it.
 */
export interface Sought {
  /** One request's own. */
  readonly id: string
  readonly pid: number
  readonly proof: string
}

/** Protocol 3.0 has room for 4 bytes; 3.2 for up to 256, of which PostgreSQL itself uses 32. */
const KEY_BYTES = 4
const LONG_KEY_BYTES = 32
/** How long a server may take over a cancel request, in milliseconds. */
const PATIENCE_MS = 10_000
/** Requests remembered per connection, each made by the key's holder; beyond it the oldest is forgotten. */
const TAKEN_MOST = 1_000

interface Held {
  readonly key: Buffer
  readonly target: Cancelable
  /** Requests of other proxies that were taken up: one that is heard again is somebody's replay. */
  taken?: Set<string>
}

/** Which cancel key of ours stands for which backend. */
export class CancelKeys {
  /** By the backend's pid, which several data sources may have in common. */
  readonly #byPid = new Map<number, Set<Held>>()

  /** A key for a client that speaks protocol 3.minor. */
  add(target: Cancelable, minor: number): { key: Buffer; remove: () => void } {
    const { pid } = target.backend
    const key = randomBytes(minor >= 2 ? LONG_KEY_BYTES : KEY_BYTES)
    const held = { key, target }
    const others = this.#byPid.get(pid) ?? new Set<Held>()
    this.#byPid.set(pid, others.add(held))
    const remove = (): void => {
      others.delete(held)
      if (others.size === 0) this.#byPid.delete(pid)
    }
    return { key, remove }
  }

  /** Whose key this is; nobody's for a guess, whatever its length. */
  find({ pid, key }: CancelRequest): Cancelable | undefined {
    return this.#held(pid).find(({ key: known }) => isSame(known, key))?.target
  }

  /** Whose key the proof was made with; once for each request. */
  take({ id, pid, proof }: Sought, secret: Buffer): Cancelable | undefined {
    const given = Buffer.from(proof, 'base64url')
    const held = this.#held(pid).find(({ key }) => isSame(macOf({ id, pid }, key, secret), given))
    if (!held || held.taken?.has(id)) return undefined
    const taken = (held.taken ??= new Set()).add(id)
    const [oldest] = taken
    if (taken.size > TAKEN_MOST && oldest !== undefined) taken.delete(oldest)
    return held.target
  }

  #held(pid: number): Held[] {
    return [...(this.#byPid.get(pid) ?? [])]
  }
}

/** What other proxies are shown of a request; `secret` is the one that all proxies have in common. */
export function seek({ pid, key }: CancelRequest, secret: Buffer): Sought {
  const id = randomBytes(16).toString('base64url')
  return { id, pid, proof: macOf({ id, pid }, key, secret).toString('base64url') }
}

/**
 * Asks a backend to end its statement. Resolves when the server has taken the request: it closes
 * the connection then, which is all that it ever says.
 */
export async function cancelBackend({ address, backend }: Cancelable): Promise<void> {
  const { peer } = await dial(address)
  const { socket } = peer
  try {
    socket.end(encodeCancel(backend.pid, backend.key))
    socket.resume()
    await once(socket, 'close', { signal: AbortSignal.timeout(PATIENCE_MS) })
  } finally {
    socket.destroy()
  }
}

function macOf({ id, pid }: Pick<Sought, 'id' | 'pid'>, key: Buffer, secret: Buffer): Buffer {
  return createHmac('sha256', secret).update(`${id} ${pid} `).update(key).digest()
}

function isSame(known: Buffer, given: Buffer): boolean {
  return known.length === given.length && timingSafeEqual(known, given)
}
