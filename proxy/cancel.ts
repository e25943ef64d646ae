import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { dial, type Address } from './dial.ts'
import type { BackendKey } from './wire/server-messages.ts'
import { encodeCancel, type CancelRequest } from './wire/startup.ts'

/** A backend, and how to reach its server once more. */
export interface Cancelable {
  readonly address: Address
  readonly backend: BackendKey
}

/** Protocol 3.0 has room for 4 bytes; 3.2 for up to 256, of which PostgreSQL itself uses 32. */
const KEY_BYTES = 4
const LONG_KEY_BYTES = 32
/** How long a server may take over a cancel request, in milliseconds. */
const PATIENCE_MS = 10_000

/** Which cancel key of ours stands for which backend. */
export class CancelKeys {
  /** By the backend's pid, which several data sources may have in common. */
  readonly #byPid = new Map<number, Map<Buffer, Cancelable>>()

  /** A key for a client that speaks protocol 3.minor. */
  add(target: Cancelable, minor: number): { key: Buffer; remove: () => void } {
    const { pid } = target.backend
    const key = randomBytes(minor >= 2 ? LONG_KEY_BYTES : KEY_BYTES)
    const keys = this.#byPid.get(pid) ?? new Map<Buffer, Cancelable>()
    this.#byPid.set(pid, keys.set(key, target))
    const remove = (): void => {
      keys.delete(key)
      if (keys.size === 0) this.#byPid.delete(pid)
    }
    return { key, remove }
  }

  /** Whose key this is; nobody's for a guess, whatever its length. */
  find({ pid, key }: CancelRequest): Cancelable | undefined {
    const keys = [...(this.#byPid.get(pid) ?? [])]
    return keys.find(([known]) => known.length === key.length && timingSafeEqual(known, key))?.[1]
  }
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
